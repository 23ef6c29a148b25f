"""What makes each check of files, daemons and providers fail, and what lets it pass."""

from lvsctl.failover.budget import ALL_CALLS, Account, Bar
from lvsctl.sorry.model import Phase
from tests.support.made_up_machine import NOW
from tests.unit.doctor.machines import (
    API,
    CONFIG,
    FILE_WANTED,
    HOOK,
    LIBEXEC,
    MINE,
    RUN,
    SPEC,
    STATUS,
    TABLE,
    UP,
    WEB,
    Case,
    file,
    kept,
    service,
    snapshot,
    up,
    without,
)

UPLINK = "uplinks: {providers: {a: {interface: eth0, gateway: 10.0.0.1}}"

SCRIPTS = [
    Case(
        "LVD001",
        {},
        spec=SPEC.replace(
            "notify_master: /usr/local/libexec/mine", "notify_master: [/usr/local/libexec/mine, '&&', x]"
        ),
        good_spec=SPEC,
    ),
    Case("LVD100", file(f"{LIBEXEC}/notify", None)),
    *(
        Case("LVD109", file(MINE, ("file 0 0 757", RUN)), spec=f"{SPEC}\n{told}\n")
        for told in (
            f"notify: {{stop: [{{run: [{MINE}, x]}}]}}",
            f"notify: {{quorum: {{web: {{down: [{{run: [{MINE}]}}]}}}}}}",
            f"{UPLINK}, targets: [{{probe: command, run: [{MINE}]}}]}}",
            f"{UPLINK}, targets: [9.9.9.9], run: [{MINE}]}}",
        )
    ),
    Case(
        "LVD109",
        file(MINE, ("file 7 0 755", RUN)),
        spec=SPEC.replace(
            "return_paths:",
            f"  - {{ip: 203.0.113.9, provider: command, command: [{MINE}], vrrp_instance: VI_1}}\nreturn_paths:",
        ),
    ),
    Case("LVD100", file(f"{LIBEXEC}/notify", ("file 1000 0 755", RUN))),
    Case(
        "LVD100",
        file(f"{LIBEXEC}/notify", ("file 0 50 775", RUN)),
        file(f"{LIBEXEC}/notify", ("file 0 0 775", RUN)),
    ),
    *(
        Case("LVD101", file(MINE, ("file 0 0 755", text)))
        for text in (
            "",
            "echo x\n",
            "\ufeff#!/bin/sh\n",
            "#!/bin/sh\r\n",
            "#!bin/sh\n",
            "#!/bin/ksh\n",
            "#!/usr/bin/env python3.9\n",
            "#!\n",
        )
    ),
    Case(
        "LVD101",
        file(MINE, ("file 0 0 755", "")),
        file(MINE, ("file 0 0 755", "#!/usr/bin/env -S python3 -I\n")),
    ),
    Case("LVD102", {"syntax": {MINE: "line 3: unexpected end"}}, {"syntax": {"/bin/other": "bad"}}),
    Case(
        "LVD103",
        file(MINE, ("file 0 0 755", f"{RUN}ip route del default\n")),
        file(MINE, ("file 0 0 755", f"{RUN}# ip route del default\nip route add 10.9.0.0/16 dev eth0\n")),
    ),
    Case("LVS800", file(MINE, ("file 0 0 644", RUN))),
    Case("LVS800", file("/usr/local/libexec", ("directory 0 50 775", ""))),
    Case(
        "LVS801",
        {},
        {"users": ["root", "web"]},
        spec=SPEC.replace(
            "notify_master: /usr/local/libexec/mine",
            "notify_master: {command: [/usr/local/libexec/mine], user: web}",
        ),
    ),
    Case("LVS802", {}, {"users": ["root", "keepalived_script"]}, spec=SPEC + "notify: none\n"),
    Case("LVS803", {"links": {"eth0": None, "eth1": ""}}),
    Case(
        "LVS804", {}, {"files": {"/run/x/file": "0"}}, spec=SPEC + "track_files: {x: {file: /run/x/file}}\n"
    ),
    Case("LVS805", file("/etc/lvsctl/robot.cred", ("file 0 0 644", ""))),
]

V2 = "/usr/share/ifupdown2/main.py"
EXIT = "/etc/dhcp/dhclient-exit-hooks.d/mine"
NM = "/etc/NetworkManager/dispatcher.d/10-x"

HOOK_FILES = [
    Case("LVD120", up("route.sh"), up("route")),
    Case("LVD120", up("route.sh"), {"files": {V2: "", f"{UP}/route.sh": HOOK}}),
    Case("LVD120", up("a b"), up("route.dpkg-old")),
    Case("LVD121", {"files": {V2: "", f"{UP}/x.dpkg-old": HOOK}}, up("x.dpkg-old")),
    Case("LVD122", up("x", kind="file 0 0 644"), file(EXIT, ("file 0 0 644", "true\n"))),
    Case("LVD122", file(NM, ("file 0 0 644", RUN)), file(NM, HOOK)),
    Case("LVD123", up("x", kind="file 0 0 757"), up("x")),
    Case("LVD123", file(UP, ("directory 0 33 775", "")), file(UP, ("directory 0 0 775", ""))),
    Case("LVD124", file(f"{UP}/x", "link /opt/gone"), file(f"{UP}/x", f"link {MINE}")),
    Case("LVD124", up("x", "ip link\n"), file(EXIT, ("file 0 0 644", "true\n"))),
    Case("LVD125", {"files": {f"{UP}/x": HOOK, f"{UP}/x.sh": HOOK}}, up("x")),
    Case(
        "LVD126",
        up("x", f"{RUN}[ $IFACE = eth1 ] && ip route add default via 203.0.113.1\n"),
        up(
            "x",
            f"{RUN}[ $IFACE = eth1 ] && ip route add default via 203.0.113.1\n".replace(
                "default", "10.9.0.0/16"
            ),
        ),
    ),
    Case(
        "LVD127",
        up("x", f"{RUN}ip rule add from 10.0.0.11 lookup 5\n"),
        up("x", f'{RUN}[ "$IFACE" = eth1 ] || exit 0\nip rule add from 10.0.0.11 lookup 5\n'),
    ),
    *(
        Case("LVD128", file(EXIT, f"{text}\n"), file(EXIT, "return 0\n# exit\n"))
        for text in ("exit 0", "  exit", "set -e", "set -ue")
    ),
    Case("LVD133", {**up("x"), "syntax": {f"{UP}/x": "2: unexpected end"}}, up("x")),
    Case(
        "LVD133",
        {**file(EXIT, ("file 0 0 644", "if\n")), "syntax": {EXIT: "1: unexpected end"}},
        {**up("ntp"), "syntax": {f"{UP}/ntp": "not asked: Debian's own"}},
    ),
    Case(
        "LVD129",
        up("x", f"{RUN}[ $IFACE ] && ip link set dev ens3 up\n"),
        up("x", f"{RUN}[ $IFACE ] && ip link set dev eth1 up\n"),
    ),
    Case(
        "LVD129",
        up("x", f"{RUN}[ $IFACE ] && ip route add 10.9.0.0/16 via 192.168.7.1\n"),
        up("x", f"{RUN}[ $IFACE ] && ip route add 10.9.0.0/16 via 10.0.0.9\n"),
    ),
]

BAD_BAR = Account(bars=(Bar(ALL_CALLS, 2000.0, "credentials refused: 401", login=True),))


def held(text: str) -> dict[str, list[tuple[int, str, str]]]:
    return {"daemons": [(7, CONFIG, f"# {CONFIG}\n{text}\n!\n")]}


DAEMONS = [
    *(
        Case("LVD104", {**held(text), **file(MINE, script)}, held(text), spec="")
        for text, script in (
            (f"vrrp_instance A {{\n notify {MINE} root\n}}", ("file 0 33 775", RUN)),
            (
                f'virtual_server 10.0.0.1 80 {{\n real_server 10.0.0.2 80 {{\n MISC_CHECK {{\n misc_path "{MINE} x"\n}} }} }}',
                ("file 0 0 644", RUN),
            ),
            (
                f"global_defs {{\n script_user web\n}}\nvrrp_script a {{\n script {MINE}\n user root\n}}",
                ("file 7 0 755", RUN),
            ),
        )
    ),
    Case(
        "LVD104",
        {**held(f"vrrp_instance A {{\n notify {MINE}\n}}"), **file(MINE, ("file 7 0 755", RUN))},
        {
            **held(f"global_defs {{\n script_user web\n}}\nvrrp_instance A {{\n notify {MINE}\n}}"),
            **file(MINE, ("file 7 0 755", RUN)),
        },
        spec="",
    ),
    Case(
        "LVD105",
        held(f"vrrp_instance A {{\n notify {MINE}\n}}"),
        held(f"global_defs {{\n enable_script_security\n}}\nvrrp_instance A {{\n notify {MINE}\n}}"),
        spec="",
    ),
    Case(
        "LVD105",
        {"daemons": [], **file(CONFIG, f"vrrp_instance A {{\n notify {MINE}\n}}\n")},
        {"daemons": [], **file(CONFIG, "! nothing\n")},
        spec="",
    ),
    Case("LVD500", {"daemons": []}),
    Case("LVD501", {"daemons": [(7, CONFIG, f"# {CONFIG}\nglobal_defs {{\n}}\n!\n")]}),
    Case("LVD502", file(CONFIG, "! by hand\n")),
    Case("LVD502", file(CONFIG, "# Rendered by lvsctl from lvs.yaml for lb1 (content 0).\n")),
    Case(
        "LVD503",
        {"daemons": [(7, CONFIG, None), (9, CONFIG, None)]},
        {"daemons": [(7, CONFIG, None), (9, "/etc/keepalived/b.conf", None)]},
    ),
    Case("LVD504", {"keepalived": (2, 3, 4)}, {"keepalived": (2, 2, 9)}),
    Case("LVD505", {"files": {FILE_WANTED: None, "/etc/systemd/system/x.service": ""}}),
    Case("LVD600", {"table": without(API[0])}),
    Case(
        "LVD600",
        {"table": {**TABLE, **dict([service("10.0.0.101 443", {"10.0.0.21 443": 2})])}},
        {"table": without(API[0]), **kept(snapshot(Phase.ON, API[0], "api"))},
    ),
    Case("LVD601", {"table": without(WEB[0])}, {"table": without(WEB[0]), "daemons": []}),
    Case("LVD602", {"table": {**TABLE, **dict([service("10.9.9.9 80", {"10.0.0.21 80": 1})])}}),
    Case("LVD603", {"table": {**TABLE, **dict([service("10.0.0.100 80", {"10.0.0.21 8080": 0})])}}),
    Case("LVD603", {"table": {**TABLE, **dict([service("10.0.0.100 80", {})])}}),
    Case("LVD700", {"silent_sorry": True}),
    Case("LVD701", kept(snapshot(Phase.ON)), kept(snapshot(Phase.LINGERING))),
    Case(
        "LVD702",
        kept(snapshot(Phase.SWITCHING_OFF)),
        kept(snapshot(Phase.SWITCHING_OFF)._replace(since=NOW - 1)),
    ),
    Case("LVD703", kept(faults=("tcp-x.json: it is damaged",))),
    Case("LVD704", kept(strays=("/var/lib/lvsctl/sorry/old.json",))),
    Case("LVD704", kept(snapshot(Phase.ON, service("10.9.9.9 80", {})[0], "gone")), kept(snapshot(Phase.ON))),
    Case("LVD710", file("/var/lib/lvsctl/maintenance/web", None)),
    Case("LVD710", file("/var/lib/lvsctl/maintenance/web", ("file 0 0 666", "0"))),
    Case("LVD710", file("/var/lib/lvsctl/maintenance/web", ("file 1000 0 644", "0"))),
    Case("LVD710", file("/var/lib/lvsctl/maintenance/web", ("directory 0 0 755", ""))),
    Case(
        "LVD711",
        file("/var/lib/lvsctl/maintenance/web", "1"),
        {**file("/var/lib/lvsctl/maintenance/web", "1"), **kept(snapshot(Phase.ON))},
    ),
    Case("LVD800", {"credentials": "robot.cred:2: is empty"}),
    Case(
        "LVD801",
        {"account": (BAD_BAR, ())},
        {"account": (Account(bars=(Bar(ALL_CALLS, 900.0, "long ago"),)), ())},
    ),
    Case("LVD802", {"provider": "no answer"}, fresh=True),
    Case("LVD802", {"account": (Account(strikes=1), ())}),
    Case("LVD820", {"dns": {}}),
    Case("LVD820", {"dns": {"www.example.org": ["203.0.113.10", "198.51.100.7"]}}),
    Case("LVD820", {"dns": {"www.example.org": ["2001:db8::9"]}}),
    Case("LVD810", file(STATUS, None)),
    Case("LVD810", {"processes": []}),
    Case("LVD810", file(STATUS, f'{{"heartbeat": {NOW - 60}, "pid": 1}}')),
    *(
        Case("LVD810", file(STATUS, text))
        for text in ("[]", "{", "[" * 100_000, '{"heartbeat": "x", "pid": 1}', '{"heartbeat": 1, "pid": -1}')
    ),
    Case(
        "LVD811",
        file(STATUS, f'{{"heartbeat": {NOW}, "pid": 1, "spec": {{"trouble": "cannot be read"}}}}'),
        file(
            STATUS,
            f'{{"heartbeat": {NOW}, "pid": 1, "spec": {{"trouble": null}}, "sorry": {{"trouble": {{}}}}}}',
        ),
    ),
    Case("LVD811", file(STATUS, '{"sorry": {"trouble": {"web": "no table"}}}')),
    Case("LVD811", file(STATUS, '{"failover": {"203.0.113.10": {"trouble": "401"}}}')),
    Case("LVD830", {"clock": (False, 0.0)}),
    Case("LVD830", {"clock": (True, 16.0)}),
]

CASES = [*SCRIPTS, *HOOK_FILES, *DAEMONS]
