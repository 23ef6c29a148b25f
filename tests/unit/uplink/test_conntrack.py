"""After a switch, connections with a fixed address go on by the new uplink; those that heal or are others' stay."""

import os
import socket
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import closing, suppress
from ipaddress import ip_interface, ip_network
from typing import Any

import pytest

from lvsctl.net import conntrack
from lvsctl.net.codec import AF
from lvsctl.net.kernel import Net
from lvsctl.net.model import EVERYWHERE, HostAddress, NextHop, Route, Rule
from lvsctl.uplink import routes
from lvsctl.uplink.lasting import Lasting
from lvsctl.uplink.model import Uplink
from lvsctl.vocabulary import Family, as_address
from tests.support import netns
from tests.support.internet import ECHO, FAR, FAR6, NUMBER, Isp
from tests.support.isps import Isps, addresses_are_ready, other_namespace
from tests.support.veths import ip

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make network namespaces")

OIFNAME, SNAT, POSTROUTING = 7, 0, 100


def nat(kind: str, family: Family) -> None:
    """Have the namespace rewrite the source of what leaves by each uplink; skip where the kernel cannot."""
    from pyroute2.nftables.expressions import genex, masq
    from pyroute2.nftables.main import NFTables

    number = AF[family]

    def leaving(name: str) -> Any:
        data = {"attrs": [("NFTA_DATA_VALUE", name.encode().ljust(16, b"\0"))]}
        return [
            genex("meta", OrderedDict(key=OIFNAME, dreg=1)),
            genex("cmp", OrderedDict(sreg=1, op=0, data=data)),
        ]

    def snat(address: str) -> Any:
        data = {"attrs": [("NFTA_DATA_VALUE", as_address(address).packed)]}
        return [
            genex("immediate", OrderedDict(dreg=1, data=data)),
            genex("nat", OrderedDict(type=SNAT, family=number, reg_addr_min=1)),
        ]

    try:
        tables = NFTables(nfgen_family=number)
        tables.table("add", name="nat")
        tables.chain(
            "add", table="nat", name="out", hook="postrouting", type="nat", priority=POSTROUTING, policy=1
        )
        for isp in (Isp(0), Isp(1)):
            does = masq() if kind == "masquerade" else snat(own(isp, family))
            tables.rule("add", table="nat", chain="out", expressions=(leaving(isp.interface), does))
        tables.close()
    except Exception as error:  # noqa: BLE001 - pyroute2 raises what it likes
        pytest.skip(f"this kernel has no nftables NAT: {error}")


def own(isp: Isp, family: Family) -> str:
    return isp.address if family is Family.INET else isp.address6


LAN = {Family.INET: "10.77.0.{}/24", Family.INET6: "fd77::{}/64"}
FORWARDING = {Family.INET: "net.ipv4.ip_forward", Family.INET6: "net.ipv6.conf.all.forwarding"}
ON_THE_OLD_LINK = {Family.INET: "10.0.0.77", Family.INET6: "2001:db8::77"}


class Lan:
    """A machine behind the host, with connections that it keeps."""

    def __init__(self, handle: int, family: Family) -> None:
        path = f"/proc/{os.getpid()}/fd/{handle}"
        self._family = family
        host, machine = (LAN[family].format(each) for each in (1, 2))
        ip(f"link add lan0 type veth peer name up0 netns {path}", "link set lan0 up")
        ip(f"address add {host} dev lan0", family=family)
        netns.sysctl(FORWARDING[family], 1)
        with netns.inside(path):
            ip("link set up0 up")
            ip(
                f"address add {machine} dev up0",
                f"route add default via {host.partition('/')[0]}",
                family=family,
            )
            addresses_are_ready()
            self._sockets = [socket.socket(AF[family], socket.SOCK_DGRAM) for _ in range(2)]
        addresses_are_ready()
        far = FAR if family is Family.INET else FAR6
        for each, whom in zip(self._sockets, (far, ON_THE_OLD_LINK[family]), strict=True):
            each.connect((whom, ECHO))
        self._sent = 0

    def begins(self, *, far: bool = True) -> bool:
        """Have a connection; the kernel drops packets until both ends of a new cable have noticed each other."""
        return any(self.is_answered(far=far, patience=0.5) for _ in range(20))

    def is_answered(self, *, far: bool = True, patience: float = 5.0) -> bool:
        """Send one packet, and say whether it is answered."""
        asking = self._sockets[0 if far else 1]
        asking.settimeout(patience)
        self._sent += 1
        question = NUMBER.pack(self._sent)
        asking.send(question)
        with suppress(TimeoutError):
            while asking.recv(64) != question:
                pass  # the answer to an earlier one
            return True
        return False

    def close(self) -> None:
        for each in self._sockets:
            each.close()


@pytest.fixture(params=["masquerade", "fixed SNAT"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=list(Family), ids=["IPv4", "IPv6"])
def family(request: pytest.FixtureRequest) -> Family:
    assert isinstance(request.param, Family)
    return request.param


@pytest.fixture
def world(kind: str, family: Family) -> Iterator[tuple[Isps, Lan]]:
    with other_namespace(ipv6=True) as handle, Isps() as isps:
        with netns.inside(f"/proc/{os.getpid()}/fd/{handle}"):
            netns.sysctl("net.ipv6.conf.default.accept_dad", 0)
        with closing(Lan(handle, family)) as lan:
            nat(kind, family)
            yield isps, lan


def uplinks(isps: Isps, family: Family) -> tuple[Uplink, Uplink]:
    first, second = isps.settings(family).uplinks
    return first, second


def test_a_kept_connection_survives_a_switch(world: tuple[Isps, Lan], kind: str, family: Family) -> None:
    isps, lan = world
    old, new = uplinks(isps, family)
    with Net() as net:

        def use(uplink: Uplink) -> None:
            routes.apply(net, routes.planned(net, (old, new), {family: uplink.name}, 50))

        use(old)
        assert lan.begins()
        use(new)
        if kind == "fixed SNAT":
            assert not lan.is_answered(patience=0.3), (
                "it goes out of the new uplink with the old one's address"
            )
            assert isps[1].foreign == 1
        assert routes.forget_old(net, old, new) == 1, "masquerade would heal; this saves the packet it takes"
        assert lan.is_answered(), "its next packet"
        assert isps[1].echoed >= 1
        assert routes.forget_old(net, old, new) == 0, "what goes by the new uplink stays"


def test_masquerade_heals_by_itself_and_that_costs_a_packet(family: Family) -> None:
    """What forgetting it as well is good for: the kernel drops the packet with which it notices."""
    with other_namespace(ipv6=True) as handle, Isps() as isps:
        with netns.inside(f"/proc/{os.getpid()}/fd/{handle}"):
            netns.sysctl("net.ipv6.conf.default.accept_dad", 0)
        old, new = uplinks(isps, family)
        with closing(Lan(handle, family)) as lan, Net() as net:
            nat("masquerade", family)
            routes.apply(net, routes.planned(net, (old, new), {family: old.name}, 50))
            assert lan.begins()
            routes.apply(net, routes.planned(net, (old, new), {family: new.name}, 50))
            assert not lan.is_answered(patience=0.3)
            assert lan.is_answered()
            assert isps[1].foreign == 0


def test_a_connection_to_the_old_uplinks_own_network_stays(world: tuple[Isps, Lan], family: Family) -> None:
    """The modem's page, say: no default route leads there, so no switch concerns it."""
    isps, lan = world
    old, new = uplinks(isps, family)
    mac = isps[0].mac.hex(":")
    ip(f"neighbour add {ON_THE_OLD_LINK[family]} lladdr {mac} dev eth0", family=family)
    with Net() as net:
        routes.apply(net, routes.planned(net, (old, new), {family: old.name}, 50))
        assert lan.begins(far=False)
        assert lan.begins()
        before = isps[0].echoed
        routes.apply(net, routes.planned(net, (old, new), {family: new.name}, 50))
        assert routes.forget_old(net, old, new) == 1, "the one to somebody far away"
        assert lan.is_answered(far=False)
        assert isps[0].echoed == before + 1


def test_a_connection_that_somebodys_rule_keeps_on_the_old_uplink_stays(
    world: tuple[Isps, Lan], family: Family
) -> None:
    """Forgotten, what comes in next would be for this host itself, which would end it."""
    isps, lan = world
    old, new = uplinks(isps, family)
    machine = LAN[family].format(2).partition("/")[0]
    with Net() as net:
        routes.apply(net, routes.planned(net, (old, new), {family: old.name}, 50))
        ip(f"rule add from {machine} lookup {old.table} priority 500", family=family)
        assert lan.begins()
        routes.apply(net, routes.planned(net, (old, new), {family: new.name}, 50))
        assert routes.forget_old(net, old, new) == 0
        assert lan.is_answered()
        ip(
            f"route add default via {old.gateway} dev {old.interface} onlink table 77",
            f"rule add from {machine} lookup 77 priority 400",
            "rule del priority 500",
            family=family,
        )
        assert routes.forget_old(net, old, new) == 0, "nor by a table of theirs"
        assert lan.is_answered()
        assert isps[1].echoed == 0
        ip("rule del priority 400", family=family)
        assert routes.forget_old(net, old, new) == 1, "no rule says so any more"


def test_no_connections_are_no_fault() -> None:
    with netns.fresh():
        assert conntrack.forget(Family.INET, {as_address("10.0.0.2")}) == 0
        assert conntrack.forget(Family.INET6, {as_address("2001:db8::2")}) == 0
        assert conntrack.forget(Family.INET, ()) == 0


MACHINE, SOMEBODY = as_address("10.77.0.2"), as_address("198.51.100.7")
RULES = [
    (Rule(Family.INET, 500, 2001, src=ip_network("10.77.0.0/24"), proto=0), True),
    (Rule(Family.INET, 500, 2001, src=ip_network("10.78.0.0/24"), proto=0), False),
    (Rule(Family.INET, 500, 2001, dst=ip_network("198.51.100.0/24"), proto=3), True),
    (Rule(Family.INET, 500, 2001, iif="lan0", proto=0), True),
    (Rule(Family.INET, 500, 2001, iif="lan1", proto=0), False),
    (Rule(Family.INET, 500, 77, proto=0), True),
    (Rule(Family.INET, 500, 78, proto=0), False),
    (Rule(Family.INET, 500, 79, proto=0), False),
    (Rule(Family.INET, 500, src=ip_network("10.77.0.0/24"), proto=0), False),
    (Rule(Family.INET, 500, suppress_prefixlength=0, proto=0), False),
    (Rule(Family.INET, 500, 2001, fwmark=1, proto=0), False),
    (Rule(Family.INET, 500, 2001, oif="eth0", proto=0), False),
    (Rule(Family.INET, 500, 2001, is_inverted=True, proto=0), False),
    (Rule(Family.INET, 500, 2001, action="unreachable", proto=0), False),
    (Rule(Family.INET, 40000, 2001, proto=0), False),
    (Rule(Family.INET, 500, 2001), False),
]


@pytest.mark.parametrize(("rule", "stays"), RULES, ids=str)
def test_which_rules_keep_a_connection_on_the_old_uplink(rule: Rule, stays: bool) -> None:
    old = Isp(0).uplink()
    everywhere = EVERYWHERE[Family.INET]
    found = [
        Route(everywhere, 77, next_hops=(NextHop("eth0"),), proto=3),
        Route(everywhere, 78, next_hops=(NextHop("eth1"),), proto=3),
        Route(everywhere, 79, next_hops=(NextHop("eth0", as_address("10.0.0.9")),), proto=3),
        Route(ip_network("192.0.2.0/24"), 78, next_hops=(NextHop("eth0"),), proto=3),
    ]
    there = [
        HostAddress(ip_interface("10.77.0.1/24"), "lan0"),
        HostAddress(ip_interface("10.0.0.2/24"), "eth0"),
    ]
    lasting = Lasting.on(old, there, [rule], found)
    assert lasting.holds(MACHINE, SOMEBODY) is stays
    assert lasting.holds(MACHINE, as_address("10.0.0.77")), "a neighbour, whatever rules say"


def test_the_first_rule_that_matches_decides() -> None:
    main = Rule(Family.INET, 400, src=ip_network("10.77.0.2/32"), proto=0)
    pinned = Rule(Family.INET, 500, 2001, src=ip_network("10.77.0.0/24"), proto=0)
    lasting = Lasting.on(Isp(0).uplink(), [], [main, pinned], [])
    assert not lasting.holds(MACHINE, SOMEBODY)
    assert lasting.holds(as_address("10.77.0.3"), SOMEBODY)
