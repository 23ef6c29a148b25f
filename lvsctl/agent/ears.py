"""How the agent hears: keepalived's FIFO, and the spool that hooks fill.

The FIFO is read as soon as it can be, and before each question to keepalived. A record of the spool is taken out only
when what it says is kept on disk. What is no event is told once, counted, and put out of the way.
"""

import asyncio
import os
import time
from collections.abc import Callable, Container, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from lvsctl.agent.inotify import Watch
from lvsctl.agent.model import Source, Word
from lvsctl.errors import visible
from lvsctl.failover.command import in_thread
from lvsctl.notify.fifo import FifoReader
from lvsctl.notify.spool import Entry, Rejected, Spool

Hear = Callable[[list[Word]], None]

LOOK: Final = 1.0
"""Seconds between two looks when nobody tells; also between two looks whether the FIFO is still the same."""

BREATH: Final = 0.05
"""Seconds between two reads of a storm. What comes in between is read at once, and only its end counts."""

SWEEP: Final = 60.0


class Line:
    """The FIFO at *path*, or none. *hear* gets what it says, *complain* what is wrong with it."""

    def __init__(
        self, path: Path | None, hear: Hear, complain: Callable[[str], None], now: Callable[[], float]
    ) -> None:
        self._path = path
        self._hear = hear
        self._complain = complain
        self._now = now
        self._reader: FifoReader | None = None
        self._watched = -1
        self._breath: asyncio.TimerHandle | None = None

    def renew(self) -> None:
        """Open the FIFO, or the one that is in its place by now."""
        try:
            if self._path is None:
                return
            if self._reader is None:
                self._path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
                self._reader = FifoReader(self._path)
            else:
                self.drain()
                self._unwatch()
                self._reader.renew()
            self._watch()
        except OSError as error:
            self._complain(f"the FIFO cannot be read: {error}")
            self._forget()

    def drain(self) -> None:
        """Take in what it holds."""
        if self._reader is None:
            return
        try:
            events, complaints = self._reader.read()
        except OSError as error:
            self._complain(f"the FIFO cannot be read: {error}")
            return
        for each in complaints:
            self._complain(f"the FIFO: {each}")
        if events:
            at = self._now()
            self._hear([Word(each, Source.FIFO, at) for each in events])

    def move(self, path: Path | None) -> None:
        """Read another one from now on."""
        if path != self._path:
            self.close()
            self._path = path
            self.renew()

    def close(self) -> None:
        """Take in what is left, and let go of it."""
        self.drain()
        self._forget()

    def _readable(self) -> None:
        """Read at once what comes alone, and what comes as a storm once in a while."""
        self._unwatch()
        self.drain()
        self._breath = asyncio.get_running_loop().call_later(BREATH, self._watch)

    def _watch(self) -> None:
        if self._reader is not None and self._watched < 0:
            self._watched = self._reader.fileno()
            asyncio.get_running_loop().add_reader(self._watched, self._readable)

    def _unwatch(self) -> None:
        if self._breath is not None:
            self._breath.cancel()
            self._breath = None
        if self._watched >= 0:
            asyncio.get_running_loop().remove_reader(self._watched)
            self._watched = -1

    def _forget(self) -> None:
        self._unwatch()
        if self._reader is not None:
            self._reader.close()
            self._reader = None


class Basket:
    """The spool in *folder*. *save* answers whether what was heard is kept on disk."""

    def __init__(
        self,
        folder: Path,
        owners: Container[int],
        hear: Hear,
        save: Callable[[], bool],
        complain: Callable[[str], None],
        now: Callable[[], float],
    ) -> None:
        self._folder = folder
        self.owners = owners
        self._hear = hear
        self._save = save
        self._complain = complain
        self._now = now
        self._watch = Watch(folder)
        self._came = asyncio.Event()
        self._sweep_at = 0.0

    async def empty(self) -> int:
        """Take in everything that is there; answer how many events were taken out."""
        self._watch.renew()
        spool = Spool(self._folder, self.owners)
        try:
            entries, rejected = await in_thread(spool.look)
        except OSError as error:
            self._complain(f"the spool cannot be read: {error.strerror}")
            return 0
        for each in rejected:
            self._complain(f"the spool: {visible(each.name)[:80]}: {each.reason}")
        self._hear([Word(each.event, Source.HOOK, self._at(each)) for each in entries])
        safe = entries if entries and self._save() else []
        await in_thread(lambda: _take_out(spool, [*rejected, *safe]))
        return len(safe)

    async def serve(self) -> None:
        """Empty it whenever something comes, for ever."""
        loop = asyncio.get_running_loop()
        if self._watch.fileno() >= 0:
            loop.add_reader(self._watch.fileno(), self._told)
        try:
            while True:
                if not await self.empty():
                    with suppress(TimeoutError):
                        async with asyncio.timeout(LOOK):
                            await self._came.wait()
                self._came.clear()
                await asyncio.sleep(BREATH)
                await self._swept()
        finally:
            if self._watch.fileno() >= 0:
                loop.remove_reader(self._watch.fileno())
                self._watch.close()

    def _told(self) -> None:
        self._watch.clear()
        self._came.set()

    async def _swept(self) -> None:
        if self._now() >= self._sweep_at:
            self._sweep_at = self._now() + SWEEP
            spool = Spool(self._folder, self.owners)
            with suppress(OSError):
                await in_thread(lambda: spool.sweep(time.time()))

    def _at(self, entry: Entry) -> float:
        """Answer when the hook ran, by its record's name; never later than now."""
        digits = entry.name.partition("-")[0]
        seconds = int(digits[:20]) / 1e9 if digits.isascii() and digits.isdecimal() else self._now()
        return min(seconds, self._now())


def _take_out(spool: Spool, gone: list[Entry | Rejected]) -> None:
    for each in gone:
        with suppress(OSError):
            spool.done(each.name)


def _waiting(folder: Path) -> Iterator[str]:
    with suppress(OSError):
        yield from (name for name in os.listdir(folder) if not name.startswith("."))  # noqa: PTH208 - names are wanted


def has_more(folder: Path) -> bool:
    """Answer whether anything waits in the spool."""
    return next(_waiting(folder), None) is not None
