"""What visitors of a failover IP notice while it moves, from real packets: who answered, how many requests were lost.

One client sends a small UDP request to each address every INTERVAL, and each director answers from that address with
its name. A request is a number; nothing is sent again. How long an outage was follows from when the requests were
sent, so a lab that is slow to read the answers makes none longer.
"""

import socket
import struct
import time
from bisect import bisect_left
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from tests.support.hosts import Host
from tests.support.loop import READ, Loop

INTERVAL = 0.02
PORT = 7007
PATIENCE = 0.4
"""Seconds after which a request that has no answer is lost."""

_NUMBER = struct.Struct("!I")


class Outage(NamedTuple):
    """What was lost in a stretch of time."""

    asked: int
    lost: int
    longest: float
    """Seconds from the last request that was answered to the next one that was, in the longest gap."""
    ends: bool
    """Whether the last request was answered."""


def outage(sent: Sequence[float], answered: Sequence[bool]) -> Outage:
    """Judge requests in the order in which they were sent. A gap at either end counts up to there."""
    longest, since = 0.0, sent[0] if sent else 0.0
    for at, was_answered in zip(sent, answered, strict=True):
        if was_answered:
            longest, since = max(longest, at - since), at
    longest = max(longest, sent[-1] - since) if sent else 0.0
    lost = len(answered) - sum(answered)
    return Outage(len(sent), lost, round(longest, 3) if lost else 0.0, bool(answered) and answered[-1])


class Visits:
    """The requests to one address."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.sent: list[float] = []
        self.by: list[str] = []
        """For each request, who answered it; empty as long as nobody has."""

    @property
    def last(self) -> str:
        """Who answered the newest request that has an answer."""
        return next((name for name in reversed(self.by) if name), "")

    def between(self, since: float, until: float) -> Outage:
        """Judge the requests sent from *since* to *until* (``time.monotonic()``)."""
        first, end = bisect_left(self.sent, since), bisect_left(self.sent, until)
        return outage(self.sent[first:end], [bool(name) for name in self.by[first:end]])


class Client:
    """Visits addresses from *host*, as long as the block of *loop* lasts."""

    def __init__(self, loop: Loop, host: Host) -> None:
        self._loop = loop
        self._visits: dict[str, Visits] = {}
        with host.inside():
            self._socket = _datagrams(("0.0.0.0", 0))
        loop.call(self._begin)

    def visit(self, address: str) -> Visits:
        """Visit *address* from now on."""
        visits = Visits(address)
        self._loop.call(lambda: self._visits.update({address: visits}))
        return visits

    def leave(self, visits: Visits) -> None:
        """Visit that address no more."""
        self._loop.call(lambda: self._visits.pop(visits.address, None))

    def close(self) -> None:
        """Let go of the socket, when the loop has ended."""
        self._socket.close()

    def _begin(self) -> None:
        self._loop.watch(self._socket.fileno(), READ, self._answers)
        self._ask()

    def _ask(self) -> None:
        now = time.monotonic()
        for each in self._visits.values():
            number = _NUMBER.pack(len(each.sent))
            each.sent.append(now)
            each.by.append("")
            with suppress(OSError):  # a request that cannot leave is lost like any other
                self._socket.sendto(number, (each.address, PORT))
        self._loop.at(now + INTERVAL, self._ask)

    def _answers(self, _events: int) -> None:
        with suppress(BlockingIOError):
            while True:
                data, (address, _port) = self._socket.recvfrom(64)
                if visits := self._visits.get(address):
                    visits.by[_NUMBER.unpack_from(data)[0]] = data[_NUMBER.size :].decode()


class Server:
    """Answers on *address*, which *host* has to have, with the host's name."""

    def __init__(self, loop: Loop, host: Host, address: str) -> None:
        self._name = host.name.encode()
        with host.inside():
            self._socket = _datagrams((address, PORT))
        loop.call(lambda: loop.watch(self._socket.fileno(), READ, self._requests))

    def close(self) -> None:
        """Let go of the socket, when the loop has ended."""
        self._socket.close()

    def _requests(self, _events: int) -> None:
        with suppress(OSError):  # nobody else is there any more, or nobody is to be reached
            while True:
                data, visitor = self._socket.recvfrom(64)
                self._socket.sendto(data + self._name, visitor)


def _datagrams(where: tuple[str, int]) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setblocking(False)
    made.bind(where)
    return made
