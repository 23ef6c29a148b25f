"""Tells when links, addresses or rules change, so that return paths are looked at again.

Routes are not watched: IPv4 tells nothing of those that go with a link, and a router that learns routes would tell
of little else. Whoever uses this looks again now and then without having been told.
"""

import asyncio
import errno
import socket
import struct
from collections.abc import Iterator
from enum import StrEnum
from types import TracebackType
from typing import Final, Self

from lvsctl.errors import Unavailable

SETTLE: Final = 0.05
"""Seconds without news before it is told: a link that comes up says so several times."""

LONGEST: Final = 1.0
"""Seconds after which it is told, news or not."""

GROUPS: Final = 0x1 | 0x10 | 0x80 | 0x100 | 1 << (19 - 1)
"""RTMGRP_LINK, IPV4_IFADDR, IPV4_RULE, IPV6_IFADDR, and IPv6's rules, RTNLGRP_IPV6_RULE (linux/rtnetlink.h)."""

HEADER: Final = struct.Struct("=IHHII")
RECEIVE: Final = 2**16


class News(StrEnum):
    """What has changed."""

    LINK = "link"
    ADDRESS = "address"
    RULE = "rule"
    LOST = "lost"
    """Too much at once: some of it was not told."""


KINDS: Final = {
    16: News.LINK,
    17: News.LINK,
    20: News.ADDRESS,
    21: News.ADDRESS,
    32: News.RULE,
    33: News.RULE,
}
"""RTM_NEW… and RTM_DEL…"""


class Watch:
    """Listens in the network namespace of the thread that makes it, from then on.

    Each turn of ``async for news in watch`` is what has changed, told after some quiet. Raises Unavailable when the
    kernel cannot be listened to.
    """

    def __init__(self) -> None:
        try:
            self._listener = socket.socket(
                socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE
            )
        except OSError as error:
            raise Unavailable(f"netlink: {error.strerror}") from error
        try:
            self._listener.bind((0, GROUPS))
        except OSError as error:
            self._listener.close()
            raise Unavailable(f"netlink: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Listen no longer."""
        self._listener.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> frozenset[News]:
        while True:
            news = await _heard(self._listener) | await _more(self._listener)
            if news:
                return frozenset(news)


async def _more(listener: socket.socket) -> set[News]:
    """Answer what else comes until it is quiet."""
    loop = asyncio.get_running_loop()
    end = loop.time() + LONGEST
    news: set[News] = set()
    while (left := min(SETTLE, end - loop.time())) > 0:
        try:
            async with asyncio.timeout(left):
                news |= await _heard(listener)
        except TimeoutError:
            break
    return news


async def _heard(listener: socket.socket) -> set[News]:
    try:
        return set(_read(await asyncio.get_running_loop().sock_recv(listener, RECEIVE)))
    except OSError as error:
        if error.errno == errno.ENOBUFS:
            return {News.LOST}
        raise Unavailable(f"netlink: {error.strerror}") from error


def _read(data: bytes) -> Iterator[News]:
    """Yield what the messages in *data* are about."""
    at = 0
    while at + HEADER.size <= len(data):
        length, kind, *_ = HEADER.unpack_from(data, at)
        if length < HEADER.size:
            return
        if kind in KINDS:
            yield KINDS[kind]
        at += (length + 3) & ~3
