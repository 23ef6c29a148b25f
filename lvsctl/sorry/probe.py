"""Ask a sorry server for an arbitrary page, and hear what it answers.

A bare socket with one deadline over everything, so that a server which trickles, stalls or never ends its header
holds nobody up. It follows nothing, checks no certificate and reads one line; whether the answer is good enough is
:mod:`lvsctl.sorry.preflight`'s to say.
"""

import secrets
import socket
import time
from typing import Final, NamedTuple

from lvsctl.vocabulary import Address, endpoint

_LONGEST_LINE: Final = 1024
"""Bytes of a status line; no server needs more."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl


class Door(NamedTuple):
    """Where to knock, and how."""

    address: Address
    port: int
    tls: bool = False

    def __str__(self) -> str:
        return f"{'https' if self.tls else 'http'}://{endpoint(self.address, self.port)}"


class Reply(NamedTuple):
    """What came back."""

    status: int
    """The HTTP status, or SMTP's reply code; 0 when there was none."""
    story: str = ""
    """Without a status: what happened instead."""


def ask(door: Door, *, timeout: float = 3.0) -> Reply:
    """Request a page that cannot exist; answer the status. Takes *timeout* seconds at most, and raises nothing."""
    deadline = time.monotonic() + timeout
    try:
        # TLS takes the descriptor over from the plain socket, so both have to be closed.
        with (
            socket.create_connection((str(door.address), door.port), timeout) as plain,
            _encrypted(plain, deadline) if door.tls else plain as connection,
        ):
            connection.settimeout(_left(deadline))
            connection.sendall(_request(door))
            return _reply(_first_line(connection, deadline))
    except TimeoutError:
        return Reply(0, f"no answer within {timeout:g} s")
    except OSError as error:
        return Reply(0, error.strerror or str(error) or type(error).__name__)


def _request(door: Door) -> bytes:
    # No cache and no rule for known paths may answer: nobody has asked for this one before.
    page = f"/lvsctl-preflight-{secrets.token_hex(8)}"
    return (
        f"GET {page} HTTP/1.1\r\nHost: {endpoint(door.address, door.port)}\r\n"
        "User-Agent: lvsctl-preflight\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    ).encode()


def _encrypted(plain: socket.socket, deadline: float) -> "ssl.SSLSocket":
    import ssl  # noqa: PLC0415 - 20 ms that only services with TLS pay

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # It is our own address: what counts is that TLS is spoken, not whose name is on the certificate.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    plain.settimeout(_left(deadline))
    return context.wrap_socket(plain)


def _first_line(connection: socket.socket, deadline: float) -> bytes:
    line = b""
    while b"\n" not in line and len(line) < _LONGEST_LINE:
        connection.settimeout(_left(deadline))
        more = connection.recv(_LONGEST_LINE)
        if not more:
            break
        line += more
    return line.partition(b"\n")[0].rstrip(b"\r")


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _reply(line: bytes) -> Reply:
    if not line:
        return Reply(0, "it ended the connection without a word")
    first, *rest = *line.split(maxsplit=2), b""
    code = rest[0] if first.startswith(b"HTTP/1.") else first
    if len(code) == 3 and code.isdigit():  # noqa: PLR2004 - as RFC 9110 and RFC 5321 write them
        return Reply(int(code))
    return Reply(0, f"it does not speak HTTP: {line[:40]!r}")
