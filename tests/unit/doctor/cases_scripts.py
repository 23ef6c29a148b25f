"""What makes the checks of scripts' habits, confinement and mounts fail, and what lets them pass."""

from typing import Any

from tests.unit.doctor.machines import CONFIG, MINE, RUN, Case, file, up


def mine(body: str) -> dict[str, Any]:
    return file(MINE, ("file 0 0 755", RUN + body))


def held(text: str) -> dict[str, Any]:
    return {"daemons": [(7, CONFIG, f"# {CONFIG}\n{text}\n!\n")]}


CHECKED = "vrrp_script a {{\n script /bin/true\n interval {}\n timeout {}\n}}".format

WAITS = [
    ("curl -s https://x/ -d a=b", "curl -s -m 5 https://x/"),
    ('A="$(curl -s https://x/)"', "timeout 5 curl -s https://x/"),
    ("wget -qO- https://x/", "wget -qO- --timeout=3 https://x/"),
    ("ssh lb2 ip addr", "ssh -oBatchMode=yes -o ConnectTimeout=3 lb2 ip addr"),
    ("ssh -o BatchMode=yes lb2 ip addr", "ssh -F /etc/quick lb2 ip addr"),
    ("nc lb2 80 < /dev/null", "nc -w 3 lb2 80 < /dev/null"),
    ("ping 10.0.0.1", "ping -c1 10.0.0.1"),
    ("while true; do\n  sleep 1\ndone", "while true; do\n  ip link && break\n  sleep 1\ndone"),
    (
        "until ip link show eth1\ndo sleep 1; done",
        "i=0; until ip link show eth1 || [ $i -gt 9 ]; do sleep 1; i=$((i+1)); done",
    ),
    ("curl https://x/ \\\n  --fail", "curl https://x/ \\\n  --fail \\\n  --max-time 3"),
    (
        "if curl -sf https://x/; then :; fi",
        "# curl https://x/\ncat <<E\ncurl https://x/\nE\necho 'curl https://x/'",
    ),
    ("curl https://x/", "curl $CURL_OPTS https://x/"),
    ("a && curl https://x/ || b", "curl https://x/ &"),
]
TWICE = [
    (
        "ip rule add from 10.0.0.9 table 7",
        "ip rule del from 10.0.0.9 table 7\nip rule add from 10.0.0.9 table 7",
    ),
    ("ip -4 addr add 10.0.0.9/24 dev eth0", "ip -4 addr replace 10.0.0.9/24 dev eth0"),
    ("/sbin/ip route add 10.9.0.0/16 dev eth0 2>/dev/null", "ip route add 10.9.0.0/16 dev eth0 || true"),
    ("iptables -t nat -A POSTROUTING -j MASQUERADE", "iptables -C INPUT -j X || iptables -A INPUT -j X"),
    ("ip6tables -I INPUT -j DROP", "if ! iptables -C INPUT -j X\nthen iptables -A INPUT -j X\nfi"),
    (
        "case $1 in MASTER) ip rule add from 10.0.0.9 table 7;; esac",
        "ip rule show | grep -q 10.0.0.9 && exit\nip rule add from 10.0.0.9",
    ),
]
OTHERS = "#!/usr/bin/python3\n"

SCRIPTS = [
    Case("LVD106", held(CHECKED(2, 5)), held(CHECKED(5, 2))),
    Case("LVD106", held("vrrp_script a {\n script /bin/true\n timeout 3\n}"), held(CHECKED(2, 2)), spec=""),
    *(Case("LVD107", mine(bad + "\n"), mine(good + "\n")) for bad, good in WAITS),
    Case("LVD107", mine("curl https://x/\n"), file(MINE, ("file 0 0 755", OTHERS + "curl = 1\n"))),
    Case(
        "LVD107",
        {**mine("curl https://x/\n"), **held(f"vrrp_instance A {{\n notify {MINE}\n}}")},
        {**mine("curl https://x/\n"), **held(f"vrrp_script A {{\n script {MINE}\n}}")},
        spec="",
    ),
    *(Case("LVD108", mine(bad + "\n"), mine(good + "\n")) for bad, good in TWICE),
    Case("LVD130", up("x", f"{RUN}curl https://x/\n"), up("x", f"{RUN}curl -m3 https://x/\n")),
    Case("LVD130", up("x", f"{RUN}curl https://x/\n"), up("x.dpkg-old", f"{RUN}curl https://x/\n")),
    Case(
        "LVD131",
        up("x", f"{RUN}ip rule add from 10.0.0.9 table 7\n"),
        up("x", f"{RUN}ip route replace 10.9.0.0/16 dev eth0\n"),
    ),
]

ENFORCES = {"/sys/fs/selinux/enforce": "1"}
CONFINED = {**ENFORCES, "/proc/7/attr/current": "system_u:system_r:keepalived_t:s0\x00"}
LABELLED = dict.fromkeys(
    (MINE, "/usr/libexec/lvsctl/notify", "/usr/libexec/lvsctl/notify_master_rx_lower_pri"),
    "system_u:object_r:keepalived_unconfined_script_exec_t:s0",
)
WRONG = {**LABELLED, MINE: "unconfined_u:object_r:bin_t:s0"}
PROFILE = "/etc/apparmor.d/usr.sbin.keepalived"
ARMOUR = {
    "/sys/module/apparmor/parameters/enabled": "Y\n",
    "/proc/7/attr/apparmor/current": "/usr/sbin/keepalived (enforce)\n",
}
PROFILED = "/usr/sbin/keepalived {\n  /etc/keepalived/** r,\n  /usr/libexec/lvsctl/notify* Ux,\n}\n"


def kept(files: dict[str, str], labels: dict[str, str] | None = None) -> dict[str, Any]:
    return {"files": files, "labels": labels or {}}


CONFINEMENT = [
    Case("LVD110", kept(CONFINED), kept(CONFINED, LABELLED)),
    Case("LVD110", kept(CONFINED, WRONG), kept({**CONFINED, "/sys/fs/selinux/enforce": "0"}, WRONG)),
    Case(
        "LVD110",
        kept(CONFINED),
        kept({**ENFORCES, "/proc/7/attr/current": "system_u:system_r:unconfined_service_t:s0"}),
    ),
    Case(
        "LVD111",
        kept({**ARMOUR, PROFILE: PROFILED}),
        kept({**ARMOUR, PROFILE: PROFILED, "/etc/apparmor.d/local/usr.sbin.keepalived": f"{MINE} ix,\n"}),
    ),
    Case(
        "LVD111",
        kept(ARMOUR),
        kept({**ARMOUR, "/proc/7/attr/apparmor/current": "/usr/sbin/keepalived (complain)\n"}),
    ),
    Case(
        "LVD111",
        kept({**ARMOUR, PROFILE: "/usr/sbin/keepalived {\n /usr/** r,\n}"}),
        kept(
            {
                **ARMOUR,
                PROFILE: "profile keepalived /usr/sbin/keepalived {\n /usr/{local,}/libexec/** rix,\n @{x}/libexec/lvsctl/* ux,\n}",
            }
        ),
    ),
    Case(
        "LVD111",
        kept({**ARMOUR, PROFILE: "/usr/sbin/keepalived {\n /usr/** rix,\n deny /usr/local/** x,\n}"}),
        kept({**ARMOUR, PROFILE: "/usr/sbin/keepalived {\n /usr/** rix,\n}"}),
    ),
]

MOUNTS = "/proc/thread-self/mounts"
ROOTFS = "/dev/sda1 / ext4 rw,relatime 0 0\n"
BARRED = ROOTFS + "/dev/sda2 /usr/local ext4 rw,nosuid,noexec 0 0\n"

MOUNTED = [
    Case("LVD112", file(MOUNTS, BARRED), file(MOUNTS, ROOTFS)),
    Case("LVD112", file(MOUNTS, BARRED), file(MOUNTS, BARRED + "tmpfs /usr/local/libexec tmpfs rw 0 0\n")),
    Case(
        "LVD132",
        {
            "files": {
                MOUNTS: ROOTFS.replace("rw", "rw,noexec"),
                "/etc/network/if-up.d/x": ("file 0 0 755", RUN),
            }
        },
        {
            "files": {
                MOUNTS: ROOTFS + "a /etc\\040/ ext4 rw,noexec 0 0\n",
                "/etc/network/if-up.d/x": ("file 0 0 755", RUN),
            }
        },
    ),
]

CASES = [*SCRIPTS, *CONFINEMENT, *MOUNTED]
