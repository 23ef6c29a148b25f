"""The running keepalived: which process reads a file, whether it lives, and a signal to it.

Everything is read from /proc, through the daemon's own root folder where files are concerned. It decides
nothing; :mod:`lvsctl.keepalived.reload` does.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from lvsctl.errors import Denied, LvsctlError
from lvsctl.keepalived.command_line import config_id_of, config_of

PROC = Path("/proc")

PROGRAM = "keepalived"


class Process(NamedTuple):
    """One process, told from a later one with the same number."""

    pid: int
    started: int
    """In clock ticks since boot."""


class Daemon(NamedTuple):
    """A running keepalived."""

    parent: Process
    """The process that takes the signals."""
    config: str
    """The file it reads, as its command line names it."""


class Ambiguous(LvsctlError):
    """More than one keepalived reads the same file."""


def find(config: Path) -> Daemon | None:
    """Answer the keepalived that reads *config*, or None.

    It is the same file in its eyes and in ours, whatever either calls it: a keepalived in a container that
    has a file of the same name is another one. Raises Ambiguous when there are several, and Denied when only
    root could tell.
    """
    found = [daemon for daemon in daemons() if _reads(daemon, config)]
    if len(found) > 1:
        pids = ", ".join(str(each.parent.pid) for each in found)
        raise Ambiguous(f"{config}: more than one keepalived reads it (processes {pids})")
    return found[0] if found else None


def is_alive(process: Process) -> bool:
    """Answer whether *process* still runs."""
    return _started(process.pid) == process.started


def children(daemon: Daemon) -> frozenset[Process]:
    """Answer the daemon's own processes for VRRP, checking and BFD, without the scripts and tests it has started."""
    everyone = ((pid, _status(pid)) for pid in _pids())
    return frozenset(
        Process(pid, status.started)
        for pid, status in everyone
        if status and status.parent == daemon.parent.pid and _runs_keepalived(pid) and _config(pid)
    )


def tell(daemon: Daemon, number: signal.Signals) -> None:
    """Send a signal to the parent. Raises Denied when we may not; a parent that is gone hears nothing."""
    try:
        with suppress(ProcessLookupError):
            os.kill(daemon.parent.pid, number)
    except PermissionError as error:
        message = f"keepalived (process {daemon.parent.pid}) takes no signals from this user"
        raise Denied(message, hint="run lvsctl as root") from error


def config_id(daemon: Daemon) -> str:
    """Answer what it compares ``@word`` with: its ``-i``, else the host's name up to the first dot (main.c)."""
    return config_id_of(words(daemon.parent.pid, "cmdline")) or os.uname().nodename.partition(".")[0]


def daemons() -> Iterator[Daemon]:
    """Yield every running keepalived, whatever namespace or container it is in.

    Only root's, and our own user's: anybody can name a program keepalived, and have it read the same file.
    """
    for pid in _pids():
        status = _status(pid)
        if status and _runs_keepalived(pid) and not _runs_keepalived(status.parent) and _is_trusted(pid):
            config = _config(pid)
            if config:
                yield Daemon(Process(pid, status.started), config)


def _config(pid: int) -> str | None:
    return config_of(words(pid, "cmdline"))


class _Status(NamedTuple):
    parent: int
    started: int


ZOMBIE = "Z"


def _status(pid: int) -> _Status | None:
    """Read a process's parent and start (proc(5), stat); None when it is gone or only waits to be buried."""
    with suppress(OSError):
        fields = (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
        return None if fields[0] == ZOMBIE else _Status(int(fields[1]), int(fields[19]))
    return None


def _is_trusted(pid: int) -> bool:
    """Answer whether *pid* runs as root or as we do. Who owns its folder in /proc does not tell (PR_SET_DUMPABLE)."""
    with suppress(OSError):
        for line in (PROC / str(pid) / "status").read_text(errors="replace").splitlines():
            if line.startswith("Uid:"):
                return {int(each) for each in line.split()[1:]} <= {0, os.geteuid()}
    return False


def _started(pid: int) -> int | None:
    status = _status(pid)
    return status.started if status else None


def _pids() -> list[int]:
    return [int(each.name) for each in PROC.iterdir() if each.name.isdecimal()]


def _runs_keepalived(pid: int) -> bool:
    """Answer whether the program of *pid* is keepalived, also one that was replaced by an upgrade."""
    with suppress(OSError):
        program = (PROC / str(pid) / "exe").readlink().name
        return program.removesuffix(" (deleted)") == PROGRAM
    command = words(pid, "cmdline")  # all that other users may see
    return bool(command) and Path(command[0]).name == PROGRAM


def words(pid: int, name: str) -> list[str]:
    """Read a list that /proc ends with NUL characters: ``cmdline``, ``environ``; empty when we may not."""
    with suppress(OSError):
        return (PROC / str(pid) / name).read_bytes().decode(errors="surrogateescape").split("\0")[:-1]
    return []


def seen(daemon: Daemon, path: str) -> Path:
    """Answer how we reach what the daemon calls *path*."""
    folder = PROC / str(daemon.parent.pid)
    return folder / "root" / path.removeprefix("/") if path.startswith("/") else folder / "cwd" / path


def _reads(daemon: Daemon, config: Path) -> bool:
    theirs = seen(daemon, daemon.config)
    try:
        return theirs.samefile(config)
    except PermissionError as error:
        if Path(daemon.config).resolve() != config.resolve():
            return False
        message = (
            f"{config}: keepalived (process {daemon.parent.pid}) reads a file of this name, perhaps this one"
        )
        raise Denied(message, hint="run lvsctl as root") from error
    except OSError:
        return False
