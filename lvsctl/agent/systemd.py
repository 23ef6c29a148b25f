"""What systemd wants to hear of a service (sd_notify(3)), and where its journal listens. No library is needed.

Outside of systemd all of it does nothing.
"""

import logging
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

JOURNAL: Final = Path("/run/systemd/journal/socket")

LONGEST: Final = 8000
"""Bytes of one entry; longer ones would need a file descriptor."""

PRIORITIES: Final = {
    logging.CRITICAL: 2,
    logging.ERROR: 3,
    logging.WARNING: 4,
    logging.INFO: 6,
    logging.DEBUG: 7,
}


def tell(state: str) -> bool:
    """Tell the service manager *state* (``READY=1``), and answer whether there is one. It never waits."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as end:
        end.sendto(state.encode(), "\0" + address[1:] if address[0] == "@" else address)
        return True
    return False


class JournalHandler(logging.Handler):
    """Writes records to the journal in its own protocol, so that fields stay fields.

    What is in a record's ``fields`` (names in capitals) is kept beside the message.
    """

    def __init__(self, path: Path = JOURNAL) -> None:
        super().__init__()
        self._path = str(path)
        self._socket = socket.socket(
            socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        )

    def emit(self, record: logging.LogRecord) -> None:
        """Send *record*; a journal that is full or gone loses it, which is better than to wait."""
        fields = {
            "MESSAGE": self.format(record),
            "PRIORITY": str(PRIORITIES.get(record.levelno, 6)),
            "SYSLOG_IDENTIFIER": "lvsctl-agent",
            **getattr(record, "fields", {}),
        }
        with suppress(OSError):
            self._socket.sendto(encoded(fields), self._path)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
        super().close()


def encoded(fields: Mapping[str, str]) -> bytes:
    """Answer *fields* as the journal's native protocol has them; values that are too long are cut off."""
    parts = []
    for name, text in fields.items():
        value = text.encode(errors="backslashreplace")[: LONGEST // len(fields)]
        parts.append(name.encode() + b"\n" + len(value).to_bytes(8, "little") + value + b"\n")
    return b"".join(parts)


def log_to(level: int = logging.INFO) -> logging.Handler:
    """Send the log of lvsctl to the journal where systemd runs us, else to standard error; answer the handler."""
    handler: logging.Handler
    if "JOURNAL_STREAM" in os.environ and JOURNAL.exists():
        handler = JournalHandler()
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("lvsctl")
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False
    return handler
