"""Read HTTP/1 requests from bytes: where each ends, which answer it gets, whether the connection lives on. Pure.

Every request gets the same page, so nothing of a request is kept but what decides the form of the answer and the
framing (RFC 9112). Whatever cannot be framed beyond doubt is answered and is the last of its connection: a proxy in
front of us must never count answers otherwise than we do. httptools is the oracle in tests/unit/backend.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from lvsctl.backend.answers import NUMBERS, Fate
from lvsctl.backend.negotiate import kind

MOST_HEAD: Final = 16 * 1024
"""Bytes of a request line with its fields; no browser sends half of that."""

MOST_BODY: Final = 1024 * 1024
"""Bytes of a body that are read and thrown away to keep the connection; a longer one costs the connection."""

_END: Final = b"\r\n\r\n"
_LONGEST_KEPT: Final = 1024
"""Bytes of fields whose reading is worth remembering."""
_LONGEST_NUMBER: Final = 12

_LINE: Final = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]++) [^\x00-\x20\x7f]++ HTTP/1\.([01])\r\n")
_PLAIN: Final = re.compile(
    rb"(?:(HEAD)|(?!CONNECT )[!#$%&'*+\-.^_`|~0-9A-Za-z]++) [^\x00-\x20\x7f]++ HTTP/1\.1\r\n"
)
"""The lines after which the fields alone decide, but for HEAD."""
_FIELDS: Final = re.compile(rb"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]++:[^\r\n\x00]*+\r\n)*+\r\n")
_TELLING: Final = re.compile(
    rb"\r\n(accept|connection|content-length|transfer-encoding|expect):[ \t]*+([^\r]*+)", re.IGNORECASE
)

_PERSONAL: Final = (b"cookie", b"authorization", b"referer", b"token")
_ONLY_PERSONAL: Final = (b"\r\nCookie: ", b"\r\nReferer: ")
"""Lines that differ from visitor to visitor, as browsers write them."""
_VALUE: Final = re.compile(rb"[^\r\n\x00]*+")

Told = tuple[tuple[bytes, bytes], ...]
"""Names and values of the fields that tell something."""

Reply = tuple[int, bool]
"""The number of an answer (:data:`lvsctl.backend.answers.NUMBERS`), and whether it is the last of its connection."""

_MOST_KNOWN: Final = 256
_KNOWN: Final[dict[bytes, tuple[Reply, Reply]]] = {}
"""By the fields of requests without a body that were read before, from the end of their first line on: what HEAD gets comes
second. One browser says the same about every file. None that tell whose they are, and no paths."""


class Request(NamedTuple):
    """What is left of a request once it is read."""

    end: int
    """Where its head ends in the bytes read."""
    answer: int
    """The number of its answer (:data:`lvsctl.backend.answers.NUMBERS`)."""
    body: int = 0
    """So many bytes follow that belong to it; below 0 when nobody can tell."""
    last: bool = False
    """Nothing can be read after it: answer, then close."""


def at_once(data: bytes) -> Reply | None:
    """Answer what *data* gets if it is exactly one request, without a body; None: it takes :func:`read`."""
    line = _PLAIN.match(data)
    if line is not None and len(data) <= MOST_HEAD:
        known = _KNOWN.get(data[line.end() - 2 :])
        if known is not None:
            return known[line.lastindex or 0]
    request = read(data)
    if request is None or request.body or request.end < len(data):
        return None
    return request.answer, request.last


def read(data: bytes, start: int = 0) -> Request | None:
    """Read the request that begins at *start*; None when its head is not all there yet.

    What is no request of HTTP/1 is answered like one, and is the last.
    """
    end = data.find(_END, start) + len(_END)
    if end < len(_END):
        return _unfinished(data, start)
    line = _LINE.match(data, start, end)
    if line is None or end - start > MOST_HEAD:
        return _after_blank_lines(data, start) or hopeless(data, start)
    fields, (method, minor) = data[line.end() - 2 : end], line.groups()
    plain = minor == b"1" and method != b"CONNECT"
    if plain and (known := _KNOWN.get(_impersonal(fields))) is not None:
        answer, last = known[method == b"HEAD"]
        return Request(end, answer, last=last)
    if _FIELDS.fullmatch(fields, 2) is None:
        return hopeless(data, start)
    decide = _decided if len(fields) <= _LONGEST_KEPT else _decided.__wrapped__
    request = Request(end, *decide(method, minor, tuple(_TELLING.findall(fields))))
    if plain and not request.body:
        _remember(fields, request)
    return request


def _impersonal(fields: bytes) -> bytes:
    """Answer one request's *fields* without the valid lines that tell nothing but whose it is."""
    for name in _ONLY_PERSONAL:
        at = fields.find(name)
        if (
            at >= 0
            and (value := _VALUE.match(fields, at + len(name)))
            and fields.startswith(b"\r\n", value.end())
        ):
            fields = fields[:at] + fields[value.end() :]
    return fields


def _remember(fields: bytes, request: Request) -> None:
    if len(fields) > _LONGEST_KEPT:
        return
    lower = fields.lower()
    for word in _PERSONAL:
        if word in lower:
            return
    if len(_KNOWN) >= _MOST_KNOWN:
        _KNOWN.clear()
    with_body = request.answer & ~1
    _KNOWN[fields] = (with_body, request.last), (with_body + 1, request.last)


def hopeless(data: bytes, start: int = 0) -> Request:
    """Answer what to say to something at *start* that is no request, or whose end nobody can wait for."""
    head = data.startswith(b"HEAD ", start)
    return Request(len(data), NUMBERS["html"][Fate.CLOSED][head], body=-1, last=True)


def _after_blank_lines(data: bytes, start: int) -> Request | None:
    # Some clients end a body with a line too many (RFC 9112, 2.2).
    at = start
    while data.startswith(b"\r\n", at):
        at += 2
    return read(data, at) if at > start else None


def _unfinished(data: bytes, start: int) -> Request | None:
    if data.startswith(b"\r\n", start) and len(data) - start <= MOST_HEAD:
        return _after_blank_lines(data, start)
    # A first line that is none cannot become one, and a bare line feed ends no line: say so at once.
    line = data.find(b"\n", start)
    wrong = line >= 0 and _LINE.match(data, start, line + 1) is None
    return hopeless(data, start) if wrong or len(data) - start > MOST_HEAD or b"\n\n" in data else None


@lru_cache(maxsize=512)  # browsers say the same again and again, and looking that up is ten times faster
def _decided(method: bytes, minor: bytes, told: Told) -> tuple[int, int, bool]:
    """Answer the rest of a Request, by the fields that tell something."""
    fields: dict[bytes, list[bytes]] = {}
    for name, value in told:
        fields.setdefault(name.lower(), []).append(value.rstrip(b" \t"))
    body = _length(fields.get(b"content-length", ()))
    # A chunked body ends where its sender says, so nobody waits for it. Who waits for "100 Continue" may send
    # its body or not, and both are right after a final answer.
    if body < 0 or method == b"CONNECT" or b"transfer-encoding" in fields or b"expect" in fields:
        body, fate = -1, Fate.CLOSED
    else:
        fate = _fate(b",".join(fields.get(b"connection", ())), minor)
    form = kind(b",".join(fields.get(b"accept", ())))
    return NUMBERS[form][fate][method == b"HEAD"], body, fate is Fate.CLOSED


def _length(values: tuple[()] | list[bytes]) -> int:
    """Answer the length of the body; below 0 when it is too long, or not said in one way only."""
    if not values:
        return 0
    first = values[0]
    if any(value != first for value in values) or not first.isdigit() or len(first) > _LONGEST_NUMBER:
        return -1
    return int(first) if int(first) <= MOST_BODY else -1


def _fate(connection: bytes, minor: bytes) -> Fate:
    if minor == b"1" and not connection:
        return Fate.KEPT
    options = {option.strip(b" \t") for option in connection.lower().split(b",")}
    if b"close" in options:
        return Fate.CLOSED
    if minor == b"1":
        return Fate.KEPT
    return Fate.ASKED if b"keep-alive" in options else Fate.CLOSED
