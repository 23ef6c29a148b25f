"""Routes that keepalived adds: virtual_routes and static_routes, in iproute2's words.

Read by alloc_route (keepalived 2.2.7, vrrp_iproute.c). Two of its habits are worked around in :meth:`RouteLine.words`:
the family words ``inet`` and ``inet6`` swallow the word after them, so the destination carries the family instead;
and a route without ``dev`` is not tracked, which it is told openly, so that it does not complain.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from lvsctl.spec.forms import BARE, choice, first, option
from lvsctl.spec.iproute2 import (
    EVERYTHING,
    KEEPALIVED,
    MAX_8,
    MAX_32,
    Destination,
    Lockable,
    Realms,
    RoundTrip,
    RouteProtocol,
    Scope,
    Table,
    TrafficClass,
    WordOr,
    family,
)
from lvsctl.spec.next_hops import Encap, HopLine, NextHop, families, without_family
from lvsctl.spec.values import Address, Bool, Interface, Name, OneOf, Text, Whole

TYPES = (
    "unicast",
    "local",
    "broadcast",
    "brd",
    "anycast",
    "multicast",
    "prohibit",
    "unreachable",
    "blackhole",
    "throw",
    "nat",
    "xresolve",
)
OWN_PROTOCOL = frozenset({str(KEEPALIVED), hex(KEEPALIVED), "keepalived"})
IPV4, IPV6 = 4, 6
ORDERS = ("add", "append", "prepend")

Count = Annotated[int, Whole(0, MAX_32)]
Switch01 = Annotated[int, Whole(0, 1)]
LockableCount = Annotated[str, Lockable(Whole(0, MAX_32))]


class RouteLine(HopLine):
    """A route that the master of a VRRP instance has."""

    syntax = "[TYPE] DESTINATION [via ADDRESS] [dev IF] [table T] [src ADDRESS] [metric N] [no_track] [nexthop via ADDRESS [dev IF] [weight N]]... ..."

    type: Annotated[str | None, OneOf(*TYPES), choice(*TYPES)] = None
    """What happens to its packets, if not the usual: `blackhole`, `unreachable`, `prohibit`, `throw`, `local` …"""
    to: Annotated[Destination, first(introduced_by="to")]
    """The destination: a network, an address, or `default`."""
    via: Annotated[Address | None, option("via", "gw")] = None
    """The gateway."""
    dev: Annotated[Interface | None, option("dev", "oif")] = None
    """The interface. keepalived tracks routes by it: a route without one is written with no_track."""
    src: Address | None = None
    """The address that packets sent from here carry by default."""
    from_: Annotated[Destination | None, Field(alias="from")] = None
    """Only for packets from this IPv6 network."""
    table: Table | None = None
    """The routing table, if not main: a name from rt_tables, or a number."""
    vrf: Interface | None = None
    """The VRF device whose table it goes to, instead of `table`."""
    metric: Annotated[Count | None, option("metric", "priority", "preference")] = None
    """Of several routes to the same destination the lowest metric wins."""
    protocol: RouteProtocol | None = None
    """Who it says it is from: a name from rt_protos, or a number. Tracked routes are always from keepalived."""
    scope: Scope | None = None
    """How far the destination is: `global`, `site`, `link`, `host`, a name from rt_scopes, or a number."""
    tos: Annotated[TrafficClass | None, option("tos", "dsfield")] = None
    """Only for packets with this type of service: a name from rt_dsfield, or a number."""
    realms: Realms | None = None
    """The realm of its packets, or SOURCE/DESTINATION (IPv4 only)."""
    onlink: Annotated[Bool, BARE] = False
    """The gateway is on the link, even though no address of the interface says so."""
    pref: Annotated[str, WordOr(("low", "medium", "high"), MAX_8)] | None = None
    """How this router compares with others: `low`, `medium`, `high`, or a number (IPv6 only)."""
    expires: Annotated[int, Whole(0, MAX_32, "s")] | None = None
    """It goes away after this time (IPv6 only)."""
    mtu: LockableCount | None = None
    """The largest packet in bytes; `lock` before it switches off path MTU discovery."""
    advmss: LockableCount | None = None
    """The segment size announced to TCP peers, in bytes; may be locked."""
    hoplimit: Annotated[int, Whole(0, MAX_8)] | None = None
    """The hop limit of packets sent from here."""
    rtt: Annotated[str, Lockable(RoundTrip(8))] | None = None
    """The first estimate of the round trip time (`250ms`); a bare number is in 1/8 ms; may be locked."""
    rttvar: Annotated[str, Lockable(RoundTrip(4))] | None = None
    """The first estimate of its variance; a bare number is in 1/4 ms; may be locked."""
    rto_min: Annotated[str, Lockable(RoundTrip(1))] | None = None
    """The shortest time after which TCP sends again; a bare number is in ms; may be locked."""
    reordering: LockableCount | None = None
    """How many packets may overtake one another before TCP takes it for a loss; may be locked."""
    window: Count | None = None
    """The largest window announced to TCP peers, in bytes."""
    cwnd: LockableCount | None = None
    """The largest congestion window, in segments; only has an effect when locked."""
    ssthresh: LockableCount | None = None
    """The first slow start threshold, in segments; may be locked."""
    initcwnd: Count | None = None
    """The first congestion window of a connection, in segments."""
    initrwnd: Count | None = None
    """The first receive window of a connection, in segments."""
    features: Annotated[str, OneOf("ecn")] | None = None
    """`ecn` asks for explicit congestion notification."""
    quickack: Switch01 | None = None
    """1 acknowledges at once, without waiting for data to send along."""
    congctl: (
        Annotated[str, Lockable(Text("the name of a congestion control", r"[a-z][a-z0-9_]*", high=15))] | None
    ) = None
    """The congestion control of its connections; may be locked."""
    ttl_propagate: Annotated[str | None, OneOf("enabled", "disabled"), Field(alias="ttl-propagate")] = None
    """Whether the time to live is carried into and out of MPLS."""
    fastopen_no_cookie: Switch01 | None = None
    """1 lets TCP fast open do without a cookie."""
    order: Annotated[str | None, OneOf(*ORDERS), choice(*ORDERS)] = None
    """Where it goes among routes to the same destination; `prepend` is the default, `add` refuses to be the second."""
    no_track: Annotated[Bool, BARE] = False
    """Losing this route, or its interface, is no reason for the FAULT state."""
    encap: Encap | None = None
    """The tunnel its packets take."""
    nexthop: tuple[NextHop, ...] = ()
    """Several gateways to spread its packets over, instead of `via`."""

    @classmethod
    def _parts(cls, words: list[str]) -> Iterator[tuple[str, Any]]:
        words, version = without_family(words)
        start = words.index("nexthop") if "nexthop" in words else len(words)
        if "or" in words[:start]:
            raise ValueError("'or' is deprecated: write nexthop via ADDRESS nexthop via ADDRESS")
        parts = dict(super()._parts(words[:start]))
        yield from (
            {**parts, "to": in_family(parts["to"], version)}.items() if "to" in parts else parts.items()
        )
        if start < len(words):
            yield "nexthop", tuple(_hops(words[start:]))

    @classmethod
    def _completed(cls, parts: dict[str, Any]) -> dict[str, Any]:
        untracked = not {"dev", "no_track"} & parts.keys()
        if untracked and str(parts.get("protocol", KEEPALIVED)) in OWN_PROTOCOL:
            return {**parts, "no_track": True, "protocol": str(KEEPALIVED)}
        return parts

    def _words(self) -> Iterator[str]:
        for word in super()._words():
            yield from word.split()

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if not self.no_track and self.protocol is not None and self.protocol not in OWN_PROTOCOL:
            raise ValueError(f"a tracked route is keepalived's own: protocol {self.protocol} needs no_track")
        if not self.no_track and self.dev is None:
            raise ValueError("keepalived tracks routes by their interface: it needs dev, or no_track")
        if self.vrf is not None and self.table is not None:
            raise ValueError("a VRF stands for its table: leave table or vrf out")
        if self.from_ is not None and family(self.from_) != IPV6:
            raise ValueError(f"from is for IPv6 networks, not for {self.from_}")
        if len(self._families()) > 1:
            raise ValueError("the addresses and options of a route are all for IPv4 or all for IPv6")
        return self

    def _families(self) -> set[int]:
        found = {family(value) for value in (self.to, self.via, self.src, self.from_)} | families(
            self.nexthop
        )
        found |= {IPV4} if self.realms is not None else set()
        found |= {IPV6} if self.expires is not None or self.pref is not None else set()
        return {version for version in found if version is not None}


class StaticRouteLine(RouteLine):
    """A route that keepalived adds at start and removes at stop, on every node and in every state."""

    track_group: Name | None = None
    """The VRRP instances of this group go into the FAULT state when the route is lost."""

    @model_validator(mode="after")
    def _group_has_an_interface(self) -> Self:
        if self.track_group is not None and self.dev is None:
            raise ValueError("track_group needs dev: keepalived tracks routes by their interface")
        return self

    def _words(self) -> Iterator[str]:
        # Nothing may follow the next hops, and a field of a subclass comes last: move it behind the destination.
        words = list(super()._words())
        group = words[-2:] if self.track_group is not None else []
        behind = 1 if self.type is None else 2
        yield from (*words[:behind], *group, *words[behind : len(words) - len(group)])


def in_family(destination: str, version: int | None) -> str:
    """Answer *destination* so that it says by itself that it is IPv4 or IPv6, if *version* says so.

    Raises ValueError when it is of the other one.
    """
    if version is None:
        return destination
    if destination in EVERYTHING:
        return "0.0.0.0/0" if version == IPV4 else "::/0"
    if (":" in destination) is not (version == IPV6):
        raise ValueError(f"expected an IPv{version} destination, not {destination!r}")
    return destination


def _hops(words: list[str]) -> Iterator[str]:
    """Split ``nexthop … nexthop …`` into the words of each."""
    hop: list[str] = []
    for word in words[1:]:
        if word == "nexthop":
            yield " ".join(hop)
            hop = []
        else:
            hop.append(word)
    yield " ".join(hop)
