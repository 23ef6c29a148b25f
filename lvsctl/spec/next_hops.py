"""The parts of a route: tunnels that its packets go through, and the gateways it spreads them over.

Read by parse_encap and parse_nexthops (keepalived 2.2.7, vrrp_iproute.c).
"""

import re
from collections import deque
from collections.abc import Callable
from typing import Annotated, Any, Self

from pydantic import model_validator

from lvsctl.spec.base import Line
from lvsctl.spec.forms import BARE, FIRST
from lvsctl.spec.iproute2 import MAX_8, MAX_16, MAX_64, Realms, TrafficClass, number
from lvsctl.spec.values import Address, Bool, Interface, OneOf, Parsed, Whole, expected

OPTIONS = {
    "ip": frozenset({"id", "dst", "src", "tos", "ttl", "flags"}),
    "ip6": frozenset({"id", "dst", "src", "tc", "hoplimit", "flags"}),
    "mpls": frozenset[str](),
    "ila": frozenset[str](),
}
"""The options of each kind of tunnel; the first other word ends it."""

LOCKABLE = ("mtu", "advmss", "rtt", "rttvar", "reordering", "cwnd", "ssthresh", "rto_min", "congctl")
"""The metrics that ``lock`` may precede in keepalived 2.2.7."""

MAX_LABEL = 2**20 - 1
FAMILIES = ("inet", "inet6")

_LOCATOR = re.compile(r"[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){3}")


class _TunnelLabel(Parsed):
    """Where an MPLS or ILA tunnel leads: one or two MPLS labels, or the upper half of an IPv6 address."""

    def parse(self, value: object) -> str:
        labels = str(value).split("/")
        if _LOCATOR.fullmatch(str(value)):
            return str(value)
        if len(labels) > 2 or any((found := number(label)) is None or found > MAX_LABEL for label in labels):  # noqa: PLR2004 - keepalived's MAX_MPLS_LABELS
            raise expected(
                "MPLS labels such as 100 or 100/200, or an ILA locator such as 2001:db8:0:1", value
            )
        return str(value)


class Encap(Line):
    """A tunnel without an interface of its own (a lightweight tunnel of the kernel)."""

    syntax = "ip|ip6 [id N] [dst ADDRESS] [src ADDRESS] [tos|tc N] [ttl|hoplimit N] [flags N] | mpls LABEL[/LABEL] | ila LOCATOR"

    type: Annotated[str, OneOf(*OPTIONS), FIRST]
    """The kind of tunnel."""
    label: Annotated[Annotated[str, _TunnelLabel()] | None, FIRST] = None
    """For `mpls` one or two labels, for `ila` the locator."""
    id: Annotated[int, Whole(0, MAX_64)] | None = None
    """The tunnel's id."""
    dst: Address | None = None
    """The other end of the tunnel."""
    src: Address | None = None
    """This end of the tunnel."""
    tos: TrafficClass | None = None
    """The type of service of the outer packets (`ip`)."""
    tc: TrafficClass | None = None
    """The traffic class of the outer packets (`ip6`)."""
    ttl: Annotated[int, Whole(0, MAX_8)] | None = None
    """The time to live of the outer packets (`ip`)."""
    hoplimit: Annotated[int, Whole(0, MAX_8)] | None = None
    """The hop limit of the outer packets (`ip6`)."""
    flags: Annotated[int, Whole(0, MAX_16)] | None = None
    """The tunnel's flags as the kernel numbers them."""

    @model_validator(mode="after")
    def _agrees_with_its_type(self) -> Self:
        given = self.model_fields_set - {"type", "label"}
        if other := sorted(given - OPTIONS[self.type]):
            raise ValueError(f"encap {self.type} has no {', '.join(other)}")
        if (self.label is None) is (self.type in ("mpls", "ila")):
            raise ValueError("encap mpls needs labels and encap ila a locator, encap ip and ip6 have none")
        if self.label is not None and (":" in self.label) is not (self.type == "ila"):
            raise ValueError(f"{self.label!r} is no label for encap {self.type}")
        if self.label is None:
            self._check_ends()
        return self

    def _check_ends(self) -> None:
        if self.dst is None and self.id is None:
            raise ValueError(f"encap {self.type} needs dst or id")
        version = 4 if self.type == "ip" else 6
        if any(end is not None and end.version != version for end in (self.dst, self.src)):
            raise ValueError(f"encap {self.type} goes between IPv{version} addresses")


def _take_encap(rest: deque[str]) -> str:
    """Take a tunnel off the words that follow ``encap``: its kind, then its options as far as they go."""
    words = [OneOf(*OPTIONS).parse(rest.popleft() if rest else None)]
    options = OPTIONS[words[0]]
    if rest and words[0] in ("mpls", "ila"):
        words.append(rest.popleft())
    while len(rest) > 1 and rest[0] in options:
        words += (rest.popleft(), rest.popleft())
    return " ".join(words)


def _take_gateway(rest: deque[str]) -> str:
    """Take the gateway off the words that follow ``via``; a family before it says nothing the address does not."""
    named = rest.popleft() if rest and rest[0] in FAMILIES else ""
    if not rest:
        raise ValueError("expected an address after 'via'")
    address = rest.popleft()
    if named and (":" in address) is not (named == "inet6"):
        raise ValueError(f"expected an address of family {named} after 'via', not {address!r}")
    return address


def _take_lockable(rest: deque[str]) -> str:
    """Take a value that ``lock`` may precede."""
    if not rest:
        raise ValueError("expected a value, or lock and a value")
    lock = f"{rest.popleft()} " if len(rest) > 1 and rest[0] == "lock" else ""
    return lock + rest.popleft()


TAKERS: dict[str, Callable[[deque[str]], str]] = {
    "encap": _take_encap,
    "via": _take_gateway,
    "gw": _take_gateway,
    **dict.fromkeys(LOCKABLE, _take_lockable),
}
"""How options that are more than a word and a value are taken off a line."""


class HopLine(Line):
    """A line with options that are more than a word and a value."""

    @classmethod
    def _value(cls, word: str, rest: deque[str]) -> Any:
        return TAKERS[word](rest) if word in TAKERS else super()._value(word, rest)


class NextHop(HopLine):
    """One of several gateways that a route spreads its packets over."""

    syntax = "[via ADDRESS] [dev IF] [weight N] [onlink] [realms R] [encap TUNNEL]"

    via: Address | None = None
    """The gateway."""
    dev: Interface | None = None
    """The interface it is reached through."""
    weight: Annotated[int, Whole(1, 256)] | None = None
    """Its share of the packets, in proportion to the other weights; the default is 1."""
    onlink: Annotated[Bool, BARE] = False
    """The gateway is on the link, even though no address of the interface says so."""
    realms: Realms | None = None
    """The realm of packets that take this way, or SOURCE/DESTINATION (IPv4 only)."""
    encap: Encap | None = None
    """The tunnel they take."""

    @model_validator(mode="after")
    def _is_not_empty(self) -> Self:
        if self.via is None and self.dev is None:
            raise ValueError("a next hop needs via, dev or both")
        return self


def without_family(words: list[str]) -> tuple[list[str], int | None]:
    """Take the words ``inet`` and ``inet6`` out of a line; answer the rest, and 4 or 6 if there was one.

    Behind ``via`` they belong to the gateway and stay. Raises ValueError for both at once.
    """
    kept: list[str] = []
    found: set[str] = set()
    for before, word in zip(("", *words), words, strict=False):
        if word in FAMILIES and before not in ("via", "gw"):
            found.add(word)
        else:
            kept.append(word)
    if len(found) > 1:
        raise ValueError("a line cannot be about both inet and inet6")
    return kept, {"inet": 4, "inet6": 6}.get("".join(found))


def families(hops: tuple[NextHop, ...]) -> set[int]:
    """Answer the address families that *hops* are about."""
    found = {hop.via.version for hop in hops if hop.via is not None}
    return found | ({4} if any(hop.realms is not None for hop in hops) else set())
