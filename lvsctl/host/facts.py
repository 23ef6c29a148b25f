"""What rules and doctor may ask about this machine: interfaces, users, groups, and who could change a path.

Only looking: nothing here is created, followed or opened for writing.
"""

import grp
import os
import pwd
from collections.abc import Callable, Iterator
from pathlib import Path
from stat import S_IMODE, S_ISDIR, S_ISLNK, S_ISREG
from typing import NamedTuple

INTERFACES = Path("/sys/class/net")


class PathComponent(NamedTuple):
    """One component of a path from ``/`` down, as keepalived's script security looks at it."""

    path: str
    kind: str
    """``directory``, ``file``, ``symlink``, ``other`` or ``missing``."""
    uid: int = 0
    gid: int = 0
    mode: int = 0
    """Permission bits, sticky and set-id bits included."""


class Here:
    """The facts of this machine (see :class:`lvsctl.compose.rules.host.HostFacts`)."""

    def interfaces(self) -> frozenset[str]:
        """Answer the names of its network interfaces; none when there is no /sys."""
        try:
            # bonding_masters is a file among the links to interfaces.
            return frozenset(entry.name for entry in INTERFACES.iterdir() if entry.is_dir())
        except OSError:
            return frozenset()

    def user_exists(self, name: str) -> bool:
        """Answer whether it has the user *name* (a name or a number)."""
        return _exists(name, pwd.getpwnam, pwd.getpwuid)

    def group_exists(self, name: str) -> bool:
        """Answer whether it has the group *name* (a name or a number)."""
        return _exists(name, grp.getgrnam, grp.getgrgid)

    def components(self, path: str) -> tuple[PathComponent, ...]:
        """Answer every component of the absolute *path* as it is written, up to the first that is missing."""
        return tuple(_components(path))

    def real_path(self, path: str) -> str:
        """Answer where *path* really is, without links; what is missing stays as it is written."""
        return os.path.realpath(path)


def _exists(name: str, by_name: Callable[[str], object], by_number: Callable[[int], object]) -> bool:
    try:
        by_number(int(name)) if name.isdecimal() else by_name(name)
    except (KeyError, ValueError, OverflowError):
        return False
    return True


def _components(path: str) -> Iterator[PathComponent]:
    for part in (*reversed(Path(path).parents), Path(path)):
        try:
            found = part.lstat()
        except (OSError, ValueError):
            yield PathComponent(str(part), "missing")
            return
        yield PathComponent(
            str(part), _kind(found.st_mode), found.st_uid, found.st_gid, S_IMODE(found.st_mode)
        )


def _kind(mode: int) -> str:
    kinds = ((S_ISDIR, "directory"), (S_ISREG, "file"), (S_ISLNK, "symlink"))
    return next((kind for test, kind in kinds if test(mode)), "other")
