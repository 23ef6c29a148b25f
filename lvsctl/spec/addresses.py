"""Addresses that keepalived adds to interfaces: virtual_ipaddress, virtual_ipaddress_excluded, static_ipaddress.

Read by alloc_ipaddress (keepalived 2.2.7, vrrp_ipaddress.c), which drops or ignores whatever contradicts itself;
here that is refused.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Any, Self

from pydantic import model_validator

from lvsctl.spec.base import Line
from lvsctl.spec.forms import BARE, FIRST, bare, option
from lvsctl.spec.iproute2 import MAX_32, Scope
from lvsctl.spec.values import (
    Address,
    Bool,
    Interface,
    JsonSchema,
    Name,
    Parsed,
    Prefixed,
    Text,
    Whole,
    expected,
)

LONGEST_BROADCAST_PREFIX = 30
"""keepalived computes no broadcast address for a longer prefix."""

GLOBAL = frozenset({"global", "0"})

Label = Annotated[str, Text("a label of at most 15 characters, such as eth0:1", r"[!-~]+", high=15)]


class _Broadcast(Parsed):
    """A broadcast address, or its computation from the prefix: ``+`` sets all host bits, ``-`` none."""

    def parse(self, value: Any) -> str:
        if value in ("+", "-"):
            return str(value)
        try:
            return str(IPv4Address(value))
        except ValueError:
            raise expected("an IPv4 broadcast address, + or -", value) from None


Broadcast = Annotated[str, _Broadcast()]


class _Lifetime(Parsed):
    """Seconds, or ``forever``."""

    def parse(self, value: object) -> int | str:
        return "forever" if value == "forever" else Whole(0, MAX_32, "s, or forever").parse(value)

    def json_schema(self) -> JsonSchema:
        return {"anyOf": [Whole(0, MAX_32).json_schema(), {"const": "forever"}]}


Lifetime = Annotated[int | str, _Lifetime()]


class _AnyAddressLine(Line):
    """What virtual and static addresses have in common."""

    address: Annotated[Prefixed, FIRST]
    """The address; without a prefix length it is a host address (/32 or /128)."""
    dev: Interface | None = None
    """The interface that gets it."""
    scope: Scope | None = None
    """How far an IPv4 address is valid: `global`, `site`, `link`, `host`, a name from rt_scopes, or a number."""
    label: Label | None = None
    """The name that ifconfig shows for an IPv4 address: the interface, a colon, and something short."""
    brd: Annotated[Broadcast | None, option("brd", "broadcast")] = None
    """The IPv4 broadcast address, or `+` or `-` to have it computed with all host bits set or clear."""
    peer: Address | None = None
    """The other end of a point-to-point link; the address itself then has no prefix length."""
    home: Annotated[Bool, BARE] = False
    """It is the home address of a mobile IPv6 node."""
    nodad: Annotated[Bool, bare("-nodad")] = False
    """Do without duplicate address detection for an IPv6 address."""
    mngtmpaddr: Annotated[Bool, BARE] = False
    """The kernel derives temporary IPv6 addresses from it."""
    noprefixroute: Annotated[Bool, BARE] = False
    """Do not add the route to its network."""
    autojoin: Annotated[Bool, BARE] = False
    """Join the multicast group when the address is one."""
    no_track: Annotated[Bool, BARE] = False
    """Losing this address, or the interface it is on, is no reason for the FAULT state."""
    preferred_lft: Lifetime | None = None
    """How long it may be the source of new connections unasked: 0 is never, which suits failover IPs.

    keepalived's default is forever, but 0 for an IPv6 host address.
    """

    @classmethod
    def _parts(cls, words: list[str]) -> Iterator[tuple[str, Any]]:
        given: set[str] = set()
        for name, value in super()._parts(words):
            if name in given:
                raise ValueError(
                    f"{name} is given twice: keepalived drops the address, or takes the last one"
                )
            given.add(name)
            yield name, value

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if ":" in self.address:
            self._refuse_what_ipv6_has_not()
        if self.peer is not None:
            self._check_peer(self.peer)
        if self.brd in ("+", "-") and self._length() > LONGEST_BROADCAST_PREFIX:
            raise ValueError(f"brd {self.brd} needs a prefix length of at most {LONGEST_BROADCAST_PREFIX}")
        return self

    def _length(self) -> int:
        length = self.address.partition("/")[2]
        return int(length) if length else (128 if ":" in self.address else 32)

    def _refuse_what_ipv6_has_not(self) -> None:
        for name in ("brd", "label"):
            if getattr(self, name) is not None:
                raise ValueError(f"{name} is for IPv4 addresses, not for {self.address}")
        if self.scope is not None and self.scope not in GLOBAL:
            raise ValueError(f"an IPv6 address has the scope it has: keepalived ignores scope {self.scope}")

    def _check_peer(self, peer: IPv4Address | IPv6Address) -> None:
        version = 6 if ":" in self.address else 4
        if peer.version != version:
            raise ValueError(f"expected a peer of the same family as {self.address}, not {str(peer)!r}")
        if self._length() != (32 if version == 4 else 128):  # noqa: PLR2004 - IP versions are their own names
            raise ValueError("an address with a peer is a host address: leave its prefix length out")
        if self.brd is not None:
            raise ValueError("an address with a peer has no broadcast address")


class AddressLine(_AnyAddressLine):
    """An address that the master of a VRRP instance has."""

    syntax = "ADDRESS[/LENGTH] [dev IF] [scope S] [label L] [brd ADDRESS|+|-] [peer ADDRESS] [no_track] [preferred_lft SECONDS|forever] [use_vmac] ..."

    use_vmac: Annotated[Bool, BARE] = False
    """Put it on a macvlan interface with the virtual MAC address on top of `dev`."""


class StaticAddressLine(_AnyAddressLine):
    """An address that keepalived adds at start and removes at stop, on every node and in every state."""

    syntax = "ADDRESS[/LENGTH] [dev IF] [scope S] [label L] [brd ADDRESS|+|-] [peer ADDRESS] [no_track] [preferred_lft SECONDS|forever] [track_group G] ..."

    track_group: Name | None = None
    """The VRRP instances of this group go into the FAULT state when the address is lost."""
