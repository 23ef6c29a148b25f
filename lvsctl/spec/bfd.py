"""BFD sessions with neighbours (RFC 5880), which instances and real servers can track."""

from decimal import Decimal
from typing import Annotated, Self

from pydantic import model_validator

from lvsctl.spec.base import Extensible
from lvsctl.spec.track import Weight
from lvsctl.spec.values import Address, Flag, Text, Whole, milliseconds

BfdName = Annotated[
    str,
    Text("a name of letters, digits, '_', '-', '.' or ':'", r"[A-Za-z0-9_][A-Za-z0-9_.:-]*", high=31),
]
"""keepalived keeps 31 characters of a BFD instance's name (BFD_INAME_MAX)."""

LONGEST = "4294967"
"""The longest interval in milliseconds: 32 bits of microseconds, in whole milliseconds."""

Interval = Annotated[Decimal, milliseconds("1", LONGEST)]
IdleInterval = Annotated[Decimal, milliseconds("1000", LONGEST)]
Hops = Annotated[int, Whole(1, 255)]

ANY_HOPS = 255
"""What keepalived 2.2.7 makes of -1: it keeps the number in eight bits (bfd.h)."""

DEFAULT_HOPS = {4: 255, 6: 64}
"""What keepalived sends with, per IP version, unless told otherwise (BFD_CONTROL_TTL, BFD_CONTROL_HOPLIMIT)."""


class BfdInstance(Extensible):
    """A BFD session with one neighbour."""

    source_ip: Address | None = None
    """The address to send from; without it the port it sends from may be outside of what RFC 5881 wants."""
    neighbor_ip: Address
    """The neighbour's address."""
    min_rx: Interval | None = None
    """The shortest interval in which it wants to receive, in ms; keepalived's default is 10."""
    min_tx: Interval | None = None
    """The shortest interval in which it sends, in ms; keepalived's default is 10."""
    idle_tx: IdleInterval | None = None
    """The interval in which it sends while the session is down, in ms; keepalived's default is 1000."""
    multiplier: Annotated[int, Whole(1, 255)] | None = None
    """How many packets in a row may be lost until the session is down; keepalived's default is 5."""
    passive: Flag = False
    """Wait for the neighbour to begin."""
    ttl: Hops | None = None
    """The TTL of what it sends over IPv4; keepalived's default is 255."""
    hoplimit: Hops | None = None
    """The hop limit of what it sends over IPv6; keepalived's default is 64."""
    max_hops: Annotated[int, Whole(-1, 255)] | None = None
    """How many hops a received packet may have come; keepalived's default is 0, and -1 does not ask."""
    weight: Weight | None = None
    """What a session that is down does to those who track it: 0, keepalived's default, is FAULT."""
    vrrp: Flag = False
    """Tell the VRRP process; without this word and the next both are told."""
    checker: Flag = False
    """Tell the checker process."""

    @model_validator(mode="after")
    def _one_family(self) -> Self:
        if self.source_ip is not None and self.source_ip.version != self.neighbor_ip.version:
            raise ValueError(
                f"source_ip {self.source_ip} and neighbor_ip {self.neighbor_ip} are of different families"
            )
        return self

    @model_validator(mode="after")
    def _hops_fit(self) -> Self:
        if self.ttl is not None and self.hoplimit is not None:
            raise ValueError(
                "ttl and hoplimit set the same number: ttl is IPv4's word for it, hoplimit IPv6's"
            )
        sent = self.ttl or self.hoplimit or DEFAULT_HOPS[self.neighbor_ip.version]
        allowed = ANY_HOPS if self.max_hops == -1 else self.max_hops or 0
        if allowed > sent:
            written = f"{allowed}, as -1 is" if self.max_hops == -1 else f"{allowed}"
            raise ValueError(f"max_hops ({written}) is more than the {sent} hops that a packet lives")
        return self
