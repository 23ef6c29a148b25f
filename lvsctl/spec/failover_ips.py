"""Failover IPs: addresses that only a provider's API moves from one director to the other."""

from ipaddress import IPv4Address, IPv6Network, ip_address, ip_network
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import model_validator

from lvsctl.spec.base import Block
from lvsctl.spec.script import Argument
from lvsctl.spec.values import (
    AbsolutePath,
    Address,
    Flag,
    Name,
    OneOf,
    Parsed,
    ServiceName,
    Text,
    Whole,
    Word,
    expected,
)

IPV6_UNIT = 64
"""Providers route IPv6 to a server by the /64."""

DnsName = Annotated[
    str,
    Text(
        "a DNS name such as www.example.org",
        r"([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?",
        high=253,
    ),
]

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


class ProviderApi(Block):
    """Where a provider's API is and how it is reached, when that is not the ordinary way."""

    url: Annotated[str, Text("a URL that begins with https://", r"https://[^\s@?#]+", high=1000)] | None = (
        None
    )
    """Where it is; by default where everybody's is."""
    ca: AbsolutePath | None = None
    """File with the certificate authorities to trust instead of the system's."""
    ipv4_only: Flag = False
    """Never use IPv6."""
    source_address: Address | None = None
    """The address to connect from. A failover IP that points elsewhere never gets an answer."""
    proxy: Annotated[str, Text("a URL without a password", r"https?://[^\s@?#]+", high=1000)] | None = None
    """A proxy that makes the connection; none is taken from the environment."""

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        for key, url in (("url", self.url), ("proxy", self.proxy)):
            if url is not None and not _names_a_host(url):
                raise ValueError(
                    f"{key}: expected a host after ://, and after it a port from 1 to 65535 at most"
                )
        if self.proxy is not None and (self.ipv4_only or self.source_address is not None):
            raise ValueError("proxy: it connects itself, so leave out ipv4_only and source_address")
        return self


def _names_a_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none, or half an IPv6 address
        return False


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
    id: Annotated[int, Whole(1, 2**53)] | None = None
    """For provider `hetzner-cloud`: the number of the floating IP, which spares looking for it."""
    name: Annotated[str, Text("the name of a floating IP")] | None = None
    """For provider `hetzner-cloud`: the name of the floating IP, in the place of its number."""
    names: tuple[DnsName, ...] = ()
    """DNS names that should point at it, and nowhere else; `lvsctl doctor` looks them up."""
    api: ProviderApi | None = None
    """How the provider's API is reached, when that is not the ordinary way."""

    @model_validator(mode="after")
    def _has_what_its_provider_needs(self) -> Self:
        if self.provider in NEED_CREDENTIALS and self.credentials is None:
            raise ValueError(f"provider {self.provider} needs credentials: the path of a file")
        if (self.provider == "command") != (self.command is not None):
            raise ValueError(
                "provider command needs command: [program, argument…], and no other provider takes it"
            )
        if self.provider != "hetzner-cloud" and (self.id is not None or self.name is not None):
            raise ValueError("id and name are for provider hetzner-cloud")
        if self.id is not None and self.name is not None:
            raise ValueError("id and name: one of them is enough")
        if self.provider not in NEED_CREDENTIALS and self.api is not None:
            raise ValueError(f"provider {self.provider} has no API to reach: leave out api")
        return self
