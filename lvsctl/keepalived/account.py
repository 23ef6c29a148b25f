"""What a running keepalived says of itself: the configuration it holds, and its dumps on request.

The dumps lie in a folder where anybody may write, so what is read is checked: a regular file of the daemon's
own user, new since we asked, and no longer being written. What the texts mean is for
:mod:`lvsctl.keepalived.held`, :mod:`lvsctl.keepalived.dump` and :mod:`lvsctl.keepalived.inventory`.
"""

import os
import re
import signal
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from lvsctl.keepalived.process import PROC, Daemon, children, is_alive, seen, tell, words

LIMIT = 256 * 2**20
"""Bytes of one dump that are read; 100,000 real servers make about 100 MB."""

POLL = 0.05
"""Seconds between two looks."""


def held(daemon: Daemon) -> str | None:
    """Answer the copy of its configuration that the daemon parses from, or None when it keeps none (before 2.1)."""
    folder = PROC / str(daemon.parent.pid) / "fd"
    with suppress(OSError):
        for each in folder.iterdir():
            if "keepalived/consolidated_configuration" in str(each.readlink()):
                return each.read_bytes().decode("utf-8", "surrogateescape")
    return None


def account(daemon: Daemon, *, timeout: float = 5.0) -> Mapping[str, str] | None:
    """Ask the daemon for its dumps and answer their texts by file name; None when they do not all come in time.

    They are the parent's and one of each child, written anew after we asked, by the daemon's own user.
    Raises Denied when we may not ask.
    """
    deadline = time.monotonic() + timeout
    before = dict(_dumps(daemon))
    wanted = len(children(daemon)) + 1
    tell(daemon, signal.SIGUSR1)
    while time.monotonic() < deadline:
        time.sleep(POLL)
        fresh = [path for path, identity in _dumps(daemon) if before.get(path) != identity]
        if len(fresh) >= wanted and not _busy(daemon, fresh):
            texts = {path.name: text for path in fresh if (text := _read(daemon, path)) is not None}
            return texts if len(texts) == len(fresh) else None
        if not is_alive(daemon.parent):
            return None
    return None


Identity = tuple[int, int, int]
"""What tells a file from a later one of the same name: inode, time of change, time of writing."""

_DUMP = re.compile(r"keepalived(_parent|_check|_bfd)?(\.[^/]+)?\.data")


def _dumps(daemon: Daemon) -> Iterator[tuple[Path, Identity]]:
    """Find the dumps of this daemon's own user, in the folder where it writes them."""
    owner = _owner(daemon)
    environment = dict(each.partition("=")[::2] for each in words(daemon.parent.pid, "environ"))
    folder = seen(daemon, environment.get("TMPDIR", "") or "/tmp")  # noqa: S108  # KA_TMP_DIR
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            status = entry.stat(follow_symlinks=False)
            if _DUMP.fullmatch(entry.name) and stat.S_ISREG(status.st_mode) and status.st_uid == owner:
                yield folder / entry.name, (status.st_ino, status.st_ctime_ns, status.st_mtime_ns)


def _owner(daemon: Daemon) -> int | None:
    with suppress(OSError):
        return (PROC / str(daemon.parent.pid)).stat().st_uid
    return None


def _busy(daemon: Daemon, paths: Iterable[Path]) -> bool:
    """Answer whether the daemon still writes one of *paths*: a dump gets its name before it gets its content."""
    try:
        written = {_file(path.stat(follow_symlinks=False)) for path in paths}
    except FileNotFoundError:  # replaced by the next one meanwhile
        return True
    return any(
        _file(status) in written
        for process in (daemon.parent, *children(daemon))
        for status in _open_files(process.pid)
    )


def _file(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _open_files(pid: int) -> Iterator[os.stat_result]:
    with suppress(OSError):
        for each in (PROC / str(pid) / "fd").iterdir():
            with suppress(OSError):
                yield each.stat()


def _read(daemon: Daemon, path: Path) -> str | None:
    """Read a dump that the daemon's own user wrote, for anybody can write into its folder; None if it is gone."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    with suppress(OSError), open(os.open(path, flags), "rb") as file:  # noqa: PTH123  # pathlib has no flags
        status = os.fstat(file.fileno())
        if stat.S_ISREG(status.st_mode) and status.st_uid == _owner(daemon):
            return file.read(LIMIT).decode("utf-8", "surrogateescape")
    return None
