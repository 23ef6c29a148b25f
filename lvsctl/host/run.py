"""The one place that starts other programs.

A fixed PATH, the C locale, no standard input unless given, always a deadline, argv lists only. It does not
interpret what the program said; callers do.
"""

import os
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from shutil import which
from typing import IO

from lvsctl.errors import LvsctlError, Unavailable

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs are looked for, whatever the caller's PATH says."""

NOT_FOUND = 127

MOST = 256 * 2**20
"""Bytes that a program may write to both streams together: one that never stops must not take all memory."""

CHUNK = 2**16


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


class Killed(Unavailable):
    """A program took too long, or wrote too much; *why* says which."""

    def __init__(self, argv: Sequence[str], why: str) -> None:
        super().__init__(f"{shlex.join(argv)}: {why}, so it was killed")
        self.why = why


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
    most: int = MOST,
) -> Finished:
    """Run *argv* to its end and answer how it ended; a non-zero status is an answer, not an error.

    The whole process group is killed after *timeout* seconds, and when it writes more than *most* bytes. Raises
    Killed then, and Unavailable when the program does not exist.
    """
    begun = time.monotonic()
    environment = {"PATH": PATH, "LC_ALL": "C.UTF-8", **(env or {})}
    with _given(stdin) as given:
        try:
            child = subprocess.Popen(
                argv,
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                cwd=cwd,
                start_new_session=True,
            )
        except OSError as error:
            raise Unavailable(f"{argv[0]}: cannot be started: {error.strerror}") from error
    with child:
        try:
            said = _heard(child, begun + timeout, most)
            child.wait(max(0.0, begun + timeout - time.monotonic()))
        except BaseException as error:  # also when the operator has had enough of it
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            if not isinstance(error, subprocess.TimeoutExpired | _TooMuch):
                raise
            why = error.args[0] if isinstance(error, _TooMuch) else f"no answer within {timeout:g} s"
            raise Killed(argv, why) from None
    finished = Finished(tuple(argv), child.returncode, *map(_text, said))
    for listener in _listeners:
        how = finished.killed_by or f"status {finished.status}"
        words = shlex.join(each if each.isprintable() else "…" for each in argv)
        listener(f"ran {words}: {how} after {time.monotonic() - begun:.2f} s")
    return finished


class _TooMuch(Exception):
    """A program writes more than anybody reads."""


@contextmanager
def _given(text: str | None) -> Iterator[int]:
    """Yield a standard input that says *text*, and keeps nobody waiting for who reads it."""
    if text is None:
        yield subprocess.DEVNULL
        return
    with open(os.memfd_create("stdin"), "wb+", buffering=0) as file:  # noqa: PTH123 - a number
        file.write(text.encode())
        file.seek(0)
        yield file.fileno()


def _heard(child: subprocess.Popen[bytes], deadline: float, most: int) -> tuple[bytes, bytes]:
    """Answer all that *child* writes to its two streams. Raises TimeoutExpired and _TooMuch."""
    streams: tuple[IO[bytes] | None, ...] = (child.stdout, child.stderr)
    said = {stream.fileno(): bytearray() for stream in streams if stream is not None}
    with selectors.DefaultSelector() as waiting:
        for number in said:
            waiting.register(number, selectors.EVENT_READ)
        while waiting.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                raise subprocess.TimeoutExpired(child.args, 0)
            for key, _ in waiting.select(left):
                if chunk := os.read(key.fd, CHUNK):
                    said[key.fd] += chunk
                else:
                    waiting.unregister(key.fd)
            if sum(map(len, said.values())) > most:
                raise _TooMuch(f"it wrote more than {most} bytes")
    out, err = said.values()
    return bytes(out), bytes(err)


def _text(said: bytes) -> str:
    return said.decode(errors="backslashreplace").replace("\r\n", "\n").replace("\r", "\n")


def check(argv: Sequence[str], *, timeout: float = 30.0, stdin: str | None = None) -> str:
    """Run *argv*, which has to succeed, and answer its standard output; else raise CommandFailed."""
    finished = run(argv, timeout=timeout, stdin=stdin)
    if finished.status:
        raise CommandFailed(finished)
    return finished.stdout
