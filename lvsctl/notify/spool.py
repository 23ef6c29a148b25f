"""The spool: a folder of records that hooks leave and the agent takes.

Nothing in it is believed before it was looked at: a record is a regular file of an expected owner, not too big, and
opened without following a link or waiting for a pipe. Whatever else lies there is put out of the way, so that it
cannot stop what is real; it never stands for an event.
"""

import os
import stat
from collections.abc import Container, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from lvsctl.notify.event import RECORD_LIMIT, Event, Malformed, from_record

SUFFIX = ".event"

ABANDONED = 60.0
"""Seconds after which a record that was never finished is nobody's: its hook was killed."""

AT_ONCE = 10_000
"""Entries of one look; more are taken by the next one."""


class Entry(NamedTuple):
    """One record, in the order of the names: the time since boot at which the hook ran."""

    name: str
    event: Event


class Rejected(NamedTuple):
    """Something in the spool that is no record of ours, and why."""

    name: str
    reason: str


class Spool:
    """The folder at *path*; records of other users than *owners* (user ids) are rejected."""

    def __init__(self, path: Path, owners: Container[int] = (0,)) -> None:
        self.path = path
        self._owners = owners

    def look(self) -> tuple[list[Entry], list[Rejected]]:
        """Answer what is there, oldest first, and what is wrong with the rest. Changes nothing; raises OSError.

        A folder that is not there is an empty one.
        """
        entries, rejected = [], []
        for name in self._names():
            try:
                entries.append(Entry(name, from_record(self._read(name))))
            except FileNotFoundError:
                continue
            except (Malformed, OSError) as error:
                rejected.append(Rejected(name, getattr(error, "strerror", None) or str(error)))
        return entries, rejected

    def done(self, name: str) -> None:
        """Take an entry out, once what it caused is safe or it was rejected. One that is gone is no matter."""
        with suppress(FileNotFoundError):
            try:
                (self.path / name).unlink()
            except IsADirectoryError:
                self._set_aside(name)

    def sweep(self, now: float) -> None:
        """Take out what hooks began more than ABANDONED seconds before *now* (seconds since 1970) and never finished."""
        with suppress(FileNotFoundError), os.scandir(self.path) as found:
            for each in found:
                if each.name.startswith(".") and each.is_file(follow_symlinks=False):
                    age = now - each.stat(follow_symlinks=False).st_mtime
                    if age > ABANDONED:
                        self.done(each.name)

    def _names(self) -> list[str]:
        return sorted(self._scanned())[:AT_ONCE]

    def _scanned(self) -> Iterator[str]:
        with suppress(FileNotFoundError), os.scandir(self.path) as found:
            for each in found:
                if not each.name.startswith("."):
                    yield each.name

    def _read(self, name: str) -> bytes:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        file = os.open(self.path / name, flags)
        try:
            status = os.fstat(file)
            if not name.endswith(SUFFIX) or not stat.S_ISREG(status.st_mode):
                raise Malformed("no record")
            if status.st_uid not in self._owners:
                raise Malformed(f"left by user {status.st_uid}, who runs no hooks")
            return os.read(file, RECORD_LIMIT + 1)
        finally:
            os.close(file)

    def _set_aside(self, name: str) -> None:
        # A hidden name is not looked at again. The folder may have anything in it, so it is not walked.
        with suppress(OSError):
            (self.path / name).rename(self.path / f".{name[:200]}.rejected")
