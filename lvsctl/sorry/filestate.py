"""Whether a file is the one that was read or written last, by looking at it from outside.

A file's times tell, when they are fine enough: kernels count them in steps of up to ten milliseconds, some file systems
in seconds, so that two writes may leave the same. Where times do not tell, its bytes have to be compared.
"""

import os
import time
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Final

_SETTLED: Final = 2_000_000_000
"""Nanoseconds after which another write gives a file another time of change, on any file system."""

State = tuple[int, int, int, int]
"""Inode, size, and the times of writing and of change of a file, in nanoseconds."""


def state(found: os.stat_result) -> State:
    """Answer the state that a stat found."""
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def state_of(path: Path) -> State | None:
    """Answer the state of a file; None when there is none to be seen."""
    with suppress(OSError):
        return state(os.lstat(path))
    return None


def settled(found: State) -> State | None:
    """Answer *found* when a write from now on is sure to change it; kernels and file systems count time coarsely."""
    return found if time.time_ns() - max(found[2:]) > _SETTLED else None


def stamped(handle: int) -> State | None:
    """Give a file that we wrote a time of writing of its own; answer its state, None when that cannot be told apart."""
    now = time.time_ns()
    with suppress(OSError):
        os.utime(handle, ns=(now, now))
        found = os.fstat(handle)
        return state(found) if found.st_mtime_ns == now else None
    return None


def digest(data: bytes) -> bytes:
    """Answer what stands for *data* when bytes are compared."""
    return blake2b(data, digest_size=16).digest()
