"""Who changed the table, as far as that can be told afterwards: the kernel keeps no record.

A keepalived that was started, or read its configuration anew, since the last look is the likeliest; then whoever has a
generic netlink socket open. What cannot be told is called unknown. It only looks, in /proc.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from lvsctl.keepalived.process import PROC, Daemon, daemons
from lvsctl.sorry.owner import Keepalived, Owner

UNKNOWN: Final = "unknown who"

_GENERIC: Final = "16"
"""NETLINK_GENERIC, in the second column of /proc/net/netlink."""

_COPY: Final = "keepalived/consolidated_configuration"


class Mark(NamedTuple):
    """What changes when a keepalived is started or reads its configuration."""

    started: int
    copy: tuple[int, int, int] | None
    """Inode, size and time of writing of the copy it holds."""


Marks = dict[int, Mark]
"""By process."""


def marks() -> Marks:
    """Look at every keepalived."""
    return {daemon.parent.pid: Mark(daemon.parent.started, _copy(daemon)) for daemon in daemons()}


def suspect(owner: Owner | None, before: Marks, now: Marks) -> str:
    """Say who probably changed a service of *owner*, given the looks before and after."""
    for pid, mark in now.items():
        if pid not in before or before[pid].started != mark.started:
            return f"keepalived (process {pid}), which was started"
        if before[pid].copy != mark.copy:
            return f"keepalived (process {pid}), which read its configuration"
    if gone := sorted(before.keys() - now.keys()):
        return f"keepalived (process {gone[0]}), which ended"
    if others := list(_with_netlink()):
        return f"perhaps {', '.join(others)}"
    if isinstance(owner, Keepalived):
        return f"perhaps keepalived (process {owner.daemon.parent.pid}), by a check"
    return UNKNOWN


def _copy(daemon: Daemon) -> tuple[int, int, int] | None:
    with suppress(OSError):
        for each in (PROC / str(daemon.parent.pid) / "fd").iterdir():
            if _COPY in str(each.readlink()):
                status = each.stat()
                return status.st_ino, status.st_size, status.st_mtime_ns
    return None


_MANY: Final = 5


def _with_netlink() -> Iterator[str]:
    """Yield the processes of this namespace that have a generic netlink socket, but for ourselves."""
    inodes = set(_generic_sockets())
    found = 0
    for folder in PROC.iterdir() if inodes else ():
        if folder.name.isdecimal() and int(folder.name) != os.getpid() and _has_one(folder, inodes):
            yield f"{_name(folder)} (process {folder.name})"
            found += 1
            if found == _MANY:
                return


def _generic_sockets() -> Iterable[str]:
    with suppress(OSError):
        lines = (PROC / "thread-self/net/netlink").read_text(encoding="ascii").splitlines()[1:]
        return [
            words[-1]
            for line in lines
            if (words := line.split()) and words[1] == _GENERIC and words[-1] != "0"
        ]
    return []


def _has_one(folder: Path, inodes: set[str]) -> bool:
    with suppress(OSError):
        return any(
            target.startswith("socket:[") and target[8:-1] in inodes
            for each in (folder / "fd").iterdir()
            if (target := _target(each))
        )
    return False


def _target(link: Path) -> str:
    with suppress(OSError):
        return str(link.readlink())
    return ""


def _name(folder: Path) -> str:
    with suppress(OSError):
        return (folder / "comm").read_text(encoding="utf-8", errors="replace").strip()
    return "?"
