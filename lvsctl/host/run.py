"""The one place that starts other programs.

A fixed PATH, the C locale, no standard input unless given, always a deadline, argv lists only. It does not
interpret what the program said; callers do.
"""

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from shutil import which

from lvsctl.errors import LvsctlError, Unavailable

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs are looked for, whatever the caller's PATH says."""

NOT_FOUND = 127

AFTER_THE_KILL = 1.0
"""Seconds that what a killed program has written is waited for."""


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended. A *status* below zero is the signal that killed it, negated."""

    argv: tuple[str, ...]
    status: int
    stdout: str
    stderr: str

    @property
    def killed_by(self) -> str:
        """The name of the signal that ended it (``SIGSEGV``), or the empty string."""
        return signal.Signals(-self.status).name if self.status < 0 else ""

    @property
    def last_words(self) -> str:
        """The last line it wrote to standard error, for a message."""
        lines = self.stderr.strip().splitlines()
        return lines[-1] if lines else ""


class CommandFailed(LvsctlError):
    """A program that had to succeed did not."""

    def __init__(self, finished: Finished) -> None:
        how = finished.killed_by or f"status {finished.status}"
        super().__init__(f"{shlex.join(finished.argv)}: {how}: {finished.last_words or 'it said nothing'}")
        self.finished = finished


_listeners: list[Callable[[str], None]] = []


def listen(listener: Callable[[str], None]) -> None:
    """Have *listener* told of every program that ends: its command line, how it ended, how long it took."""
    _listeners.append(listener)


def find(program: str) -> str | None:
    """Answer the absolute path of *program* on our fixed PATH, or None."""
    return which(program, path=PATH)


def run(
    argv: Sequence[str],
    *,
    timeout: float = 30.0,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    cwd: str | None = None,
) -> Finished:
    """Run *argv* to its end and answer how it ended; a non-zero status is an answer, not an error.

    The whole process group is killed after *timeout* seconds. Raises Unavailable when the program does not
    exist or the time is up.
    """
    begun = time.monotonic()
    environment = {"PATH": PATH, "LC_ALL": "C.UTF-8", **(env or {})}
    try:
        child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=cwd,
            text=True,
            encoding="utf-8",
            errors="backslashreplace",
            start_new_session=True,
        )
    except OSError as error:
        raise Unavailable(f"{argv[0]}: cannot be started: {error.strerror}") from error
    with child:
        try:
            stdout, stderr = child.communicate(stdin, timeout=timeout)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            # What has left the group may hold our pipes for as long as it likes.
            with suppress(subprocess.TimeoutExpired):
                child.communicate(timeout=AFTER_THE_KILL)
            raise Unavailable(
                f"{shlex.join(argv)}: no answer within {timeout:g} s, so it was killed"
            ) from None
    finished = Finished(tuple(argv), child.returncode, stdout, stderr)
    for listener in _listeners:
        how = finished.killed_by or f"status {finished.status}"
        words = shlex.join(each if each.isprintable() else "…" for each in argv)
        listener(f"ran {words}: {how} after {time.monotonic() - begun:.2f} s")
    return finished


def check(argv: Sequence[str], *, timeout: float = 30.0, stdin: str | None = None) -> str:
    """Run *argv*, which has to succeed, and answer its standard output; else raise CommandFailed."""
    finished = run(argv, timeout=timeout, stdin=stdin)
    if finished.status:
        raise CommandFailed(finished)
    return finished.stdout
