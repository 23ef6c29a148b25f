"""Which routes and rules make an address answer through its own gateway. Pure.

A director with two gateways answers everything through the default route, also what came in through the other one:
ping and connect seem to work, and every request is lost (facts: uplink §4). The remedy is policy routing by source
address. For each way out (interface and gateway) a table of its own::

    default via GATEWAY dev INTERFACE onlink        the way
    unreachable default metric 4278198272           the backstop: without the way nothing leaves, instead of half

and for each address two rules::

    from ADDRESS lookup main suppress_prefixlength 0    what the main table knows apart from its default: the LAN
    from ADDRESS lookup TABLE                           the rest goes its own way

Contents come first and rules last when it is made, and the other way round when it is taken back, so that at no
moment a rule leads to an empty table.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network

from lvsctl.net.model import EVERYWHERE, LAST_METRIC, PROTO, Network, NextHop, Route, RouteType, Rule
from lvsctl.vocabulary import Address, Family, family_of

FIRST_TABLE = 1001
"""Tables are numbered from here in the order of the spec; 253 to 255 are the kernel's, and few use four digits."""

LAN_PRIORITY, WAY_PRIORITY, FORWARDED_PRIORITY = 1000, 1001, 1002
"""Priorities of the rules: before the kernel's own for main (32766)."""

METRIC = 10
"""Of the way in its table."""


@dataclass(frozen=True, slots=True)
class ReturnPath:
    """How one address answers."""

    source: Network
    """The address, or the network of an IPv6 failover IP."""
    interface: str
    gateway: Address
    table: int
    real_servers: tuple[tuple[Network, str], ...] = ()
    """For LVS-NAT without snat_reroute: networks of real servers, and the interface their answers come in by."""

    @property
    def family(self) -> Family:
        """The family of the address."""
        return family_of(self.source.network_address)

    def __str__(self) -> str:
        return _plain(self.source)


def _plain(source: Network) -> str:
    return str(source.network_address if source.prefixlen == source.max_prefixlen else source)


@dataclass(frozen=True, slots=True)
class Plan:
    """What has to change, in this order; a pair of routes and rules each."""

    routes: tuple[Route, ...] = ()
    """To be put in place (RTM_NEWROUTE with replace)."""
    rules: tuple[Rule, ...] = ()
    """To be added."""
    old_rules: tuple[Rule, ...] = ()
    """Of lvsctl's, and nobody wants them any more: to be deleted."""
    old_routes: tuple[Route, ...] = ()
    """Likewise; after the rules that led to them."""

    def __bool__(self) -> bool:
        return bool(self.routes or self.rules or self.old_rules or self.old_routes)

    def commands(self) -> Iterator[str]:
        """Yield the ``ip`` commands that would do the same."""
        for route in self.routes:
            yield f"ip {_flag(route.family)}route replace {route}"
        for rule in self.rules:
            yield f"ip {_flag(rule.family)}rule add {rule}"
        for rule in self.old_rules:
            yield f"ip {_flag(rule.family)}rule del {rule}"
        for route in self.old_routes:
            yield f"ip {_flag(route.family)}route del {route}"


def _flag(family: Family) -> str:
    return "-6 " if family is Family.INET6 else ""


def tables(ways: Iterable[tuple[str, Address]]) -> dict[tuple[str, Address], int]:
    """Answer the table of each way out: the same one for all addresses that leave by it."""
    return {way: FIRST_TABLE + number for number, way in enumerate(dict.fromkeys(ways))}


def source_of(address: Address | Network) -> Network:
    """Answer the network of one address."""
    return ip_network(address)


def routes_of(path: ReturnPath) -> tuple[Route, ...]:
    """Answer the contents of its table."""
    everywhere = EVERYWHERE[path.family]
    way = NextHop(path.interface, path.gateway, onlink=True)
    return (
        Route(everywhere, path.table, METRIC, (way,)),
        Route(everywhere, path.table, LAST_METRIC, type=RouteType.UNREACHABLE),
    )


def rules_of(path: ReturnPath) -> tuple[Rule, ...]:
    """Answer the rules that lead to its table."""
    forwarded = tuple(
        Rule(path.family, FORWARDED_PRIORITY, path.table, src=network, iif=interface)
        for network, interface in path.real_servers
    )
    return (
        Rule(path.family, LAN_PRIORITY, src=path.source, suppress_prefixlength=0),
        Rule(path.family, WAY_PRIORITY, path.table, src=path.source),
        *forwarded,
    )


OURS = (LAN_PRIORITY, WAY_PRIORITY, FORWARDED_PRIORITY)
"""What tells the rules of return paths from those of uplinks, which are lvsctl's, too."""


def plan(
    paths: Sequence[ReturnPath], routes: Iterable[Route], rules: Iterable[Rule], links: Mapping[str, bool]
) -> Plan:
    """Answer what is missing, and what of lvsctl's is there for nobody.

    *routes* and *rules* are those of the host, *links* the interfaces and whether they are up: the kernel takes no
    route over one that is down, and the rule alone leads to the backstop then.
    """
    wanted_routes = {
        _slot(route): route for path in paths for route in routes_of(path) if _can_be_there(route, links)
    }
    wanted_rules = dict.fromkeys(rule for path in paths for rule in rules_of(path))
    there = [route for route in routes if route.proto == PROTO and route.table >= FIRST_TABLE]
    own_tables = {rule.table for rule in rules if _is_ours(rule)} | {path.table for path in paths}
    own_rules = [rule for rule in rules if _is_ours(rule)]
    return Plan(
        routes=tuple(route for route in wanted_routes.values() if route not in there),
        rules=tuple(rule for rule in wanted_rules if rule not in own_rules),
        old_rules=tuple(rule for rule in own_rules if rule not in wanted_rules),
        old_routes=tuple(
            route for route in there if route.table in own_tables and _slot(route) not in wanted_routes
        ),
    )


def unplan(routes: Iterable[Route], rules: Iterable[Rule]) -> Plan:
    """Answer what takes everything of lvsctl's return paths back."""
    return plan((), routes, rules, {})


def _is_ours(rule: Rule) -> bool:
    return rule.proto == PROTO and rule.priority in OURS


def _slot(route: Route) -> tuple[Network, int, int]:
    return route.dst, route.table, route.metric


def _can_be_there(route: Route, links: Mapping[str, bool]) -> bool:
    return all(links.get(hop.dev, False) for hop in route.next_hops)
