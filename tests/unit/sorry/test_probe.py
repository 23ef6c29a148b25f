"""Asking a real server on loopback, polite and hostile ones."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest

from lvsctl.sorry.probe import Door, Reply, ask
from tests.support.certificates import certify

Handle = Callable[[socket.socket], None]


@contextmanager
def served(handle: Handle) -> Iterator[Door]:
    """Serve one connection with *handle*."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def work() -> None:
            with listener.accept()[0] as connection:
                handle(connection)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        yield Door(ip_address("127.0.0.1"), listener.getsockname()[1])
        thread.join(5)


def saying(answer: bytes) -> Handle:
    def handle(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(answer)

    return handle


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 120\r\n\r\n", Reply(503)),
        (b"HTTP/1.0 200 OK\r\n\r\n", Reply(200)),
        (b"HTTP/1.1 404\r\n\r\n", Reply(404)),
        (b"421 mail.example.org down for maintenance\r\n", Reply(421)),
        (b"", Reply(0, "it ended the connection without a word")),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Reply(0, "it does not speak HTTP: b'SSH-2.0-OpenSSH_9.2'")),
        (b"HTTP/1.1 \xb2\xb3\xb9 x\r\n", Reply(0, "it does not speak HTTP: b'HTTP/1.1 \\xb2\\xb3\\xb9 x'")),
        (b"   \r\n", Reply(0, "it does not speak HTTP: b'   '")),
        (b"x" * 5000, Reply(0, f"it does not speak HTTP: {b'x' * 40!r}")),
    ],
)
def test_the_first_line_is_the_answer(answer: bytes, expected: Reply) -> None:
    with served(saying(answer)) as door:
        assert ask(door) == expected


def test_no_two_questions_are_for_the_same_page_and_no_known_one() -> None:
    pages: list[bytes] = []

    def handle(connection: socket.socket) -> None:
        pages.append(connection.recv(4096).split()[1])
        connection.sendall(b"HTTP/1.1 503 x\r\n\r\n")

    for _ in range(2):
        with served(handle) as door:
            ask(door)
    assert len(set(pages)) == 2
    assert all(page.startswith(b"/lvsctl-preflight-") for page in pages)


def trickling(connection: socket.socket) -> None:
    for _ in range(40):
        try:
            connection.sendall(b"H")
        except OSError:
            return
        time.sleep(0.05)


def silent(connection: socket.socket) -> None:
    connection.recv(4096)
    time.sleep(0.6)


@pytest.mark.parametrize("handle", [trickling, silent])
def test_the_deadline_is_over_everything(handle: Handle) -> None:
    with served(handle) as door:
        assert ask(door, timeout=0.3) == Reply(0, "no answer within 0.3 s")


def test_nobody_there_is_an_answer_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert ask(Door(ip_address("127.0.0.1"), port)) == Reply(0, "Connection refused")


def test_tls_is_spoken_whatever_the_certificate_says(tmp_path: Path) -> None:
    certificate, key = certify("not.this.name", tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def handle(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as encrypted:
            saying(b"HTTP/1.1 503 sorry\r\n\r\n")(encrypted)

    with served(handle) as door:
        assert ask(door._replace(tls=True)) == Reply(503)
    with served(saying(b"HTTP/1.1 400 plain only\r\n\r\n")) as door:
        assert ask(door._replace(tls=True)).status == 0
