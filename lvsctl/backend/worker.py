"""One worker of the sorry backend: a single thread that waits for its sockets, accepts, answers, and ends in time.

Its own loop over epoll(7), because it is as fast as nginx here and nothing has to be installed for it
(docs/decisions/0009-sorry-backend.md). How many workers there are and what becomes of a dead one is
:mod:`lvsctl.backend.supervisor`'s business.
"""

import errno
import os
import signal
import time
from collections.abc import Callable, Sequence
from select import EPOLLIN
from socket import IPPROTO_TCP, MSG_DONTWAIT, MSG_NOSIGNAL, SOCK_STREAM, SocketType
from ssl import SSLContext
from typing import Final, NamedTuple

from lvsctl.backend.answers import Answers
from lvsctl.backend.connection import Connection
from lvsctl.backend.crowd import Crowd
from lvsctl.backend.limits import Limits
from lvsctl.backend.listening import Listener, Speech
from lvsctl.backend.request import MOST_HEAD, read
from lvsctl.errors import LvsctlError

_NOW: Final = int(MSG_DONTWAIT)
_SEND: Final = int(MSG_DONTWAIT | MSG_NOSIGNAL)
_AT_ONCE: Final = 64
"""Visitors accepted before those already here have their turn."""
_TICK: Final = 1.0
_REPORT: Final = 60.0
"""Seconds between two lines about what was done: no visitor can fill a log."""
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Content(NamedTuple):
    """What is served, as it was read last."""

    answers: Answers
    tls: SSLContext | None = None
    until: float | None = None
    """When it ceases to be true and wants to be read anew (seconds since the epoch); None: never by itself."""


Load = Callable[[], Content]
"""Reads page and certificates anew; raises LvsctlError when they cannot be served."""
Tell = Callable[[str], None]


class Worker:
    """A worker, from its first visitor to its last."""

    def __init__(self, listeners: Sequence[Listener], content: Content, limits: Limits, *, load: Load, tell: Tell) -> None:  # fmt: skip
        self._crowd = Crowd(content.answers, content.tls, limits)
        self._listeners = {each.sock.fileno(): each for each in listeners}
        self._families = {
            each.sock: int(each.sock.family) for each in listeners
        }  # asking a socket makes an enum
        self._limits = limits
        self._load = load
        self._tell = tell
        self._end = float("inf")
        self._wake, self._signalled = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def run(self) -> None:
        """Serve until SIGTERM, and then until everybody is served or the time to drain is over."""
        crowd = self._crowd
        for fd in (self._wake, *self._listeners):
            crowd.watch(fd, EPOLLIN, anew=True)
        next_tick, next_report = 0.0, time.monotonic() + _REPORT
        while (crowd.members or not crowd.draining) and crowd.now < self._end:
            ready = crowd.wait(_TICK)
            now = crowd.now = time.monotonic()
            for fd, _ in ready:
                member = crowd.members.get(fd)
                if member is not None:
                    member.ready()
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
            self._accept(listener, _AT_ONCE)

    def _accept(self, listener: Listener, most: int) -> None:
        crowd, sock = self._crowd, listener.sock
        family = self._families[sock]
        for _ in range(most):
            try:
                fd, _ = sock._accept()  # type: ignore[attr-defined]  # noqa: SLF001 - accept() makes a far dearer socket of it
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _EXHAUSTED and crowd.evict():
                    continue
                return
            self._welcome(SocketType(family, SOCK_STREAM, IPPROTO_TCP, fd), listener.door.speech)

    def _welcome(self, sock: SocketType, speech: Speech) -> None:
        crowd = self._crowd
        data = b""
        if speech is Speech.HTTP:
            # Most visitors' first request is here already, and many never have a second one.
            try:  # noqa: SIM105 - suppress() costs as much as the system call
                data = sock.recv(MOST_HEAD, _NOW)
            except OSError:
                pass  # nothing yet, or never: whoever takes over will learn that
            if data and self._served(sock, data):
                return
        connection = Connection(sock, crowd)
        crowd.join(connection)
        if speech is Speech.SMTP:
            connection.greet(crowd.answers.smtp)
        elif data:
            connection.begin(data)
        else:
            connection.ready()

    def _served(self, sock: SocketType, data: bytes) -> bool:
        """Answer a first request that is also the last, if *data* is that and the answer leaves at once."""
        request = read(data)
        if request is None or not request.last or request.body or request.end < len(data):
            return False
        answer = self._crowd.answers.http[request.answer]
        self._crowd.answered += 1
        try:
            sent = sock.send(answer, _SEND)
        except OSError:
            sent = 0  # whoever takes over will learn why
        if sent == len(answer):
            sock.close()
        else:
            connection = Connection(sock, self._crowd)
            self._crowd.join(connection)
            connection.part(answer[sent:])
        return True

    def _reload(self) -> None:
        try:
            self._crowd.answers, self._crowd.tls, _ = self._load()
        except LvsctlError as error:
            self._tell(f"not reloaded, the old answers stay: {error.message}")

    def _drain(self) -> None:
        if self._crowd.draining:
            return
        for listener in self._listeners.values():
            # Whoever the kernel has let in already would be reset by the close.
            self._accept(listener, self._limits.connections)
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
            self._tell(f"{told}, connected now {len(crowd.members)}")
            crowd.answered = crowd.expired = crowd.evicted = 0
