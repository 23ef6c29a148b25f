"""Virtual server groups: many addresses or firewall marks served by one pool (keepalived.conf(5), "Virtual server group(s)")."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Annotated, NamedTuple, Self

from pydantic import AfterValidator, model_validator

from lvsctl.spec.base import Line
from lvsctl.spec.check_base import MAX_32
from lvsctl.spec.forms import FIRST, choice
from lvsctl.spec.real_server import AnyPort
from lvsctl.spec.values import JsonSchema, OneOf, Parsed, Whole, expected

LONGEST_RANGE = 96


class AddressRange(NamedTuple):
    """The addresses from *first* to *last*, both included, as *written*."""

    written: str
    first: IPv4Address | IPv6Address
    last: IPv4Address | IPv6Address

    def __str__(self) -> str:
        return self.written


class Range(Parsed):
    """An address, or several as ``10.0.0.1-9``, ``10.0.0.250-10.0.1.10``, ``10.0.0.0/29``; likewise for IPv6."""

    what = "an address or a range such as 10.0.0.1-9, 10.0.0.250-10.0.1.10 or 10.0.0.8/29"

    def parse(self, value: object) -> AddressRange:  # noqa: D102 - see Parsed
        if isinstance(value, AddressRange):
            return value
        if not isinstance(value, str) or len(value) > LONGEST_RANGE or "%" in value:
            raise expected(self.what, value)
        try:
            first, last = _ends(value)
        except ValueError:
            raise expected(self.what, value) from None
        if first.version != last.version or int(last) < int(first):
            raise ValueError(f"expected the end of a range after its start, not {value!r}")
        return AddressRange(value, first, last)

    def json_schema(self) -> JsonSchema:  # noqa: D102 - see Parsed
        return {"type": "string", "maxLength": LONGEST_RANGE}


def _ends(text: str) -> tuple[IPv4Address | IPv6Address, IPv4Address | IPv6Address]:
    if "/" in text:
        length = text.partition("/")[2]
        network = ip_network(text)
        if not length.isdecimal() or not network.prefixlen:
            raise ValueError(text)
        return network[0], network[-1]
    start, dash, end = text.partition("-")
    first = ip_address(start)
    if not dash:
        return first, first
    if "." in end or ":" in end:
        return first, ip_address(end)
    return first, _with_last_part(first, end)


def _with_last_part(first: IPv4Address | IPv6Address, end: str) -> IPv4Address | IPv6Address:
    base, bits = (10, 8) if first.version == 4 else (16, 16)  # noqa: PLR2004 - the family
    part = int(end, base) if end.isalnum() and end.isascii() else -1
    start = int(first) & (2**bits - 1)
    if not start < part < 2**bits:
        raise ValueError(end)
    return type(first)(int(first) - start + part)


class VirtualServerGroupEntry(Line):
    """One address, range of addresses or firewall mark."""

    syntax = "ADDRESS[-LAST|-ADDRESS|/LENGTH] [PORT] | fwmark MARK [inet|inet6]"

    address: Annotated[Annotated[AddressRange, Range()] | None, FIRST] = None
    """An address or a range: `10.0.0.1-9`, `10.0.0.250-10.0.1.10`, `10.0.0.8/29`. Each address is a service of its own."""
    port: Annotated[AnyPort | None, FIRST] = None
    """The port; left out or 0 for all of them, which needs persistence."""
    fwmark: Annotated[int, Whole(1, MAX_32)] | None = None
    """A firewall mark, instead of an address."""
    family: Annotated[Annotated[str, OneOf("inet", "inet6")] | None, choice("inet", "inet6")] = None
    """The address family of `fwmark`; only needed when all real servers are tunnelled."""

    @model_validator(mode="after")
    def _address_or_mark(self) -> Self:
        if (self.address is None) is (self.fwmark is None):
            raise ValueError("expected either an address or a fwmark")
        if self.fwmark is not None and self.port is not None:
            raise ValueError("a fwmark has no port: the firewall rule that sets it decides")
        if self.fwmark is None and self.family is not None:
            raise ValueError(f"{self.family} belongs to a fwmark: an address has its own family")
        return self


def one_pool(entries: tuple[VirtualServerGroupEntry, ...]) -> tuple[VirtualServerGroupEntry, ...]:
    """Refuse what keepalived removes: an empty group, or both families next to a mark without one."""
    if not entries:
        raise ValueError("expected at least one address or fwmark: keepalived removes an empty group")
    families = {_family(entry) for entry in entries}
    if families >= {"inet", "inet6", None}:
        raise ValueError("a group of both families needs inet or inet6 after each fwmark")
    return entries


def _family(entry: VirtualServerGroupEntry) -> str | None:
    if entry.address is None:
        return entry.family
    return "inet" if entry.address.first.version == 4 else "inet6"  # noqa: PLR2004 - the family


VirtualServerGroup = Annotated[tuple[VirtualServerGroupEntry, ...], AfterValidator(one_pool)]
"""The lines of one group."""
