"""Health checks that speak TCP, ICMP, UDP, DNS or SMTP to a real server (keepalived.conf(5), "Virtual server(s)")."""

import re
from typing import Annotated

from pydantic import BeforeValidator, field_validator, model_validator

from lvsctl.spec.base import OptionalLine
from lvsctl.spec.check_base import Connecting, words_of
from lvsctl.spec.forms import REST, WORDS
from lvsctl.spec.values import AnyCase, JsonSchema, Parsed, Str, Text, Whole, expected

_LABEL = re.compile(r"[^\s.]{1,63}")
LONGEST_NAME = 253
LONGEST_UNSET_REPLY = 255


class TcpCheck(Connecting):
    """Succeeds when a TCP connection opens."""


class PingCheck(Connecting):
    """Succeeds when an ICMP echo is answered; ports play no part."""


class SmtpCheck(Connecting):
    """Succeeds when a mail server greets and answers HELO."""

    helo_name: Str | None = None
    """The name to introduce ourselves with; the default is smtpchecker.keepalived.org."""


class DnsName(Parsed):
    """A domain name that fits into a DNS question; ``.`` is the root."""

    def parse(self, value: object) -> str:  # noqa: D102 - see Parsed
        if not isinstance(value, str):
            raise expected("a domain name", value)
        labels = value.removesuffix(".").split(".") if value != "." else []
        if len(value) > LONGEST_NAME or not all(map(_LABEL.fullmatch, labels)):
            raise expected("a domain name of labels of 1 to 63 characters, 253 in all", value)
        if value[1:2] == ".":
            raise ValueError(
                f"keepalived 2.2.7 takes the first label of {value!r} for an empty one: it wants two characters"
            )
        return Text().parse(value)

    def json_schema(self) -> JsonSchema:  # noqa: D102 - see Parsed
        return {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME}


class DnsCheck(Connecting):
    """Succeeds when a name server answers a question over UDP without an error."""

    type: (
        Annotated[str, AnyCase("A", "NS", "CNAME", "SOA", "MX", "TXT", "AAAA", "RRSIG", "DNSKEY")] | None
    ) = None
    """The record type to ask for; the default is SOA."""
    name: Annotated[str, DnsName()] | None = None
    """The name to ask for; the default is the root."""


HexDigits = Annotated[str, Text("hexadecimal digits such as 'a1 ff 03'", r"[0-9A-Fa-f]+")]
HexMask = Annotated[str, Text("hexadecimal digits, with x for those that do not matter", r"[0-9A-Fa-fxX]+")]


def last_byte_counts(words: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse bytes that end in ff: keepalived 2.2.7 takes that byte for its own mark of an invalid digit."""
    last = words[-1] if words else ""
    if len(last) % 2 == 0 and last.lower().endswith("ff"):
        raise ValueError("keepalived refuses bytes that end in ff (it reads that as an invalid digit)")
    return words


class Reply(OptionalLine):
    """The reply that counts: any at all, or one that begins with these bytes."""

    syntax = "[HEX_STR]"

    data: Annotated[tuple[HexMask, ...], BeforeValidator(words_of), REST] = ()
    """The bytes, in hexadecimal; `x` stands for a digit that does not matter. Compared as far as both reach."""

    @field_validator("data")
    @classmethod
    def _last_byte(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return last_byte_counts(value)


class UdpCheck(Connecting):
    """Succeeds unless the port is reported unreachable; with `require_reply`, only when a reply comes."""

    payload: Annotated[
        tuple[HexDigits, ...],
        BeforeValidator(words_of, json_schema_input_type=str | int | tuple[str, ...]),
        WORDS,
    ] = ()
    """The bytes to send, in hexadecimal; the default is 16 bytes of its own."""
    require_reply: Reply | None = None
    """Insist on a reply: `true` for any, or the bytes that it has to begin with."""
    min_reply_length: Annotated[int, Whole(0, 65535, "bytes")] | None = None
    """A shorter reply counts as failure; the default is 0."""
    max_reply_length: Annotated[int, Whole(0, 65535, "bytes")] | None = None
    """A longer reply counts as failure; the default is 255."""

    @field_validator("payload")
    @classmethod
    def _last_byte(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return last_byte_counts(value)

    @model_validator(mode="after")
    def _some_length_fits(self) -> "UdpCheck":
        low = self.min_reply_length or 0
        high = LONGEST_UNSET_REPLY if self.max_reply_length is None else self.max_reply_length
        if low > high:
            raise ValueError(f"no reply is at least {low} and at most {high} bytes long (max_reply_length)")
        return self
