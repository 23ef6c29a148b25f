"""The answers of the sorry backend as bytes, made once per reload and then only sent. Pure.

A visitor gets one of 18: three forms of the page, three fates of the connection, with and without a body. They are
numbered, because a number is the cheapest thing a reader of requests can hand on.
"""

from enum import IntEnum
from typing import Final, NamedTuple

from lvsctl.backend.negotiate import KINDS
from lvsctl.backend.page import CONTENT_TYPES, Pages


class Fate(IntEnum):
    """What becomes of the connection after the answer, and how the answer says so (RFC 9112, 9.3)."""

    KEPT = 0
    """It stays: HTTP/1.1's default, which needs no word."""
    ASKED = 1
    """It stays because a client of HTTP/1.0 has asked for that, and is told."""
    CLOSED = 2
    """It is closed."""


_HEADERS: Final = ("", "Connection: keep-alive\r\n", "Connection: close\r\n")
_FORM: Final = 2 * len(_HEADERS)

NUMBERS: Final = {
    kind: tuple((form * _FORM + 2 * fate, form * _FORM + 2 * fate + 1) for fate in Fate)
    for form, kind in enumerate(KINDS)
}
"""By form: for each Fate the number of the answer to any method, and of the one to HEAD."""


def closing(number: int) -> int:
    """Answer the number of the same answer on a connection that is closed after it."""
    return number - number % _FORM + 2 * Fate.CLOSED + number % 2


class Answers(NamedTuple):
    """Everything that a worker can say."""

    http: tuple[bytes, ...]
    """By number."""
    smtp: bytes
    """The greeting that sends a mail server away until later (RFC 5321, 4.2.3 and 3.8)."""


def answers(pages: Pages, *, retry_after: int, host: str) -> Answers:
    """Prepare every answer.

    *retry_after* is in seconds; *host* is the name that the greeting of SMTP gives, letters and digits enough.
    """
    http = tuple(
        _answer(kind, getattr(pages, kind), pages.policy, retry_after, fate, head=head)
        for kind in KINDS
        for fate in Fate
        for head in (False, True)
    )
    name = (
        "".join(each for each in host if each.isascii() and (each.isalnum() or each in ".-")) or "localhost"
    )
    return Answers(http, f"421 {name} Service not available, please try again later\r\n".encode())


def _answer(kind: str, body: bytes, policy: str, retry_after: int, fate: Fate, *, head: bool) -> bytes:
    lines = [
        "HTTP/1.1 503 Service Unavailable",
        f"Content-Type: {CONTENT_TYPES[kind]}",
        f"Content-Length: {len(body)}",
        f"Retry-After: {retry_after}",
        "Cache-Control: no-store",
        "Vary: Accept",
        "X-Content-Type-Options: nosniff",
    ]
    if kind == "html" and policy:
        lines.append(f"Content-Security-Policy: {policy}")
    text = "".join(f"{line}\r\n" for line in lines) + _HEADERS[fate] + "\r\n"
    return text.encode("latin-1") + (b"" if head else body)
