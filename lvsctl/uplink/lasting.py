"""Which tracked connections a switch does not concern: they go by the old uplink's interface as before. Pure.

Rules are read as far as a tracked connection can be held against them: it has addresses, and no firewall mark. What
cannot be said counts as concerned.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from lvsctl.net.model import MAIN, PROTO, HostAddress, Network, Route, Rule
from lvsctl.uplink.model import Uplink
from lvsctl.vocabulary import Address

LOCAL_RULE, MAIN_RULE = 0, 32766
"""Priorities of the kernel's own rules. Behind the second none is asked: main has a default route."""


HAND_MADE = (3, 4, 9, 16)
"""``proto`` of routes that an administrator, a router's advertisement or DHCP made (linux/rtnetlink.h: boot, static, ra,
dhcp). No table of a whole Internet is read to find a default route."""


def of_others(rules: Iterable[Rule]) -> Iterator[Rule]:
    """Yield the rules that are somebody else's, and asked before the main table."""
    for each in rules:
        if each.proto != PROTO and LOCAL_RULE < each.priority < MAIN_RULE and each.action == "lookup":
            yield each


def _is_by(old: Uplink, route: Route) -> bool:
    """Answer whether *route* is the way of *old*: several uplinks may be on one interface."""
    return route.dev == old.interface and route.gateway in (old.gateway, None)


@dataclass(frozen=True, slots=True)
class Lasting:
    """What is known of the host, to answer for each connection."""

    near: Sequence[Network]
    """The networks on the old uplink's interface."""
    rules: Sequence[Rule]
    """Those of others, in the order in which they are asked."""
    tables: Collection[int]
    """Those whose default route is the way of the old uplink."""
    inside: Sequence[HostAddress]

    @classmethod
    def on(
        cls, old: Uplink, addresses: Sequence[HostAddress], rules: Iterable[Rule], routes: Iterable[Route]
    ) -> Self:
        """Answer it for a host with these *addresses*, *rules*, and *routes* of the tables that they lead to."""
        near = [each.interface.network for each in addresses if each.dev == old.interface]
        leading = {each.table for each in routes if each.is_default and _is_by(old, each)}
        return cls(near, tuple(of_others(rules)), (leading | {old.table}) - {MAIN}, addresses)

    def holds(self, source: Address, destination: Address) -> bool:
        """Answer whether what *source* sends to *destination* goes by the old uplink's interface as before."""
        if any(destination in each for each in self.near):
            return True
        for rule in self.rules:
            # A suppressed one leads to networks only, and never out of an uplink by its default.
            if rule.suppress_prefixlength is None and self._matches(rule, source, destination):
                return rule.table in self.tables
        return False

    def _matches(self, rule: Rule, source: Address, destination: Address) -> bool:
        if rule.is_inverted or rule.oif or rule.fwmark or rule.fwmask:
            return False
        comes = not rule.iif or any(
            source in each.interface.network for each in self.inside if each.dev == rule.iif
        )
        from_there = rule.src is None or source in rule.src
        return comes and from_there and (rule.dst is None or destination in rule.dst)
