"""Reads the events that the guest writes, and notices when no more will come.

One JSON object per line of ``events`` in the exchange folder; :mod:`tests.support.lab_guest` writes them.
"""

import json
import time
from typing import Any

from tests.support.lab import Guest

BOOT_LIMIT = 240.0
"""Seconds from the start of the boot to the start of the first test."""
GRACE = 60.0
"""Seconds beyond a test's own limits after which the guest counts as hung."""
POLL = 0.05

Event = dict[str, Any]


class LabDied(Exception):  # the guest's end, with its kernel log
    """The guest ended, or hung and was killed, before a test was reported."""


class Results:
    """The guest's events, read as they come."""

    def __init__(self, guest: Guest, *, boot_limit: float = BOOT_LIMIT) -> None:
        self._guest = guest
        self._path = guest.exchange / "events"
        self._offset = 0
        self._events: dict[str, list[Event]] = {}
        self._finished: set[str] = set()
        self._running = ""
        self._epitaph = ""
        self._done = False
        self._deadline = time.monotonic() + boot_limit

    def of(self, nodeid: str) -> list[Event]:
        """Wait for the end of the test and answer its events; raises LabDied."""
        while nodeid not in self._finished:
            self._step(nodeid)
        return self._events.pop(nodeid, [])

    def drain(self) -> None:
        """Wait for the end of the guest, but never longer than a test may take."""
        while self._guest.alive and not self._done and time.monotonic() < self._deadline:
            time.sleep(POLL)
            self._read()

    def _step(self, nodeid: str) -> None:
        alive = self._guest.alive
        if self._read():
            return
        if self._done:
            raise LabDied(f"{nodeid} was not collected in the lab\n{self._guest.last_words()}")
        if not alive:
            raise LabDied(self._obituary("died"))
        if time.monotonic() > self._deadline:
            self._guest.kill()
            raise LabDied(self._obituary("hung and was killed"))
        time.sleep(POLL)

    def _obituary(self, how: str) -> str:
        """Say how the guest ended; its log goes to the first test that asks, the others refer to it."""
        if not self._epitaph:
            self._epitaph = f"the lab {how} " + (
                f"during {self._running}" if self._running else "before the first test"
            )
            return f"{self._epitaph}\n{self._guest.last_words()}"
        return f"{self._epitaph}: see there"

    def _read(self) -> bool:
        """Take in the complete lines that are new; answer whether there were any."""
        if not self._path.exists():
            return False
        with self._path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        data = data[: data.rfind(b"\n") + 1]
        self._offset += len(data)
        for line in data.splitlines():
            self._take(json.loads(line))
        return bool(data)

    def _take(self, event: Event) -> None:
        if "done" in event:
            self._done = True
        elif "start" in event:
            self._running = event["start"]
            self._deadline = time.monotonic() + event["limit"] + GRACE
        elif "finish" in event:
            self._finished.add(event["finish"])
            self._deadline = time.monotonic() + GRACE
        else:
            self._events.setdefault(event["nodeid"], []).append(event)
