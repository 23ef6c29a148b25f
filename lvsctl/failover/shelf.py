"""Where a value outlives the process: one small versioned JSON file, changed under a lock, never half written.

When the disk is full or read-only the value goes to the run folder, which is memory: a director with a broken disk
still fails over, and still counts its calls. What cannot be read becomes the caller's *lost* value, which has to be
the safe one. Times in a file belong to the boot they were taken in; see :meth:`HostClock.shift`.
"""

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

from lvsctl.errors import LvsctlError
from lvsctl.host.files import make_folder, read_text, refused, write_atomic
from lvsctl.host.lock import locked
from lvsctl.host.paths import run_folder, state_folder

T = TypeVar("T")
R = TypeVar("R")

VERSION: Final = 1
LOST: Final = -1
"""The serial of a value that stands for one that could not be read: written at once, the bad file kept beside it."""
PATIENCE: Final = 0.2
"""Seconds to wait for a lock. Holders keep it for the time of a write; the agent's loop stands still meanwhile."""


class Clock(Protocol):
    """Seconds that only go forward, also while the machine sleeps."""

    def now(self) -> float:
        """Answer the time."""


class HostClock:
    """CLOCK_BOOTTIME: no operator, NTP server or leap second moves it. It begins anew with every boot."""

    def __init__(self) -> None:
        self.boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()

    def now(self) -> float:
        """Answer the seconds since boot."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def stamp(self) -> "Stamp":
        """Answer the present moment in a form that another boot can place."""
        return Stamp(self.boot, self.now(), time.time())

    def shift(self, stamp: "Stamp") -> float:
        """Answer what to add to the times of a file written at *stamp*."""
        return shift(stamp, self.stamp())


class Stamp(NamedTuple):
    """A moment: which boot, seconds since then, and what the wall clock said."""

    boot: str
    at: float
    wall: float


def shift(then: Stamp, now: Stamp) -> float:
    """Answer what to add to times of the boot of *then* to place them in the boot of *now*.

    In another boot the wall clock says how long ago *then* was, but it may have been set. At the very least this
    boot's uptime has passed, so a clock that went backwards never makes old calls look like future ones.
    """
    if then.boot == now.boot:
        return 0.0
    return now.at - max(now.at, now.wall - then.wall) - then.at


class Shelf(Protocol[T]):
    """One value that several processes read and change."""

    def read(self) -> T:
        """Answer the value."""

    def change(self, change: Callable[[T], tuple[T, R]], *, durable: bool = True) -> R:
        """Replace the value by the first of what *change* makes of it, and answer the second.

        Any kill leaves the old value or the new one. One that is not *durable* may be the old one again after a loss
        of power; nothing waits for the disk then.
        """


class MemoryShelf(Generic[T]):
    """A shelf that lives as long as the process: for tests, and for asking *what if*."""

    def __init__(self, value: T) -> None:
        self.value = value

    def read(self) -> T:
        """Answer the value."""
        return self.value

    def change(self, change: Callable[[T], tuple[T, R]], *, durable: bool = True) -> R:  # noqa: ARG002 - no disk here
        """Replace the value."""
        self.value, result = change(self.value)
        return result


@dataclass(frozen=True)
class Form(Generic[T]):
    """How a value is written, read, and begun."""

    to: Callable[[T], dict[str, Any]]
    back: Callable[[dict[str, Any], float], T]
    """Gets the document and the shift of its times; raises ValueError, KeyError, TypeError on what does not fit."""
    new: Callable[[], T]
    lost: Callable[[float], T]
    """The value to go on with when the file cannot be read; gets the time."""


class FileShelf(Generic[T]):
    """A shelf on disk: *name* below /var/lib/lvsctl/failover, its lock and its stand-in below /run/lvsctl."""

    def __init__(self, name: str, form: Form[T], clock: HostClock) -> None:
        self.path = state_folder() / "failover" / f"{name}.json"
        self.spare = run_folder() / "failover" / f"{name}.json"
        self.lock = run_folder() / "locks" / f"failover-{name}.lock"
        self._form = form
        self._clock = clock

    def read(self) -> T:
        """Answer the value. Raises Busy, Denied or Unavailable when the lock cannot be had."""
        return self.change(lambda value: (value, value))

    def change(self, change: Callable[[T], tuple[T, R]], *, durable: bool = True) -> R:
        """Replace the value. Raises Busy, Denied or Unavailable; the value is the old one then."""
        with locked(self.lock, timeout=PATIENCE):
            serial, value = self._load()
            after, result = change(value)
            if after is not value or serial == LOST:
                self._save(serial + 1, after, durable=durable or serial == LOST)
            return result

    def _load(self) -> tuple[int, T]:
        """Answer the newest of file and stand-in. A file that is bad only counts when nothing stands in for it."""
        found = [each for each in (self._try(self.spare), self._try(self.path)) if each is not None]
        good = [each for each in found if not isinstance(each, Exception)]
        if good:
            return max(good, key=lambda each: each[0])
        return (LOST, self._form.lost(self._clock.now())) if found else (0, self._form.new())

    def _try(self, path: Path) -> tuple[int, T] | Exception | None:
        try:
            text = read_text(path)
            return None if text is None else self._parse(json.loads(text))
        except (LvsctlError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            return error

    def _parse(self, doc: dict[str, Any]) -> tuple[int, T]:
        if doc["version"] != VERSION:
            raise ValueError(f"version {doc['version']!r}")
        boot, at, wall = doc["stamp"]
        stamp = Stamp(str(boot), float(at), float(wall))
        return int(doc["serial"]), self._form.back(doc["value"], self._clock.shift(stamp))

    def _save(self, serial: int, value: T, *, durable: bool) -> None:
        stamp = list(self._clock.stamp())
        doc = {"version": VERSION, "serial": serial, "stamp": stamp, "value": self._form.to(value)}
        text = json.dumps(doc) + "\n"
        if not durable:
            # /run is memory, so nothing waits for a disk; the higher serial number makes it the one that counts.
            with suppress(LvsctlError):
                _jot(self.spare, text)
                return
        try:
            make_folder(self.path.parent)
            write_atomic(self.path, text, mode=0o600, keep_previous=serial == LOST + 1)
        except LvsctlError:
            _jot(self.spare, text)
        else:
            with suppress(OSError):
                self.spare.unlink(missing_ok=True)


def _jot(path: Path, text: str) -> None:
    """Have *path*, which is in memory, contain *text*; a kill leaves it whole. Its lock has to be held.

    Goes through the same steps as :func:`write_atomic` but for those that are about disks and about others who write:
    a transition waits for this. Raises Denied or Unavailable.
    """
    beside = path.with_name(f".{path.name}")
    try:
        try:
            handle = _emptied(beside)
        except FileNotFoundError:
            make_folder(path.parent)
            handle = _emptied(beside)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        beside.rename(path)
    except OSError as error:
        raise refused(path, error) from error


def _emptied(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
