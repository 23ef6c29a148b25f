"""The keepalived.conf that is at work on this machine: found as keepalived finds it, read with its includes.

It is the file of each keepalived in this network namespace, as its command line names it and as its own root folder has
it; where none runs, the file of the next start. Nothing is made of it here (:mod:`lvsctl.doctor.adopted`).
"""

import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from errno import EACCES
from glob import escape
from pathlib import Path
from typing import Final, NamedTuple

from lvsctl.doctor.host import Host, Running
from lvsctl.errors import Denied, LvsctlError
from lvsctl.host.files import read_text
from lvsctl.keepalived import process
from lvsctl.keepalived.command_line import DEFAULT_CONFIG, config_id_of, config_of
from lvsctl.keepalived.include import from_disk, read
from lvsctl.keepalived.parse import Found, Options, Parsed, parse
from lvsctl.keepalived.parse_source import MAX_TEXT

UNITS: Final = {"etc/default/keepalived": "DAEMON_ARGS", "etc/sysconfig/keepalived": "KEEPALIVED_OPTIONS"}
"""Where a distribution's unit takes the options of the next start from: Debian's and Red Hat's."""


class AtWork(NamedTuple):
    """What keepalived is told here."""

    configs: tuple[Parsed, ...]
    """One per file; none when there is none."""
    pids: tuple[int, ...]
    """Who reads them."""
    expected: str
    """The file of the next start."""


class _Start(NamedTuple):
    """How a keepalived was started, or would be."""

    pid: int
    root: Path
    """Its root folder, as we reach it."""
    home: str
    config: str
    config_id: str


def at_work(host: Host, root: Path) -> AtWork:
    """Read what the keepaliveds of this network namespace read, else the file of the next start below *root*.

    Raises Denied when there is such a file, and it may not be read.
    """
    running = [_start(each, root) for each in _running(host)]
    coming = _coming(root)
    starts = running or ([] if _is_elsewhere(coming) else [coming])
    found: dict[tuple[Path, str], Parsed] = {}
    for each in starts:
        key = each.root, os.path.join(each.home, each.config)  # noqa: PTH118 - the daemon's names, not ours
        if key not in found and (parsed := _parsed(each)) is not None:
            found[key] = parsed
    return AtWork(tuple(found.values()), tuple(each.pid for each in running), coming.config)


def _running(host: Host) -> Sequence[Running]:
    try:
        return host.daemons()
    except Denied:  # not root: which namespace it is in cannot be told, its command line can
        found = [Running(each.parent.pid, each.config, None) for each in process.daemons()]
        if len(found) == 1:
            return found
        raise


def _start(running: Running, root: Path) -> _Start:
    daemon = process.Daemon(process.Process(running.pid, 0), running.config)
    home = "/"
    with suppress(OSError):
        home = str(Path(f"/proc/{running.pid}/cwd").readlink())
    theirs = process.seen(daemon, "/")
    return _Start(
        running.pid,
        theirs if os.access(theirs, os.X_OK) else root,
        home,
        running.config,
        process.config_id(daemon),
    )


def _coming(root: Path) -> _Start:
    command = ["keepalived", *_options(root)]
    name = config_id_of(command) or os.uname().nodename.partition(".")[0]
    return _Start(0, root, "/", config_of(command) or DEFAULT_CONFIG, name)


def _options(root: Path) -> Iterator[str]:
    for path, word in UNITS.items():
        with suppress(LvsctlError, ValueError):
            for line in (read_text(root / path, most=MAX_TEXT) or "").splitlines():
                name, equals, value = line.strip().partition("=")
                if equals and name.removeprefix("export ").strip() == word:
                    yield from " ".join(shlex.split(value, comments=True)).split()


def _is_elsewhere(start: _Start) -> bool:
    """Answer whether the file is that of a keepalived which works in another network namespace."""
    try:
        return process.find(_below(start.root, start.config)) is not None
    except LvsctlError:  # several, or not for us to tell
        return True


def _parsed(start: _Start) -> Parsed | None:
    name = os.path.join(start.home, start.config)  # noqa: PTH118 - the daemon's names, not ours
    at = _below(start.root, name)
    try:
        at.stat()
    except PermissionError as error:
        raise _refused(name) from error
    except OSError:
        return None
    found = read(str(at))
    if found.problem == os.strerror(EACCES):
        raise _refused(name)
    if found.problem:
        raise LvsctlError(f"{name}: {found.problem}")
    options = Options(config_id=start.config_id, reader=_Reader(start.root), home=start.home)
    return parse(found.text, file=name, options=options)


def _refused(name: str) -> Denied:
    return Denied(f"{name} may not be read by this user", hint="run lvsctl as root")


def _below(root: Path, name: str) -> Path:
    return root / name.lstrip("/")


class _Reader:
    """Reads included files below another root folder."""

    def __init__(self, root: Path) -> None:
        self._root = "" if root == Path("/") else str(root)

    def __call__(self, pattern: str, folder: str) -> Sequence[Found]:
        theirs = os.path.join(folder, pattern)  # noqa: PTH118 - may hold a pattern
        read_by_us = (
            from_disk(f"{escape(self._root)}{theirs}", "/") if self._root else from_disk(pattern, folder)
        )
        found = [each._replace(name=each.name.removeprefix(self._root)) for each in read_by_us]
        for each in found:
            if each.problem == os.strerror(EACCES):  # root reads it, and so does keepalived
                raise _refused(each.name)
        return found
