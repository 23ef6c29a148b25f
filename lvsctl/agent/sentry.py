"""The guard and the overload watch of the sorries, in a thread of their own.

They look 20 to 100 times a second, at the kernel and into files, which the event loop must not wait for. The kernel
is not opened (which loads ip_vs) before there is a sorry to guard or a threshold to watch.
"""

import threading
from collections.abc import Callable
from typing import NamedTuple

from lvsctl.compose.sorry_targets import switchable
from lvsctl.errors import LvsctlError
from lvsctl.sorry import owner
from lvsctl.sorry.guard import Guard
from lvsctl.sorry.journal import Journal
from lvsctl.sorry.model import Target
from lvsctl.sorry.node import Node, this_node
from lvsctl.sorry.overloading import Overload
from lvsctl.spec.spec import Spec
from lvsctl.vocabulary import ServiceKey

IDLE = 0.5
"""Seconds between two looks whether there is anything to do."""

AGAIN = 5.0
"""Seconds until the kernel is tried again."""


class Watched(NamedTuple):
    """Services of the spec that have thresholds and a sorry server."""

    targets: tuple[Target, ...] = ()
    keepalived: frozenset[ServiceKey] = frozenset()
    """Those that keepalived should own."""


def watched(spec: Spec, node: str) -> Watched:
    """Answer what the overload watch looks at."""
    found = [
        (each.target, service.owner)
        for name, service in switchable(spec, node).items()
        if any(real.uthreshold for real in spec.virtual_servers[name].real_servers)
        for each in service.candidates
    ]
    return Watched(
        tuple(target for target, _ in found),
        frozenset(target.key for target, who in found if who == "keepalived"),
    )


class Sentry:
    """Stands from :meth:`start` to :meth:`end`. *tell* is called in its thread, with a line for the log."""

    def __init__(self, watch: Watched, tell: Callable[[str], None]) -> None:
        self._watch = watch
        self._tell = tell
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._stand, name="sorry guard", daemon=True)
        self._said = ""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """Have it end after the look that is under way; it is not waited for."""
        self._end.set()

    @property
    def is_alive(self) -> bool:
        """Whether it still stands."""
        return self._thread.is_alive()

    def _stand(self) -> None:
        journal = Journal()
        while not self._end.is_set():
            try:
                if not (self._watch.targets or journal.all().snapshots):
                    self._end.wait(IDLE)
                    continue
                with this_node() as node:
                    self._said = ""
                    self._guard(node)
            except LvsctlError as error:
                self._fail(error.message)
            except Exception as error:  # noqa: BLE001 - a thread that ends guards nothing, and nobody notices
                self._fail(f"this is a bug in lvsctl: {type(error).__name__}: {error}")

    def _fail(self, why: str) -> None:
        """Say once why nobody is guarded, and wait a while."""
        if why != self._said:
            self._said = why
            self._tell(f"the sorries cannot be guarded: {why}")
        self._end.wait(AGAIN)

    def _guard(self, node: Node) -> None:
        guard = Guard(node, owner.look, self._tell)
        overload = Overload(node, self._watch.targets, self._tell, keepalived=self._watch.keepalived)
        steps = (guard.step, overload.step) if self._watch.targets else (guard.step,)
        while not self._end.is_set():
            self._end.wait(min([step() for step in steps]))
