"""TLS as a filter of bytes: what came from the wire goes in, what was meant for us and what has to go back come out.

It owns no socket, so that one connection can begin as either HTTP or TLS and everything else about it stays the same.
"""

import ssl
from contextlib import suppress

HANDSHAKE = 0x16
"""The first byte of every TLS connection, and of no HTTP request (RFC 8446, 5.1)."""

NOT_HERE = b"\x15\x03\x01\x00\x02\x02\x28"
"""The alert handshake_failure, for who speaks TLS where there is no certificate (RFC 8446, 6.2)."""

_RECORD = 16 * 1024


class Tls:
    """The server's end of one TLS connection."""

    __slots__ = ("_incoming", "_object", "_outgoing", "ended", "established")

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.established = False
        self.ended = False
        """The peer has said goodbye, or something that is not TLS."""

    def feed(self, data: bytes) -> bytes:
        """Take what came from the wire; answer what it says in clear, if anything yet."""
        self._incoming.write(data)
        said = []
        try:
            if not self.established:
                self._object.do_handshake()
                self.established = True
            while True:
                said.append(self._object.read(_RECORD))
        except ssl.SSLWantReadError:
            pass
        except (ssl.SSLError, OSError):
            self.ended = True
        return b"".join(said)

    def seal(self, data: bytes) -> bytes:
        """Answer *data* as it goes over the wire, after whatever waited to go before it."""
        try:
            self._object.write(data)
        except ssl.SSLError:
            self.ended = True
        return self._outgoing.read()

    def due(self) -> bytes:
        """Answer what has to go back by the protocol itself: a handshake's part, an alert."""
        return self._outgoing.read() if self._outgoing.pending else b""

    def goodbye(self) -> bytes:
        """Answer the close_notify that tells the peer that nothing was cut off."""
        if self.established:
            with suppress(ssl.SSLError, OSError, ValueError):  # it wants the peer's goodbye, and we do not
                self._object.unwrap()
        return self.due()
