"""The parent of the workers: binds, gives root away, starts them, restarts the dead, reloads and ends them in order.

It serves nobody itself. Nothing here starts a program: workers are forks, so each keeps the sockets it was given and
no visitor who waits in their queues is lost with a worker that died.
"""

import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

from lvsctl.backend import privileges
from lvsctl.backend.limits import Limits
from lvsctl.backend.listening import Door, Listener, bind
from lvsctl.backend.notify import notify
from lvsctl.backend.worker import Content, Load, Tell, Worker
from lvsctl.errors import LvsctlError

_HEARD: Final = {signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
_SPARE_DESCRIPTORS: Final = 64
_LAST_RESORT: Final = 2.0
"""Seconds beyond their time to drain after which workers are killed."""
_LONGEST_PAUSE: Final = 10.0
_LONGEST_NAP: Final = 3600.0


Opened = Callable[[tuple[Door, ...]], None]


@dataclass(frozen=True, slots=True)
class Settings:
    """How to serve."""

    doors: tuple[Door, ...]
    workers: int = 1
    user: privileges.Account | None = None
    """Whom to become; None: stay."""
    limits: Limits = field(default_factory=Limits)


def serve(settings: Settings, load: Load, *, tell: Tell, opened: Opened) -> None:
    """Serve until SIGTERM or SIGINT. SIGHUP reads page and certificates anew.

    *load* is called as the user that serves, so what can be read at the start can be read at a reload. *opened* is told
    the doors, with their ports, as soon as visitors are let in. Raises what :func:`bind` and *load* raise.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
    shares = bind(settings.doors, settings.workers)
    files = privileges.raise_descriptor_limit()
    privileges.drop(settings.user)
    limits = replace(
        settings.limits, connections=max(1, min(settings.limits.connections, files - _SPARE_DESCRIPTORS))
    )
    content = load()
    supervisor = _Supervisor(shares, content, limits, load, tell)
    supervisor.start()
    opened(tuple(listener.door for listener in shares[0]))
    for note in (*scarce(limits, settings.limits, files), *content.notes):
        tell(note)
    notify("READY=1")
    supervisor.run()


def scarce(granted: Limits, wanted: Limits, files: int) -> Iterator[str]:
    """Say when fewer visitors are let in than was wanted, because this process may only have so many *files* open."""
    if granted.connections < wanted.connections:
        yield (
            f"connections at once in each worker: {granted.connections} instead of {wanted.connections}, because "
            f"no more than {files} files may be open: raise that limit (ulimit -n, LimitNOFILE=)"
        )


class _Slot:
    """The place of one worker: its sockets, and whoever serves them now."""

    def __init__(self, number: int, listeners: Sequence[Listener]) -> None:
        self.number = number
        self.listeners = listeners
        self.pid = 0
        self.started = 0.0
        self.due = 0.0
        """When to start a worker here, while there is none."""
        self.pause = 0.0


class _Supervisor:
    def __init__(self, shares: Sequence[Sequence[Listener]], content: Content, limits: Limits, load: Load, tell: Tell) -> None:  # fmt: skip
        self._slots = [_Slot(number, listeners) for number, listeners in enumerate(shares, 1)]
        self._content = content
        self._limits = limits
        self._load = load
        self._tell = tell

    def start(self) -> None:
        """Start a worker wherever one is due."""
        now = time.monotonic()
        for slot in self._slots:
            if not slot.pid and slot.due <= now:
                slot.started = now
                slot.pid = self._fork(slot)

    def run(self) -> None:
        """Keep everybody at work until told to end."""
        while True:
            heard = signal.sigtimedwait(_HEARD, self._patience())
            number = heard.si_signo if heard else 0
            if number in {signal.SIGTERM, signal.SIGINT}:
                self._stop()
                return
            until = self._content.until
            if number == signal.SIGHUP or (until is not None and time.time() >= until):
                self._reload()
            self._bury()
            self.start()

    def _patience(self) -> float:
        now = time.monotonic()
        waits = [_LONGEST_NAP, *(slot.due - now for slot in self._slots if not slot.pid)]
        if self._content.until is not None:
            waits.append(self._content.until - time.time())
        return max(0.0, min(waits))

    def _fork(self, slot: _Slot) -> int:
        gc.freeze()  # what is there now is never garbage, and stays shared with the workers
        sys.stderr.flush()
        parent = os.getpid()
        pid = os.fork()
        if not pid:
            status = 1
            try:
                self._work(slot, parent)
                status = 0
            except BaseException as error:  # noqa: BLE001 - a worker never returns into its parent's code
                self._tell(f"worker {slot.number}: {type(error).__name__}: {error}")
            finally:
                os._exit(status)
        return pid

    def _work(self, slot: _Slot, parent: int) -> None:
        privileges.end_with_parent()
        if os.getppid() != parent:
            return
        for other in self._slots:
            if other is not slot:
                _close(other.listeners)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to everybody; the parent decides
        tell = self._tell
        worker = Worker(
            slot.listeners, self._content, self._limits,
            load=self._load, tell=lambda line: tell(f"worker {slot.number}: {line}"),
        )  # fmt: skip
        worker.hear_signals()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)
        worker.run()

    def _bury(self) -> None:
        """Take note of workers that died, and when to replace them: at once, unless that did not help before."""
        for slot in self._slots:
            if not slot.pid:
                continue
            pid, status = os.waitpid(slot.pid, os.WNOHANG)
            if pid:
                now = time.monotonic()
                lived = now - slot.started
                slot.pause = 0.0 if lived > _LONGEST_PAUSE else min(_LONGEST_PAUSE, 2 * slot.pause + 0.1)
                slot.pid, slot.due = 0, now + slot.pause
                self._tell(
                    f"worker {slot.number} died ({_how(status)}) after {lived:.0f} s; another one follows"
                )

    def _reload(self) -> None:
        notify("RELOADING=1")
        try:
            self._content = self._load()
        except LvsctlError as error:
            self._content = self._content._replace(until=None)
            self._tell(f"not reloaded, the old answers stay: {error.message}")
        else:
            self._signal(signal.SIGHUP)
            self._tell("reloaded")
            for note in self._content.notes:
                self._tell(note)
        notify("READY=1")

    def _stop(self) -> None:
        notify("STOPPING=1")
        for slot in self._slots:
            _close(slot.listeners)
        self._signal(signal.SIGTERM)
        end = time.monotonic() + self._limits.draining + _LAST_RESORT
        while any(slot.pid for slot in self._slots):
            left = end - time.monotonic()
            heard = signal.sigtimedwait(_HEARD, left) if left > 0 else None
            if heard is None or heard.si_signo in {signal.SIGTERM, signal.SIGINT}:
                self._signal(signal.SIGKILL)  # their time is over, or somebody asks twice
            for slot in self._slots:
                if slot.pid and os.waitpid(slot.pid, 0 if heard is None else os.WNOHANG)[0]:
                    slot.pid = 0

    def _signal(self, number: int) -> None:
        for slot in self._slots:
            if slot.pid:
                with suppress(ProcessLookupError):
                    os.kill(slot.pid, number)


def _close(listeners: Sequence[Listener]) -> None:
    for listener in listeners:
        listener.sock.close()


def _how(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return signal.Signals(-code).name if code < 0 else f"status {code}"
