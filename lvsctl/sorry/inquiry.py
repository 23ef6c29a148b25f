"""Ask in a thread of its own who changed the table: looking through /proc takes as long as many looks of the guard.

What was found comes as lines for the log, for the guard to tell when it comes by. One inquiry runs at a time.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue

from lvsctl.errors import LvsctlError
from lvsctl.ipvs.steps import describe
from lvsctl.sorry import culprit
from lvsctl.sorry.model import Outcome
from lvsctl.sorry.owner import Keepalived, Owners


class Inquiry:
    """Who it was, for one guard; *owners* looks who owns what."""

    def __init__(self, owners: Callable[[], Owners]) -> None:
        self._owners = owners
        self._known: Owners | None = None
        self._marks: culprit.Marks = {}
        self._found: SimpleQueue[str] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Look at the keepaliveds as they are before anything happens."""
        self._start(self._mark)

    def ask(self, repaired: Sequence[Outcome]) -> bool:
        """Find out who did what had to be *repaired*; answer False when another inquiry is still under way."""
        return self._start(lambda: self._find(repaired))

    def wait(self, seconds: float) -> None:
        """Wait until nothing is under way, at most so many *seconds*."""
        if self._thread is not None:
            self._thread.join(seconds)

    def lines(self) -> Iterator[str]:
        """Yield what was found since the last time."""
        with suppress(Empty):
            while True:
                yield self._found.get_nowait()

    def _start(self, job: Callable[[], None]) -> bool:
        if self._thread is not None and self._thread.is_alive():
            return False
        # Nobody waits for ever for it at the end: a keepalived that is asked may hang.
        self._thread = threading.Thread(target=job, name="inquiry", daemon=True)
        self._thread.start()
        return True

    def _mark(self) -> None:
        self._marks = culprit.marks()

    def _find(self, repaired: Sequence[Outcome]) -> None:
        now = culprit.marks()
        owners: Owners | None = None
        with suppress(LvsctlError):  # who owns it is only part of the answer
            if self._known is None or now != self._marks:
                self._known = self._owners()
            owners = self._known
        for each in repaired:
            owner = owners.of(each.key) if owners else None
            who = culprit.suspect(owner if isinstance(owner, Keepalived) else None, self._marks, now)
            steps = "; ".join(describe(step) for step in each.plan.steps)
            self._found.put(
                f"{each.name}: the sorry is on, and somebody let visitors past it ({who}); put right: {steps}"
            )
        self._marks = now
