"""The values that addresses, routes and rules share with iproute2: names or numbers, realms, marks, ranges, times.

keepalived looks names up in /etc/iproute2 of the machine it runs on, which is nothing a type can know; numbers
and shapes are checked here, by what 2.2.7 reads (lib/rttables.c, vrrp_ip_rule_route_parser.c).
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from ipaddress import ip_interface
from typing import Annotated, get_args

from lvsctl.spec.values import JsonSchema, Parsed, Prefixed, expected

MAX_8 = 2**8 - 1
MAX_16 = 2**16 - 1
MAX_32 = 2**32 - 1
MAX_64 = 2**64 - 1
MAX_INT = 2**31 - 1

KEEPALIVED = 18
"""The routing protocol that marks a route or rule as keepalived's own (RTPROT_KEEPALIVED)."""

EVERYTHING = ("default", "any", "all")
"""Three words for the destination that is everywhere, in the family of the rest of the line."""

_NUMBER = re.compile(r"0x[0-9A-Fa-f]{1,16}|0|[1-9][0-9]{0,19}")
_NAME = re.compile(r"[A-Za-z_][!#-\[\]-~]{0,62}")
_TIME = re.compile(r"([0-9]{1,6})(?:\.([0-9]{1,3}))?(m?s(?:ecs?)?)?", re.IGNORECASE)


def number(text: str) -> int | None:
    """Read a decimal or 0x number; None when *text* is none, or has a leading zero (octal to keepalived)."""
    return int(text, 0) if _NUMBER.fullmatch(text) else None


@dataclass(frozen=True, slots=True)
class AnyBase(Parsed):
    """A whole number from *low* to *high*, decimal or hexadecimal (``0x10``)."""

    low: int
    high: int

    def parse(self, value: object) -> int:  # noqa: D102 - see Parsed
        found = number(value) if isinstance(value, str) else value
        if not isinstance(found, int) or isinstance(found, bool) or not self.low <= found <= self.high:
            raise expected(f"a whole number from {self.low} to {self.high}, decimal or 0x", value)
        return found

    def json_schema(self) -> JsonSchema:  # noqa: D102 - see Parsed
        return {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": f"^(?:{_NUMBER.pattern})$"}]}


@dataclass(frozen=True, slots=True)
class NameOr(Parsed):
    """A name from a file of /etc/iproute2, or the number behind it, from *low* to *high*; *what* is named."""

    what: str
    high: int
    low: int = 0
    hexadecimal: bool = True

    def parse(self, value: object) -> str:  # noqa: D102 - see Parsed
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        if isinstance(text, str):
            found = number(text) if self.hexadecimal or "x" not in text else None
            if self.low <= found <= self.high if found is not None else _NAME.fullmatch(text):
                return text
        raise expected(f"{self.what}: a name, or a number from {self.low} to {self.high}", value)

    def json_schema(self) -> JsonSchema:  # noqa: D102 - see Parsed
        return {"anyOf": [{"type": "integer", "minimum": self.low, "maximum": self.high}, {"type": "string"}]}


@dataclass(frozen=True, slots=True)
class WordOr(Parsed):
    """One of a few words, or a number up to *high*."""

    words: tuple[str, ...]
    high: int

    def parse(self, value: object) -> str:  # noqa: D102 - see Parsed
        found = number(value) if isinstance(value, str) else value
        if value in self.words or (isinstance(found, int) and 0 <= found <= self.high):
            return str(value)
        raise expected(f"one of {', '.join(self.words)}, or a number up to {self.high}", value)

    def json_schema(self) -> JsonSchema:  # noqa: D102 - see Parsed
        return {
            "anyOf": [{"enum": list(self.words)}, {"type": "integer", "minimum": 0, "maximum": self.high}]
        }


Table = Annotated[str, NameOr("a routing table", MAX_32)]
Scope = Annotated[str, NameOr("a scope", MAX_8)]
TrafficClass = Annotated[str, NameOr("a type of service", MAX_8)]
RouteProtocol = Annotated[str, NameOr("a routing protocol", MAX_8)]
_REALM = NameOr("a realm", MAX_8)


class _Realms(Parsed):
    """One realm, or two as ``SOURCE/DESTINATION``."""

    def parse(self, value: object) -> str:
        if not isinstance(value, (str, int)) or isinstance(value, bool):
            raise expected("realms such as 4 or 3/4", value)
        return "/".join(_REALM.parse(part) for part in str(value).split("/", 1))


Realms = Annotated[str, _Realms()]


class _Destination(Parsed):
    """An address with an optional prefix length, or ``default``, which keepalived also reads as any and all."""

    what = "an address with an optional prefix length, or default"

    def parse(self, value: object) -> str:
        if value in EVERYTHING:
            return str(value)
        if value == "default6":
            return "::/0"
        try:
            return str(_PREFIXED.parse(value))
        except ValueError:
            raise expected(self.what, value) from None


_PREFIXED: Parsed = get_args(Prefixed)[1]
Destination = Annotated[str, _Destination()]


def family(value: object) -> int | None:
    """Answer 4 or 6 for an address or destination; None when it is absent or everywhere."""
    return None if value is None or value in EVERYTHING else ip_interface(str(value)).version


@dataclass(frozen=True, slots=True)
class Lockable(Parsed):
    """A value that ``lock`` may precede: then the kernel's own discovery does not change it."""

    of: Parsed

    def parse(self, value: object) -> str:  # noqa: D102 - see Parsed
        word, _, rest = value.partition(" ") if isinstance(value, str) else ("", "", "")
        locked = word == "lock" and bool(rest)
        return ("lock " if locked else "") + str(self.of.parse(rest.strip() if locked else value))

    def json_schema(self) -> JsonSchema:  # noqa: D102 - see Parsed
        return {"anyOf": [self.of.json_schema(), {"type": "string", "pattern": "^lock .+"}]}


@dataclass(frozen=True, slots=True)
class RoundTrip(Parsed):
    """A round trip time: ``250ms``, ``1.5s``, or a bare number in the kernel's unit, 1/*parts* of a millisecond.

    keepalived raises what is below 200 ms, and lowers what is above 120 s, to that.
    """

    parts: int

    def parse(self, value: object) -> str:  # noqa: D102 - see Parsed
        found = _TIME.fullmatch(value) if isinstance(value, str) else None
        if not found or (found[2] and not self._in_seconds(found[3])) or not self._in_range(found):
            raise expected(
                f"a time such as 250ms or 1.5s, at most 120s (a bare number is in 1/{self.parts} ms)", value
            )
        return found[0]

    @staticmethod
    def _in_seconds(unit: str | None) -> bool:
        return unit is not None and unit[0] in "sS"

    def _in_range(self, found: re.Match[str]) -> bool:
        amount = Decimal(f"{found[1]}.{found[2] or 0}")
        if not found[3]:
            return amount <= 120_000 * self.parts
        return amount <= (120 if self._in_seconds(found[3]) else 120_000)

    def json_schema(self) -> JsonSchema:  # noqa: D102 - see Parsed
        return {"type": "string", "pattern": f"^(?:{_TIME.pattern})$"}


@dataclass(frozen=True, slots=True)
class Span(Parsed):
    """A range ``FIRST-LAST`` of *what*, up to *high*; one number is the range of itself (2.2.7 reads no other form)."""

    what: str
    high: int

    def parse(self, value: object) -> str:  # noqa: D102 - see Parsed
        first, dash, last = str(value).partition("-")
        start, end = number(first), number(last if dash else first)
        if start is None or end is None or "x" in str(value) or not start <= end <= self.high:
            raise expected(f"a range of {self.what}s such as 10-19, up to {self.high}", value)
        return f"{start}-{end}"

    def json_schema(self) -> JsonSchema:  # noqa: D102 - see Parsed
        return {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": r"^[0-9]+(?:-[0-9]+)?$"}]}


class _Mark(Parsed):
    """A firewall mark with an optional mask, ``MARK[/MASK]``, decimal or 0x."""

    def parse(self, value: object) -> str:
        mark, slash, mask = str(value).partition("/")
        if any((found := number(part)) is None or found > MAX_32 for part in (mark, mask if slash else "0")):
            raise expected(f"a mark or MARK/MASK, each from 0 to {MAX_32}, decimal or 0x", value)
        return str(value)

    def json_schema(self) -> JsonSchema:
        return {"anyOf": [{"type": "integer", "minimum": 0, "maximum": MAX_32}, {"type": "string"}]}


FirewallMark = Annotated[str, _Mark()]
