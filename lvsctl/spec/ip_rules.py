"""Policy rules that keepalived adds: virtual_rules and static_rules, in iproute2's words.

Read by alloc_rule (keepalived 2.2.7, vrrp_iprule.c). The family words ``inet`` and ``inet6`` swallow the word
after them there, so a rule that is for IPv6 without saying so otherwise is written with ``from ::/0``.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from lvsctl.spec.base import Line
from lvsctl.spec.forms import BARE, choice, option
from lvsctl.spec.iproute2 import (
    EVERYTHING,
    KEEPALIVED,
    MAX_8,
    MAX_16,
    MAX_32,
    MAX_64,
    MAX_INT,
    AnyBase,
    Destination,
    FirewallMark,
    NameOr,
    Realms,
    Span,
    TrafficClass,
    family,
)
from lvsctl.spec.next_hops import without_family
from lvsctl.spec.routes import IPV4, in_family
from lvsctl.spec.values import Bool, Interface, Name, OneOf, Whole

TYPES = ("blackhole", "prohibit", "unreachable", "nop")

MAX_INT8 = 2**7 - 1

RuleTable = Annotated[str, NameOr("a routing table", MAX_32, low=1)]
Priority = Annotated[int, AnyBase(0, MAX_32)]


class RuleLine(Line):
    """A policy rule that the master of a VRRP instance has."""

    syntax = "[not] [from NETWORK] [to NETWORK] [iif IF] [oif IF] [fwmark MARK[/MASK]] table T|TYPE|goto N priority N ..."

    not_: Annotated[Bool, BARE, Field(alias="not")] = False
    """It is for the packets that do not match."""
    from_: Annotated[Destination | None, Field(alias="from")] = None
    """Packets from this network, or `all`."""
    to: Destination | None = None
    """Packets to this network, or `all`."""
    iif: Annotated[Interface | None, option("iif", "dev")] = None
    """Packets that came in here; `lo` stands for those sent from this machine."""
    oif: Interface | None = None
    """Packets of sockets bound to this interface."""
    fwmark: FirewallMark | None = None
    """Packets with this firewall mark; with MARK/MASK only the bits of the mask count."""
    tos: Annotated[TrafficClass | None, option("tos", "dsfield")] = None
    """Packets with this type of service: a name from rt_dsfield, or a number."""
    tunnel_id: Annotated[int | None, AnyBase(1, MAX_64), Field(alias="tunnel-id")] = None
    """Packets of the tunnel with this id."""
    uidrange: Annotated[str, Span("user id", MAX_32 - 1)] | None = None
    """Packets of processes of these users."""
    # Up to 127: keepalived 2.2.7 compares the number with INT8_MAX (inet_proto_a2n in vrrp_iprule.c).
    ipproto: Annotated[str, NameOr("an IP protocol", MAX_INT8, hexadecimal=False)] | None = None
    """Packets of this protocol: a name from /etc/protocols, or a number."""
    sport: Annotated[str, Span("port", MAX_16)] | None = None
    """Packets from this port, or a range."""
    dport: Annotated[str, Span("port", MAX_16)] | None = None
    """Packets to this port, or a range."""
    table: Annotated[RuleTable | None, option("table", "lookup")] = None
    """They are routed by this table: a name from rt_tables, or a number."""
    l3mdev: Annotated[Bool, BARE] = False
    """They are routed by the table of the VRF that their interface is in."""
    type: Annotated[str | None, OneOf(*TYPES), choice(*TYPES, introduced_by="type")] = None
    """They are dropped (`blackhole`), refused (`prohibit`, `unreachable`), or left to the next rule (`nop`)."""
    goto: Priority | None = None
    """They go on with the rule of this priority, which has to come later."""
    realms: Realms | None = None
    """The realm they are counted in, or SOURCE/DESTINATION (IPv4 only)."""
    suppress_prefixlength: Annotated[
        Annotated[int, Whole(0, MAX_INT)] | None, option("suppress_prefixlength", "sup_pl")
    ] = None
    """Routes of the table with this prefix length or a shorter one do not count."""
    suppress_ifgroup: Annotated[
        Annotated[str, NameOr("an interface group", MAX_INT)] | None, option("suppress_ifgroup", "sup_group")
    ] = None
    """Routes of the table through an interface of this group do not count."""
    protocol: Annotated[int, Whole(0, MAX_8)] | None = None
    """Who it says it is from, as a number. Tracked rules are always from keepalived, which is 18."""
    priority: Annotated[Priority, option("priority", "preference", "order")]
    """Rules are tried by ascending priority. Required: what keepalived would make up is rarely what is meant."""
    no_track: Annotated[Bool, BARE] = False
    """Losing this rule, or its interface, is no reason for the FAULT state."""

    @classmethod
    def _parts(cls, words: list[str]) -> Iterator[tuple[str, Any]]:
        words, version = without_family(words)
        parts = dict(super()._parts(words))
        if version is not None:
            for name in {"from", "to"} & parts.keys():
                parts[name] = in_family(parts[name], version)
            if version != IPV4 and not {"from", "to"} & parts.keys():
                parts["from"] = "::/0"
        yield from parts.items()

    @model_validator(mode="after")
    def _does_one_thing(self) -> Self:
        actions = (self.table is not None, self.l3mdev, self.type is not None, self.goto is not None)
        if sum(actions) != 1:
            raise ValueError(f"expected exactly one of table, l3mdev, goto, {', '.join(TYPES)}")
        if self.goto is not None and self.goto <= self.priority:
            raise ValueError(
                f"goto {self.goto} does not lead to a later rule: this one has priority {self.priority}"
            )
        if self.table is None and not self.l3mdev and self._is_about_routes():
            raise ValueError("realms and suppress_… need table or l3mdev")
        if not self.no_track and self.protocol not in (None, KEEPALIVED):
            raise ValueError(f"a tracked rule is keepalived's own: protocol {self.protocol} needs no_track")
        return self

    def _is_about_routes(self) -> bool:
        return any(
            value is not None for value in (self.realms, self.suppress_prefixlength, self.suppress_ifgroup)
        )

    @model_validator(mode="after")
    def _is_of_one_family(self) -> Self:
        found = {family(self.from_), family(self.to), IPV4 if self.realms is not None else None}
        if len(found - {None}) > 1:
            raise ValueError("from, to and realms of a rule are all for IPv4 or all for IPv6")
        if self.to in EVERYTHING and family(self.from_) is not None:
            raise ValueError(
                f"to {self.to} says nothing, and keepalived refuses it behind a network: leave it out"
            )
        return self


class StaticRuleLine(RuleLine):
    """A policy rule that keepalived adds at start and removes at stop, on every node and in every state."""

    track_group: Name | None = None
    """The VRRP instances of this group go into the FAULT state when the rule is lost."""

    @model_validator(mode="after")
    def _group_has_an_interface(self) -> Self:
        if self.track_group is not None and self.iif is None:
            raise ValueError("track_group needs iif: keepalived tracks rules by their interface")
        return self
