"""The keywords of a VRRP instance that may stand alone or take several words (keepalived 2.2.7, vrrp_parser.c)."""

import re
from collections.abc import Callable, Iterator
from ipaddress import ip_interface
from typing import Annotated, Any, ClassVar, Self

from pydantic import model_validator

from lvsctl.spec.base import Line, OptionalLine
from lvsctl.spec.forms import BARE, FIRST, choice
from lvsctl.spec.script import Argument, Script
from lvsctl.spec.values import Bool, Interface, JsonSchema, OneOf, Parsed, Prefixed, Truth, Whole, expected

MODES = ("bridge", "private", "vepa")
MAX_GARP_INTERVAL = 86400

_MAC = re.compile(r"([0-9A-Fa-f]{1,2})(:[0-9A-Fa-f]{1,2}){4}(?::|:[0-9A-Fa-f]{1,2})?")
_RESERVED = (b"\x00\x00\x5e\x00\x01", b"\x00\x00\x5e\x00\x02")
_MULTICAST_BIT = 1


class _Mac(Parsed):
    """A unicast MAC address of six octets, or five: then the virtual router id is the sixth."""

    def parse(self, value: object) -> str:
        if not isinstance(value, str) or not _MAC.fullmatch(value):
            raise expected("a MAC address of five or six octets, such as 02:00:00:00:00:01", value)
        octets = bytes(int(octet, 16) for octet in value.split(":") if octet)
        if octets[0] & _MULTICAST_BIT:
            raise ValueError(f"expected a unicast MAC address: {value} is a multicast one")
        if octets[:5] in _RESERVED:
            raise ValueError(f"{value} is what RFC 5798 gives to a virtual router: leave it out")
        return value


class UseVmac(OptionalLine):
    """A macvlan interface with the virtual MAC address: its name, its MAC address, both or neither."""

    syntax = "[INTERFACE] [MAC]"

    interface: Annotated[Interface | None, FIRST] = None
    """The name of the macvlan interface; keepalived's default is vrrp.VRID."""
    mac: Annotated[Annotated[str, _Mac()] | None, FIRST] = None
    """A MAC address of your own, if not the one of RFC 5798; with five octets the virtual router id is the sixth."""

    @classmethod
    def _parts(cls, words: list[str]) -> Iterator[tuple[str, Any]]:
        yield from _sorted(words, lambda word: "mac" if ":" in word else "interface")


class UseIpvlan(OptionalLine):
    """An ipvlan interface of its own: its name, its address and its mode, in any order."""

    syntax = "[INTERFACE] [ADDRESS[/LENGTH]] [bridge|private|vepa]"

    interface: Annotated[Interface | None, FIRST] = None
    """The name of the ipvlan interface; keepalived's default is vrrp.VRID."""
    address: Annotated[Prefixed | None, FIRST] = None
    """Its address, which advertisements come from; for IPv4 there has to be one."""
    mode: Annotated[str | None, OneOf(*MODES), choice(*MODES)] = None
    """How it talks to other ipvlan interfaces; the default is bridge."""

    @classmethod
    def _parts(cls, words: list[str]) -> Iterator[tuple[str, Any]]:
        yield from _sorted(words, _ipvlan_part)

    @model_validator(mode="after")
    def _reads_as_written(self) -> Self:
        if self.interface is not None and (part := _ipvlan_part(self.interface)) != "interface":
            raise ValueError(f"keepalived would read the interface name {self.interface!r} as {part}")
        return self


class ExtraGarp(Line):
    """How often further interfaces send gratuitous ARPs or neighbour advertisements."""

    syntax = "[all] SECONDS"

    all: Annotated[Bool, BARE] = False
    """On all interfaces that have addresses of the instance, not only on those with a virtual MAC address."""
    interval: Annotated[int, Whole(0, MAX_GARP_INTERVAL, "s"), FIRST]
    """Time between two; 0 is never."""


class OldChecksum(OptionalLine):
    """The checksum that keepalived 1.3.6 and older used for unicast VRRPv3 over IPv4."""

    syntax = "[never]"

    never: Annotated[Bool, BARE] = False
    """Do not even look whether the other side uses it; without it, it is always used."""


class DeletedScript(Script):
    """A command for an instance that a reload removes; `true` reports it without a command of its own."""

    shorthand: ClassVar[JsonSchema | None] = {"type": ["string", "array", "boolean"]}

    command: tuple[Annotated[str, Argument()], ...] = ()
    """The program and its arguments; no shell is involved."""

    @model_validator(mode="before")
    @classmethod
    def _from_truth(cls, value: object) -> object:
        try:
            reported = Truth().parse(value)
        except ValueError:
            return value
        if not reported:
            raise ValueError("leave notify_deleted out instead: it cannot be switched off")
        return {}

    def words(self) -> tuple[str, ...]:
        """Answer the words of the statement after its keyword, if any."""
        return super().words() if self.command else ()

    @model_validator(mode="after")
    def _user_runs_something(self) -> Self:
        if self.user is not None and not self.command:
            raise ValueError("a user without a command: expected what runs")
        return self


def _sorted(words: list[str], part: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """Yield each word under the name of the part that it is; ValueError for a part that is there twice."""
    seen: set[str] = set()
    for word in words:
        name = part(word)
        if name in seen:
            raise ValueError(f"expected at most one {name}, and {word!r} is another")
        seen.add(name)
        yield name, word


def _ipvlan_part(word: str) -> str:
    if word in MODES:
        return "mode"
    try:
        ip_interface(word)
    except ValueError:
        return "interface"
    return "address"
