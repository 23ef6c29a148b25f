"""Failover IPs: addresses that only a provider's API moves from one director to the other, and the way back."""

from ipaddress import IPv4Address, IPv6Network, ip_address, ip_network
from typing import Annotated, Self

from pydantic import model_validator

from lvsctl.spec.base import Block
from lvsctl.spec.script import Argument
from lvsctl.spec.values import (
    AbsolutePath,
    Address,
    Interface,
    Name,
    OneOf,
    Parsed,
    ServiceName,
    Word,
    expected,
)

IPV6_UNIT = 64
"""Providers route IPv6 to a server by the /64."""

NEED_CREDENTIALS = ("hetzner-robot", "hetzner-cloud")


class FailoverAddress(Parsed):
    """An IPv4 address, or the /64 network that a provider routes as one."""

    what = "a failover IP: an IPv4 address, or an IPv6 /64 network"

    def parse(self, value: object) -> IPv4Address | IPv6Network:  # noqa: D102 - see Parsed
        if isinstance(value, (IPv4Address, IPv6Network)):
            return value
        if not isinstance(value, str):
            raise expected(self.what, value)
        try:
            found = ip_network(value) if "/" in value else ip_address(value)
        except ValueError:
            raise expected(self.what, value) from None
        if isinstance(found, IPv4Address) or (
            isinstance(found, IPv6Network) and found.prefixlen == IPV6_UNIT
        ):
            return found
        raise expected(self.what, value)


class FailoverIp(Block):
    """One failover IP: who can move it, when, and to which target on which node."""

    ip: Annotated[IPv4Address | IPv6Network, FailoverAddress()]
    """The address as the provider names it: an IPv4 address, or an IPv6 /64 network."""
    provider: Annotated[str, OneOf("hetzner-robot", "hetzner-cloud", "command", "none")]
    """Whose API moves it; `command` runs a program of yours, `none` only watches."""
    vrrp_instance: Name
    """The instance whose master holds the address."""
    credentials: AbsolutePath | None = None
    """File with the API's user and password, or token; nobody else may be able to read it."""
    command: tuple[Annotated[str, Argument()], ...] | None = None
    """For provider `command`: the program and its first arguments."""
    targets: dict[ServiceName, Word] = {}
    """For each node, what the provider calls the place to point at: an IPv4 address, a /64 network, a server id."""

    @model_validator(mode="after")
    def _has_what_its_provider_needs(self) -> Self:
        if self.provider in NEED_CREDENTIALS and self.credentials is None:
            raise ValueError(f"provider {self.provider} needs credentials: the path of a file")
        if (self.provider == "command") != (self.command is not None):
            raise ValueError(
                "provider command needs command: [program, argument…], and no other provider takes it"
            )
        return self


class ReturnPath(Block):
    """The gateway that an address answers through."""

    interface: Interface
    """The interface that its answers leave by."""
    gateway: Address
    """The router on that interface."""
