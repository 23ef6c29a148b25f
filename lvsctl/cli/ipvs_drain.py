"""The progress bar of ``lvsctl ipvs drain --wait``: connections going, on a terminal a bar, elsewhere now and then a line."""

import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from lvsctl.cli.output import say

if TYPE_CHECKING:
    from lvsctl.ipvs import DestKey, Ipvs, ServiceKey

WIDTH = 30
POLL = 0.25
"""Seconds between looks; each costs the kernel the listing of one service."""
LINE_EVERY = 10.0
"""Seconds between lines where there is no terminal."""


def watch(ipvs: "Ipvs", key: "ServiceKey", dest_key: "DestKey", *, timeout: float, quiet: bool) -> int:
    """Wait until a destination has no connections, at most *timeout* seconds (0: for ever); answer how many are left."""
    from lvsctl.ipvs.draining import connections

    begun = time.monotonic()
    bar = Bar(sys.stderr, quiet=quiet)
    while True:
        left = sum(connections(ipvs, key, dest_key))
        passed = time.monotonic() - begun
        bar.draw(left, passed)
        if not left or (timeout and passed >= timeout):
            bar.close()
            return left
        time.sleep(min(POLL, timeout - passed) if timeout else POLL)


class Bar:
    """How far it got: full when nothing is left of the most that was seen."""

    def __init__(self, stream: TextIO, *, quiet: bool) -> None:
        self._stream = stream
        self._quiet = quiet
        self._live = stream.isatty() and not quiet
        self._most = 0
        self._told = -LINE_EVERY

    def draw(self, left: int, passed: float) -> None:
        """Show *left* connections after *passed* seconds."""
        self._most = max(self._most, left)
        if self._live:
            gone = WIDTH if not self._most else WIDTH * (self._most - left) // self._most
            self._write(f"\r[{'#' * gone}{'.' * (WIDTH - gone)}] {text(left, passed)}\x1b[K")
        elif passed - self._told >= LINE_EVERY:
            self._told = passed
            say(text(left, passed), quiet=self._quiet)

    def close(self) -> None:
        """End the line."""
        if self._live:
            self._write("\n")

    def _write(self, what: str) -> None:
        """Write to the terminal, if it is there still: what is waited for does not depend on it."""
        with suppress(OSError):
            self._stream.write(what)
            self._stream.flush()


def text(left: int, passed: float) -> str:
    """Say how many are left, and since when."""
    return f"{left} connections left, {int(passed) // 60:02}:{int(passed) % 60:02}"
