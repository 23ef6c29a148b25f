"""Makes what a plan says, and asks the kernel whether it is so. Not for use inside a running event loop (pyroute2)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lvsctl.net import conntrack
from lvsctl.net.kernel import Net, NoRoute
from lvsctl.net.model import MAIN, PROTO, HostAddress, Lookup, Route
from lvsctl.uplink.intent import (
    Host,
    Plan,
    overrider,
    own_default,
    plan,
    source_of,
    squatter,
    unplan,
)
from lvsctl.uplink.lasting import HAND_MADE, Lasting, of_others
from lvsctl.uplink.model import Uplink
from lvsctl.vocabulary import Address, Family, as_address, family_of

FAR = {Family.INET: as_address("198.19.255.254"), Family.INET6: as_address("2001:2::ffff")}
"""Somebody to whom only a default route leads: addresses for benchmarks (RFC 2544, RFC 5180), which no network has."""


class Checked(NamedTuple):
    """Whether an uplink is really the one that packets take."""

    is_so: bool
    why: str = ""
    """What is in its way."""


def look(net: Net) -> Host:
    """Read what the namespace has."""
    rules = [each for family in Family for each in net.rules(family)]
    own = [each for family in Family for each in net.routes(family, proto=PROTO)]
    main = [each for family in Family for each in net.routes(family, MAIN) if each.proto != PROTO]
    return Host(net.links(), net.addresses(), [each for each in (*own, *main) if each.is_default], rules)


def planned(net: Net, uplinks: Sequence[Uplink], active: Mapping[Family, str], metric: int) -> Plan:
    """Answer what is missing on this host."""
    return plan(uplinks, active, metric, look(net))


def unplanned(net: Net) -> Plan:
    """Answer what takes everything of lvsctl's uplinks back."""
    return unplan(look(net))


def apply(net: Net, steps: Plan) -> list[Route]:
    """Do what *steps* say; what is so already stays. Raises what :class:`lvsctl.net.kernel.Net` raises.

    Answers the routes of others that lead elsewhere and have the place of one in an uplink's table: they stay, too.
    """
    in_the_way = [other for route in steps.routes if (other := _put(net, route)) is not None]
    for rule in steps.rules:
        net.add_rule(rule)
    for rule in steps.old_rules:
        net.delete_rule(rule)
    for route in steps.old_routes:
        net.delete_route(route)
    return in_the_way


def _put(net: Net, route: Route) -> Route | None:
    """Make *route*, in the place of lvsctl's own at most; answer somebody else's that has the place and leads elsewhere."""
    if route.table == MAIN:  # who has that place is known: there is no plan where it is somebody else
        net.replace_route(route)
        return None
    if net.add_route(route):
        return None
    place = [
        each
        for each in net.routes(route.family, route.table)
        if (each.dst, each.metric) == (route.dst, route.metric)
    ]
    other = next((each for each in place if each.proto != PROTO), None)
    if other is None:
        net.replace_route(route)
        return None
    same = (other.type, other.dev, other.gateway) == (route.type, route.dev, route.gateway)
    return None if same else other


def checked(net: Net, uplink: Uplink, metric: int) -> Checked:
    """Ask the kernel which way a packet goes that is bound to nothing, and say whether it is by *uplink*."""
    try:
        way = net.way(Lookup(FAR[uplink.family]))
    except NoRoute:
        way = None
    if way is not None and (way.dev, way.gateway) == (uplink.interface, uplink.gateway):
        return Checked(is_so=True)
    host = look(net)
    if other := squatter(uplink.family, metric, host):
        return _no(f"metric {metric} is taken by a route that is not lvsctl's: {_told(other)}")
    if other := overrider(uplink.family, metric, host):
        return _no(f"a route that is not lvsctl's goes first: {_told(other)}")
    own = own_default(uplink.family, host)
    if own is None:
        return _no(f"its default route is missing: {uplink.interface} is down, or has no address")
    if (own.dev, own.gateway) != (uplink.interface, uplink.gateway):
        return _no(f"lvsctl's default route leads elsewhere: {own}")
    return _no(f"packets leave by {way.dev if way else 'no way at all'}: a rule decides otherwise")


def _no(why: str) -> Checked:
    return Checked(is_so=False, why=why)


def squatted(route: Route) -> str:
    """Say that *route*, somebody else's, is in the way in an uplink's table."""
    return f"table {route.table} has a route that is not lvsctl's in the place of its own: {_told(route)}"


def _told(route: Route) -> str:
    return f"{route} (give it another metric, or take it away)"


def forget_old(net: Net, old: Uplink, new: Uplink) -> int:
    """Delete the tracked connections that go out with an address of *old* and would not get far; answer how many.

    :mod:`lvsctl.net.conntrack` says which those are, and :mod:`lvsctl.uplink.lasting` which of them go by *old* as
    before.
    """
    there = net.addresses()
    kept = {new.source} | {each.address for each in there if each.dev == new.interface}
    given = {old.source} | {each.address for each in there if each.dev == old.interface}
    if old.interface == new.interface:
        kept, given = {new.source}, {old.source}
    lost = {each for each in given - kept if each is not None and family_of(each) is old.family}
    lasting = _lasting(net, old, there)
    return conntrack.forget(old.family, lost, lambda each: lasting.holds(each.source, each.destination))


def _lasting(net: Net, old: Uplink, addresses: Sequence[HostAddress]) -> Lasting:
    rules = net.rules(old.family)
    tables = {each.table for each in of_others(rules)} - {MAIN}
    found = (
        each for table in tables for proto in HAND_MADE for each in net.routes(old.family, table, proto=proto)
    )
    return Lasting.on(old, addresses, rules, found)


def source(net: Net, uplink: Uplink) -> Address | None:
    """Answer this node's address on *uplink* now."""
    return source_of(uplink, Host(net.links(), net.addresses(), (), ()))
