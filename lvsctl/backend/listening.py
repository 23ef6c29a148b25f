"""The sockets that the sorry backend listens on: bound before privileges go, also to addresses this node has not yet.

A BACKUP has no virtual address until it becomes MASTER, and must not wait for it: IP_FREEBIND takes the place of the
sysctl ip_nonlocal_bind, for these sockets only. Each worker has sockets of its own on the same ports (SO_REUSEPORT), so
the kernel spreads the visitors and no worker wakes for another's.
"""

import errno
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple

from lvsctl.errors import Denied, LvsctlError, Unavailable
from lvsctl.vocabulary import Address, as_endpoint, endpoint

_IP_FREEBIND: Final = 15
_IPV6_FREEBIND: Final = 78
_BACKLOG: Final = 4096


class Speech(StrEnum):
    """What is spoken at a port."""

    HTTP = "http"
    """HTTP/1 and TLS, told apart by the first byte."""
    SMTP = "smtp"


class Door(NamedTuple):
    """Where to listen."""

    address: Address
    port: int
    speech: Speech = Speech.HTTP

    @classmethod
    def parse(cls, text: str, speech: Speech = Speech.HTTP) -> "Door":
        """Read ``10.0.0.1:80`` or ``[2001:db8::1]:80``. ValueError says what is wrong."""
        return cls(*as_endpoint(text), speech)

    def __str__(self) -> str:
        return endpoint(self.address, self.port)


class Listener(NamedTuple):
    """A socket that listens, and where."""

    sock: socket.socket
    door: Door


def anywhere(port: int, speech: Speech = Speech.HTTP) -> tuple[Door, ...]:
    """Answer the doors to every address of this machine, in the families that it has."""
    try:
        socket.socket(socket.AF_INET6, socket.SOCK_STREAM).close()
    except OSError:
        return (Door(IPv4Address(0), port, speech),)
    return Door(IPv4Address(0), port, speech), Door(IPv6Address(0), port, speech)


def bind(doors: Sequence[Door], workers: int) -> tuple[tuple[Listener, ...], ...]:
    """Listen at every door; answer for each worker its own sockets. All or none; port 0 is any free one.

    Raises Unavailable or Denied, with the door: also when another program listens there, whom SO_REUSEPORT would let
    keep half of the visitors in silence.
    """
    with ExitStack() as undo:
        open_doors = [_tried(door) for door in doors]
        shares = tuple(
            tuple(Listener(undo.enter_context(_listening(door)), door) for door in open_doors)
            for _ in range(workers)
        )
        undo.pop_all()
    return shares


def _tried(door: Door) -> Door:
    """Answer *door* with its port, once nobody else is found to listen there."""
    with _bound(door, shared=False) as sock:
        sock.listen()
        port: int = sock.getsockname()[1]
    return door._replace(port=port)


def _listening(door: Door) -> socket.socket:
    sock = _bound(door, shared=True)
    sock.listen(_BACKLOG)
    sock.setblocking(False)  # noqa: FBT003 - its only parameter, and by position only
    return sock


def _bound(door: Door, *, shared: bool) -> socket.socket:
    family = socket.AF_INET6 if isinstance(door.address, IPv6Address) else socket.AF_INET
    try:
        sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    except OSError as error:
        raise _refused(door, error) from error
    try:
        for level, option in _options(family, shared=shared):
            sock.setsockopt(level, option, 1)
        sock.bind((str(door.address), door.port))
    except OSError as error:
        sock.close()
        raise _refused(door, error) from error
    return sock


def _options(family: socket.AddressFamily, *, shared: bool) -> Iterator[tuple[int, int]]:
    yield socket.SOL_SOCKET, socket.SO_REUSEADDR
    if shared:
        yield socket.SOL_SOCKET, socket.SO_REUSEPORT
    # Who is accepted inherits this. An answer leaves in one piece, so there is nothing worth waiting for.
    yield socket.IPPROTO_TCP, socket.TCP_NODELAY
    if family is socket.AF_INET6:
        yield socket.IPPROTO_IPV6, socket.IPV6_V6ONLY
        yield socket.IPPROTO_IPV6, _IPV6_FREEBIND
    else:
        yield socket.IPPROTO_IP, _IP_FREEBIND


def _refused(door: Door, error: OSError) -> LvsctlError:
    what = f"{door}: cannot listen: {error.strerror}"
    if isinstance(error, PermissionError):
        return Denied(what, hint="ports below 1024 want root or CAP_NET_BIND_SERVICE")
    if error.errno == errno.EADDRINUSE:
        return Unavailable(what, hint=f"`ss -ltnp sport = :{door.port}` shows who does")
    return Unavailable(what)
