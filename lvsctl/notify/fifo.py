"""Reads the FIFO into which keepalived writes every VRRP transition, in order.

keepalived keeps the FIFO open for reading, too, and drops what is written while 64 KiB are unread, without a word.
So the reader holds it open all the time, also while keepalived restarts; and when somebody has made a new one in its
place, opens that.
"""

import os
import stat
from pathlib import Path

from lvsctl.notify.event import RECORD_LIMIT, Event, Malformed, from_line

CHUNK = 65536
"""What a pipe holds (pipe(7)): one read takes all that waits."""


class FifoReader:
    """Holds the FIFO at *path* open. Raises OSError when it cannot be opened or made."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rest = b""
        self._file = self._open()

    def fileno(self) -> int:
        """Answer the descriptor to wait for; another one after :meth:`renew` answered true."""
        return self._file

    def read(self) -> tuple[list[Event], list[str]]:
        """Answer the events that have come, in order, and what is wrong with other lines. Does not wait."""
        events: list[Event] = []
        complaints: list[str] = []
        for line in self._lines():
            try:
                event = from_line(line)
            except Malformed as error:
                complaints.append(str(error))
            else:
                if event is not None:
                    events.append(event)
        return events, complaints

    def renew(self) -> bool:
        """Open the FIFO anew if another one is in its place by now; answer whether that was so.

        What the old one still holds is for the caller to :meth:`read` before.
        """
        held = os.fstat(self._file)
        try:
            there = self.path.stat(follow_symlinks=False)
        except FileNotFoundError:
            there = None
        if there and (there.st_dev, there.st_ino) == (held.st_dev, held.st_ino):
            return False
        old, self._file = self._file, self._open()
        os.close(old)
        self._rest = b""
        return True

    def close(self) -> None:
        """Let go of it; the FIFO stays."""
        os.close(self._file)

    def _open(self) -> int:
        # Open for writing as well: with a writer of its own a FIFO never ends, and what is in it stays in it.
        flags = os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            file = os.open(self.path, flags)
        except FileNotFoundError:
            os.mkfifo(self.path, 0o600)
            file = os.open(self.path, flags)
        status = os.fstat(file)
        if stat.S_ISFIFO(status.st_mode) and status.st_uid in (0, os.geteuid()):
            return file
        os.close(file)
        raise OSError(f"{self.path}: expected a FIFO of root's")

    def _lines(self) -> list[bytes]:
        lines = []
        while data := self._chunk():
            *whole, self._rest = (self._rest + data).split(b"\n")
            lines += whole
            if len(self._rest) > RECORD_LIMIT:
                # Nobody who writes lines does that: cut off, it still is complained of once.
                self._rest = self._rest[: RECORD_LIMIT + 1]
        return lines

    def _chunk(self) -> bytes:
        try:
            return os.read(self._file, CHUNK)
        except BlockingIOError:
            return b""
