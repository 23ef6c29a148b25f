"""Telling others what happened to uplinks: a program of the operator's, and keepalived through a track_file."""

import asyncio
import os
import stat
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

from lvsctl.errors import LvsctlError
from lvsctl.host.files import no_file, refused
from lvsctl.host.start import finish
from lvsctl.vocabulary import Family

WIDTH: Final = 12
"""Bytes in a track_file: every value is written over the last one in place, which no full disk can stop."""
MOST_WAITING: Final = 100


class What(StrEnum):
    """The events."""

    SWITCH = "switch"
    """Another uplink is in use."""
    UP = "up"
    """An uplink is good again."""
    DOWN = "down"
    """An uplink is down."""
    ALL_DOWN = "all-down"
    """No uplink of a family is good."""
    FORCED_DOWN = "forced-down"
    """The uplink that an operator wants to be used is down."""


class Event(NamedTuple):
    """Something happened."""

    what: What
    family: Family
    uplink: str
    cause: str
    details: Mapping[str, str] = {}
    """More for the environment of a program."""


class Runner:
    """Runs the operator's program for every event, one at a time and in order; nobody waits for it."""

    def __init__(
        self,
        argv: tuple[str, ...],
        timeout: float,
        tell: Callable[[str], None],
        waiting: Iterable[Event] = (),
    ) -> None:
        self._argv = argv
        self._timeout = timeout
        self._tell = tell
        self._waiting: deque[Event] = deque(maxlen=MOST_WAITING)
        self._there_is_one = asyncio.Event()
        for event in waiting:
            self.take(event)

    @property
    def waiting(self) -> tuple[Event, ...]:
        """The events of which the program has not been told to the end."""
        return tuple(self._waiting)

    def take(self, event: Event) -> None:
        """Have the program told of *event*; the oldest are forgotten while it is too slow."""
        if self._argv:
            self._waiting.append(event)
            self._there_is_one.set()

    async def run(self) -> None:
        """Tell of events until cancelled."""
        while True:
            await self._there_is_one.wait()
            self._there_is_one.clear()
            while self._waiting:
                event = self._waiting.popleft()
                try:
                    await self._run(event)
                except asyncio.CancelledError:
                    self._waiting.appendleft(event)  # whoever goes on from here tells it again
                    raise

    async def _run(self, event: Event) -> None:
        argv = (*self._argv, event.what.value, event.family.value, event.uplink)
        more = {"LVSCTL_EVENT": event.what.value, "LVSCTL_FAMILY": event.family.value}
        more |= {"LVSCTL_UPLINK": event.uplink, "LVSCTL_CAUSE": event.cause, **event.details}
        try:
            status = await finish(argv, timeout=self._timeout, env=more)
        except LvsctlError as error:
            self._tell(f"run: {error.message}")
            return
        if status:
            self._tell(f"run: {argv[0]} {event.what} {event.uplink}: status {status}")


def write_track_file(path: Path, value: int) -> bool:
    """Make a track_file hold *value* and answer whether that is new. Raises Denied or Unavailable."""
    content = f"{value}".ljust(WIDTH - 1).encode() + b"\n"
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        handle = os.open(path, flags, 0o644)
    except OSError as error:
        raise refused(path, error) from error
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise no_file(path)
        if os.pread(handle, WIDTH + 1, 0) == content:
            return False
        os.pwrite(handle, content, 0)
        os.ftruncate(handle, WIDTH)
    except OSError as error:
        raise refused(path, error) from error
    finally:
        os.close(handle)
    return True
