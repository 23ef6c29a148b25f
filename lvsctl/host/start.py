"""Run a program without waiting for it: :mod:`lvsctl.host.run` for what lives in an event loop.

The same fixed PATH, C locale, argv lists and deadline. The program and everything in its process group end with the
deadline, and when whoever awaits is cancelled. What it says is handed on line by line, within bounds.
"""

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from lvsctl.errors import Unavailable, visible
from lvsctl.host.run import PATH

LONGEST_LINE = 1000
CHUNK = 65536
MOST_LINES = 100
"""Lines that are handed on of one run; the program goes on, and is heard no more."""


async def finish(
    argv: Sequence[str],
    *,
    timeout: float,  # noqa: ASYNC109 - it ends the program, which the caller's own could not
    heard: Callable[[str], None] = lambda _line: None,
    env: Mapping[str, str] | None = None,
) -> int:
    """Run *argv* to its end and answer its status; below zero is the signal that killed it, negated.

    *heard* gets each line that it says, on either stream. Raises Unavailable when it cannot be started or the time is
    up. Nothing of its group is left when this returns or raises, but what made a group of its own.
    """
    ear = _Ear(heard)
    try:
        try:
            child = await asyncio.create_subprocess_exec(
                *argv,
                stdin=DEVNULL,
                stdout=ear.mouth,
                stderr=ear.mouth,
                env={"PATH": PATH, "LC_ALL": "C.UTF-8", **(env or {})},
                start_new_session=True,
            )
        except OSError as error:
            raise Unavailable(f"{visible(argv[0])}: cannot be started: {error.strerror}") from error
        try:
            async with asyncio.timeout(timeout):
                return await child.wait()
        except TimeoutError:
            raise Unavailable(
                f"{visible(argv[0])}: not done within {timeout:g} s, so it was killed"
            ) from None
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            await asyncio.shield(child.wait())
    finally:
        ear.close()


class _Ear:
    """A pipe that is listened to. asyncio's own would have us wait for whoever else holds it open."""

    def __init__(self, heard: Callable[[str], None]) -> None:
        self._heard = heard
        self._file, self.mouth = os.pipe()
        os.set_blocking(self._file, False)
        self._rest = b""
        self._count = 0
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._file, self._listen)

    def close(self) -> None:
        """Hear what is left, and listen no more."""
        os.close(self.mouth)
        self._listen()
        self._loop.remove_reader(self._file)
        os.close(self._file)
        if self._rest:
            self._hear(self._rest)

    def _listen(self) -> None:
        try:
            chunk = os.read(self._file, CHUNK)
        except BlockingIOError:
            return
        *lines, rest = (self._rest + chunk).split(b"\n")
        self._rest = rest[:LONGEST_LINE]
        for line in lines:
            self._hear(line)

    def _hear(self, line: bytes) -> None:
        self._count += 1
        if self._count <= MOST_LINES:
            self._heard(visible(line[:LONGEST_LINE].decode(errors="replace")))
