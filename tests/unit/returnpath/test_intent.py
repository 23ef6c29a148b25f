"""What holds for every plan of return paths, whatever host it begins on and wherever it is cut short."""

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lvsctl.net.model import LAST_METRIC, MAIN, PROTO, HostAddress, NextHop, Route, RouteType, Rule
from lvsctl.returnpath.check import Seen, findings
from lvsctl.returnpath.intent import (
    OURS,
    Host,
    Intended,
    Plan,
    ReturnPath,
    command,
    in_the_way,
    plan,
    routes_of,
    rules_of,
    unplan,
)
from lvsctl.spec.return_paths import FIRST_TABLE
from lvsctl.vocabulary import Family

LINKS = {"eth0": True, "eth1": True, "eth2": False}
FOREIGN = 4

ADDRESSES = [ip_address(text) for text in ("203.0.113.10", "203.0.113.11", "2001:db8::10")]
GATEWAYS = {
    4: [ip_address("203.0.113.1"), ip_address("198.51.100.1")],
    6: [ip_address("fe80::1"), ip_address("fe80::2")],
}
SERVERS = {4: (ip_address("10.0.0.21"), ip_address("10.0.0.22")), 6: (ip_address("fd00::21"),)}
TABLES = [FIRST_TABLE, FIRST_TABLE + 1, FIRST_TABLE + 2]


@st.composite
def paths(draw: st.DrawFn) -> ReturnPath:
    address = draw(st.sampled_from(ADDRESSES))
    return ReturnPath(
        address,
        draw(st.sampled_from([*LINKS, "eth9"])),
        draw(st.sampled_from(GATEWAYS[address.version])),
        draw(st.sampled_from(TABLES)) + (100 if address.version == 6 else 0),
        instance=draw(st.sampled_from(["", "", "VI_1"])),
        real_servers=draw(st.sampled_from([(), SERVERS[address.version]])),
        forwarded=draw(st.booleans()),
    )


def one_way_per_table(found: Iterable[ReturnPath]) -> tuple[ReturnPath, ...]:
    """As compose numbers them: one table, one way; one address, one path."""
    by_table: dict[int, ReturnPath] = {}
    by_address: dict[object, ReturnPath] = {}
    for path in found:
        first = by_table.setdefault(path.table, path)
        if (path.interface, path.gateway, path.instance) == (first.interface, first.gateway, first.instance):
            by_address.setdefault(path.address, path)
    return tuple(by_address.values())


intents = st.builds(
    lambda found, failover: Intended(
        one_way_per_table(found),
        tuple(HostAddress(ip_interface(each), "eth1", preferred_lft=0, proto=PROTO) for each in failover),
    ),
    st.lists(paths(), max_size=4),
    st.sets(st.sampled_from(ADDRESSES)),
)
routes = st.builds(
    lambda family, table, metric, proto, dev: Route(
        ip_network("0.0.0.0/0" if family == 4 else "::/0"),
        table,
        metric,
        (NextHop(dev, GATEWAYS[family][0], onlink=True),) if dev else (),
        RouteType.UNICAST if dev else RouteType.UNREACHABLE,
        proto,
    ),
    st.sampled_from([4, 6]),
    st.sampled_from([254, 2001, *TABLES, *(table + 100 for table in TABLES)]),
    st.sampled_from([0, 10, LAST_METRIC]),
    st.sampled_from([PROTO, FOREIGN]),
    st.sampled_from(["", "eth0", "eth1"]),
)
rules = st.builds(
    lambda address, priority, table, proto, is_lan: Rule(
        Family.INET if address.version == 4 else Family.INET6,
        priority,
        254 if is_lan else table,
        src=ip_network(address),
        suppress_prefixlength=0 if is_lan else None,
        proto=proto,
    ),
    st.sampled_from(ADDRESSES),
    st.sampled_from([900, 1000, 1001, 1002, 1003]),
    st.sampled_from(TABLES),
    st.sampled_from([PROTO, FOREIGN]),
    st.booleans(),
)
addresses = st.builds(
    lambda address, proto: HostAddress(ip_interface(address), "eth1", preferred_lft=0, proto=proto),
    st.sampled_from(ADDRESSES),
    st.sampled_from([0, PROTO]),
)
hosts = st.builds(
    lambda routes, rules, addresses, reroutes: Host(LINKS, addresses, routes, rules, reroutes),
    st.lists(routes, max_size=6, unique_by=lambda each: (each.dst, each.table, each.metric)).map(tuple),
    st.lists(rules, max_size=6, unique=True).map(tuple),
    st.lists(addresses, max_size=2, unique_by=lambda each: each.address).map(tuple),
    st.booleans(),
)


def after(host: Host, steps: Plan, count: int | None = None) -> Host:
    """Answer *host* as the kernel would leave it after the first *count* steps."""
    for verb, each in [*steps.steps()][:count]:
        name = {Route: "routes", Rule: "rules", HostAddress: "addresses"}[type(each)]
        kept = [other for other in getattr(host, name) if other != each]
        if isinstance(each, Route) and verb == "replace":
            slot = (each.dst, each.table, each.metric)
            kept = [other for other in kept if (other.dst, other.table, other.metric) != slot]
        changed: dict[str, Any] = {name: tuple(kept if verb == "del" else [*kept, each])}
        host = host._replace(**changed)
    return host


def dead_ends(host: Host) -> set[Rule]:
    filled = {(route.table, route.family) for route in host.routes} | {(254, family) for family in Family}
    mine = {rule for rule in host.rules if rule.proto == PROTO and rule.priority in OURS}
    return {rule for rule in mine if (rule.table, rule.family) not in filled}


@given(intents, hosts)
@settings(max_examples=120, deadline=None)
def test_what_was_planned_and_done_needs_nothing_more(intended: Intended, host: Host) -> None:
    steps = plan(intended, host)
    done = after(host, steps)
    assert not plan(intended, done)
    assert bool(steps) is bool([*steps.commands()])


@given(intents, hosts)
@settings(max_examples=120, deadline=None)
def test_no_step_leads_a_rule_to_an_empty_table_and_every_cut_is_repaired(
    intended: Intended, host: Host
) -> None:
    steps = plan(intended, host)
    wanted = after(host, steps)
    for count in range(len([*steps.steps()]) + 1):
        cut = after(host, steps, count)
        assert dead_ends(cut) <= dead_ends(host)
        again = after(cut, plan(intended, cut))
        assert (set(again.routes), set(again.rules)) == (set(wanted.routes), set(wanted.rules))
    assert not dead_ends(wanted)


@given(intents, hosts)
@settings(max_examples=120, deadline=None)
def test_what_is_taken_back_is_what_was_made_and_what_others_have_stays(
    intended: Intended, host: Host
) -> None:
    made = after(host, plan(intended, host))
    left = after(made, unplan(made))
    assert not unplan(left)
    for name in ("routes", "rules", "addresses"):
        others = {each for each in getattr(host, name) if each.proto != PROTO}
        assert others <= set(getattr(made, name))
        assert {each for each in getattr(left, name) if each.proto != PROTO} == others
    elsewhere = [{each for each in found.routes if each.table in {MAIN, 2001}} for found in (host, left)]
    assert elsewhere[0] == elsewhere[1], (
        "the default of an uplink is lvsctl's too, and none of a return path's"
    )
    clean = Host(LINKS, reroutes=host.reroutes)
    assert after(clean, plan(intended, clean), 0) == clean
    done = after(clean, plan(intended, clean))
    assert after(done, unplan(done)) == clean


def test_a_route_of_somebody_elses_in_the_place_of_ours_is_told_and_stays() -> None:
    path = ReturnPath(ADDRESSES[0], "eth1", GATEWAYS[4][0], FIRST_TABLE)
    way, _ = routes_of(path)
    wanted = Intended((path,))
    by_hand = replace(way, proto=3)
    assert not [*in_the_way(wanted, Host(LINKS, routes=(by_hand,)))], "it leads where ours would"
    other = replace(by_hand, next_hops=(NextHop("eth0", GATEWAYS[4][1]),))
    host = Host(LINKS, routes=(other,))
    assert [*in_the_way(wanted, host)] == [other]
    assert way not in plan(wanted, host).routes
    [found] = [each for each in findings(wanted, Seen(host)) if each.subject == f"table {FIRST_TABLE}"]
    assert found.remedy == (
        "ip route del default via 198.51.100.1 dev eth0 table 1001 metric 10 proto 3; lvsctl return-path fix"
    )


def test_what_keepalived_owns_is_not_planned() -> None:
    path = ReturnPath(ADDRESSES[0], "eth1", GATEWAYS[4][0], FIRST_TABLE, instance="VI_1")
    assert not plan(Intended((path,)), Host(LINKS))


def test_a_cable_that_is_out_is_no_other_route() -> None:
    path = ReturnPath(ADDRESSES[0], "eth1", GATEWAYS[4][0], FIRST_TABLE)
    host = after(Host(LINKS), plan(Intended((path,)), Host(LINKS)))
    way, *others = host.routes
    out = way.next_hops[0]._replace(is_down=True)
    pulled = Route(way.dst, way.table, way.metric, (out,))
    assert not plan(Intended((path,)), host._replace(routes=(pulled, *others)))


def test_what_real_servers_answer_has_rules_only_where_nobody_routes_it_anew() -> None:
    path = ReturnPath(ADDRESSES[0], "eth1", GATEWAYS[4][0], FIRST_TABLE, real_servers=SERVERS[4][:1])
    assert not any("10.0.0.21" in each for each in plan(Intended((path,)), Host(LINKS)).commands())
    told = [*plan(Intended((path,)), Host(LINKS, reroutes=False)).commands()]
    assert told[-2:] == [
        "ip rule add from 10.0.0.21/32 lookup main suppress_prefixlength 0 priority 1002 protocol 118",
        "ip rule add from 10.0.0.21/32 lookup 1001 priority 1003 protocol 118",
    ]
    assert command("add", rules_of(path, forwarded=False)[0]).startswith("ip rule add from 203.0.113.10/32")


def test_while_an_interface_is_down_nobody_is_told_to_fix_what_is_fixed() -> None:
    path = ReturnPath(ADDRESSES[0], "eth2", GATEWAYS[4][0], FIRST_TABLE)
    wanted = Intended((path,))
    host = after(Host(LINKS), plan(wanted, Host(LINKS)))
    told = {each.id: each.remedy for each in findings(wanted, Seen(host))}
    assert told == {"link": "ip link set eth2 up", "no-way": ""}
