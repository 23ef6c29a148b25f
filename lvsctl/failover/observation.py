"""What a provider says about a failover IP: where it points, and whether a move is under way.

Pure. How it is asked is the providers' business, what follows from it the claim's.
"""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NewType

FailoverAddress = IPv4Address | IPv6Network
"""A failover IP as providers route it: one IPv4 address, or an IPv6 /64 as a whole."""

Target = NewType("Target", str)
"""Where a failover IP can point, in one canonical spelling, so that ``==`` decides.

An IPv4 address (``192.0.2.11``), the /64 of a server (``2a01:4f8:0:5176::/64``), a server id (``42``), or the word
that a command's author chose.
"""

ELSEWHERE = Target("elsewhere")
"""Where an address points when all that is known is that it is not where we asked about."""

IPV6_UNIT = 64


class Status(StrEnum):
    """What Robot's undocumented ``status`` says; other providers' states in the same words."""

    READY = "ready"
    PROCESSING = "processing"


@dataclass(frozen=True, slots=True)
class Observation:
    """One answer to the question where a failover IP points."""

    active: Target | None
    """Where it points, or None when it points nowhere."""
    status: Status | None
    """None when the provider does not say. PROCESSING makes *active* a promise, not a fact."""
    at: float
    """When the question was **sent**, on the clock the provider was given: never newer than the answer."""

    def is_settled_on(self, target: Target) -> bool:
        """Answer whether it points at *target* and nothing says that a move is still under way."""
        return self.active == target and self.status is not Status.PROCESSING


def as_failover_address(text: str) -> FailoverAddress:
    """Answer the failover IP that *text* names: IPv4, the net address of a /64, or that /64. ValueError otherwise.

    An IPv4 subnet is named by its first address, which is how Robot names it.
    """
    if "/" in text:
        network = ip_network(text)
        if isinstance(network, IPv6Network):
            return _unit(network)
        return network.network_address
    address = ip_address(text)
    return address if isinstance(address, IPv4Address) else _unit(_network_of(address))


def as_target(text: str) -> Target:
    """Answer *text* in the canonical spelling of a target. ValueError when it is empty or an IPv6 host address.

    The net address of a /64 and the /64 mean the same; a host address inside is not what providers route to.
    """
    if not text or not text.isprintable():
        raise ValueError(f"{text!r} names no target")
    try:
        address = as_failover_address(text)
    except ValueError:
        if ":" in text:
            raise
        return Target(str(int(text)) if text.isascii() and text.isdecimal() else text)
    return Target(str(address))


def on_the_wire(target: Target | FailoverAddress) -> str:
    """Answer *target* as Robot spells it: a /64 by its net address alone."""
    return str(target).partition("/")[0]


def _network_of(address: IPv6Address) -> IPv6Network:
    if address.scope_id is not None:
        raise ValueError(f"{address} has a zone, which providers do not route to")
    return IPv6Network((address, IPV6_UNIT))  # ValueError when host bits are set


def _unit(network: IPv6Network) -> IPv6Network:
    if network.prefixlen != IPV6_UNIT:
        raise ValueError(f"{network} is not a /{IPV6_UNIT}, and providers route IPv6 by the /{IPV6_UNIT}")
    return network
