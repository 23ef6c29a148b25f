"""What a network namespace has: links, addresses, routes and rules. Pure.

Names are iproute2's (``ip-route(8)``, ``ip-rule(8)``), numbers the kernel's (``linux/rtnetlink.h``,
``linux/fib_rules.h``).
"""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, IPv6Network, ip_network
from typing import NamedTuple

from lvsctl.vocabulary import Address, Family, family_of

Network = IPv4Network | IPv6Network
Interface = IPv4Interface | IPv6Interface

MAIN, LOCAL = 254, 255
"""Routing tables that every namespace has."""

PROTO = 118
"""The routing protocol number (``proto``) of every route and rule that is lvsctl's: others are never touched."""

IPV6_DEFAULT_METRIC = 1024
"""What the kernel makes of metric 0 on an IPv6 route."""

LAST_METRIC = 4278198272
"""The metric of a backstop: what keepalived and iproute2 print as such, behind anything else (facts: uplink §3.4)."""

EVERYWHERE = {Family.INET: ip_network("0.0.0.0/0"), Family.INET6: ip_network("::/0")}


class RouteType(StrEnum):
    """What happens to a packet (``ip route``'s TYPE)."""

    UNICAST = "unicast"
    LOCAL = "local"
    BROADCAST = "broadcast"
    ANYCAST = "anycast"
    MULTICAST = "multicast"
    BLACKHOLE = "blackhole"
    UNREACHABLE = "unreachable"
    PROHIBIT = "prohibit"
    THROW = "throw"
    OTHER = "other"
    """A type that this lvsctl has no word for."""


@dataclass(frozen=True, slots=True)
class Link:
    """A network interface."""

    index: int
    name: str
    is_up: bool
    """Somebody has set it up (IFF_UP)."""
    has_carrier: bool
    """Its cable, or its peer, is there (IFF_LOWER_UP)."""
    mac: str = ""
    kind: str = ""
    """``veth``, ``vlan``, ``bridge`` …; empty for hardware."""
    master: int = 0
    """Index of the bridge or bond it belongs to; 0 for none."""
    is_loopback: bool = False


@dataclass(frozen=True, slots=True)
class HostAddress:
    """An address of this host."""

    interface: Interface
    """With its prefix length."""
    dev: str
    is_tentative: bool = False
    """IPv6 duplicate address detection is not through yet, or has failed."""
    is_secondary: bool = False
    preferred_lft: int | None = None
    """Seconds; 0: never chosen as a source by itself; None: forever."""
    proto: int = 0
    """Who it says it is from (IFA_PROTO; kernels before 5.18 keep none)."""

    @property
    def address(self) -> Address:
        """The address without its prefix length."""
        return self.interface.ip

    @property
    def family(self) -> Family:
        """Its family."""
        return family_of(self.address)

    def words(self) -> Iterator[str]:
        """Yield the words that stand for it in an ``ip address`` command, which has none for its proto in Debian 12."""
        yield from (str(self.interface), "dev", self.dev)
        if self.preferred_lft is not None:
            yield from ("preferred_lft", str(self.preferred_lft))
        if self.family is Family.INET6:
            yield "nodad"

    def __str__(self) -> str:
        return shlex.join(self.words())


class NextHop(NamedTuple):
    """Where a route leads."""

    dev: str
    gateway: Address | None = None
    weight: int = 1
    onlink: bool = False
    is_down: bool = False
    """The link has no carrier or is down; whether the kernel then passes over it is a sysctl."""

    def words(self, family: Family) -> Iterator[str]:
        """Yield the words that stand for it in a route of *family*, without its weight."""
        if self.gateway:
            yield "via"
            if family_of(self.gateway) is not family:
                yield family_of(self.gateway).value
            yield str(self.gateway)
        yield from ("dev", self.dev)
        if self.onlink:
            yield "onlink"


@dataclass(frozen=True, slots=True)
class Route:
    """A route; its identity is destination, table and metric (and tos, which lvsctl leaves alone)."""

    dst: Network
    table: int = MAIN
    metric: int = 0
    next_hops: tuple[NextHop, ...] = ()
    """More than one is a multipath route; none for types that lead nowhere."""
    type: RouteType = RouteType.UNICAST
    proto: int = PROTO
    prefsrc: Address | None = None
    scope: int = 0

    @property
    def family(self) -> Family:
        """The family of its destination."""
        return family_of(self.dst.network_address)

    @property
    def is_default(self) -> bool:
        """Whether it is for every destination."""
        return self.dst.prefixlen == 0

    @property
    def dev(self) -> str:
        """The interface of the only next hop; empty when there is none, or several."""
        return self.next_hops[0].dev if len(self.next_hops) == 1 else ""

    @property
    def gateway(self) -> Address | None:
        """The gateway of the only next hop."""
        return self.next_hops[0].gateway if len(self.next_hops) == 1 else None

    def words(self) -> Iterator[str]:
        """Yield the words that stand for it in an ``ip route`` command."""
        if self.type is not RouteType.UNICAST:
            yield self.type.value
        yield "default" if self.is_default else str(self.dst)
        if len(self.next_hops) == 1:
            yield from self.next_hops[0].words(self.family)
        if self.prefsrc:
            yield from ("src", str(self.prefsrc))
        if self.table != MAIN:
            yield from ("table", str(self.table))
        if self.metric:
            yield from ("metric", str(self.metric))
        yield from ("proto", str(self.proto))
        if len(self.next_hops) > 1:
            for hop in self.next_hops:
                yield from ("nexthop", *hop.words(self.family), "weight", str(hop.weight))

    def __str__(self) -> str:
        return shlex.join(self.words())


@dataclass(frozen=True, slots=True)
class Rule:
    """A routing policy rule that looks up a table."""

    family: Family
    priority: int
    table: int = MAIN
    src: Network | None = None
    dst: Network | None = None
    iif: str = ""
    oif: str = ""
    fwmark: int = 0
    fwmask: int = 0
    suppress_prefixlength: int | None = None
    proto: int = PROTO
    action: str = "lookup"
    """``lookup``, or a word of ip-rule(8) for a rule that looks up nothing; ``other`` for the rest."""
    is_inverted: bool = False

    def words(self) -> Iterator[str]:
        """Yield the words that stand for it in an ``ip rule`` command."""
        if self.is_inverted:
            yield "not"
        yield from ("from", str(self.src) if self.src else "all")
        if self.dst:
            yield from ("to", str(self.dst))
        if self.iif:
            yield from ("iif", self.iif)
        if self.oif:
            yield from ("oif", self.oif)
        if self.fwmark or self.fwmask:
            yield from ("fwmark", f"{self.fwmark:#x}/{self.fwmask:#x}")
        if self.action == "lookup":
            yield from ("lookup", "main" if self.table == MAIN else str(self.table))
        else:
            yield self.action
        if self.suppress_prefixlength is not None:
            yield from ("suppress_prefixlength", str(self.suppress_prefixlength))
        yield from ("priority", str(self.priority))
        yield from ("protocol", str(self.proto))

    def __str__(self) -> str:
        return shlex.join(self.words())


@dataclass(frozen=True, slots=True)
class Lookup:
    """What to ask the kernel's routing: which way would a packet go."""

    dst: Address
    src: Address | None = None
    oif: str = ""
    iif: str = ""
    """Ask for a packet that arrives there and is forwarded, not for one of this host's own."""
    fwmark: int = 0

    def words(self) -> Iterator[str]:
        """Yield the words that stand for it in an ``ip route get`` command."""
        yield str(self.dst)
        for word, value in (("from", self.src), ("oif", self.oif), ("iif", self.iif)):
            if value:
                yield from (word, str(value))
        if self.fwmark:
            yield from ("mark", str(self.fwmark))


@dataclass(frozen=True, slots=True)
class Way:
    """What the kernel answers: where such a packet goes, and which route says so."""

    type: RouteType
    dev: str
    gateway: Address | None
    table: int
    prefsrc: Address | None
    metric: int | None = None
    proto: int | None = None
    matched: Network | None = None
    """The destination of the route that was found."""
