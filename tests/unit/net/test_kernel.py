"""What lvsctl.net says of a namespace is what ip(8) says, and what it changes is what was asked for."""

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_interface, ip_network

import pytest

from lvsctl.errors import Denied, Unavailable
from lvsctl.net.kernel import Net, NoLink, NoRoute
from lvsctl.net.model import LAST_METRIC, Lookup, NextHop, Route, RouteType, Rule
from lvsctl.vocabulary import Family
from tests.support import netns
from tests.support.veths import cables, ip

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make network namespaces")

DEFAULT, DEFAULT6 = IPv4Network("0.0.0.0/0"), IPv6Network("::/0")
GATEWAY = NextHop("eth0", ip_address("10.0.0.1"))


@pytest.fixture(scope="module")
def net() -> Iterator[Net]:
    with cables("eth0", "eth1"):
        ip("address add 10.0.0.2/24 dev eth0", "address add 10.1.0.2/24 dev eth1")
        ip("address add fd00::2/64 dev eth0", family=Family.INET6)
        ip("address add 203.0.113.10/32 dev eth1 preferred_lft 0")
        with Net() as opened:
            yield opened


ROUTES = [
    Route(DEFAULT, metric=50, next_hops=(GATEWAY,)),
    Route(DEFAULT, table=1001, next_hops=(NextHop("eth1", ip_address("192.0.2.1"), onlink=True),), metric=10),
    Route(DEFAULT, table=1001, type=RouteType.UNREACHABLE, metric=LAST_METRIC),
    Route(IPv4Network("198.51.100.0/24"), next_hops=(GATEWAY,), prefsrc=ip_address("10.0.0.2"), metric=7),
    Route(
        IPv4Network("198.51.101.0/24"),
        next_hops=(GATEWAY._replace(weight=3), NextHop("eth1", ip_address("10.1.0.1"))),
    ),
    Route(IPv4Network("198.51.102.0/24"), next_hops=(NextHop("eth0", ip_address("fe80::1")),)),
    Route(DEFAULT6, metric=60, next_hops=(NextHop("eth0", ip_address("fe80::1"), onlink=True),)),
    Route(
        IPv6Network("2001:db8::/32"),
        table=5000,
        metric=1,
        next_hops=(NextHop("eth0", ip_address("fd00::1")),),
    ),
    Route(IPv4Network("198.51.103.0/24"), type=RouteType.BLACKHOLE, table=1002),
]


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_a_route_is_what_was_added_and_what_ip_would_have_added(net: Net, route: Route) -> None:
    assert net.add_route(route)
    assert not net.add_route(route)
    assert route in net.routes(route.family)
    assert route in net.routes(route.family, route.table)
    assert net.delete_route(route)
    assert not net.delete_route(route)
    ip(f"route add {route}", family=route.family)
    assert route in net.routes(route.family, route.table)
    ip(f"route del {route}", family=route.family)
    assert route not in net.routes(route.family)


RULES = [
    Rule(Family.INET, 1000, src=ip_network("203.0.113.10/32"), suppress_prefixlength=0),
    Rule(Family.INET, 1001, table=1001, src=ip_network("203.0.113.10/32")),
    Rule(Family.INET, 950, table=1001, oif="eth1"),
    Rule(Family.INET, 960, table=1001, src=ip_network("10.1.0.0/24"), iif="eth0"),
    Rule(Family.INET, 970, table=1001, dst=ip_network("192.0.2.0/24"), fwmark=0x10, fwmask=0xFF),
    Rule(Family.INET6, 1001, table=5000, src=ip_network("2001:db8:1::/64")),
]


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_a_rule_is_what_was_added_and_what_ip_would_have_added(net: Net, rule: Rule) -> None:
    assert net.add_rule(rule)
    assert not net.add_rule(rule)
    assert rule in net.rules(rule.family)
    assert net.delete_rule(rule)
    assert not net.delete_rule(rule)
    ip(f"rule add {rule}", family=rule.family)
    assert rule in net.rules(rule.family)
    ip(f"rule del {rule}", family=rule.family)
    assert rule not in net.rules(rule.family)


def test_rules_come_in_the_order_in_which_the_kernel_asks_them(net: Net) -> None:
    assert [(rule.priority, rule.table) for rule in net.rules(Family.INET)] == [
        (0, 255),
        (32766, 254),
        (32767, 253),
    ]


def test_replacing_a_route_leaves_others_alone(net: Net) -> None:
    ip("route add default via 10.1.0.1 dev eth1 metric 49")
    first = ROUTES[0]
    net.replace_route(first)
    other = replace(first, next_hops=(NextHop("eth1", ip_address("10.1.0.1")),))
    net.replace_route(other)
    defaults = [route for route in net.routes(Family.INET, 254) if route.is_default]
    assert [(route.metric, route.dev, route.proto) for route in defaults] == [
        (49, "eth1", 3),
        (50, "eth1", 118),
    ]
    net.delete_route(other)
    ip("route del default metric 49")


def test_addresses_tell_what_a_source_is_chosen_by(net: Net) -> None:
    found = {str(each.interface): each for each in net.addresses()}
    assert found["10.0.0.2/24"].dev == "eth0"
    assert found["10.0.0.2/24"].preferred_lft is None
    assert found["203.0.113.10/32"].preferred_lft == 0
    assert found["fd00::2/64"].interface == ip_interface("fd00::2/64")
    assert not found["fd00::2/64"].is_secondary


def test_links_tell_whether_they_are_up_and_have_a_carrier(net: Net) -> None:
    ip("link set ~eth1 down")
    links = net.links()
    assert (links["eth0"].is_up, links["eth0"].has_carrier, links["eth0"].kind) == (True, True, "veth")
    assert (links["eth1"].is_up, links["eth1"].has_carrier) == (True, False)
    assert links["lo"].is_loopback
    assert re.fullmatch("([0-9a-f]{2}:){5}[0-9a-f]{2}", links["eth0"].mac)
    ip("link set ~eth1 up")


def test_the_way_of_a_packet_is_the_one_ip_tells(net: Net) -> None:
    for route in ROUTES[:3]:
        net.add_route(route)
    rule = RULES[1]
    net.add_rule(rule)
    far = ip_address("8.8.8.8")
    way = net.way(Lookup(far))
    assert (way.dev, way.gateway, way.table, way.metric, way.proto) == ("eth0", GATEWAY.gateway, 254, 50, 118)
    assert way.prefsrc == ip_address("10.0.0.2")
    way = net.way(Lookup(far, src=ip_address("203.0.113.10")))
    assert (way.dev, way.gateway, way.table, way.metric) == ("eth1", ip_address("192.0.2.1"), 1001, 10)
    assert "via 192.0.2.1 dev eth1 table 1001" in ip(
        f"route get {' '.join(Lookup(far, src=ip_address('203.0.113.10')).words())}"
    )
    assert net.way(Lookup(ip_address("fd00::5"))).matched == ip_network("fd00::/64")
    assert net.way(Lookup(ip_address("10.0.0.2"))).type is RouteType.LOCAL
    net.delete_rule(rule)
    for route in ROUTES[:3]:
        net.delete_route(route)
    with pytest.raises(NoRoute, match=r"ip route get 8.8.8.8: Network is unreachable"):
        net.way(Lookup(far))


def test_a_link_that_comes_later_is_known_and_one_that_is_not_there_is_named(net: Net) -> None:
    net.links()
    route = Route(IPv4Network("198.51.110.0/24"), next_hops=(NextHop("late0"),), scope=253)
    with pytest.raises(NoLink, match="there is no interface late0"):
        net.add_route(route)
    ip("link add late0 type veth peer name ~late0", "link set late0 up", "link set ~late0 up")
    assert net.add_route(route)
    assert route in net.routes(Family.INET, 254)


def test_what_the_kernel_refuses_is_said_with_what_was_asked(net: Net) -> None:
    bad = Route(DEFAULT, metric=1, next_hops=(NextHop("eth0", ip_address("192.0.2.77")),))
    with pytest.raises(
        Unavailable, match=r"ip route add default via 192.0.2.77 dev eth0 metric 1 proto 118: "
    ):
        net.add_route(bad)
    assert net.routes(Family.INET, 4711) == []


def test_whoever_may_not_is_told_so() -> None:
    with cables(), Net() as net:
        pid = os.fork()
        if not pid:
            os.setresuid(65534, 65534, 65534)
            try:
                net.add_rule(RULES[0])
            except Denied:
                os._exit(77)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 77


def test_a_namespace_can_be_named() -> None:
    with cables("eth7"):
        handle = os.open(netns.OWN, os.O_RDONLY)
        with netns.fresh(), Net(f"/proc/{os.getpid()}/fd/{handle}") as there, Net() as here:
            assert set(there.links()) == {"lo", "eth7", "~eth7"}
            assert set(here.links()) == {"lo"}
        os.close(handle)
    with netns.fresh(), pytest.raises(Unavailable, match="network namespace /run/netns/nowhere"):
        Net("nowhere")
