"""Time that a test owns. It stands still, runs at a rate, or jumps to whatever somebody waits for."""

import threading
import time
from collections.abc import Callable


class Clock:
    """Seconds since the fake began.

    *rate* 0 stands still until :meth:`advance`; 1 is real time; 1000 an hour in 3.6 s. With *jumps* nobody ever
    waits: waiting for a moment makes it that moment, which is right wherever only one request is under way.
    """

    def __init__(self, rate: float = 0.0, *, jumps: bool = False, start: float = 1_000_000.0) -> None:
        self.rate = rate
        self.jumps = jumps
        self._offset = start
        self._begun = time.monotonic()
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []

    def now(self) -> float:
        """Answer the present moment."""
        with self._lock:
            return self._now()

    def advance(self, seconds: float) -> float:
        """Let *seconds* pass, wake who waits, and answer the present moment."""
        with self._lock:
            self._offset += seconds
            now = self._now()
        for listener in tuple(self._listeners):
            listener()
        return now

    def jump_to(self, moment: float) -> None:
        """Make it *moment*, unless it is later already."""
        with self._lock:
            self._offset += max(0.0, moment - self._now())

    def on_advance(self, listener: Callable[[], None]) -> None:
        """Have *listener* called after each :meth:`advance`, from whatever thread advances."""
        self._listeners.append(listener)

    def _now(self) -> float:
        return self._offset + self.rate * (time.monotonic() - self._begun)
