"""Parts put in place, compared with what is there, and taken away again."""

import errno
import os
import shlex
import stat
from pathlib import Path
from typing import NamedTuple

from lvsctl.cli.hooks_parts import File, Folder, Link, Part
from lvsctl.compose.rules.here import weak_component
from lvsctl.errors import Unavailable
from lvsctl.host.facts import Here
from lvsctl.host.files import make_folder, read_text, refused, write_atomic


class Judged(NamedTuple):
    """One part, and what is wrong with it."""

    part: Part
    why: str | None
    """None: it is as it should be."""
    missing: bool = False


def judge(part: Part, uid: int) -> Judged:
    """Compare *part*, which belongs to *uid*, with what is there. Raises Denied or Unavailable."""
    try:
        found = part.path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return Judged(part, "is missing", missing=True)
    except OSError as error:
        raise refused(part.path, error) from error
    return Judged(part, _kind(part, found) or _owner(part, found, uid) or _content(part) or _executable(part))


def put(part: Part, uid: int) -> bool:
    """Put *part* in place, and answer whether that changed anything. Raises Denied or Unavailable."""
    if _is_right(part, uid):
        return False
    try:
        match part:
            case Folder(path=path, mode=mode, gid=gid):
                make_folder(path)
                os.chown(path, uid, gid if uid == 0 else -1, follow_symlinks=False)
                path.chmod(mode)
            case File(path=path, text=text, mode=mode):
                make_folder(path.parent)
                if path.is_symlink():  # what it leads to is somebody else's
                    path.unlink()
                write_atomic(path, text, mode=mode, keep_previous="etc" in path.parts)
                os.chown(path, uid, 0 if uid == 0 else -1, follow_symlinks=False)
            case Link(path=path, target=target):
                make_folder(path.parent)
                beside = path.with_name(f".{path.name}.{os.getpid()}")
                beside.symlink_to(target)
                beside.rename(path)
    except OSError as error:
        raise refused(part.path, error) from error
    return True


def take_away(part: Part) -> str | None:
    """Take *part* away if it is what we put there, and answer why it stays, or None. Raises Denied."""
    try:
        return _taken_away(part)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise refused(part.path, error) from error
    except OSError as error:
        if (
            error.errno == errno.EBUSY
        ):  # which means that, for rmdir(2) and unlink(2); a bind mount hides from stat
            return f"is a mount point: umount {shlex.quote(str(part.path))}, then call this again"
        return f"cannot be removed: {error.strerror}"


def _taken_away(part: Part) -> str | None:
    if isinstance(part, Folder) and part.path.is_dir() and not part.path.is_symlink():
        if any(part.path.iterdir()):
            return "is not empty"
        part.path.rmdir()
        return None
    found = part.path.lstat()
    if wrong := _kind(part, found) or _content(part):
        return wrong
    part.path.unlink()
    return None


def weak(path: Path) -> str | None:
    """Answer why keepalived's script security would refuse *path*, as far as its owners and modes go."""
    here = Here()
    found = weak_component(here.components(str(path))) or weak_component(
        here.components(here.real_path(str(path)))
    )
    return None if found is None else str(found)


def _is_right(part: Part, uid: int) -> bool:
    try:
        found = part.path.lstat()
    except OSError:
        return False
    return (_kind(part, found) or _owner(part, found, uid) or _content(part)) is None


def _kind(part: Part, found: os.stat_result) -> str | None:
    match part:
        case File():
            return None if stat.S_ISREG(found.st_mode) else "is no file"
        case Link():
            return None if stat.S_ISLNK(found.st_mode) else "is no symbolic link"
        case Folder():
            return None if stat.S_ISDIR(found.st_mode) else "is no folder"


def _owner(part: Part, found: os.stat_result, uid: int) -> str | None:
    if found.st_uid != uid:
        return f"belongs to uid {found.st_uid}, expected {uid}"
    if isinstance(part, Link):
        return None
    if uid == 0 and found.st_gid != (part.gid if isinstance(part, Folder) else 0):
        return f"belongs to group {found.st_gid}"
    mode = stat.S_IMODE(found.st_mode)
    return None if mode == part.mode else f"has mode {mode:04o}, expected {part.mode:04o}"


def _content(part: Part) -> str | None:
    match part:
        case File(path=path, text=text):
            return None if read_text(path) == text else "has another content than this lvsctl installs"
        case Link(path=path, target=target):
            there = str(path.readlink())
            return None if there == target else f"leads to {there}, expected {target}"
        case Folder():
            return None


def _executable(part: Part) -> str | None:
    """Answer what keeps a program from starting: its interpreter, or that a link leads nowhere."""
    if isinstance(part, Link) and not os.access(part.path, os.X_OK):
        return f"leads to {part.target}, which is no program that can be started"
    if isinstance(part, File) and part.text.startswith("#!"):
        interpreter = part.text[2:].split(maxsplit=1)[0]
        if not os.access(interpreter, os.X_OK):
            return f"needs {interpreter}, which cannot be started"
    return None


def refuse_strange_root(root: Path) -> None:
    """Raise Unavailable when *root* is no folder."""
    if not root.is_dir():
        raise Unavailable(f"{root}: there is no such folder")
