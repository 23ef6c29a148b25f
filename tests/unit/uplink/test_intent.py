"""Which routes and rules there shall be, and what is taken back."""

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_address, ip_interface

import pytest

from lvsctl.net.model import EVERYWHERE, MAIN, PROTO, HostAddress, Link, NextHop, Route, Rule
from lvsctl.uplink.intent import (
    DEVICE_LAN,
    DEVICE_WAY,
    Host,
    Plan,
    default_route,
    in_use,
    overrider,
    plan,
    rules_of,
    source_of,
    squatter,
    table_routes,
    unplan,
)
from lvsctl.uplink.model import Uplink
from lvsctl.vocabulary import Family

FIBRE = Uplink("fibre", Family.INET, "eth0", ip_address("192.0.2.1"), 2001)
LTE = Uplink("lte", Family.INET, "eth1", ip_address("198.51.100.1"), 2002)
SIX = Uplink("fibre", Family.INET6, "eth0", ip_address("fe80::1"), 2001)
OWN = {FIBRE: ip_address("192.0.2.2"), LTE: ip_address("198.51.100.2"), SIX: ip_address("2001:db8::2")}
LINKS = {
    name: Link(index, name, is_up=True, has_carrier=True) for index, name in enumerate(("eth0", "eth1"), 1)
}
ADDRESSES = [
    HostAddress(ip_interface("192.0.2.2/24"), "eth0"),
    HostAddress(ip_interface("198.51.100.2/24"), "eth1"),
    HostAddress(ip_interface("fe80::2/64"), "eth0"),
    HostAddress(ip_interface("2001:db8::2/64"), "eth0"),
]
EMPTY = Host(LINKS, ADDRESSES, (), ())
ACTIVE = {Family.INET: "fibre", Family.INET6: "fibre"}
ALL = (FIBRE, SIX, LTE)


def made(host: Host, steps: Plan) -> Host:
    """Answer the host after *steps*."""
    slots = {(each.dst, each.table, each.metric): each for each in (*host.routes, *steps.routes)}
    for each in steps.old_routes:
        del slots[each.dst, each.table, each.metric]
    rules = [each for each in (*host.rules, *steps.rules) if each not in steps.old_rules]
    return Host(host.links, host.addresses, list(slots.values()), rules)


def others(host: Host) -> Iterable[Route | Rule]:
    everything: list[Route | Rule] = [*host.routes, *host.rules]
    return [each for each in everything if each.proto != PROTO]


FOREIGN = Route(EVERYWHERE[Family.INET], MAIN, 100, (NextHop("eth1", ip_address("198.51.100.1")),), proto=3)
CROWDED = replace(
    EMPTY, routes=[FOREIGN], rules=[Rule(Family.INET, 981, 7, proto=4), Rule(Family.INET, 32766, proto=2)]
)


@pytest.mark.parametrize("host", [EMPTY, CROWDED], ids=["empty", "crowded"])
def test_what_is_made_is_enough_and_can_be_taken_back(host: Host) -> None:
    after = made(host, plan(ALL, ACTIVE, 50, host))
    assert not plan(ALL, ACTIVE, 50, after)
    back = made(after, unplan(after))
    assert not back.routes or list(back.routes) == [FOREIGN]
    assert others(after) == others(back) == others(host)


def test_the_default_route_tells_which_uplink_is_in_use() -> None:
    host = made(EMPTY, plan(ALL, {Family.INET: "lte"}, 50, EMPTY))
    assert in_use(ALL, host) == {Family.INET: "lte"}
    assert in_use(ALL, CROWDED) == {}


def test_a_switch_is_one_route() -> None:
    after = made(EMPTY, plan(ALL, ACTIVE, 50, EMPTY))
    steps = plan(ALL, {**ACTIVE, Family.INET: "lte"}, 50, after)
    assert steps == Plan(routes=(default_route(LTE, 50, OWN[LTE]),))
    assert list(steps.commands()) == [
        "ip route replace default via 198.51.100.1 dev eth1 onlink src 198.51.100.2 metric 50 proto 118"
    ]


def test_contents_come_before_the_rules_that_lead_to_them() -> None:
    commands = list(plan((SIX,), ACTIVE, 50, EMPTY).commands())
    assert commands == [
        "ip -6 route replace default via fe80::1 dev eth0 onlink table 2001 metric 10 proto 118",
        "ip -6 route replace unreachable default table 2001 metric 4278198272 proto 118",
        "ip -6 route replace default via fe80::1 dev eth0 onlink src 2001:db8::2 metric 50 proto 118",
        "ip -6 rule add from 2001:db8::2/128 lookup main suppress_prefixlength 0 priority 980 protocol 118",
        "ip -6 rule add from 2001:db8::2/128 lookup 2001 priority 981 protocol 118",
        "ip -6 rule add from all oif eth0 lookup main suppress_prefixlength 0 priority 982 protocol 118",
        "ip -6 rule add from all oif eth0 lookup 2001 priority 983 protocol 118",
    ]
    backwards = list(unplan(made(EMPTY, plan((SIX,), ACTIVE, 50, EMPTY))).commands())
    assert [each.split()[2] for each in backwards] == ["rule"] * 4 + ["route"] * 3


def test_an_interface_that_is_down_keeps_its_backstop_only() -> None:
    down = replace(EMPTY, links={**LINKS, "eth0": replace(LINKS["eth0"], is_up=False)})
    routes = plan((FIBRE,), ACTIVE, 50, down).routes
    assert routes == (table_routes(FIBRE)[1],)


def test_an_uplink_without_an_address_gets_no_default_route_and_no_rule_by_source() -> None:
    bare = replace(EMPTY, addresses=ADDRESSES[1:])
    steps = plan((FIBRE,), ACTIVE, 50, bare)
    assert all(each.table != MAIN for each in steps.routes)
    assert [each.priority for each in steps.rules] == [DEVICE_LAN, DEVICE_WAY]


def test_the_source_is_the_first_lasting_global_address_or_the_one_that_is_named() -> None:
    more = [
        HostAddress(ip_interface("203.0.113.10/32"), "eth0", preferred_lft=0),
        HostAddress(ip_interface("192.0.2.9/24"), "eth0", is_secondary=True),
        HostAddress(ip_interface("203.0.113.77/32"), "lo"),
    ]
    host = replace(EMPTY, addresses=[*more, *ADDRESSES])
    assert source_of(FIBRE, host) == ip_address("192.0.2.2")
    assert source_of(SIX, host) == ip_address("2001:db8::2")
    assert source_of(replace(FIBRE, source=ip_address("203.0.113.77")), host) == ip_address("203.0.113.77")
    assert source_of(replace(FIBRE, source=ip_address("203.0.113.78")), host) is None


def test_of_two_uplinks_on_one_interface_the_first_has_the_rules_by_interface() -> None:
    second = replace(LTE, interface="eth0", source=ip_address("192.0.2.2"))
    rules = plan((FIBRE, second), ACTIVE, 50, EMPTY).rules
    assert [(each.priority, each.table) for each in rules if each.oif] == [
        (DEVICE_LAN, MAIN),
        (DEVICE_WAY, 2001),
    ]


def test_somebody_elses_route_at_our_metric_is_never_replaced() -> None:
    assert squatter(Family.INET, 100, CROWDED) == FOREIGN
    assert squatter(Family.INET, 50, CROWDED) is None
    assert overrider(Family.INET, 150, CROWDED) == FOREIGN
    assert all(each.table != MAIN for each in plan((FIBRE,), ACTIVE, 100, CROWDED).routes)


def test_what_the_kernel_adds_to_a_route_is_no_difference() -> None:
    after = made(EMPTY, plan(ALL, ACTIVE, 50, EMPTY))
    down = [
        replace(
            each, next_hops=tuple(hop._replace(is_down=True) for hop in each.next_hops) or (NextHop("lo"),)
        )
        for each in after.routes
    ]
    assert not plan(ALL, ACTIVE, 50, replace(after, routes=down))


def test_another_metric_moves_our_route() -> None:
    after = made(EMPTY, plan((FIBRE,), ACTIVE, 50, EMPTY))
    steps = plan((FIBRE,), ACTIVE, 60, after)
    assert [each.metric for each in steps.routes] == [60]
    assert [each.metric for each in steps.old_routes] == [50]


def test_tables_that_no_rule_leads_to_are_taken_back_too() -> None:
    left = replace(EMPTY, routes=list(table_routes(FIBRE)))
    assert unplan(left).old_routes == table_routes(FIBRE)


def test_rules_of_return_paths_are_not_ours() -> None:
    theirs = Rule(Family.INET, 1001, 1001, src=next(rules_of(FIBRE, OWN[FIBRE])).src)
    assert not unplan(replace(EMPTY, rules=[theirs]))
