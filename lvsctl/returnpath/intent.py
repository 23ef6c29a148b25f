"""Which routes and rules make an address answer through its own gateway. Pure.

A director with two gateways answers everything through the default route, also what came in through the other one:
ping and connect seem to work, and every request is lost (facts: uplink §4). The remedy is policy routing by source
address. For each way out (interface and gateway) a table of its own::

    default via GATEWAY dev INTERFACE onlink        the way
    unreachable default metric 4278198272           the backstop: without the way nothing leaves, instead of half

and for each address two rules::

    from ADDRESS lookup main suppress_prefixlength 0    what the main table knows apart from its default: the LAN
    from ADDRESS lookup TABLE                           the rest goes its own way

Where VRRP has the address, keepalived makes the same from what `lvsctl render` writes (:mod:`lvsctl.compose`), and
nothing here is planned for it: one owner.

With LVS-NAT the answers of real servers are forwarded, and IPVS routes them anew once they carry the virtual address.
Where that is switched off (``net.ipv4.vs.snat_reroute=0``) they go by the real server's address, which then gets the
same two rules.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import NamedTuple

from lvsctl.net.model import (
    EVERYWHERE,
    LAST_METRIC,
    PROTO,
    HostAddress,
    Network,
    NextHop,
    Route,
    RouteType,
    Rule,
)
from lvsctl.spec.return_paths import FIRST_TABLE, LAST_TABLE
from lvsctl.vocabulary import Address, Family, family_of

LAN_PRIORITY, WAY_PRIORITY = 1000, 1001
"""Priorities of the rules: before the kernel's own for main (32766)."""

FORWARDED_LAN_PRIORITY, FORWARDED_WAY_PRIORITY = 1002, 1003
"""Likewise, for what real servers answer."""

METRIC = 10
"""Of the way in its table."""


Slot = tuple[Network, int, int]
"""The place of a route: the kernel has one of each."""


@dataclass(frozen=True, slots=True)
class ReturnPath:
    """How one address answers."""

    address: Address
    interface: str
    gateway: Address
    table: int
    instance: str = ""
    """The VRRP instance that has the address, so that keepalived makes table and rules; empty: lvsctl does."""
    real_servers: tuple[Address, ...] = ()
    """Those that answer for the address by LVS-NAT."""
    forwarded: bool = False
    """The spec states that IPVS does not route their answers anew."""

    @property
    def family(self) -> Family:
        """The family of the address."""
        return family_of(self.address)

    @property
    def is_ours(self) -> bool:
        """Whether lvsctl makes it, rather than keepalived."""
        return not self.instance


class Unstated(NamedTuple):
    """An address that the spec gives no return path."""

    address: Address
    interface: str
    """Where it is put; empty when the spec does not tell."""


class Intended(NamedTuple):
    """What a spec says about the way back, for one node."""

    paths: tuple[ReturnPath, ...] = ()
    addresses: tuple[HostAddress, ...] = ()
    """Failover IPs that are on both nodes all the time, because no VRRP instance has them."""
    unstated: tuple[Unstated, ...] = ()


class Host(NamedTuple):
    """What a host has."""

    links: Mapping[str, bool] = {}
    """Its interfaces, and whether they are up."""
    addresses: tuple[HostAddress, ...] = ()
    routes: tuple[Route, ...] = ()
    """Of all tables and both families."""
    rules: tuple[Rule, ...] = ()
    reroutes: bool = True
    """IPVS routes the answers of real servers anew (``net.ipv4.vs.snat_reroute``, 1 by default)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What has to change, in this order: nothing leads to an empty table at any moment."""

    old_addresses: tuple[HostAddress, ...] = ()
    """Of lvsctl's, and nobody wants them any more. First of all: the kernel may drop routes with them."""
    routes: tuple[Route, ...] = ()
    """To be put in place (RTM_NEWROUTE with replace)."""
    rules: tuple[Rule, ...] = ()
    """To be added."""
    old_rules: tuple[Rule, ...] = ()
    """Of lvsctl's, and nobody wants them any more: to be deleted."""
    old_routes: tuple[Route, ...] = ()
    """Likewise; after the rules that led to them."""
    addresses: tuple[HostAddress, ...] = ()
    """To be added: they answer only once their way back is there."""

    def __bool__(self) -> bool:
        return any(self.steps())

    def steps(self) -> Iterator[tuple[str, HostAddress | Route | Rule]]:
        """Yield what is to be done in order: a verb of ip(8), and to what."""
        yield from (("del", each) for each in self.old_addresses)
        yield from (("replace", each) for each in self.routes)
        yield from (("add", each) for each in self.rules)
        yield from (("del", each) for each in self.old_rules)
        yield from (("del", each) for each in self.old_routes)
        yield from (("add", each) for each in self.addresses)

    def commands(self) -> Iterator[str]:
        """Yield the ``ip`` commands that would do the same."""
        for verb, each in self.steps():
            yield command(verb, each)


def command(verb: str, each: HostAddress | Route | Rule) -> str:
    """Answer the ``ip`` command that does *verb* to *each*."""
    noun = {HostAddress: "address", Route: "route", Rule: "rule"}[type(each)]
    return f"ip {'-6 ' if each.family is Family.INET6 else ''}{noun} {verb} {each}"


def host_network(address: Address) -> Network:
    """Answer the network of one address alone."""
    return ip_network(address)


def routes_of(path: ReturnPath) -> tuple[Route, Route]:
    """Answer the contents of its table: the way, and the backstop."""
    everywhere = EVERYWHERE[path.family]
    way = NextHop(path.interface, path.gateway, onlink=True)
    return (
        Route(everywhere, path.table, METRIC, (way,)),
        Route(everywhere, path.table, LAST_METRIC, type=RouteType.UNREACHABLE),
    )


def rules_of(path: ReturnPath, *, forwarded: bool) -> tuple[Rule, ...]:
    """Answer the rules that lead to its table; those for real servers only where *forwarded*."""
    servers = path.real_servers if forwarded else ()
    return (
        *_pair(path.address, path.table, LAN_PRIORITY, WAY_PRIORITY),
        *(
            rule
            for server in servers
            for rule in _pair(server, path.table, FORWARDED_LAN_PRIORITY, FORWARDED_WAY_PRIORITY)
        ),
    )


def _pair(source: Address, table: int, lan: int, way: int) -> tuple[Rule, Rule]:
    family, network = family_of(source), host_network(source)
    return (
        Rule(family, lan, src=network, suppress_prefixlength=0),
        Rule(family, way, table, src=network),
    )


OURS = frozenset({LAN_PRIORITY, WAY_PRIORITY, FORWARDED_LAN_PRIORITY, FORWARDED_WAY_PRIORITY})
"""What tells the rules of return paths from those of uplinks, which are lvsctl's, too."""


def plan(intended: Intended, host: Host) -> Plan:
    """Answer what is missing on *host*, and what of lvsctl's is there for nobody."""
    paths = [path for path in intended.paths if path.is_ours]
    wanted_routes = _wanted_routes(paths, host)
    taken = _taken(host)
    wanted_rules = _wanted_rules(paths, host)
    own_rules = [rule for rule in host.rules if _is_ours(rule)]
    there = [_plain(route) for route in host.routes if _is_own(route)]
    own_addresses = [each for each in host.addresses if each.proto == PROTO]
    return Plan(
        old_addresses=tuple(each for each in own_addresses if each.address not in _hosts(intended.addresses)),
        routes=tuple(
            route for slot, route in wanted_routes.items() if route not in there and slot not in taken
        ),
        rules=tuple(rule for rule in wanted_rules if rule not in own_rules),
        old_rules=tuple(rule for rule in own_rules if rule not in wanted_rules),
        old_routes=tuple(route for route in there if _slot(route) not in wanted_routes),
        addresses=tuple(_missing(intended.addresses, host)),
    )


def in_the_way(intended: Intended, host: Host) -> Iterator[Route]:
    """Yield the routes of others that lead elsewhere, and have the places in its tables that lvsctl needs.

    To put ours there would take theirs away, and nothing would bring it back.
    """
    taken = _taken(host)
    paths = [path for path in intended.paths if path.is_ours]
    for slot, route in _wanted_routes(paths, host).items():
        if slot in taken and _way(taken[slot]) != _way(route):
            yield taken[slot]


def unplan(host: Host) -> Plan:
    """Answer what takes everything of lvsctl's return paths back: routes, rules, addresses."""
    return plan(Intended(), host)


def _wanted_routes(paths: Iterable[ReturnPath], host: Host) -> dict[Slot, Route]:
    return {
        _slot(route): route for path in paths for route in routes_of(path) if _can_be_there(route, host.links)
    }


def _taken(host: Host) -> dict[Slot, Route]:
    """Answer the routes that are not lvsctl's, by their places."""
    return {_slot(route): route for route in host.routes if route.proto != PROTO}


def _way(route: Route) -> tuple[RouteType, str, Address | None]:
    return route.type, route.dev, route.gateway


def _wanted_rules(paths: Iterable[ReturnPath], host: Host) -> dict[Rule, None]:
    """Answer the rules in order, each once; the first path that a real server answers for has its answers."""
    found: dict[Rule, None] = {}
    taken: dict[tuple[int, Network | None], Rule] = {}
    for path in paths:
        for rule in rules_of(path, forwarded=path.forwarded or not host.reroutes):
            if taken.setdefault((rule.priority, rule.src), rule) == rule:
                found[rule] = None
    return found


def _missing(addresses: Iterable[HostAddress], host: Host) -> Iterator[HostAddress]:
    there = _hosts(host.addresses)
    return (each for each in addresses if each.address not in there and each.dev in host.links)


def _hosts(addresses: Iterable[HostAddress]) -> set[Address]:
    return {each.address for each in addresses}


def _is_ours(rule: Rule) -> bool:
    return rule.proto == PROTO and rule.priority in OURS


def _is_own(route: Route) -> bool:
    """Answer whether a return path made *route*, which its table tells even when no rule leads there any more."""
    return route.proto == PROTO and FIRST_TABLE <= route.table <= LAST_TABLE


def _plain(route: Route) -> Route:
    """Answer *route* without what the kernel tells of its links: a cable that is out is no other route."""
    if not any(hop.is_down for hop in route.next_hops):
        return route
    return replace(route, next_hops=tuple(hop._replace(is_down=False) for hop in route.next_hops))


def _slot(route: Route) -> Slot:
    return route.dst, route.table, route.metric


def _can_be_there(route: Route, links: Mapping[str, bool]) -> bool:
    """Answer whether the kernel takes it: none over a link that is down; the rule leads to the backstop then."""
    return all(links.get(hop.dev, False) for hop in route.next_hops)
