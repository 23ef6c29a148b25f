"""HTTP_GET and SSL_GET: health checks that fetch pages (keepalived.conf(5), "Virtual server(s)").

keepalived 2.2.7 crashes on a check without a URL and on a URL without a path, so both are required here.
"""

import re
from typing import Annotated

from pydantic import BeforeValidator, ValidationInfo, field_validator

from lvsctl.spec.base import Extensible, Line
from lvsctl.spec.check_base import Connecting, words_of
from lvsctl.spec.forms import FIRST, REPEAT, WORDS
from lvsctl.spec.values import AnyCase, Flag, JsonSchema, OneOf, Parsed, Switch, Text, Whole, Word, expected

_STATUS = re.compile(r"([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?")
# As far as values.Whole counts; no page is that long.
MAX_OFFSET = 10**18

REGEX_OPTIONS = (
    "allow_empty_class",
    "alt_bsux",
    "alt_circumflex",
    "alt_verbnames",
    "auto_callout",
    "caseless",
    "dollar_endonly",
    "dotall",
    "dupnames",
    "extended",
    "firstline",
    "match_unset_backref",
    "multiline",
    "never_backslash_c",
    "never_ucp",
    "never_utf",
    "no_auto_capture",
    "no_auto_possess",
    "no_dotstar_anchor",
    "no_start_optimize",
    "ucp",
    "ungreedy",
    "use_offset_limit",
    "utf",
)
"""The options of pcre2_compile(3) that keepalived has a word for."""


class Status(Parsed):
    """An HTTP status, or the first and last of a range."""

    what = "a status from 100 to 599 or a range such as 200-299"

    def parse(self, value: object) -> str:  # noqa: D102 - see Parsed
        found = _STATUS.fullmatch(str(value)) if isinstance(value, (str, int)) else None
        if not found or (found[2] and found[2] < found[1]):
            raise expected(self.what, value)
        return found[0]

    def json_schema(self) -> JsonSchema:  # noqa: D102 - see Parsed
        return {
            "type": ["string", "integer"],
            "pattern": f"^(?:{_STATUS.pattern})$",
            "minimum": 100,
            "maximum": 599,
        }


class RegexStack(Line):
    """The memory that matching may take."""

    syntax = "START MAX"

    start: Annotated[int, Whole(0, MAX_OFFSET, "bytes"), FIRST]
    """What is set aside at once."""
    max: Annotated[int, Whole(0, MAX_OFFSET, "bytes"), FIRST]
    """What it may grow to."""

    @field_validator("max")
    @classmethod
    def _not_below_start(cls, value: int, info: ValidationInfo) -> int:
        if value < info.data.get("start", 0):
            raise ValueError(f"expected at least the {info.data['start']} bytes it starts with, not {value}")
        return value


class Url(Extensible):
    """One page to fetch, and what it has to look like. All of a check's pages must be right."""

    path: Word
    """What to ask for, such as `/healthz`."""
    virtualhost: Word | None = None
    """The Host header; the default is the check's, then the real server's, then the virtual server's."""
    status_code: Annotated[
        tuple[Annotated[str, Status()], ...],
        BeforeValidator(words_of, json_schema_input_type=str | int | tuple[Annotated[str, Status()], ...]),
        WORDS,
    ] = ()
    """The statuses that count as success, single ones or ranges; the default is 200-299."""
    digest: Annotated[str, Text("an MD5 digest of 32 hexadecimal digits", r"[0-9A-Fa-f]{32}")] | None = None
    """The MD5 digest of the page, as genhash(1) prints it."""
    regex: Annotated[str, Text("a regular expression", high=400)] | None = None
    """What the page has to match: a PCRE2 expression as it is, without the escapes that keepalived.conf needs."""
    regex_no_match: Flag = False
    """The page must not match `regex`."""
    regex_options: Annotated[
        tuple[Annotated[str, OneOf(*REGEX_OPTIONS)], ...],
        BeforeValidator(
            words_of, json_schema_input_type=str | tuple[Annotated[str, OneOf(*REGEX_OPTIONS)], ...]
        ),
        WORDS,
    ] = ()
    """How to match, in the words of pcre2api(3) without PCRE2_."""
    regex_min_offset: Annotated[int, Whole(0, MAX_OFFSET, "bytes")] | None = None
    """Where in the page the match may begin at the earliest."""
    regex_max_offset: Annotated[int, Whole(0, MAX_OFFSET, "bytes")] | None = None
    """Where in the page the match may begin at the latest."""
    regex_stack: RegexStack | None = None
    """The memory that matching may take, for expressions that need much; the largest of all URLs counts."""

    @field_validator("regex_no_match", "regex_options", "regex_min_offset", "regex_max_offset", "regex_stack")
    @classmethod
    def _regex_is_there(cls, value: object, info: ValidationInfo) -> object:
        if value and info.data.get("regex", "") is None:
            raise ValueError(f"{info.field_name} says how to match, but there is no `regex`")
        return value

    @field_validator("regex_max_offset")
    @classmethod
    def _not_before_min(cls, value: int | None, info: ValidationInfo) -> int | None:
        low = info.data.get("regex_min_offset") or 0
        if value is not None and value < low:
            raise ValueError(f"expected at least regex_min_offset, which is {low}, not {value}")
        return value


class HttpGet(Connecting):
    """Succeeds when every URL answers as it should over HTTP."""

    virtualhost: Word | None = None
    """The Host header for the URLs that state none; the default is the real server's, then the virtual server's."""
    http_protocol: Annotated[str, AnyCase("1.0", "1.0C", "1.1")] | None = None
    """The HTTP version; 1.0C is 1.0 with a `Connection: close` header. The default is 1.0."""
    enable_sni: Switch | None = None
    """SSL_GET only: send the Host header's name in the TLS handshake too; the default is false."""
    fast_recovery: Switch | None = None
    """When starting or recovering, check all URLs at once, not one per `delay_loop`; the default is false."""
    url: Annotated[tuple[Url, ...], REPEAT]
    """The pages to fetch, at least one."""

    @field_validator("url")
    @classmethod
    def _at_least_one(cls, value: tuple[Url, ...]) -> tuple[Url, ...]:
        if not value:
            raise ValueError("expected at least one URL, but the list is empty")
        return value


class SslGet(HttpGet):
    """Succeeds when every URL answers as it should over HTTPS; certificates are not verified."""
