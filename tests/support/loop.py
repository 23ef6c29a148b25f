"""One epoll loop in one thread: all clients and all servers of a traffic test, cheap enough for the lab's one CPU.

Sockets belong to the network namespace they were opened in, so one loop can hold those of every host. It knows
file descriptors, handlers and timers; what is said over the sockets is :mod:`tests.support.traffic`'s business.
"""

import heapq
import itertools
import os
import select
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, Self

Handler = Callable[[int], object]
"""Called with the events (``select.EPOLLIN``, …) of its file descriptor."""
Timer = Callable[[], object]

READ, WRITE = select.EPOLLIN, select.EPOLLOUT

LATE = 0.1
"""Seconds for which the thread may be busy, or late, before it counts as having been away."""


class Home(Protocol):
    """Whose network namespace the loop is in: a :class:`tests.support.hosts.Host`."""

    def inside(self) -> AbstractContextManager[object]: ...


class Loop:
    """Runs in a thread of its own, in the network of *home*, for as long as the block.

    Only its own thread touches handlers and timers.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._epoll = select.epoll()
        self._handlers: dict[int, Handler] = {}
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._calls: list[Timer] = []
        self._woken, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._running = True
        self._thread = threading.Thread(target=self._run, name="traffic")
        self.failure: BaseException | None = None
        self.absences: list[tuple[float, float]] = []
        """When nothing that came was seen: the thread was not run, or had its hands full with what had come before."""
        self._since = time.monotonic()

    def __enter__(self) -> Self:
        self.watch(self._woken, READ, lambda _: os.read(self._woken, 4096))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.call(self._end)
        self._thread.join()
        self._epoll.close()
        os.close(self._woken)
        os.close(self._wake)

    def call(self, function: Timer) -> None:
        """Have *function* called by the loop's thread; any thread may ask."""
        self._calls.append(function)
        os.write(self._wake, b".")

    def at(self, when: float, function: Timer) -> None:
        """Call *function* when ``time.monotonic()`` has reached *when*."""
        heapq.heappush(self._timers, (when, next(self._order), function))

    def away(self, since: float) -> float:
        """Answer for how many seconds after *since* the thread was away: no waiting that anybody else has caused."""
        turn = (self._since, time.monotonic())
        lately = itertools.takewhile(lambda span: span[1] > since, reversed(self.absences))
        spans = (turn, *lately) if turn[1] - turn[0] > LATE else lately
        return sum(end - max(begin, since) for begin, end in spans)

    def watch(self, fd: int, events: int, handler: Handler) -> None:
        """Call *handler* whenever one of *events*, an error or a hang-up is there."""
        self._handlers[fd] = handler
        self._epoll.register(fd, events)

    def change(self, fd: int, events: int) -> None:
        """Watch for other *events*."""
        self._epoll.modify(fd, events)

    def forget(self, fd: int) -> None:
        """Watch *fd* no longer; call it before closing."""
        if self._handlers.pop(fd, None):
            self._epoll.unregister(fd)

    def check(self) -> None:
        """Raise what ended the thread, if anything has."""
        if self.failure:
            raise self.failure

    def _end(self) -> None:
        self._running = False

    def _run(self) -> None:
        try:
            with self._home.inside():
                while self._running:
                    self._turn()
        except BaseException as failure:  # noqa: BLE001 - a thread's failure is shown by the test that waits for it
            self.failure = failure

    def _turn(self) -> None:
        begun = time.monotonic()
        patience = max(0.0, self._timers[0][0] - begun) if self._timers else 1.0
        ready = self._epoll.poll(patience)
        self._since = min(time.monotonic(), begun + patience)
        for fd, events in ready:
            if handler := self._handlers.get(fd):  # none: an earlier handler of this turn closed it
                handler(events)
        while self._calls:
            self._calls.pop(0)()
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2]()
        if (now := time.monotonic()) - self._since > LATE:
            self.absences.append((self._since, now))
