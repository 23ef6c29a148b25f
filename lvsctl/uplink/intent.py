"""Which routes and rules uplinks need, and what is missing or left over. Pure.

For each uplink a table of its own, for everything that is bound to it::

    default via GATEWAY dev INTERFACE onlink        the way
    unreachable default metric 4278198272           the backstop: a probe never leaves by somebody else's way

and rules that lead there, after what the main table knows apart from its default: the LAN::

    from SOURCE     lookup main suppress_prefixlength 0,   then lookup TABLE
    oif INTERFACE   lookup main suppress_prefixlength 0,   then lookup TABLE

The uplink in use has lvsctl's one default route in the main table, at a metric of its own. Routes and rules with
another ``proto`` are never touched. Contents come first and rules last; it is taken back the other way round.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_network

from lvsctl.net.model import (
    EVERYWHERE,
    LAST_METRIC,
    MAIN,
    PROTO,
    HostAddress,
    Link,
    NextHop,
    Route,
    RouteType,
    Rule,
)
from lvsctl.uplink.model import Uplink
from lvsctl.vocabulary import Address, Family, family_of

FIRST_TABLE, LAST_TABLE = 2001, 2100
"""Where the tables are of uplinks that name none (lvsctl.spec.uplinks says the same)."""

SOURCE_LAN, SOURCE_WAY, DEVICE_LAN, DEVICE_WAY = 980, 981, 982, 983
"""Priorities of the rules: before those of return paths (1000 to 1002). A source says more than a device, on which
several uplinks may be."""
OURS = frozenset({SOURCE_LAN, SOURCE_WAY, DEVICE_LAN, DEVICE_WAY})

METRIC = 10
"""Of the way in its own table."""


@dataclass(frozen=True, slots=True)
class Host:
    """What a network namespace has, as far as uplinks care."""

    links: Mapping[str, Link]
    addresses: Sequence[HostAddress]
    routes: Sequence[Route]
    """Of main, and of every other table that has routes with our ``proto``."""
    rules: Sequence[Rule]


@dataclass(frozen=True, slots=True)
class Plan:
    """What has to change, in this order."""

    routes: tuple[Route, ...] = ()
    """To be put in place (RTM_NEWROUTE with replace)."""
    rules: tuple[Rule, ...] = ()
    """To be added."""
    old_rules: tuple[Rule, ...] = ()
    """To be deleted."""
    old_routes: tuple[Route, ...] = ()
    """To be deleted, after the rules that led to them."""

    def __bool__(self) -> bool:
        return bool(self.routes or self.rules or self.old_rules or self.old_routes)

    def commands(self) -> Iterator[str]:
        """Yield the ``ip`` commands that would do the same."""
        yield from (f"ip {_flag(each.family)}route replace {each}" for each in self.routes)
        yield from (f"ip {_flag(each.family)}rule add {each}" for each in self.rules)
        yield from (f"ip {_flag(each.family)}rule del {each}" for each in self.old_rules)
        yield from (f"ip {_flag(each.family)}route del {each}" for each in self.old_routes)


def _flag(family: Family) -> str:
    return "-6 " if family is Family.INET6 else ""


# --- what an uplink has


def source_of(uplink: Uplink, host: Host) -> Address | None:
    """Answer this node's address on *uplink*: the one it names if it is there, else the first that would do."""
    there = [each for each in host.addresses if family_of(each.address) is uplink.family]
    if uplink.source is not None:
        # It may stand on another interface (the loopback, where a router announces it).
        return next((each.address for each in there if each.address == uplink.source), None)
    own = [
        each
        for each in there
        if each.dev == uplink.interface
        and not (each.address.is_link_local or each.is_tentative or each.is_secondary)
        and each.preferred_lft != 0
    ]
    return own[0].address if own else None


def is_linked(uplink: Uplink, host: Host) -> bool:
    """Answer whether the interface of *uplink* is there, up, and has a carrier."""
    link = host.links.get(uplink.interface)
    return link is not None and link.is_up and link.has_carrier


# --- what it needs


def table_routes(uplink: Uplink) -> tuple[Route, ...]:
    """Answer the contents of its table."""
    everywhere = EVERYWHERE[uplink.family]
    way = NextHop(uplink.interface, uplink.gateway, onlink=True)
    return (
        Route(everywhere, uplink.table, METRIC, (way,)),
        Route(everywhere, uplink.table, LAST_METRIC, type=RouteType.UNREACHABLE),
    )


def rules_of(uplink: Uplink, source: Address | None) -> Iterator[Rule]:
    """Yield the rules that lead to its table; those by source only while this node has it."""
    family, table = uplink.family, uplink.table
    if source is not None:
        own = ip_network(source)
        yield Rule(family, SOURCE_LAN, src=own, suppress_prefixlength=0)
        yield Rule(family, SOURCE_WAY, table, src=own)
    yield Rule(family, DEVICE_LAN, oif=uplink.interface, suppress_prefixlength=0)
    yield Rule(family, DEVICE_WAY, table, oif=uplink.interface)


def default_route(uplink: Uplink, metric: int, source: Address) -> Route:
    """Answer the default route of the main table with which *uplink* is in use."""
    way = NextHop(uplink.interface, uplink.gateway, onlink=True)
    return Route(EVERYWHERE[uplink.family], MAIN, metric, (way,), prefsrc=source)


def squatter(family: Family, metric: int, host: Host) -> Route | None:
    """Answer somebody else's default route at our metric, which ours would replace; None when there is none."""
    return next(
        (each for each in _defaults(family, host) if each.metric == metric and each.proto != PROTO), None
    )


def overrider(family: Family, metric: int, host: Host) -> Route | None:
    """Answer a default route that goes before ours; None when there is none."""
    found = [each for each in _defaults(family, host) if each.metric < metric and each.proto != PROTO]
    return min(found, key=lambda each: each.metric, default=None)


def own_default(family: Family, host: Host) -> Route | None:
    """Answer lvsctl's default route of *family*, if it has one."""
    return next((each for each in _defaults(family, host) if each.proto == PROTO), None)


def in_use(uplinks: Iterable[Uplink], host: Host) -> dict[Family, str]:
    """Answer the uplinks that lvsctl's default routes lead to."""
    found: dict[Family, str] = {}
    for each in uplinks:
        route = own_default(each.family, host)
        if route is not None and (each.interface, each.gateway) == (route.dev, route.gateway):
            found.setdefault(each.family, each.name)
    return found


def _defaults(family: Family, host: Host) -> Iterator[Route]:
    for each in host.routes:
        if each.family is family and each.table == MAIN and each.is_default:
            yield each


# --- what is missing or left over


def plan(uplinks: Sequence[Uplink], active: Mapping[Family, str], metric: int, host: Host) -> Plan:
    """Answer what has to change so that *uplinks* have what they need, and *active* are in use.

    A family that is not in *active* has none in use: its default route, if it is ours, goes. The kernel takes no
    route over a link that is down, so what belongs to one waits until it is up; the backstop is there meanwhile.
    """
    routes = {_slot(each): each for each in _wanted_routes(uplinks, active, metric, host)}
    rules = tuple(
        _first_of_each(each for uplink in uplinks for each in rules_of(uplink, source_of(uplink, host)))
    )
    own_rules = [each for each in host.rules if each.proto == PROTO and each.priority in OURS]
    tables = {MAIN, *(each.table for each in uplinks), *(each.table for each in own_rules)}
    own_routes = [each for each in host.routes if _is_own(each, tables)]
    there, wanted, known = {_calm(each) for each in own_routes}, set(rules), set(own_rules)
    return Plan(
        tuple(each for each in routes.values() if each not in there),
        tuple(each for each in rules if each not in known),
        tuple(each for each in own_rules if each not in wanted),
        tuple(each for each in own_routes if _slot(each) not in routes),
    )


def unplan(host: Host) -> Plan:
    """Answer what takes everything of lvsctl's uplinks back, and nothing else."""
    return plan((), {}, 0, host)


def _wanted_routes(
    uplinks: Sequence[Uplink], active: Mapping[Family, str], metric: int, host: Host
) -> Iterator[Route]:
    for uplink in uplinks:
        for route in table_routes(uplink):
            if not route.next_hops or _takes_routes(uplink, host):
                yield route
    for uplink in uplinks:
        source = source_of(uplink, host)
        is_active = active.get(uplink.family) == uplink.name and _takes_routes(uplink, host)
        # Without an address there the kernel would send with one of another uplink's, which goes nowhere.
        if is_active and source is not None and squatter(uplink.family, metric, host) is None:
            yield default_route(uplink, metric, source)


def _takes_routes(uplink: Uplink, host: Host) -> bool:
    link = host.links.get(uplink.interface)
    return link is not None and link.is_up


def _first_of_each(rules: Iterable[Rule]) -> Iterator[Rule]:
    """Yield one rule for each interface and each source: of several uplinks on one, the preferred."""
    seen: set[object] = set()
    for each in rules:
        what = (each.family, each.priority, each.src, each.oif)
        if what not in seen:
            seen.add(what)
            yield each


def _is_own(route: Route, tables: Collection[int]) -> bool:
    if route.proto != PROTO or not route.is_default:
        return False
    return route.table in tables or FIRST_TABLE <= route.table <= LAST_TABLE


def _calm(route: Route) -> Route:
    """Answer *route* without what the kernel adds: that its link is down, or the loopback of a backstop (IPv6)."""
    hops = route.next_hops if route.type is RouteType.UNICAST else ()
    return replace(route, next_hops=tuple(each._replace(is_down=False) for each in hops))


def _slot(route: Route) -> tuple[object, ...]:
    return route.dst, route.table, route.metric
