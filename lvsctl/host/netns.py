"""Work in another network namespace."""

import errno
import os
import threading
from collections.abc import Callable
from typing import Final, TypeVar

from lvsctl.errors import Denied, Unavailable

T = TypeVar("T")

_NETNS_FOLDER: Final = "/run/netns"
_CLONE_NEWNET: Final = 0x40000000


def inside(netns: str, work: Callable[[], T]) -> T:
    """Answer *work()*, done in the network namespace *netns*: a name under /run/netns, or a path.

    It runs in a thread of its own, because a namespace belongs to a thread: the caller's never changes. Raises
    Unavailable when there is no such namespace, Denied when this user may not enter it, and what *work* raises.
    """
    path = netns if "/" in netns else f"{_NETNS_FOLDER}/{netns}"
    outcome: list[T] = []
    failure: list[BaseException] = []

    def enter_and_work() -> None:
        try:
            _enter(path)
            outcome.append(work())
        except BaseException as error:  # noqa: BLE001 - handed to the caller below, whatever it is
            failure.append(error)

    thread = threading.Thread(target=enter_and_work)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]


def _enter(path: str) -> None:
    import ctypes  # noqa: PLC0415 - 10 ms that only --netns pays; os.setns exists from Python 3.12 on

    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise Unavailable(f"network namespace {path}: {error.strerror}", hint="see: ip netns list") from error
    try:
        if ctypes.CDLL(None, use_errno=True).setns(handle, _CLONE_NEWNET):
            code = ctypes.get_errno()
            message = f"network namespace {path}: {os.strerror(code)}"
            raise Denied(message) if code == errno.EPERM else Unavailable(message)
    finally:
        os.close(handle)
