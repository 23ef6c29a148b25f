"""Requests as bytes: what the sorry backend reads off them. httptools, which node.js's parser is, is the oracle."""

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.backend import request
from lvsctl.backend.answers import NUMBERS, Fate, closing
from lvsctl.backend.request import MOST_BODY, MOST_HEAD, Request, at_once, read

HTML = NUMBERS["html"]


def number(kind: str = "html", fate: Fate = Fate.KEPT, *, head: bool = False) -> int:
    return NUMBERS[kind][fate][head]


@pytest.mark.parametrize(
    ("text", "answer", "body", "last"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", number(), 0, False),
        (b"HEAD /x?y HTTP/1.1\r\nHost: a\r\n\r\n", number(head=True), 0, False),
        (b"OPTIONS * HTTP/1.1\r\n\r\n", number(), 0, False),
        (b"BREW /pot HTTP/1.1\r\n\r\n", number(), 0, False),
        (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", number(fate=Fate.CLOSED), 0, True),
        (b"GET / HTTP/1.1\r\nconnection: Upgrade, CLOSE\r\n\r\n", number(fate=Fate.CLOSED), 0, True),
        (b"GET / HTTP/1.0\r\n\r\n", number(fate=Fate.CLOSED), 0, True),
        (b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", number(fate=Fate.ASKED), 0, False),
        (b"GET / HTTP/1.1\r\nAccept: application/json\r\n\r\n", number("json"), 0, False),
        (b"GET / HTTP/1.1\r\nAccept: image/png\r\nACCEPT:\ttext/plain\r\n\r\n", number("text"), 0, False),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", number(), 5, False),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", number(), 5, False),
        (b"\r\n\r\nGET / HTTP/1.1\r\n\r\n", number(), 0, False),
        (b"GET / HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", number(), 0, False),
        (b"CONNECT a:1 HTTP/1.1\r\n\r\n", number(fate=Fate.CLOSED), -1, True),
        (b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", number(fate=Fate.CLOSED), -1, True),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", number(fate=Fate.CLOSED), -1, True),
    ],
)  # fmt: skip
def test_a_request_tells_its_answer_and_its_end(text: bytes, answer: int, body: int, *, last: bool) -> None:
    end = len(text) - (5 if text.endswith(b"hello") else 0)
    assert read(text) == Request(end, answer, body, last)


@pytest.mark.parametrize(
    "text",
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /\r\n",
        b"GET / HTTP/1.1\n\n",
        b"GET / HTTP/1.1\r\nHost: a\n\n",
        b"GET / HTTP/2.0\r\nHost: a",
        b"GET / with blanks HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length : 5\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\r\n Content-Length: 5\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\nContent-Length: 5\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\0\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 5, 6\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length:\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (MOST_BODY + 1),
        b"GET / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: " + b"b" * MOST_HEAD,
        b"GET / HTTP/1.1\r\nA: " + b"b" * MOST_HEAD + b"\r\n\r\n",
        b"\r\n" * MOST_HEAD,
        b"\0\1\2\n",
    ],
)
def test_what_cannot_be_framed_beyond_doubt_is_the_last(text: bytes) -> None:
    found = read(text)
    assert found is not None
    assert (found.answer, found.last, found.body) == (number(fate=Fate.CLOSED), True, -1)


@pytest.mark.parametrize(
    "text", [b"", b"\r", b"\r\n", b"GE", b"GET / HTTP/1.1\r\nHost: a\r\n", b"GET / HTTP/1.1\r\n\r"]
)
def test_what_may_still_become_a_request_is_waited_for(text: bytes) -> None:
    assert read(text) is None


def test_a_browser_is_remembered_and_a_head_too_long_to_remember_is_read_all_the_same() -> None:
    for filling in (0, 3000):
        text = (
            b"GET / HTTP/1.1\r\nAccept: text/html\r\nCookie: "
            + b"c" * filling
            + b"\r\nConnection: close\r\n\r\n"
        )
        assert read(text) == Request(len(text), number(fate=Fate.CLOSED), 0, last=True)


def test_every_answer_has_one_that_says_goodbye() -> None:
    for kinds in NUMBERS.values():
        for fate in Fate:
            for head in (0, 1):
                assert closing(kinds[fate][head]) == kinds[Fate.CLOSED][head]


class Oracle:
    """What httptools makes of a stream: how many requests there are, and whether the last one lets another follow."""

    def __init__(self) -> None:
        self.methods: list[bytes] = []
        self.parser = httptools.HttpRequestParser(self)

    def on_message_complete(self) -> None:
        self.methods.append(self.parser.get_method())


METHODS = st.sampled_from([b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH"])
FIELDS = st.lists(
    st.sampled_from(
        [b"Host: a", b"X: ", b"Cookie: a=b; c=d", b"Accept: */*", b"X-Content-Length: 7", b"a:b", b"Connection: x"]
    ),
    max_size=4,
)  # fmt: skip


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    body = draw(st.binary(max_size=40))
    length = [b"Content-Length: %d" % len(body)] if body or draw(st.booleans()) else []
    fields = draw(st.permutations([*draw(FIELDS), *length]))
    return b"\r\n".join([draw(METHODS) + b" /%7e?x HTTP/1.1", *fields, b"", body])


@given(st.lists(messages(), min_size=1, max_size=6))
def test_a_stream_of_requests_is_cut_where_the_oracle_cuts_it(stream: list[bytes]) -> None:
    data = b"".join(stream)
    oracle = Oracle()
    oracle.parser.feed_data(data)
    at, heads = 0, []
    while at < len(data):
        request = read(data, at)
        assert request is not None
        assert not request.last
        heads.append(request.answer % 2 == 1)
        at = request.end + request.body
    assert at == len(data)
    assert heads == [method == b"HEAD" for method in oracle.methods]


@given(st.binary(max_size=200) | st.lists(messages() | st.binary(max_size=9)).map(b"".join))
def test_nothing_is_read_beyond_what_is_there_and_nothing_raises(data: bytes) -> None:
    found = read(data)
    assert found is None or 0 < found.end <= len(data)


@given(st.lists(messages() | st.sampled_from([b"\n", b" ", b"\0", b"\r\n", b"x"]), min_size=1, max_size=4))
def test_what_the_oracle_refuses_is_not_kept_open(stream: list[bytes]) -> None:
    data = b"".join(stream)
    try:
        oracle = Oracle()
        oracle.parser.feed_data(data)
    except httptools.HttpParserInvalidMethodError:
        pass  # it has a list of methods; to us any word is one (RFC 9110, 9.1)
    except httptools.HttpParserError:
        assert _ends(data)


def _ends(data: bytes) -> bool:
    """Answer whether reading stops for good, or still waits, somewhere: never that all of it was understood."""
    at = 0
    while at < len(data):
        request = read(data, at)
        if request is None or request.last:
            return True
        at = request.end + request.body
    return False


@pytest.mark.parametrize("field", [b"Cookie: a=1", b"authorization: Basic x", b"Referer: http://a/?key=1"])
def test_nothing_that_tells_whose_a_request_is_is_remembered(field: bytes) -> None:
    read(b"GET / HTTP/1.1\r\nHost: remembered.example\r\n\r\n")
    read(b"GET / HTTP/1.1\r\nHost: forgotten.example\r\n" + field + b"\r\n\r\n")
    known = b"".join(request._KNOWN)
    assert b"remembered.example" in known
    assert b"forgotten.example" not in known


@given(messages() | st.lists(messages(), min_size=2, max_size=2).map(b"".join) | st.binary(max_size=60))
def test_what_is_answered_at_once_is_exactly_one_request_and_gets_what_reading_it_gives(data: bytes) -> None:
    request._KNOWN.clear()
    found = read(data)
    whole = found is not None and not found.body and found.end == len(data)
    for _ in ("unknown", "remembered"):
        assert at_once(data) == ((found.answer, found.last) if found and whole else None)
        assert read(data) == found


FIELDS_OF_A_BROWSER = b"Host: a\r\nAccept: application/json\r\nConnection: close\r\n"


@pytest.mark.parametrize("personal", [b"", b"Cookie: a=1\r\n", b"Cookie: a=1\r\nReferer: http://a/\r\n"])
@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"POST", b"HEADER", b"CONNECTED"])
def test_a_browser_that_is_remembered_is_recognised_with_its_cookies(method: bytes, personal: bytes) -> None:
    read(b"GET / HTTP/1.1\r\n" + FIELDS_OF_A_BROWSER + b"\r\n")
    data = method + b" /else HTTP/1.1\r\n" + FIELDS_OF_A_BROWSER + personal + b"\r\n"
    expected = number("json", Fate.CLOSED, head=method == b"HEAD")
    assert at_once(data) == (expected, True)
    assert read(data) == Request(len(data), expected, 0, last=True)


@pytest.mark.parametrize("method", [b"CONNECT", b"GET"])
@pytest.mark.parametrize("minor", [b"0", b"1"])
def test_a_first_line_that_says_more_is_read_whatever_is_remembered(method: bytes, minor: bytes) -> None:
    data = method + b" a:1 HTTP/1." + minor + b"\r\nHost: a\r\n\r\n"
    read(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    fate = Fate.KEPT if (method, minor) == (b"GET", b"1") else Fate.CLOSED
    found = read(data)
    assert found is not None
    assert found.answer == number(fate=fate)
    assert at_once(data) == (None if method == b"CONNECT" else (number(fate=fate), fate is Fate.CLOSED))


@pytest.mark.parametrize(
    "after", [b"Cookie: a=1\r\n", b"Cookie: a=1\r\n\r\n", b"\r\nCookie: a\r\n", b"\r\n", b"G"]
)
def test_what_follows_a_request_is_never_taken_for_a_part_of_it(after: bytes) -> None:
    head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    assert at_once(head) is not None
    assert at_once(head + after) is None
    found = read(head + after)
    assert found is not None
    assert found.end == len(head)


@pytest.mark.parametrize("value", [b"a\0", b"a\rb", b"a\nContent-Length: 5"])
def test_a_cookie_that_is_none_is_not_passed_over(value: bytes) -> None:
    read(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    found = read(b"GET / HTTP/1.1\r\nHost: a\r\nCookie: " + value + b"\r\n\r\n")
    assert found is not None
    assert (found.body, found.last) == (-1, True)


def test_a_head_that_is_too_long_is_so_with_fields_that_are_remembered() -> None:
    read(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert at_once(b"GET /" + b"a" * MOST_HEAD + b" HTTP/1.1\r\nHost: a\r\n\r\n") is None


def test_what_is_remembered_is_bounded_in_number_and_in_size() -> None:
    for each in range(1000):
        read(b"GET / HTTP/1.1\r\nX: %d\r\n\r\n" % each)
        read(b"GET / HTTP/1.1\r\nX: %d%s\r\n\r\n" % (each, b"x" * 2000))
    assert 0 < len(request._KNOWN) <= 256
    assert max(map(len, request._KNOWN)) <= 1024
