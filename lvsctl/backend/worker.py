"""One worker of the sorry backend: a single thread that waits for its sockets, accepts, answers, and ends in time.

Its own loop over epoll(7), because it is as fast as nginx here and nothing has to be installed for it
(docs/decisions/0009-sorry-backend.md). How many workers there are and what becomes of a dead one is
:mod:`lvsctl.backend.supervisor`'s business.
"""

import os
import signal
import time
from collections.abc import Callable, Sequence
from select import EPOLLIN
from ssl import SSLContext
from typing import Final, NamedTuple

from lvsctl.backend.answers import Answers
from lvsctl.backend.crowd import Crowd
from lvsctl.backend.limits import Limits
from lvsctl.backend.listening import Listener
from lvsctl.backend.reception import AT_ONCE, Reception
from lvsctl.errors import LvsctlError

_TICK: Final = 1.0
_REPORT: Final = 60.0
"""Seconds between two lines about what was done: no visitor can fill a log."""


class Content(NamedTuple):
    """What is served, as it was read last."""

    answers: Answers
    tls: SSLContext | None = None
    until: float | None = None
    """When it ceases to be true and wants to be read anew (seconds since the epoch); None: never by itself."""
    notes: tuple[str, ...] = ()
    """What is not as it should be, and does not keep it from being served."""


Load = Callable[[], Content]
"""Reads page and certificates anew; raises LvsctlError when they cannot be served."""
Tell = Callable[[str], None]


class Worker:
    """A worker, from its first visitor to its last."""

    def __init__(self, listeners: Sequence[Listener], content: Content, limits: Limits, *, load: Load, tell: Tell) -> None:  # fmt: skip
        self._crowd = Crowd(content.answers, content.tls, limits)
        self._listeners = {each.sock.fileno(): each for each in listeners}
        self._reception = Reception(self._crowd, listeners)
        self._limits = limits
        self._load = load
        self._tell = tell
        self._end = float("inf")
        self._wake, self._signalled = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def run(self) -> None:
        """Serve until SIGTERM, and then until everybody is served or the time to drain is over."""
        crowd = self._crowd
        members, newcomers = crowd.members, crowd.newcomers
        for fd in (self._wake, *self._listeners):
            crowd.watch(fd, EPOLLIN, anew=True)
        next_tick, next_report = 0.0, time.monotonic() + _REPORT
        while (crowd or not crowd.draining) and crowd.now < self._end:
            ready = crowd.wait(_TICK)
            now = crowd.now = time.monotonic()
            for fd, _ in ready:
                if (member := members.get(fd)) is not None:
                    member.ready()
                elif fd in newcomers:
                    self._reception.hear(fd)
                else:
                    self._ready(fd)
            if now >= next_tick:
                next_tick = now + _TICK / 2
                crowd.expire()
            if now >= next_report:
                next_report = now + _REPORT
                self._report()
        self._report()
        self._crowd.disperse()

    def hear_signals(self) -> None:
        """Have SIGHUP and SIGTERM wake this worker; before :meth:`run`, and with both blocked until it is done."""
        signal.set_wakeup_fd(self._signalled, warn_on_full_buffer=False)
        for number in (signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, lambda *_: None)  # the number arrives on the pipe

    def close(self) -> None:
        """Let go of what is left."""
        self._crowd.close()
        os.close(self._wake)
        os.close(self._signalled)

    def _ready(self, fd: int) -> None:
        if fd == self._wake:
            signals = os.read(fd, 512)
            if signal.SIGHUP in signals:
                self._reload()
            if signal.SIGTERM in signals:
                self._drain()
        elif listener := self._listeners.get(fd):
            self._reception.accept(listener)

    def _reload(self) -> None:
        try:
            content = self._load()
        except LvsctlError as error:
            self._tell(f"not reloaded, the old answers stay: {error.message}")
        else:
            self._crowd.answers, self._crowd.tls = content.answers, content.tls

    def _drain(self) -> None:
        if self._crowd.draining:
            return
        for listener in self._listeners.values():
            # Whoever the kernel has let in already would be reset by the close.
            for _ in range(0, self._limits.connections, AT_ONCE):
                if not self._reception.accept(listener):
                    break
            listener.sock.close()
        self._listeners.clear()
        self._end = self._crowd.now + self._limits.draining
        self._crowd.drain()

    def _report(self) -> None:
        """Say what was done since the last report. Numbers only: no visitor writes into our log."""
        crowd = self._crowd
        done = crowd.answered, crowd.expired, crowd.evicted
        if any(done):
            told = "answered {}, ran out of time {}, made room {}".format(*done)
            self._tell(f"{told}, connected now {len(crowd)}")
            crowd.answered = crowd.expired = crowd.evicted = 0
