"""The nginx site, asked by bytes on the wire: the real nginx has to answer 503 whatever comes."""

import re
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lvsctl.backend.load import pages_of
from lvsctl.backend.negotiate import kind
from lvsctl.backend.nginx import MAX_PAGE, MAX_TOKEN, site
from lvsctl.backend.page import CONTENT_TYPES, PageInvalid, pages
from lvsctl.backend.words import Words, words_of
from lvsctl.spec.sorry import Sorry
from tests.support import nginx
from tests.support.certificates import certify

ACCEPTS = [
    b"",
    b"*/*",
    b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    b"application/json",
    b"Application/JSON, text/plain, */*",
    b"application/problem+json",
    b"application/jsonp",
    b"text/html;q=0.1, application/json",
    b"text/plain",
    b"image/avif,image/webp",
    b"image/*,*/*;q=0.8",
    b"nonsense",
]

HOSTILE = 'it\'s $http_host ${x} \\ \\\' "}; return 200 "x"; # </script>\nnext é \U0001f44b'


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Server(NamedTuple):
    sorry: Sorry
    tls: ssl.SSLContext | None = None
    """How it is spoken to: in TLS, or as it is, whatever the port speaks."""

    def ask(self, data: bytes, address: str = "127.0.0.1") -> Answer:
        with socket.create_connection((address, self.sorry.port), timeout=10) as plain:
            if self.tls is None:
                plain.sendall(data)
                plain.shutdown(socket.SHUT_WR)  # else nginx waits for the body that was announced
                return read(receive(plain))
            with self.tls.wrap_socket(plain) as connection:
                connection.sendall(data)
                return read(receive(connection, whole=not data.startswith(b"HEAD")))


def certified(folder: Path) -> list[dict[str, Any]]:
    return [
        {"certificate": str(certificate), "key": str(key), "names": [name]}
        for name in ("www.example.org", "shop.example.net")
        for certificate, key in [certify(name, folder)]
    ]


@pytest.fixture(scope="module", params=["http", "http on the port of tls", "tls"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("nginx")
    words = {"retry_after": 77, "name": "Shop", "message": HOSTILE, "port": nginx.free_port()}
    certificates = [] if request.param == "http" else certified(folder)
    sorry = Sorry.model_validate({**words, "certificates": certificates})
    with nginx.running(site(sorry, pages_of(sorry)), folder, sorry.port):
        yield Server(sorry, trusting() if request.param == "tls" else None)


def trusting(*authorities: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    if not authorities:
        context.verify_mode = ssl.CERT_NONE
    for file in authorities:
        context.load_verify_locations(file)
    return context


def request(line: bytes, *fields: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join([line, b"Host: www.example.org", *fields, b"", body])


def receive(connection: socket.socket, *, whole: bool = False) -> bytes:
    """Read until the server closes; with *whole*, until the body is there (a sender in TLS cannot close one way)."""
    received = b""
    while part := connection.recv(65536):
        received += part
        length = re.search(rb"Content-Length: (\d+)", received) if whole else None
        if length and len(received.partition(b"\r\n\r\n")[2]) >= int(length[1]):
            break
    return received


def read(received: bytes) -> Answer:
    head, _, body = received.removeprefix(CONTINUE).partition(b"\r\n\r\n")
    first, *fields = head.decode().split("\r\n")
    found = re.match(r"HTTP/1\.[01] (\d{3}) ", first)
    assert found, received[:200]
    assert len({field.partition(":")[0].lower() for field in fields}) == len(fields), (
        f"a header twice: {fields}"
    )
    return Answer(
        int(found[1]), {k.lower(): v.strip() for k, _, v in (f.partition(":") for f in fields)}, body
    )


def assert_sorry(answer: Answer) -> None:
    assert answer.status == 503
    assert answer.headers["retry-after"] == "77"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["connection"] == "close"


CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
"""What nginx says to whoever expects it, before any other answer."""

METHODS = [b"GET", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"PROPFIND", b"MKCOL", b"TRACE", b"BREW"]
PATHS = [
    b"/",
    b"/index.html",
    b"/logo.png",
    b"/html",
    b"/json",
    b"//.well-known/acme-challenge/x",
    b"/.well-known/%2e%2e/%2e%2e/etc/passwd",
    b"/a/../../b",
    b"/%00",
    b"/%",
    b"/%zz?%0d%0aSet-Cookie:x",
    b"/%0d%0aSet-Cookie:%20x",
    b"/\xff\xfe",
    b"/?" + b"q" * 4000,
    b"/" + b"x" * 7000,
    b"/" + b"x" * 8500,  # more than a buffer of nginx's, its 414, and no more than it reads before it answers
    b"http://other.example/absolute",
    b"*",
    b"no-slash",
]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_answered_with_503_and_the_page(server: Server, method: bytes) -> None:
    answer = server.ask(request(method + b" /x.php HTTP/1.1", b"Content-Length: 5", body=b"a=b&c"))
    assert_sorry(answer)
    assert answer.body == pages_of(server.sorry).html


@pytest.mark.parametrize("path", PATHS, ids=lambda path: repr(path[:40]))
def test_every_path_is_answered_with_503(server: Server, path: bytes) -> None:
    assert_sorry(server.ask(request(b"GET " + path + b" HTTP/1.1")))


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"get / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT www.example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nRange: bytes=0-3\r\nIf-None-Match: *\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nIf-Match: nothing\r\nExpect: 100-continue\r\nContent-Length: 9999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nCookie: " + b"c" * 8500 + b"\r\n\r\n",
    ],
    ids=lambda data: repr(data[:60]),
)
def test_so_is_what_nginx_would_refuse(server: Server, data: bytes) -> None:
    assert_sorry(server.ask(data))


def test_head_has_the_headers_of_get_and_no_body(server: Server) -> None:
    head, get = (server.ask(request(m + b" /a HTTP/1.1")) for m in (b"HEAD", b"GET"))
    assert_sorry(head)
    assert head.body == b""
    assert {**head.headers, "date": ""} == {**get.headers, "date": ""}


@pytest.mark.parametrize("accept", ACCEPTS)
def test_the_map_chooses_as_negotiate_does(server: Server, accept: bytes) -> None:
    answer = server.ask(request(b"POST /logo.png HTTP/1.1", *([b"Accept: " + accept] if accept else [])))
    form = kind(accept)
    made = pages_of(server.sorry)
    assert_sorry(answer)
    assert answer.headers["content-type"] == CONTENT_TYPES[form]
    assert answer.headers.get("content-security-policy", "") == (made.policy if form == "html" else "")
    assert answer.body == getattr(made, form)


def test_every_form_is_among_the_cases() -> None:
    assert {kind(accept) for accept in ACCEPTS} == set(CONTENT_TYPES)


@pytest.mark.parametrize("server", ["tls"], indirect=True)
@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("www.example.org", "www.example.org"),
        ("shop.example.net", "shop.example.net"),
        ("other.example", "www.example.org"),
        (None, "www.example.org"),
    ],
)
def test_tls_shows_the_certificate_of_the_host(server: Server, asked: str | None, shown: str) -> None:
    context = trusting(*(each.certificate for each in server.sorry.certificates if shown in each.names))
    with (
        socket.create_connection(("127.0.0.1", server.sorry.port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=asked) as connection,
    ):
        connection.sendall(request(b"POST /x HTTP/1.1", b"Content-Length: 1", body=b"x"))
        assert_sorry(read(receive(connection)))


def test_it_listens_on_both_families(server: Server) -> None:
    assert_sorry(server.ask(request(b"GET / HTTP/1.1"), "::1"))


@pytest.mark.parametrize("server", ["http"], indirect=True)
def test_a_handshake_without_certificates_is_told_too(server: Server) -> None:
    assert_sorry(server.ask(b"\x16\x03\x01\x00\x05hello\r\n\r\n"))


@pytest.mark.parametrize("size", [1, MAX_TOKEN - 3, MAX_TOKEN, 3 * MAX_TOKEN, MAX_PAGE - 100])
@pytest.mark.parametrize("character", ["'", "\\", "$", "x", "\U0001f44b"])
def test_a_page_of_any_size_and_content_passes(size: int, character: str, tmp_path: Path) -> None:
    text = character * max(1, size // len(character.encode()))
    made = pages(Words(), "{% raw %}" + text + "{% endraw %}")
    sorry = Sorry.model_validate({"port": nginx.free_port()})
    with nginx.running(site(sorry, made), tmp_path, sorry.port):
        assert Server(sorry).ask(request(b"GET / HTTP/1.1")).body == text.encode()


def test_a_page_that_is_too_large_or_no_text_is_refused() -> None:
    for text, reason in (("x" * (MAX_PAGE + 1), "at most"), ("a\0b", "NUL")):
        with pytest.raises(PageInvalid, match=reason):
            site(Sorry(), pages(Words(), text))


def test_a_second_certificate_without_names_is_refused() -> None:
    files = [{"certificate": f"/{name}.crt", "key": f"/{name}.key"} for name in "ab"]
    sorry = Sorry.model_validate({"certificates": files})
    with pytest.raises(PageInvalid, match=r"which hosts /b\.crt is for"):
        site(sorry, pages(Words()))


def test_nginx_does_refuse_what_is_not_quoted(tmp_path: Path) -> None:
    """So that the tests above can fail."""
    good = site(Sorry(), pages_of(Sorry()))
    assert nginx.complaint(good, tmp_path) == ""
    assert "too long parameter" in nginx.complaint(good + f"geo $x {{ default '{'x' * 4100}'; }}", tmp_path)
    assert "unknown directive" in nginx.complaint(good.replace("geo ", "goe "), tmp_path)


@pytest.mark.parametrize(
    "keywords",
    [
        {"certificates": [{"certificate": "/a; return 200", "key": "/b"}]},
        {"certificates": [{"certificate": "/a$host", "key": "/b"}]},
        {"certificates": [{"certificate": "/a'", "key": "/b"}]},
        {"certificates": [{"certificate": "/a", "key": "/b", "names": ["x; return 200"]}]},
        {"certificates": [{"certificate": "/a", "key": "/b", "names": ["~.*"]}]},
        {"certificates": [{"certificate": "/a", "key": "/b", "names": ["$host"]}]},
        {"retry_after": "1; return 200"},
        {"port": "80 proxy_protocol"},
    ],
)
def test_nothing_else_of_the_spec_reaches_the_site_unchecked(keywords: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Sorry.model_validate(keywords)


def test_the_words_of_the_spec_are_the_words_of_the_page() -> None:
    assert words_of(Sorry()) == Words()
