"""Return paths of a director with two gateways: what real servers answer by NAT, and what keepalived makes itself."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from lvsctl.compose.render import render
from lvsctl.compose.return_paths import intended
from lvsctl.net.kernel import Net as Kernel
from lvsctl.net.model import PROTO
from lvsctl.returnpath.check import Severity, findings
from lvsctl.returnpath.ensure import ensure
from lvsctl.returnpath.intent import Intended
from lvsctl.returnpath.see import see
from lvsctl.spec.load import Declared, read
from lvsctl.vocabulary import Family
from tests.support.hosts import Net, wait_until
from tests.support.keepalived import Keepalived
from tests.support.two_gateways import gets, serving

pytestmark = pytest.mark.kernel

VIP = "203.0.113.10"
COMMON = f"""
nodes: {{lb1: {{address: 10.0.0.11, priority: 150}}}}
notify: none
virtual_servers:
  web: {{address: {VIP}, port: 80, owner: lvsctl, real_servers: [{{address: 10.1.0.21, port: 80}}]}}
return_paths: {{{VIP}: {{interface: eth1, gateway: 203.0.113.1}}}}
"""
MOVED = f"""
vrrp_instances:
  VI_1: {{interface: eth0, virtual_router_id: 51, virtual_ipaddress: [10.0.0.100/24]}}
failover_ips:
  - {{ip: {VIP}, provider: command, command: [/bin/true], vrrp_instance: VI_1, targets: {{lb1: 10.0.0.11}}}}
"""
HELD = f"""
vrrp_instances:
  VI_1: {{interface: eth0, virtual_router_id: 51, version: 3, advert_int: 0.1, virtual_ipaddress: [{VIP}/32 dev eth1]}}
"""


class Pair:
    """A client, the provider, which drops what comes from the wrong side, a director, and a real server."""

    def __init__(self, net: Net) -> None:
        self.client = net.host("client", eth0="world 198.51.100.7/24")
        self.isp = net.host(
            "isp", eth0="world 198.51.100.1/24", eth1="seg0 10.0.0.1/24", eth2="seg1 203.0.113.1/24"
        )
        self.lb1 = net.host("lb1", eth0="seg0 10.0.0.11/24", eth1="seg1", eth2="inside 10.1.0.1/24")
        self.web = net.host("web", eth0="inside 10.1.0.21/24")
        self.client.ip("route add default via 198.51.100.1")
        self.web.ip("route add default via 10.1.0.1")
        self.lb1.ip("route add default via 10.0.0.1")
        for host in (self.isp, self.lb1):
            host.sysctl("net.ipv4.ip_forward", 1)
        self.isp.sysctl("net.ipv4.conf.eth1.rp_filter", 1)
        self.lb1.ipvsadm("-A", "-t", f"{VIP}:80", "-s", "rr")
        self.lb1.ipvsadm("-a", "-t", f"{VIP}:80", "-r", "10.1.0.21:80", "-m")

    @property
    def netns(self) -> str:
        return f"/proc/{self.lb1.pid}/ns/net"

    def gets(self) -> bool:
        with self.client.inside():
            return gets(VIP)

    def reroute(self, value: int) -> None:
        self.lb1.sysctl("net.ipv4.vs.snat_reroute", value)

    def rules(self) -> list[int]:
        """Answer whose rules there are besides the kernel's own."""
        with Kernel(self.netns) as net:
            return [rule.proto for rule in net.rules(Family.INET) if 0 < rule.priority < 32766]


@pytest.fixture(scope="module")
def server() -> Iterator[list[socket.socket]]:
    found: list[socket.socket] = []
    yield found
    for each in found:
        each.shutdown(socket.SHUT_RDWR)
        each.close()


@pytest.fixture
def pair(server: list[socket.socket]) -> Iterator[Pair]:
    with Net() as net:
        made = Pair(net)
        with made.web.inside():
            server.append(serving())
        yield made


def declared(tmp_path: Path, text: str) -> Declared:
    (tmp_path / "lvs.yaml").write_text(COMMON + text)
    return read(tmp_path / "lvs.yaml")


def errors(wanted: Intended, pair: Pair) -> list[str]:
    found = findings(wanted, see(wanted, netns=pair.netns, boot=False))
    return [each.id for each in found if each.severity is not Severity.NOTE]


def test_what_real_servers_answer_goes_by_the_gateway_of_the_address(pair: Pair, tmp_path: Path) -> None:
    wanted = intended(declared(tmp_path, MOVED).spec("lb1"))
    pair.lb1.ip(f"address add {VIP}/32 dev eth1")
    assert not pair.gets()
    assert "wrong-way" in errors(wanted, pair)
    assert "address-preferred" in errors(wanted, pair)
    pair.lb1.ip(f"address del {VIP}/32 dev eth1")
    assert "address-missing" in errors(wanted, pair)

    assert ensure(wanted, pair.netns).startswith("5 changes: ip route replace default via 203.0.113.1")
    assert f"{VIP}/32 scope global deprecated eth1" in pair.lb1.ip("address show dev eth1")
    assert pair.gets()
    assert errors(wanted, pair) == []
    assert ensure(wanted, pair.netns) == ""

    pair.reroute(0)
    assert not pair.gets(), "without routing anew the answer goes where the real server's own address goes"
    assert "missing" in errors(wanted, pair)
    assert ensure(wanted, pair.netns).startswith("2 changes: ip rule add from 10.1.0.21/32 lookup main")
    assert pair.gets()
    pair.reroute(1)
    assert ensure(wanted, pair.netns).startswith("2 changes: ip rule del from 10.1.0.21/32")
    assert pair.gets()


def test_what_keepalived_has_keepalived_makes(pair: Pair, tmp_path: Path) -> None:
    spec = declared(tmp_path, HELD)
    wanted = intended(spec.spec("lb1"))
    assert errors(wanted, pair) == [], "a BACKUP has nothing of it"
    keepalived = Keepalived(pair.lb1, render(spec, "lb1").text)
    assert wait_until(lambda: len(pair.rules()) == 2), keepalived.log
    assert wait_until(pair.gets)
    assert errors(wanted, pair) == []
    assert ensure(wanted, pair.netns) == ""
    assert len(pair.rules()) == 2
    assert PROTO not in pair.rules(), "one owner"

    pair.lb1.ip("route flush table 1001")
    assert set(errors(wanted, pair)) == {"wrong-way"}
    pair.reroute(0)
    assert "snat-reroute" in errors(wanted, pair)
    pair.reroute(1)
    keepalived.program.stop()
    assert pair.rules() == []
    assert errors(wanted, pair) == []
