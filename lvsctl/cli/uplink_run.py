"""``lvsctl uplink run``: keep the uplinks in the foreground until a signal, and take the spec anew at another."""

import asyncio
import logging
import signal
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from lvsctl.cli.output import say
from lvsctl.errors import Invalid, LvsctlError, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lvsctl.uplink.model import Settings
    from lvsctl.uplink.saved import Files


log = logging.getLogger("lvsctl.uplink")


def run_until_told(
    settings: "Settings", read: "Callable[[], Settings]", netns: str | None, *, quiet: bool, verbose: bool
) -> None:
    """Keep the uplinks until SIGTERM or SIGINT; SIGHUP goes on with what *read* answers.

    On a terminal SIGHUP says that it was closed, and ends it. Raises Busy when somebody else keeps them already.
    """
    from lvsctl.host.netns import inside
    from lvsctl.uplink.saved import Files

    files = Files(netns)
    keeping = _Keeping(settings, read, files)
    hang_up = keeping.stop if sys.stdin is not None and sys.stdin.isatty() else keeping.reload
    handlers = {signal.SIGTERM: keeping.stop, signal.SIGINT: keeping.stop, signal.SIGHUP: hang_up}
    before = {number: signal.signal(number, what) for number, what in handlers.items()}
    try:
        with files.locked(), _log_to_stderr(quiet=quiet, verbose=verbose):
            if netns is None:
                keeping.run()
            else:
                inside(netns, keeping.run)
    finally:
        for number, what in before.items():
            signal.signal(number, what)


class _Keeping:
    """A loop that signals end, or have begin anew, in whichever thread it runs."""

    def __init__(self, settings: "Settings", read: "Callable[[], Settings]", files: "Files") -> None:
        self._settings = settings
        self._read = read
        self._files = files
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_over = False
        self._anew = asyncio.Event()
        """The keeper that runs has to end."""
        self._hung_up = asyncio.Event()

    def run(self) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        from lvsctl.agent.systemd import tell
        from lvsctl.uplink.keeper import Keeper

        self._loop = asyncio.get_running_loop()
        heeding = asyncio.ensure_future(self._heed())
        keeper = None
        try:
            while not self._is_over:
                self._anew.clear()
                keeper = Keeper(self._settings, self._files, keeper)
                await keeper.run(self._anew, ready=lambda: tell("READY=1"))
        finally:
            heeding.cancel()
            self._files.fall_silent()
            tell("STOPPING=1")

    async def _heed(self) -> None:
        """Take the spec anew at every SIGHUP. One that cannot be used changes nothing."""
        from lvsctl.agent.systemd import tell

        while True:
            await self._hung_up.wait()
            self._hung_up.clear()
            tell("RELOADING=1")
            settings = await asyncio.to_thread(self._read_anew)
            if settings == self._settings:
                tell("READY=1")
                continue
            self._settings = settings
            self._anew.set()  # the next keeper says that it is ready

    def _read_anew(self) -> "Settings":
        try:
            settings = self._read()
        except LvsctlError as error:
            faults: Sequence[object] = error.faults if isinstance(error, Invalid) else (error.message,)
        except Exception as error:  # noqa: BLE001 - whatever it is, the uplinks are kept as they were
            faults = (f"a defect of lvsctl: {type(error).__name__}",)
        else:
            log.warning("the spec was read anew")
            return settings
        for each in faults:
            log.error("the spec cannot be used, so the one before stays: %s", each)
        return self._settings

    def stop(self, *_: object) -> None:
        """End; called by signal handlers, which run in the main thread."""
        self._is_over = True
        self._wake(self._anew)

    def reload(self, *_: object) -> None:
        """Take the spec anew; called by a signal handler."""
        self._wake(self._hung_up)

    def _wake(self, event: asyncio.Event) -> None:
        if self._loop is None:
            event.set()  # nobody waits for it yet
            return
        with suppress(RuntimeError):  # it has just ended
            self._loop.call_soon_threadsafe(event.set)


class _Visible(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))


@contextmanager
def _log_to_stderr(*, quiet: bool, verbose: bool) -> "Iterator[None]":
    logger = logging.getLogger("lvsctl")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Visible("lvsctl uplink: %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.ERROR if quiet else logging.INFO if verbose else logging.WARNING)
    say("lvsctl uplink: keeping the uplinks; SIGTERM ends that, and changes no route", quiet=quiet)
    try:
        yield
    finally:
        logger.removeHandler(handler)
