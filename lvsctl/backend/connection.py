"""One visitor's connection: bytes in, prepared answers out, and when to let go.

It knows what to do with its socket and what it waits for; how long it may wait, and who has to leave when there are
too many, is :mod:`lvsctl.backend.crowd`'s. Reading of requests is :mod:`lvsctl.backend.request`'s.
"""

from contextlib import suppress
from enum import Enum
from select import EPOLLIN, EPOLLOUT
from socket import MSG_DONTWAIT, MSG_NOSIGNAL, SHUT_WR, SocketType
from typing import Final

from lvsctl.backend.answers import closing
from lvsctl.backend.crowd import Crowd
from lvsctl.backend.limits import Phase
from lvsctl.backend.request import at_once, hopeless, read
from lvsctl.backend.tls import HANDSHAKE, NOT_HERE, Tls

_NOW: Final = int(MSG_DONTWAIT)
_SEND: Final = int(MSG_DONTWAIT | MSG_NOSIGNAL)
"""Plain numbers: joining two members of an enum costs more than a system call."""
_MOST_READ: Final = 64 * 1024
_MOST_QUEUED: Final = 256 * 1024
"""Bytes of answers to pipelined requests that are made before the first of them has to be on its way."""
_MOST_DISCARDED: Final = 4 * 1024 * 1024
"""Bytes that are thrown away after the last answer."""


class After(Enum):
    """What follows once everything queued is sent."""

    GO_ON = "go on"
    CLOSE = "close"
    LINGER = "linger"


# By names of our own, since looking up a member of an enum costs as much as reading a request.
_GO_ON, _CLOSE, _LINGER = After
_LINGERING, _IDLE, _HEAD, _BODY, _WRITING = Phase


class Connection:
    """A visitor. It acts when it is told to, and only then."""

    __slots__ = ("_after", "_blank", "_buffer", "_crowd", "_fresh", "_left", "_mask", "_queue", "_sock", "_tls", "_until", "fd", "phase", "since")  # fmt: skip

    def __init__(self, sock: SocketType, crowd: Crowd, arrived: float, watched: int = 0) -> None:
        """Take over *sock*, whose visitor *arrived* then, and which is *watched* for these events already."""
        self.fd = sock.fileno()
        self.phase = _HEAD
        self.since = 0.0
        self._sock = sock
        self._crowd = crowd
        self._mask = watched
        self._blank = True
        self._buffer = b""
        self._queue: memoryview | None = None
        self._after = _GO_ON
        self._left = 0
        self._fresh = True
        self._tls: Tls | None = None
        self._until = arrived + crowd.staying

    def ready(self) -> None:
        """Go on: the socket can be read, or written when something is queued."""
        if self._queue is not None:
            self._flush(self._queue)
        elif data := self._read():
            if self._blank and self._answered_at_once(data):
                return
            self._arrived(data)
        self._watch()

    def begin(self, data: bytes) -> None:
        """Go on with *data*, which was read before this connection had anybody to look after it."""
        if not self._answered_at_once(data):
            self._arrived(data)
        self._watch()

    def greet(self, greeting: bytes) -> None:
        """Say *greeting* to a client that waits for it, and part."""
        self._send(greeting, _LINGER)
        self._watch()

    def part(self, rest: bytes) -> None:
        """Say the *rest* of what was begun, and part."""
        self._send(rest, _CLOSE)
        self._watch()

    def expire(self) -> None:
        """Have waited long enough. Who is merely slow to ask gets the answer all the same."""
        if self.phase is _HEAD and self._buffer:
            self._say(self._crowd.answers.http[hopeless(self._buffer).answer], _LINGER)
            self._watch()
        else:
            self.close()

    def close(self) -> None:
        """Let go."""
        self._after = _CLOSE
        self._crowd.leave(self)
        self._sock.close()

    def _watch(self) -> None:
        wanted = EPOLLIN if self._queue is None else EPOLLOUT
        if wanted != self._mask and self._sock.fileno() >= 0:
            self._crowd.watch(self.fd, wanted, anew=not self._mask)
            self._mask = wanted

    def _read(self) -> bytes:
        """Answer what there is to read; nothing, after letting go of whoever will send nothing more, or none yet."""
        try:
            data = self._sock.recv(_MOST_READ, _NOW)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self.close()
        return data

    def _answered_at_once(self, data: bytes) -> bool:
        """Answer *data*, if it is one whole request and the answer can be sent as it was prepared: the common case."""
        reply, crowd = at_once(data), self._crowd
        if reply is None or crowd.draining or crowd.now >= self._until:
            return False
        number, last = reply
        answer = crowd.answers.http[number]
        self._fresh = False
        crowd.answered += 1
        try:
            sent = self._sock.send(answer, _SEND)
        except OSError:
            sent = 0  # the second attempt learns why
        if sent < len(answer):
            self._blank = False
            self._send(memoryview(answer)[sent:], _CLOSE if last else _GO_ON)
            self._watch()
        elif last:
            self.close()
        else:
            self._crowd.enter(self, _IDLE)
        return True

    def _arrived(self, data: bytes) -> None:
        self._blank = False
        if self.phase is _LINGERING:
            self._discard(len(data))
        elif self._tls is not None:
            self._decrypt(self._tls, data)
        elif self._fresh and data[0] == HANDSHAKE:
            self._begin_tls(data)
        else:
            self._fresh = False
            self._take(data)

    def _flush(self, queue: memoryview) -> None:
        self._queue = None
        if self._send(queue, self._after) and self._buffer and self._after is _GO_ON:
            self._take(b"")

    def _discard(self, count: int) -> None:
        self._left += count
        if self._left > _MOST_DISCARDED:
            self.close()

    def _begin_tls(self, data: bytes) -> None:
        self._fresh = False
        if self._crowd.tls is None:
            self._send(NOT_HERE, _LINGER)
        else:
            self._tls = Tls(self._crowd.tls)
            self._decrypt(self._tls, data)

    def _decrypt(self, tls: Tls, data: bytes) -> None:
        plain = tls.feed(data)
        if due := tls.due():
            self._send(due, _GO_ON)
        if plain and self._after is _GO_ON:
            self._take(plain)
        if tls.ended and self._after is _GO_ON:
            self._after = _CLOSE
            if self._queue is None:
                self._finish(_CLOSE)

    def _take(self, data: bytes) -> None:
        """Answer every request that is whole, as far as the visitor takes the answers."""
        self._buffer = self._buffer + data if self._buffer else data
        answered = False
        while self._buffer and self._queue is None and self._after is _GO_ON:
            said, after = self._answers()
            if not said:
                break
            self._say(b"".join(said) if len(said) > 1 else said[0], after)
            answered = True
        if self._queue is None and self._after is _GO_ON:
            self._settle(anew=answered)

    def _answers(self) -> tuple[list[bytes], After]:
        """Read requests off the buffer; answer what they get, and what follows."""
        crowd, buffer, said, size, after = self._crowd, self._buffer, list[bytes](), 0, _GO_ON
        leaving = crowd.draining or crowd.now >= self._until
        at = self._skip_body(len(buffer)) if self._left else 0
        while at < len(buffer) and size < _MOST_QUEUED and (request := read(buffer, at)) is not None:
            answer = crowd.answers.http[closing(request.answer) if leaving else request.answer]
            said.append(answer)
            size += len(answer)
            at = request.end
            if request.last or leaving:
                after = _LINGER if request.body or at < len(buffer) else _CLOSE
                at = len(buffer)
            elif request.body:
                self._left = request.body
                at += self._skip_body(len(buffer) - at)
        self._buffer = buffer[at:]
        crowd.answered += len(said)
        return said, after

    def _skip_body(self, there: int) -> int:
        skipped = min(self._left, there)
        self._left -= skipped
        return skipped

    def _settle(self, *, anew: bool) -> None:
        phase = _BODY if self._left else _HEAD if self._buffer else _IDLE
        self._blank = phase is _IDLE and self._tls is None
        if anew or phase is not self.phase:
            self._crowd.enter(self, phase)

    def _say(self, data: bytes, after: After) -> None:
        if self._tls is not None:
            data = self._tls.seal(data)
        self._send(data, after)

    def _send(self, data: bytes | memoryview, after: After) -> bool:
        """Send *data* as far as it goes at once and queue the rest, or do what follows; answer whether all is sent."""
        self._after = after
        if self._queue is not None:
            self._queue = memoryview(bytes(self._queue) + data)
            return False
        try:
            sent = self._sock.send(data, _SEND)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return False
        if sent < len(data):
            self._queue = memoryview(data)[sent:]
            if self.phase is not _WRITING:
                self._crowd.enter(self, _WRITING)
            return False
        if after is _CLOSE and self._tls is None:
            self.close()
        elif after is not _GO_ON:
            self._finish(after)
        elif self.phase is _WRITING:
            self._settle(anew=True)
        return True

    def _finish(self, after: After) -> None:
        with suppress(OSError):
            if self._tls is not None:
                self._sock.send(self._tls.goodbye(), _SEND)
            if after is _LINGER:
                self._sock.shutdown(SHUT_WR)
                self._left = 0
                self._after = after
                self._crowd.enter(self, _LINGERING)
                return
        self.close()
