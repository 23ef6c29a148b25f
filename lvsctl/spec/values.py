"""The values a keyword can take: text as it was typed becomes a number, an address, a name or a refusal.

Every type here starts from text, because the loader leaves scalars as they were typed: ``on``, ``010`` and
``12:30:45`` mean what the field says they mean, never what YAML 1.1 would make of them. A refusal says what was
expected. Text that keepalived's own file format could not carry (a double quote, a line break, a variable that
it would replace) is refused here, where its position is known.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_address, ip_interface
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from lvsctl.spec.forms import FLAG, SWITCH

JsonSchema = dict[str, Any]

SHOWN = 60
"""How much of a refused value a message repeats, in characters."""

_WHOLE = re.compile(r"[+-]?(?:0|[1-9][0-9]{0,18})\Z")
_FRACTION = re.compile(r"[+-]?(?:(?:0|[1-9][0-9]{0,13})(?:\.[0-9]{0,9})?|\.[0-9]{1,9})\Z")
_TRUE = frozenset({"true", "yes", "on"})
_FALSE = frozenset({"false", "no", "off"})
# What 2.2.7 and later replace even inside quotes (keepalived.conf(5), "Definitions"; facts: parser.c).
_DEFINITION = re.compile(r"\$\{?_(?:PWD|INSTANCE|RANDOM|HASH|BANG|ENV)")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]")
_UNSAFE = re.compile(r'[\x00-\x1f\x7f\x85\u2028\u2029"]')


def expected(what: str, got: object) -> ValueError:
    """Make the refusal of *got* where *what* was expected."""
    if got is None:
        return ValueError(f"expected {what}, but nothing is written here")
    if isinstance(got, (dict, list)):
        return ValueError(f"expected {what}, not a {'block' if isinstance(got, dict) else 'list'}")
    shown = str(got)
    return ValueError(f"expected {what}, not {shown if len(shown) <= SHOWN else shown[:SHOWN] + '…'!r}")


class Parsed:
    """Base of the value types: one function from typed text to value, and its JSON Schema.

    pydantic calls :meth:`parse` for everything that comes in; a value that already has the type passes unless
    it breaks the bounds, so that Python callers may build models directly.
    """

    def parse(self, value: object) -> object:
        """Answer the value, or raise ValueError with what was expected."""
        raise NotImplementedError

    def json_schema(self) -> JsonSchema:
        """Answer the JSON Schema of what may be typed."""
        return {"type": "string"}

    def __get_pydantic_core_schema__(self, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.parse)

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchema:
        return self.json_schema()


@dataclass(frozen=True, slots=True)
class Whole(Parsed):
    """A whole number from *low* to *high*, in *unit* (``s``, ``ms``, ``µs``, ``bytes`` …) where it has one."""

    low: int
    high: int
    unit: str = ""

    @property
    def expectation(self) -> str:
        """What may be written, in words."""
        return f"a whole number from {self.low} to {self.high}" + (f" ({self.unit})" if self.unit else "")

    def parse(self, value: object) -> int:  # noqa: D102 - see Parsed
        if isinstance(value, str):
            if not _WHOLE.match(value):
                raise self._refusal(value)
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not self.low <= value <= self.high:
            raise expected(self.expectation, value)
        return value

    def _refusal(self, text: str) -> ValueError:
        if re.match(r"[+-]?0[0-9]+\Z", text):
            return ValueError(
                f"expected {self.expectation}; {text!r} is octal to some and decimal to others: write it without the leading zero"
            )
        return expected(self.expectation, text)

    def json_schema(self) -> JsonSchema:  # noqa: D102 - see Parsed
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True, slots=True)
class Fraction(Parsed):
    """A decimal number from *low* to *high*, kept exactly as typed; keepalived's timers are microseconds inside."""

    low: Decimal
    high: Decimal
    unit: str = "s"
    decimals: int = 6
    """Decimal places that keepalived takes without complaint (lib/parser.c)."""

    @property
    def expectation(self) -> str:
        """What may be written, in words."""
        return f"a number from {self.low} to {self.high}" + (f" ({self.unit})" if self.unit else "")

    def parse(self, value: object) -> Decimal:  # noqa: D102 - see Parsed
        if isinstance(value, (int, str)) and not isinstance(value, bool):
            if not _FRACTION.match(str(value)):
                raise expected(self.expectation, value)
            value = Decimal(value)
        if not isinstance(value, Decimal) or not self.low <= value <= self.high:
            raise expected(self.expectation, value)
        if -int(value.as_tuple().exponent) > self.decimals:
            raise expected(f"{self.expectation} with at most {self.decimals} decimals", value)
        return value or Decimal(0)

    def json_schema(self) -> JsonSchema:  # noqa: D102 - see Parsed
        return {"type": "number", "minimum": float(self.low), "maximum": float(self.high)}


def seconds(low: str, high: str) -> Fraction:
    """Make the type of a timer in seconds with fractions."""
    return Fraction(Decimal(low), Decimal(high))


def milliseconds(low: str, high: str) -> Fraction:
    """Make the type of a timer in milliseconds with fractions."""
    return Fraction(Decimal(low), Decimal(high), "ms", decimals=3)


class Truth(Parsed):
    """Yes or no, in any of YAML's spellings."""

    def parse(self, value: object) -> bool:  # noqa: D102 - see Parsed
        if isinstance(value, bool):
            return value
        word = value.lower() if isinstance(value, str) else ""
        if word not in _TRUE and word not in _FALSE:
            raise expected("true or false", value)
        return word in _TRUE

    def json_schema(self) -> JsonSchema:  # noqa: D102 - see Parsed
        return {"type": "boolean"}


Flag = Annotated[bool, Truth(), FLAG]
Switch = Annotated[bool, Truth(), SWITCH]
Bool = Annotated[bool, Truth()]


class OneOf(Parsed):
    """One of keepalived's own words, in its own spelling (they are case-sensitive: DR, not dr)."""

    def __init__(self, *words: str) -> None:
        self.words = words
        self._set = frozenset(words)
        self._folded = {word.lower(): word for word in words}

    def parse(self, value: object) -> str:  # noqa: D102 - see Parsed
        if isinstance(value, str):
            if value in self._set:
                return value
            if meant := self._folded.get(value.lower()):
                raise ValueError(
                    f"keepalived distinguishes upper and lower case: write {meant!r}, not {value!r}"
                )
        raise expected(f"one of {', '.join(self.words)}", value)

    def json_schema(self) -> JsonSchema:  # noqa: D102 - see Parsed
        return {"enum": list(self.words)}


class AnyCase(OneOf):
    """One of the few words that keepalived reads in any case; answered in its own spelling."""

    def parse(self, value: object) -> str:  # noqa: D102 - see Parsed
        return super().parse(self._folded.get(value.lower(), value) if isinstance(value, str) else value)


def printable(text: str) -> str:
    """Answer *text* if a keepalived.conf can carry it, else raise ValueError saying which part it cannot."""
    if found := _UNSAFE.search(text):
        what = "a double quote" if found[0] == '"' else f"the control character {found[0]!r}"
        raise ValueError(f"{what} cannot be written in a keepalived.conf (it has no escape for it)")
    if found := _DEFINITION.search(text):
        raise ValueError(f"keepalived would replace {found[0]!r} by a value of its own, even inside quotes")
    return text


def one_word(text: str) -> str:
    """Answer *text* if it can be one whole word of a keepalived.conf, else raise ValueError saying why not."""
    printable(text)
    if text in ("{", "}"):
        raise ValueError("keepalived reads a brace alone as a brace, even inside quotes")
    if (len(text) - len(text.rstrip("\\"))) % 2:
        raise ValueError("a backslash at the end would hide the quote that keepalived needs after it")
    return text


@dataclass(frozen=True, slots=True)
class Text(Parsed):
    """Text of *low* to *high* characters that a keepalived.conf can carry; *pattern* narrows it, *what* says to what."""

    what: str = "text"
    pattern: str = ""
    low: int = 1
    high: int = 900

    def parse(self, value: object) -> str:  # noqa: D102 - see Parsed
        if not isinstance(value, str):
            raise expected(self.what, value)
        if not self.low <= len(value) <= self.high:
            raise ValueError(
                f"expected {self.what} of {self.low} to {self.high} characters, not {len(value)}"
            )
        one_word(value)
        if self.pattern and not re.fullmatch(self.pattern, value):
            raise expected(self.what, value)
        return value

    def json_schema(self) -> JsonSchema:  # noqa: D102 - see Parsed
        schema: JsonSchema = {"type": "string", "minLength": self.low, "maxLength": self.high}
        return {**schema, "pattern": f"^(?:{self.pattern})$"} if self.pattern else schema


class RawLine(Parsed):
    """A line of keepalived.conf as it stands; what may be in it is checked against the grammar later."""

    def parse(self, value: object) -> str:  # noqa: D102 - see Parsed
        if not isinstance(value, str) or not value.strip():
            raise expected("one raw line of keepalived.conf", value)
        if found := _CONTROL.search(value):
            raise ValueError(f"a raw line cannot hold the control character {found[0]!r}")
        return value


Str = Annotated[str, Text()]
Word = Annotated[str, Text("one word without spaces", r"[^\s]+")]
Name = Annotated[
    str,
    Text(
        "a name without quotes, backslashes, braces, '#', '!', '$' or slashes, that does not begin with '@' or '~'",
        r"""(?![@~ ])[^"'\\{}#!$/\t\n]*[^"'\\{}#!$/\s]""",
        high=200,
    ),
]
"""What keepalived.conf calls a block."""
ServiceName = Annotated[
    str, Text("a name of letters, digits, '_', '-', '.' or ':'", r"[A-Za-z0-9_][A-Za-z0-9_.:-]*", high=100)
]
"""What the spec calls a node or a service: also part of file names."""
# The kernel's dev_valid_name (net/core/dev.c), and ASCII only, so that characters are bytes.
Interface = Annotated[
    str,
    Text(
        "a network interface name of at most 15 characters",
        r"(?!\.\.?\Z)[^\x00-\x20\x7f-\U0010ffff/:!#{}%]+",
        high=15,
    ),
]
AbsolutePath = Annotated[str, Text("an absolute path", r"/[^\n]*")]
ShellSafePath = Annotated[
    str,
    Text(
        "an absolute path of letters, digits and ._/@:+,=- (keepalived hands it to a shell)",
        r"/[A-Za-z0-9._/@:+,=-]*",
        high=64,
    ),
]
"""A path that 2.2.7 puts into a shell's command line, in a buffer of 128 bytes (lib/parser.c, init_data)."""


@dataclass(frozen=True, slots=True)
class _Converted(Parsed):
    """A value that a function of the standard library reads."""

    what: str
    convert: Callable[[Any], object]
    kinds: tuple[type, ...]

    def parse(self, value: object) -> object:
        if isinstance(value, self.kinds):
            return value
        if (
            not isinstance(value, str) or "%" in value
        ):  # Python reads a zone (fe80::1%eth0), keepalived does not
            raise expected(self.what, value)
        try:
            return self.convert(value)
        except ValueError:
            raise expected(self.what, value) from None

    def json_schema(self) -> JsonSchema:
        choices = [
            {"type": "string", "format": name}
            for name, kind in (("ipv4", IPv4Address), ("ipv6", IPv6Address))
            if kind in self.kinds
        ]
        return choices[0] if len(choices) == 1 else {"anyOf": choices}


Address = Annotated[
    IPv4Address | IPv6Address, _Converted("an IPv4 or IPv6 address", ip_address, (IPv4Address, IPv6Address))
]
Address4 = Annotated[IPv4Address, _Converted("an IPv4 address", IPv4Address, (IPv4Address,))]
Address6 = Annotated[IPv6Address, _Converted("an IPv6 address", IPv6Address, (IPv6Address,))]


class _Prefixed(Parsed):
    """An address with an optional prefix length; whether it was written is kept, keepalived's default depends on it."""

    what = "an address with an optional prefix length, such as 10.0.0.100/24"

    def parse(self, value: object) -> str:
        if not isinstance(value, str) or "%" in value:
            raise expected(self.what, value)
        try:
            interface: IPv4Interface | IPv6Interface = ip_interface(value)
        except ValueError:
            raise expected(self.what, value) from None
        if "/" in value and not value.rsplit("/", 1)[1].isdigit():
            raise ValueError(f"expected a prefix length after '/', not a netmask: {interface.with_prefixlen}")
        return value


Prefixed = Annotated[str, _Prefixed()]
Port = Annotated[int, Whole(1, 65535)]
