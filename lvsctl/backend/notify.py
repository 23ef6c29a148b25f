"""Tell systemd how the service is doing (sd_notify(3)); nothing happens where nobody listens."""

import os
import socket
from contextlib import suppress


def notify(state: str) -> None:
    """Send *state* (``READY=1``) to the service manager, if one waits for it."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        sock.sendto(state.encode(), address.replace("@", "\0", 1) if address[0] == "@" else address)
