"""Hears when something about links, addresses, default routes or rules changes in this network namespace.

It says only *that*, and whoever hears it looks: a link that goes down takes its IPv4 routes along without a word about
them, so the news alone would not tell what is missing.
"""

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Final, Self

LINK, IPV4_ADDRESS, IPV4_ROUTE, IPV4_RULE = 0x1, 0x10, 0x40, 0x80
IPV6_ADDRESS, IPV6_ROUTE = 0x100, 0x400
IPV6_RULE = 1 << 18
"""``RTMGRP_*`` of linux/rtnetlink.h, and the bit of RTNLGRP_IPV6_RULE."""
GROUPS: Final = LINK | IPV4_ADDRESS | IPV4_ROUTE | IPV4_RULE | IPV6_ADDRESS | IPV6_ROUTE | IPV6_RULE

NEW_ROUTE, DELETED_ROUTE = 24, 25
_HEADER = struct.Struct("=IHHII")
_ROUTE_LENGTH_AT = _HEADER.size + 1
"""Where rtmsg has dst_len."""


class Watch:
    """A socket that hears of changes; :attr:`changed` is set after each."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self._socket = socket.socket(
            socket.AF_NETLINK,
            socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC,
            socket.NETLINK_ROUTE,
        )
        self._socket.bind((0, GROUPS))

    def __enter__(self) -> Self:
        asyncio.get_running_loop().add_reader(self._socket, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(RuntimeError):
            asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def _hear(self) -> None:
        try:
            while True:
                if any(map(matters, messages(self._socket.recv(65536)))):
                    self.changed.set()
        except BlockingIOError:
            return
        except OSError:
            self.changed.set()  # ENOBUFS: more than the socket holds; so much has changed


def messages(data: bytes) -> list[bytes]:
    """Split what one read brought into netlink messages."""
    found, start = [], 0
    while start + _HEADER.size <= len(data):
        (length,) = struct.unpack_from("=I", data, start)
        if length < _HEADER.size:
            break
        found.append(data[start : start + length])
        start += (length + 3) & ~3
    return found


def matters(message: bytes) -> bool:
    """Answer whether uplinks may be concerned: of routes only default ones are, or BGP would keep us busy."""
    kind = int.from_bytes(message[4:6], "little" if struct.pack("=H", 1)[0] else "big")
    if kind not in (NEW_ROUTE, DELETED_ROUTE):
        return True
    return len(message) > _ROUTE_LENGTH_AT and message[_ROUTE_LENGTH_AT] == 0
