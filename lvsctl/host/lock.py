"""Locks between processes: a file under the run folder, held by the kernel for as long as its holder lives."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lvsctl.errors import Busy
from lvsctl.host.files import make_folder, refused

_POLL: Final = 0.01
"""Seconds between attempts; flock has no timeout of its own."""


@contextmanager
def locked(path: Path, *, timeout: float = 10.0) -> Iterator[None]:
    """Hold the lock *path* while the block runs; waits up to *timeout* seconds.

    The file stays behind, because removing it would let two holders in. Raises Busy when somebody else keeps it,
    Denied or Unavailable when the file cannot be opened.
    """
    make_folder(path.parent)
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise refused(path, error) from error
    try:
        _acquire(handle, path, time.monotonic() + timeout)
        yield
    finally:
        os.close(handle)


def _acquire(handle: int, path: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise Busy(f"{path} is locked", hint=f"see who holds it: fuser -v {path}") from None
            time.sleep(_POLL)
        else:
            return
