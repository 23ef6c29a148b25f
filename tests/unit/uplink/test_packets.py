"""Questions and answers as bytes."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.uplink.packets import (
    Echo,
    Head,
    checksum,
    dns_fault,
    dns_query,
    echo_reply,
    echo_request,
    http_head,
    http_request,
    is_good_status,
)
from lvsctl.vocabulary import Family

NUMBERS = st.integers(0, 0xFFFF)


@given(NUMBERS, NUMBERS, st.binary(max_size=99))
def test_an_echo_is_read_as_it_was_asked(ident: int, sequence: int, payload: bytes) -> None:
    for family, kind in ((Family.INET, 0), (Family.INET6, 129)):
        request = echo_request(family, ident, sequence, payload)
        assert echo_reply(family, bytes([kind]) + request[1:]) == Echo(ident, sequence)
        assert echo_reply(family, request) is None
    assert checksum(echo_request(Family.INET, ident, sequence, payload)) == 0


@given(st.binary(max_size=60))
def test_no_bytes_break_a_reader(data: bytes) -> None:
    for family in Family:
        echo_reply(family, data)
    dns_fault(dns_query(1, "example.org"), data)
    try:
        http_head(data)
    except ValueError:
        return


def test_an_ipv4_header_is_skipped() -> None:
    reply = bytes([0]) + echo_request(Family.INET, 7, 9, b"")[1:]
    assert echo_reply(Family.INET, b"\x46" + bytes(23) + reply) == Echo(7, 9)


def test_a_name_is_looked_up() -> None:
    assert dns_query(0x1234, "example.org")[12:] == b"\x07example\x03org\0\0\x02\0\x01"
    assert dns_query(1, ".")[12:] == b"\0\0\x02\0\x01"
    with pytest.raises(ValueError, match="63"):
        dns_query(1, "x" * 64)


def test_an_answer_to_another_question_is_none() -> None:
    query = dns_query(7, "example.org")
    answer = query[:2] + b"\x81\x80" + query[4:]
    assert dns_fault(query, answer) == ""
    assert dns_fault(query, query[:2] + b"\x81\x83" + query[4:]) == "", (
        "that there is no such name is an answer"
    )
    assert dns_fault(query, query[:2] + b"\x81\x82" + query[4:]) == "DNS response code 2"
    assert dns_fault(query, b"\0\x08" + answer[2:]) is None
    assert dns_fault(query, query) is None, "our own question"
    assert dns_fault(query, answer.replace(b"example", b"another")) is None


def test_a_request_is_whole_and_a_response_is_read() -> None:
    assert http_request("www.example.org", "/x").startswith(b"GET /x HTTP/1.1\r\nHost: www.example.org\r\n")
    assert http_head(b"HTTP/1.1 200 OK\r\nContent-Length: 12") == Head(200, 12)
    assert http_head(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1") == Head(200, None)
    assert http_head(b"HTTP/1.0 204") == Head(204, 0)
    for bad in (b"SSH-2.0-x", b"HTTP/1.1 2x0", b"HTTP/2 200", b""):
        with pytest.raises(ValueError, match="no HTTP"):
            http_head(bad)


def test_a_redirect_is_an_answer_unless_one_status_is_wanted() -> None:
    assert is_good_status(302, 0)
    assert not is_good_status(503, 0)
    assert not is_good_status(302, 204)
    assert is_good_status(503, 503)


def test_only_news_about_default_routes_matter() -> None:
    from lvsctl.uplink.watch import matters, messages

    def message(kind: int, dst_len: int) -> bytes:
        return struct.pack("=IHHII", 28, kind, 0, 0, 0) + bytes([2, dst_len]) + bytes(10)

    both = message(24, 0) + message(24, 24)
    assert [matters(each) for each in messages(both)] == [True, False]
    assert matters(message(16, 24)), "a link"
    assert messages(b"\0" * 40) == []
