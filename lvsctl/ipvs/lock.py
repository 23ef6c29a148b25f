"""The lock around reading, planning and applying: two lvsctl at once would undo each other's work."""

from collections.abc import Iterator
from contextlib import contextmanager

from lvsctl.host.lock import locked
from lvsctl.host.paths import run_folder


@contextmanager
def table_lock(*, timeout: float = 10.0) -> Iterator[None]:
    """Hold ``/run/lvsctl/table.lock``: dump, apply, verify. Never hold it over a drain, the network or a sleep.

    Single steps need no lock: the kernel takes each one whole. Raises Busy when another lvsctl keeps it.
    """
    with locked(run_folder() / "table.lock", timeout=timeout):
        yield
