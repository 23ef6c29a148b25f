"""Follows a packet through rules and tables as the kernel does, and keeps what it passed. Pure.

The kernel answers which way a packet goes, but not by which rule, and nothing at all for a source address that the
host does not have, as on a BACKUP. Not modelled is what a reply is not asked by: marks, ports, users, type of service
(rules with such selectors are read as if they had none of those), VRFs, goto, exceptions; what the kernel says wins.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from lvsctl.net.model import Network, Route, RouteType, Rule
from lvsctl.vocabulary import Address, family_of

REFUSING = frozenset({"blackhole", "unreachable", "prohibit"})


class Packet(NamedTuple):
    """A reply of this host, or, with *iif*, one of another that it forwards."""

    src: Address
    dst: Address
    iif: str = "lo"


class Passed(NamedTuple):
    """One rule that was for the packet, and what came of it."""

    rule: Rule
    route: Route | None = None
    """The best route in its table; None when there is none, or when the rule looks up nothing."""
    taken: bool = False
    """It decided. A rule may pass over its route (suppress_prefixlength), and a throw route passes on."""


def walk(packet: Packet, rules: Iterable[Rule], routes: Sequence[Route]) -> tuple[Passed, ...]:
    """Answer the rules that *packet* passes, in order; the last one decides unless none does."""
    found: list[Passed] = []
    for rule in sorted(rules, key=lambda each: each.priority):
        if matches(rule, packet):
            found.append(_passed(rule, packet, routes))
            if found[-1].taken:
                break
    return tuple(found)


def matches(rule: Rule, packet: Packet) -> bool:
    """Answer whether *rule* is for *packet*."""
    if rule.family is not family_of(packet.dst) or rule.fwmark or rule.oif:
        return False
    fits = (
        _covers(rule.src, packet.src)
        and _covers(rule.dst, packet.dst)
        and (not rule.iif or rule.iif == packet.iif)
    )
    return fits is not rule.is_inverted


def best(routes: Iterable[Route], table: int, dst: Address) -> Route | None:
    """Answer the route of *table* for *dst*: the longest prefix, then the lowest metric, then the first."""
    fitting = [route for route in routes if route.table == table and _covers(route.dst, dst)]
    return min(fitting, key=lambda each: (-each.dst.prefixlen, each.metric), default=None)


def _passed(rule: Rule, packet: Packet, routes: Sequence[Route]) -> Passed:
    if rule.action in REFUSING:
        return Passed(rule, None, taken=True)
    if rule.action != "lookup":
        return Passed(rule)
    route = best(routes, rule.table, packet.dst)
    if route is None or route.type is RouteType.THROW:
        return Passed(rule, route)
    limit = rule.suppress_prefixlength
    # A route that refuses decides before anything is suppressed (fib4_rule_action): the lookup itself has failed.
    refused = route.type in {RouteType.BLACKHOLE, RouteType.UNREACHABLE, RouteType.PROHIBIT}
    suppressed = limit is not None and route.dst.prefixlen <= limit and not refused
    return Passed(rule, route, taken=not suppressed)


def _covers(network: Network | None, address: Address) -> bool:
    return network is None or (network.version == address.version and address in network)


def decision(passed: Sequence[Passed]) -> Passed | None:
    """Answer what decides, or None when the packet has no way."""
    return passed[-1] if passed and passed[-1].taken else None
