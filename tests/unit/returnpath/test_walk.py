"""Rules and tables as lvsctl reads them, against the kernel's own answer."""

import os
import random
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address, ip_network

import pytest

from lvsctl.net.kernel import Net, NoRoute
from lvsctl.net.model import Lookup, NextHop, Route, RouteType, Rule
from lvsctl.returnpath.walk import Packet, decision, walk
from lvsctl.vocabulary import Address, Family
from tests.support.veths import cables, ip

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make network namespaces")

NETWORKS = {
    Family.INET: ("10.0.0.0/24", "0.0.0.0/0", "198.51.100.0/24", "198.51.0.0/16"),
    Family.INET6: ("::/0", "2001:db8:5::/48", "2001:db8::/32"),
}
SOURCE = {Family.INET: ip_address("203.0.113.10"), Family.INET6: ip_address("2001:db8::10")}
GATEWAY = {Family.INET: ip_address("10.0.0.1"), Family.INET6: ip_address("fe80::1")}
ASKED = {
    Family.INET: ("198.51.100.7", "198.51.7.7", "10.0.0.9", "9.9.9.9"),
    Family.INET6: ("2001:db8:5::1", "2001:db8:9::1", "fd00::9", "2620:fe::9"),
}
KINDS = [*[RouteType.UNICAST] * 3, RouteType.UNREACHABLE, RouteType.THROW, RouteType.BLACKHOLE]
TABLES = (254, 1001, 1002)


@pytest.fixture(scope="module")
def net() -> Iterator[Net]:
    with cables("eth0", "eth1"):
        ip("address add 10.0.0.2/24 dev eth0", "address add 203.0.113.10/32 dev eth1")
        ip("address add fd00::2/64 dev eth0", "address add 2001:db8::10/128 dev eth1", family=Family.INET6)
        with Net() as opened:
            yield opened


def drawn_route(draw: random.Random, family: Family) -> Route:
    kind = draw.choice(KINDS)
    hop = NextHop(draw.choice(("eth0", "eth1")), GATEWAY[family], onlink=True)
    network = ip_network(draw.choice(NETWORKS[family]))
    hops = (hop,) if kind is RouteType.UNICAST else ()
    return Route(network, draw.choice(TABLES), draw.choice((1, 7, 20)), hops, kind)


def drawn_rule(draw: random.Random, family: Family) -> Rule:
    source = draw.choice((None, ip_network(SOURCE[family])))
    limit = draw.choice((None, None, 0, 16, 48))
    return Rule(family, draw.randint(900, 905), draw.choice(TABLES), src=source, suppress_prefixlength=limit)


def said_by_kernel(net: Net, src: Address, dst: Address) -> tuple[str, int, int | None] | None:
    with suppress(NoRoute):
        way = net.way(Lookup(dst, src=src))
        if way.type is RouteType.UNICAST:
            return way.dev, way.table, way.metric
    return None


def said_by_walk(net: Net, family: Family, src: Address, dst: Address) -> tuple[str, int, int | None] | None:
    last = decision(walk(Packet(src, dst), net.rules(family), net.routes(family)))
    route = last.route if last else None
    if route is None or route.type is not RouteType.UNICAST:
        return None
    return route.dev, route.table, route.metric


@pytest.mark.parametrize("seed", range(30))
def test_the_walk_ends_where_the_kernel_ends(net: Net, seed: int) -> None:
    draw = random.Random(seed)
    family = draw.choice([*Family])
    routes = [each for each in (drawn_route(draw, family) for _ in range(5)) if net.add_route(each)]
    rules = [each for each in (drawn_rule(draw, family) for _ in range(3)) if net.add_rule(each)]
    for text in ASKED[family]:
        packet = SOURCE[family], ip_address(text)
        assert said_by_walk(net, family, *packet) == said_by_kernel(net, *packet), text
    for rule in rules:
        net.delete_rule(rule)
    for route in routes:
        net.delete_route(route)
