"""Run a program without waiting for it: :mod:`lvsctl.host.run` for what lives in an event loop.

The same fixed PATH, C locale, argv lists and deadline. The program and everything in its process group end with the
deadline, and when whoever awaits is cancelled. What it says is handed on line by line, within bounds.
"""

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from lvsctl.errors import Unavailable, visible
from lvsctl.host.run import PATH

LONGEST_LINE = 1000
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
    try:
        child = await asyncio.create_subprocess_exec(
            *argv,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            env={"PATH": PATH, "LC_ALL": "C.UTF-8", **(env or {})},
            start_new_session=True,
            limit=LONGEST_LINE * 4,
        )
    except OSError as error:
        raise Unavailable(f"{visible(argv[0])}: cannot be started: {error.strerror}") from error
    try:
        async with asyncio.timeout(timeout):
            await _listen(child, heard)
            return await child.wait()
    except TimeoutError:
        raise Unavailable(f"{visible(argv[0])}: not done within {timeout:g} s, so it was killed") from None
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001 - or its pipes stay open until collected
        await asyncio.shield(child.wait())


async def _listen(child: Process, heard: Callable[[str], None]) -> None:
    """Hand on what the child says until it has ended; who holds the pipe open longer is not waited for."""
    assert child.stdout is not None  # noqa: S101 - it was asked for
    ended = asyncio.ensure_future(child.wait())
    said = asyncio.ensure_future(_lines(child.stdout, heard))
    try:
        await asyncio.wait({ended})
        await asyncio.wait({said}, timeout=0.2)
    finally:
        for each in (ended, said):
            each.cancel()
        await asyncio.wait({ended, said})


async def _lines(stream: asyncio.StreamReader, heard: Callable[[str], None]) -> None:
    count, rest = 0, b""
    while chunk := await stream.read(LONGEST_LINE * 4):
        *lines, rest = (rest + chunk).split(b"\n")
        rest = rest[:LONGEST_LINE]
        for line in lines:
            count += 1
            if count <= MOST_LINES:
                heard(visible(line[:LONGEST_LINE].decode(errors="replace")))
    if rest and count < MOST_LINES:
        heard(visible(rest.decode(errors="replace")))
