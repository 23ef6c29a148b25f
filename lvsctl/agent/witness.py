"""Ask keepalived itself how its instances are: SIGUSR1, and the dump that follows.

Only what its own user wrote after we asked counts (:mod:`lvsctl.keepalived.account`). A keepalived that is just
starting would die of the signal, so it is asked once all its processes are prepared for it.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from lvsctl.agent.model import Account
from lvsctl.agent.standing import standings
from lvsctl.errors import LvsctlError
from lvsctl.failover.command import in_thread
from lvsctl.keepalived import process
from lvsctl.keepalived.account import account
from lvsctl.keepalived.process import Daemon, Process

WITHIN = 3.0
"""Seconds for a dump; without one the state is unknown and nothing moves."""

_PREPARED = ("SigBlk", "SigIgn", "SigCgt")


class Witness:
    """The keepalived that reads the configuration *config*."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self._daemon: Daemon | None = None

    def alive(self) -> Process | None:
        """Answer its process, or None when it does not run. Raises LvsctlError when that cannot be told."""
        if self._daemon is None or not process.is_alive(self._daemon.parent):
            self._daemon = process.find(self.config)
        return self._daemon.parent if self._daemon else None

    def ask(self) -> Account:
        """Ask, and wait for the answer."""
        try:
            if self.alive() is None or self._daemon is None:
                return Account({}, "keepalived does not run")
            if not _is_prepared(self._daemon):
                return Account(None, "keepalived is starting")
            texts = account(self._daemon, timeout=WITHIN)
        except LvsctlError as error:
            return Account(None, error.message)
        if texts is None:
            gone = not process.is_alive(self._daemon.parent)
            return Account(
                None, "keepalived ended" if gone else f"keepalived did not say within {WITHIN:g} s"
            )
        return Account(standings("\n".join(texts.values())))


class Asking:
    """Asks in a thread. Who asks while a question is under way shares the next one: the answer is never older."""

    def __init__(self, ask: Callable[[], Account]) -> None:
        self._ask = ask
        self._running: asyncio.Task[Account] | None = None
        self._next: asyncio.Task[Account] | None = None

    def __call__(self) -> Awaitable[Account]:
        """Answer what is answered to a question that is asked from now on."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._after(self._running))
        return asyncio.shield(self._next)

    async def _after(self, running: "asyncio.Task[Account] | None") -> Account:
        if running is not None:
            await asyncio.wait({running})
        self._running, self._next = self._next, None
        return await in_thread(self._ask)


def _is_prepared(daemon: Daemon) -> bool:
    """Answer whether none of the daemon's processes would die of SIGUSR1 (proc(5), status)."""
    children = process.children(daemon)
    return bool(children) and all(_takes(each.pid) for each in (daemon.parent, *children))


def _takes(pid: int) -> bool:
    bit = 1 << (signal.SIGUSR1 - 1)
    with suppress(OSError, ValueError):
        lines = (process.PROC / str(pid) / "status").read_text(errors="replace").splitlines()
        fields = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        return any(int(fields.get(name, "0"), 16) & bit for name in _PREPARED)
    return False
