"""Tells when links, addresses or rules change, so that return paths are looked at again.

Routes are not watched: IPv4 tells nothing of those that go with a link, and a router that learns routes would tell
of little else. Whoever uses this looks again now and then without having been told.
"""

import asyncio
import errno
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from enum import StrEnum
from typing import Final

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


async def changes() -> AsyncIterator[frozenset[News]]:
    """Yield what has changed in this thread's network namespace, each time some quiet after the first of it.

    Raises Unavailable when the kernel cannot be listened to.
    """
    try:
        listener = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE
        )
        listener.bind((0, GROUPS))
    except OSError as error:
        raise Unavailable(f"netlink: {error.strerror}") from error
    with listener:
        while True:
            news = await _heard(listener) | await _more(listener)
            if news:
                yield frozenset(news)


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
