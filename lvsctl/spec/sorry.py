"""The local sorry backend, and what the spec says about the kernel and the rules."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import Field, model_validator

from lvsctl.spec.base import Block
from lvsctl.spec.values import JsonSchema, OneOf, Parsed, Port, Str, Text, Whole, expected

_INVISIBLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
"""Controls, line separators, what turns the direction of what follows, halves of a character."""


@dataclass(frozen=True, slots=True)
class Prose(Parsed):
    """Text that people read on the page: any characters that show, in *lines* lines at most."""

    what: str
    high: int = 200
    lines: int = 1

    def parse(self, value: object) -> str:  # noqa: D102 - see Parsed
        if not isinstance(value, str):
            raise expected(self.what, value)
        text = value.strip()
        if not 1 <= len(text) <= self.high:
            raise ValueError(f"expected {self.what} of 1 to {self.high} characters, not {len(text)}")
        if found := _INVISIBLE.search(text):
            raise ValueError(f"expected {self.what}; {found[0]!r} is no character that shows")
        if text.count("\n") >= self.lines:
            raise ValueError(f"expected {self.what} of at most {self.lines} line{'s'[: self.lines > 1]}")
        return text

    def json_schema(self) -> JsonSchema:  # noqa: D102 - see Parsed
        return {"type": "string", "minLength": 1, "maxLength": self.high}


class Moment(Parsed):
    """A moment with its zone, so that it means the same on both nodes and to everybody who reads it."""

    what = "a time with its zone, such as 2026-11-21T18:00+01:00 or 2026-11-21T17:00Z"
    pattern = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})"

    def parse(self, value: object) -> datetime:  # noqa: D102 - see Parsed
        if isinstance(value, str) and re.fullmatch(self.pattern, value):
            try:
                value = datetime.fromisoformat(value)
                value.astimezone(UTC)
            except (ValueError, OverflowError):
                raise expected(self.what, value) from None
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise expected(self.what, value)
        return value

    def json_schema(self) -> JsonSchema:  # noqa: D102 - see Parsed
        return {"type": "string", "pattern": f"^{self.pattern}$"}


FilePath = Annotated[
    str,
    Text(
        "an absolute path of letters, digits and ._/@:+,=-", r"/[A-Za-z0-9._/@:+,=-]*[A-Za-z0-9_-]", high=255
    ),
]
"""A file that nginx's configuration can name too, where a dollar sign would be a variable."""
HostName = Annotated[
    str,
    Text(
        "a host name such as www.example.org or *.example.org",
        r"(\*\.)?([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?",
        high=253,
    ),
]


LANGUAGES = frozenset({"ar", "de", "en", "es", "fr", "he", "it", "nl", "pl", "pt"})
"""Those that the page speaks by itself (lvsctl.backend.languages)."""


class Certificate(Block):
    """What the backend shows to clients that speak TLS."""

    certificate: FilePath
    """File with the certificate, and after it those of the authorities between it and the root (PEM)."""
    key: FilePath
    """File with its private key (PEM), which only root can read."""
    names: tuple[HostName, ...] = ()
    """The hosts it is shown to (SNI); the default is those that it names itself. The first is also for everybody else. An nginx site needs them for every certificate but the first."""


class SorryTexts(Block):
    """The fixed words of the page, in the place of the language's own."""

    title: Annotated[str, Prose("a heading", high=100)] | None = None
    """The heading."""
    expected_end: Annotated[str, Prose("a label", high=60)] | None = None
    """What stands before the time of the expected end."""
    contact: Annotated[str, Prose("a label", high=60)] | None = None
    """What stands before the contact."""
    again: Annotated[str, Prose("a label", high=60)] | None = None
    """The link that asks anew."""
    reload: Annotated[str, Prose("a sentence")] | None = None
    """That the page reloads by itself."""


class Sorry(Block):
    """The backend on each director that says sorry: 503 with Retry-After, for every URL."""

    port: Port = 8503
    """The port it listens on, on the node's own addresses: HTTP, and TLS once there are certificates."""
    status: Annotated[int, Whole(503, 503)] = 503
    """Its answer. Only 503 keeps a robot's index and a cache from believing it."""
    retry_after: Annotated[int, Whole(1, 86400, "s")] = 120
    """When clients are asked to come back."""
    smtp_port: Port | None = None
    """A port on which mail servers are greeted with 421, which makes them come back later; none by default."""
    certificates: tuple[Certificate, ...] = ()
    """For clients that speak TLS; without any, their handshake fails."""
    name: Annotated[str, Prose("a name", high=100)] | None = None
    """Whose service this is, as the page shows it."""
    message: Annotated[str, Prose("a message", high=1000, lines=20)] | None = None
    """What has happened; the default is a sentence in the page's language."""
    expected_end: Annotated[datetime, Moment()] | None = None
    """When it is expected to be over, with the zone: `2026-11-21T18:00+01:00`."""
    contact: Annotated[str, Prose("a contact")] | None = None
    """Whom to ask: a mail address, an `https://` address or a `+` telephone number becomes a link; other text is shown as it is."""
    language: Annotated[
        str, Text("a language tag such as de or pt-BR", r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
    ] = "en"
    """The page's language (BCP 47). Built in: ar, de, en, es, fr, he, it, nl, pl, pt; others need `texts` and a `message`."""
    direction: Annotated[str, OneOf("ltr", "rtl")] | None = None
    """Where lines begin: left or right; the default is the language's own."""
    texts: SorryTexts | None = None
    """Fixed words of the page that shall be others."""
    page: FilePath | None = None
    """Your own template for the page (HTML with Jinja2), in the place of the built-in one."""

    @model_validator(mode="after")
    def _certificates_are_told_apart(self) -> Self:
        names = [name.lower() for each in self.certificates for name in each.names]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two certificates are for {twice!r}: which one would it be?")
        return self

    @model_validator(mode="after")
    def _page_speaks_the_language(self) -> Self:
        if self.language.partition("-")[0].lower() in LANGUAGES:
            return self
        given = {"message": self.message} | dict(self.texts or SorryTexts())
        if missing := sorted(name for name, text in given.items() if text is None):
            raise ValueError(
                f"the page has no words of its own in {self.language!r}: give it `message`, and in `texts` all of them (missing: {', '.join(missing)})"
            )
        return self

    @model_validator(mode="after")
    def _two_ports_are_two(self) -> Self:
        if self.smtp_port == self.port:
            raise ValueError(
                "`smtp_port` and `port` cannot be the same: a mail server waits to be greeted, a browser does not"
            )
        return self


class Sysctl(Block):
    """Kernel settings that the directors have, by their names: a statement that rules rely on and doctor checks."""

    expire_quiescent_template: Annotated[int, Whole(0, 1)] | None = Field(
        None, alias="net.ipv4.vs.expire_quiescent_template"
    )
    """1: a client bound by persistence to a real server of weight 0 is given another one."""
    expire_nodest_conn: Annotated[int, Whole(0, 1)] | None = Field(
        None, alias="net.ipv4.vs.expire_nodest_conn"
    )
    """1: a connection whose real server was removed is ended at once."""
    snat_reroute: Annotated[int, Whole(0, 1)] | None = Field(None, alias="net.ipv4.vs.snat_reroute")
    """0: answers of real servers (NAT) keep the way that their own address has; return paths then have rules for them."""


class Ignore(Block):
    """A rule that does not apply here, and why."""

    rule: Annotated[str, Text("a rule's id such as LVS012", r"LVS[0-9]{3}")]
    """The rule's id."""
    at: Str | None = None
    """Ignore it only below this path of the spec, such as `virtual_servers.web`; the default is everywhere."""
    reason: Annotated[str, Text("a reason that a colleague will understand", low=8)]
    """Why it does not apply; whoever reads the spec next wants to know."""
