"""Network namespaces for the process itself, by two system calls: what a test in the lab uses most.

``setns`` and ``unshare`` change the calling thread only; sockets and programs made meanwhile belong to the
namespace. Needs root, so tests use it in the lab.
"""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CLONE_NEWNET = 0x40000000
OWN = "/proc/thread-self/ns/net"

_libc = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: int) -> None:
    if getattr(_libc, name)(*arguments):
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


@contextmanager
def _returning() -> Iterator[None]:
    """Come back to the namespace we are in."""
    here = os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield
    finally:
        _call("setns", here, CLONE_NEWNET)
        os.close(here)


@contextmanager
def inside(path: str | Path) -> Iterator[None]:
    """Be in the network namespace that *path* names (``/proc/PID/ns/net``)."""
    with _returning():
        there = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _call("setns", there, CLONE_NEWNET)
        finally:
            os.close(there)
        yield


@contextmanager
def fresh() -> Iterator[None]:
    """Be in a network namespace made for the block: empty, its loopback down, its IPVS table its own."""
    with _returning():
        _call("unshare", CLONE_NEWNET)
        yield


def sysctl(name: str, value: object) -> None:
    """Set a sysctl (``net.ipv4.ip_forward``) where we are."""
    Path("/proc/sys", *name.split(".")).write_text(f"{value}\n")
