"""``lvsctl uplink run``: keep the uplinks in the foreground until a signal."""

import asyncio
import logging
import signal
import sys
from typing import TYPE_CHECKING

from lvsctl.cli.output import say
from lvsctl.errors import visible

if TYPE_CHECKING:
    from lvsctl.uplink.model import Settings
    from lvsctl.uplink.saved import Files


def run_until_told(settings: "Settings", netns: str | None, *, quiet: bool, verbose: bool) -> None:
    """Keep the uplinks until SIGTERM, SIGINT or SIGHUP. Raises Busy when somebody else does already."""
    from lvsctl.host.lock import locked
    from lvsctl.host.netns import inside
    from lvsctl.uplink.saved import Files

    files = Files(netns)
    handler = _log_to_stderr(quiet=quiet, verbose=verbose)
    keeping = _Keeping(settings, files)
    before = {
        each: signal.signal(each, keeping.stop) for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    }
    try:
        with locked(files.lock, timeout=0.2):
            if netns is None:
                keeping.run()
            else:
                inside(netns, keeping.run)
    finally:
        for number, what in before.items():
            signal.signal(number, what)
        logging.getLogger("lvsctl").removeHandler(handler)


class _Keeping:
    """A loop that a signal ends, in whichever thread it runs."""

    def __init__(self, settings: "Settings", files: "Files") -> None:
        self._settings = settings
        self._files = files
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = asyncio.Event()
        self._is_over = False

    def run(self) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        from lvsctl.agent.systemd import tell
        from lvsctl.uplink.keeper import Keeper

        self._loop = asyncio.get_running_loop()
        if not self._is_over:
            await Keeper(self._settings, self._files).run(self._stopped, ready=lambda: tell("READY=1"))
        tell("STOPPING=1")

    def stop(self, *_: object) -> None:
        """End; called by signal handlers, which run in the main thread."""
        self._is_over = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stopped.set)


class _Visible(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))


def _log_to_stderr(*, quiet: bool, verbose: bool) -> logging.Handler:
    logger = logging.getLogger("lvsctl")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Visible("lvsctl uplink: %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.ERROR if quiet else logging.INFO if verbose else logging.WARNING)
    say("lvsctl uplink: keeping the uplinks; SIGTERM ends that, and changes no route", quiet=quiet)
    return handler
