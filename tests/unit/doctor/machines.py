"""The words in which test_checks.py tells its machines, and the two on which nothing is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from lvsctl.doctor.host import Kept
from lvsctl.doctor.model import Role
from lvsctl.ipvs.model import Dest, DestKey, Service, VirtualServer
from lvsctl.sorry.model import Hold, Holder, Phase, Removal, Snapshot, Target, Way
from lvsctl.vocabulary import ForwardingMethod, Protocol, ServiceKey
from tests.support.made_up_machine import NOW

CONFIG = "/etc/keepalived/keepalived.conf"
LIBEXEC = "/usr/libexec/lvsctl"
HOOK = ("file 0 0 755", "#!/bin/sh\nexit 0\n")
PROGRAM = ("file 0 0 755", "\x7fELF")


@dataclass(frozen=True)
class Case:
    """A check, the machine that fails it, and the one that passes; both told as what differs from the base."""

    id: str
    bad: Mapping[str, Any]
    good: Mapping[str, Any] = field(default_factory=dict)
    role: Role = Role.DIRECTOR
    spec: str | None = None
    """Another spec than SPEC; the empty text is none."""
    good_spec: str | None = None
    fresh: bool = False
    settled_by: str | None = None
    """The spec whose return paths are in place; by default its own."""
    conf: str | None = None
    """A keepalived.conf in the place of a spec."""
    good_conf: str | None = None


SPEC = """
nodes: {lb1: {address: 10.0.0.11, priority: 150}, lb2: {address: 10.0.0.12, priority: 100}}
vrrp_instances:
  VI_1:
    interface: eth0
    virtual_router_id: 51
    unicast: true
    promote_secondaries: true
    virtual_ipaddress: [10.0.0.100/24, 10.0.0.101/24]
    notify_master: /usr/local/libexec/mine
sorry: {port: 8503}
virtual_servers:
  web:
    address: 10.0.0.100
    port: 80
    lvs_sched: wlc
    lvs_method: NAT
    persistence_timeout: 60
    sorry_server: {}
    checks: [{TCP_CHECK: {}}]
    real_servers: [{address: 10.0.0.21, port: 8080}]
  api:
    owner: lvsctl
    address: 10.0.0.101
    port: 443
    lvs_method: NAT
    real_servers: [{address: 10.0.0.21}]
  v6:
    owner: lvsctl
    address: "2001:db8::1"
    port: 80
    lvs_method: NAT
    real_servers: [{address: "2001:db8::21"}]
  dr:
    owner: lvsctl
    address: 203.0.113.10
    port: 53
    lvs_method: DR
    real_servers: [{address: 10.0.0.31}]
failover_ips:
  - ip: 203.0.113.10
    provider: hetzner-robot
    vrrp_instance: VI_1
    credentials: /etc/lvsctl/robot.cred
    targets: {lb1: 192.0.2.11, lb2: 192.0.2.12}
    names: [www.example.org]
return_paths: {203.0.113.10: {interface: eth1, gateway: 203.0.113.1, table: 1001}}
"""


def service(
    text: str, dests: Mapping[str, int], method: ForwardingMethod = ForwardingMethod.NAT
) -> tuple[ServiceKey, VirtualServer]:
    address, _, port = text.rpartition(" ")
    found = {
        DestKey(ip_address(where.rpartition(" ")[0]), int(where.rpartition(" ")[2])): Dest(method, weight)
        for where, weight in dests.items()
    }
    return ServiceKey.of(Protocol.TCP, ip_address(address), int(port)), VirtualServer(Service("wlc"), found)


WEB = service("10.0.0.100 80", {"10.0.0.21 8080": 1})
API = service("10.0.0.101 443", {"10.0.0.21 443": 1})
V6 = service("2001:db8::1 80", {"2001:db8::21 80": 1})
DR = service("203.0.113.10 53", {"10.0.0.31 53": 1}, ForwardingMethod.DR)
TABLE = dict([WEB, API, V6, DR])


def without(key: ServiceKey) -> dict[ServiceKey, VirtualServer]:
    return {each: server for each, server in TABLE.items() if each != key}


def snapshot(phase: Phase, key: ServiceKey = WEB[0], name: str = "web") -> Snapshot:
    target = Target(key, name, DestKey(ip_address("10.0.0.11"), 8503), Dest(ForwardingMethod.NAT, 1))
    hold = Hold(NOW, "new release", user="ann")
    return Snapshot(
        key,
        name,
        Way.KEEPALIVED,
        phase,
        target,
        Removal.WEIGHT,
        WEB[1],
        WEB[1].service,
        {Holder.OPERATOR: hold},
        "boot",
        since=NOW - 3600,
    )


def kept(*snapshots: Snapshot, faults: tuple[str, ...] = (), strays: tuple[str, ...] = ()) -> dict[str, Kept]:
    return {"snapshots": Kept(snapshots, faults, strays)}


SYSCTL = {
    "net/ipv4/ip_forward": 1,
    "net/ipv6/conf/all/forwarding": 1,
    "net/ipv4/ip_nonlocal_bind": 0,
    "net/ipv4/vs/conntrack": 0,
    "net/ipv4/vs/snat_reroute": 1,
    "net/ipv4/vs/expire_quiescent_template": 1,
    "net/ipv4/vs/expire_nodest_conn": 1,
    "net/ipv4/vs/conn_reuse_mode": 1,
    "net/ipv4/vs/sloppy_tcp": 1,
    "net/ipv4/vs/backup_only": 1,
    **{f"net/ipv4/conf/{name}/{word}": 0 for name in ("all", "lo", "eth0", "eth1", "tunl0") for word in ("rp_filter", "send_redirects", "promote_secondaries", "src_valid_mark", "arp_filter", "arp_ignore", "arp_announce")},
    **{f"net/ipv4/conf/{name}/ignore_routes_with_linkdown": 1 for name in ("all", "eth0", "eth1")},
}  # fmt: skip

KEPT = """
net.ipv4.ip_forward = 1
net.ipv6.conf.all.forwarding = 1
net.ipv4.vs.expire_quiescent_template = 1
net.ipv4.vs.expire_nodest_conn = 1
net.ipv4.vs.sloppy_tcp = 1
net.ipv4.vs.backup_only = 1
net.ipv4.conf.*.ignore_routes_with_linkdown = 1
net.ipv4.conf.*.send_redirects = 0
"""

FILES: dict[str, Any] = {
    "/bin/sh": PROGRAM,
    "/usr/bin/env": PROGRAM,
    "/usr/bin/python3": PROGRAM,
    "/usr/local/libexec/mine": HOOK,
    **{f"{LIBEXEC}/{name}": HOOK for name in ("notify", "notify_master_rx_lower_pri")},
    "/etc/lvsctl/robot.cred": ("file 0 0 600", "user=#ws+x\npassword=y\n"),
    "/etc/sysctl.d/60-lvs.conf": KEPT,
    "/etc/modules-load.d/ip_vs.conf": "ip_vs\n",
    "/etc/systemd/system/multi-user.target.wants/keepalived.service": "[Unit]\n",
    "/lib/modules/6.1.0-18-amd64/modules.builtin": "",
    "/lib/modules/6.1.0-18-amd64/modules.dep": "kernel/net/netfilter/ipvs/ip_vs.ko: x\nkernel/net/netfilter/ipvs/ip_vs_wlc.ko: x\nkernel/net/netfilter/ipvs/ip_vs_rr.ko: x\n",
    "/proc/modules": "",
    "/var/lib/lvsctl/maintenance/web": "0",
    "/run/lvsctl/status.json": f'{{"version": 1, "heartbeat": {NOW}, "pid": 1}}',
    "/etc/network/if-up.d/README": ("file 0 0 755", "#!/bin/sh\n"),
}

ROUTES = [
    "default via 10.0.0.1 dev eth0",
    "10.0.0.0/24 dev eth0",
]

DIRECTOR: dict[str, Any] = {
    "users": ["root"],
    "groups": ["root"],
    "files": FILES,
    "sysctl": SYSCTL,
    "links": {"eth0": "", "eth1": ""},
    "addresses": {"10.0.0.11/24": "eth0"},
    "routes": ROUTES,
    "table": TABLE,
    "dns": {"www.example.org": ["203.0.113.10"]},
}

REALSERVER: dict[str, Any] = {
    "files": {
        "/etc/sysctl.d/60-lvs.conf": "net.ipv4.conf.all.arp_ignore = 1\nnet.ipv4.conf.all.arp_announce = 2\nnet.ipv4.conf.*.rp_filter = 2\n",
        "/proc/modules": "",
        "/bin/sh": PROGRAM,
        "/lib/modules/6.1.0-18-amd64/modules.dep": "",
        "/lib/modules/6.1.0-18-amd64/modules.builtin": "",
    },
    "sysctl": {
        **SYSCTL,
        "net/ipv4/conf/all/arp_ignore": 1,
        "net/ipv4/conf/all/arp_announce": 2,
        "net/ipv4/conf/all/rp_filter": 2,
    },
    "links": {"eth0": "", "tunl0": "ipip"},
    "addresses": {"10.0.0.31/24": "eth0", "203.0.113.10/32": "lo"},
    "routes": ["default via 10.0.0.1 dev eth0"],
}

RS = Role.REALSERVER
TUN = SPEC.replace("lvs_method: DR", "lvs_method: TUN")


def conf(name: str, value: int, *, on: str = "eth0") -> dict[str, Any]:
    return {"sysctl": {f"net/ipv4/conf/{on}/{name}": value}}


def vs(name: str, value: int) -> dict[str, Any]:
    return {"sysctl": {f"net/ipv4/vs/{name}": value}}


def file(path: str, content: Any) -> dict[str, Any]:
    return {"files": {path: content}}


STATUS = "/run/lvsctl/status.json"
FILE_WANTED = "/etc/systemd/system/multi-user.target.wants/keepalived.service"
MINE = "/usr/local/libexec/mine"
UP = "/etc/network/if-up.d"
RUN = "#!/bin/sh\n"


def up(name: str, text: str = RUN, kind: str = "file 0 0 755") -> dict[str, Any]:
    return file(f"{UP}/{name}", (kind, text))
