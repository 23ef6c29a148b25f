"""Visitors from their arrival to their first request, and those who have only one to their end.

Most visitors of a site that is down open a connection, ask once and leave. They are answered here and cost no more than
their socket; a :class:`Connection` is made for whoever stays, says things in pieces, or speaks TLS.
"""

import errno
from collections.abc import Sequence
from select import EPOLLIN
from socket import IPPROTO_TCP, MSG_DONTWAIT, MSG_NOSIGNAL, SOCK_STREAM, SocketType
from typing import Final

from lvsctl.backend.connection import Connection
from lvsctl.backend.crowd import Crowd
from lvsctl.backend.listening import Listener, Speech
from lvsctl.backend.request import MOST_HEAD, at_once

_NOW: Final = int(MSG_DONTWAIT)
_SEND: Final = int(MSG_DONTWAIT | MSG_NOSIGNAL)
_STREAM: Final = int(SOCK_STREAM)
_TCP: Final = int(IPPROTO_TCP)
"""Plain numbers: what enums cost is noticeable when every visitor pays it."""
AT_ONCE: Final = 64
"""Visitors accepted before those already here have their turn."""
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Reception:
    """Where the visitors of one worker arrive."""

    def __init__(self, crowd: Crowd, listeners: Sequence[Listener]) -> None:
        self._crowd = crowd
        self._families = {each.sock: int(each.sock.family) for each in listeners}  # asking makes an enum

    def accept(self, listener: Listener) -> bool:
        """Let in the next of those who wait; answer whether there may be more."""
        accept = listener.sock._accept  # type: ignore[attr-defined]  # noqa: SLF001 - accept() makes a far dearer socket of it
        family, arrived, more = self._families[listener.sock], list[SocketType](), True
        try:
            while len(arrived) < AT_ONCE:
                arrived.append(SocketType(family, _STREAM, _TCP, accept()[0]))
        except OSError as error:
            more = error.errno in _EXHAUSTED and self._crowd.evict()
        if listener.door.speech is Speech.SMTP:
            for sock in arrived:
                self._join(sock, self._crowd.now).greet(self._crowd.answers.smtp)
        else:
            self._welcome(arrived)
        return more

    def hear(self, fd: int) -> None:
        """Go on with the newcomer at *fd*, who has said something."""
        newcomers = self._crowd.newcomers
        sock, arrived = newcomers[fd]
        data = _said(sock)
        if data is not None:  # else *fd* was somebody else's when it was said to be ready
            del newcomers[fd]
            self._serve(sock, data, arrived, EPOLLIN)

    def _welcome(self, arrived: Sequence[SocketType]) -> None:
        early = True
        for sock in arrived:
            data = _said(sock) if early else None
            if data is None:
                early = False  # the next ones had even less time to ask, and looking in vain is dear
                self._crowd.admit(sock)
            else:
                self._serve(sock, data, self._crowd.now, 0)

    def _serve(self, sock: SocketType, data: bytes, arrived: float, watched: int) -> None:
        """Answer *data* if it is a first request that is also the last. Who says anything else stays."""
        crowd = self._crowd
        reply = at_once(data)
        if reply is None or not reply[1]:
            if data:
                self._join(sock, arrived, watched).begin(data)
            else:
                sock.close()
            return
        answer = crowd.answers.http[reply[0]]
        crowd.answered += 1
        try:
            sent = sock.send(answer, _SEND)
        except OSError:
            sent = 0  # whoever takes over will learn why
        if sent == len(answer):
            sock.close()
        else:
            self._join(sock, arrived, watched).part(answer[sent:])

    def _join(self, sock: SocketType, arrived: float, watched: int = 0) -> Connection:
        connection = Connection(sock, self._crowd, arrived, watched)
        self._crowd.join(connection)
        return connection


def _said(sock: SocketType) -> bytes | None:
    """Answer what *sock* has said; empty, when it will say nothing any more; None: nothing yet."""
    try:
        return sock.recv(MOST_HEAD, _NOW)
    except BlockingIOError:
        return None
    except OSError:
        return b""
