"""The maintenance file: one byte that tells keepalived whether the real servers of a service are out.

It is changed in place, never by a rename: a full disk has room for a byte that is there already, and keepalived reads
``0`` or ``1`` and nothing in between. What the byte does is keepalived's business (:mod:`lvsctl.sorry.cooperative`).
"""

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lvsctl.errors import LvsctlError, Unavailable, visible
from lvsctl.host.files import refused
from lvsctl.host.paths import root
from lvsctl.sorry.form import MAINTENANCE_FOLDER

OFF: Final = b"0"
ON: Final = b"1"

_NUMBER: Final = re.compile(rb"[ \t\n\v\f\r]*[+-]?(?:0[xX]([0-9a-fA-F]+)|(0[0-7]*)|([1-9][0-9]*))")

_LONGEST: Final = 128
"""Bytes that keepalived reads at most (track_file.c, process_track_file)."""


class Untrusted(LvsctlError):
    """The file is not one that only root can write: whoever can, switches the service."""


def file_name(service: str) -> str:
    """Answer the name of the file of *service*: its own, of which only a service without a spec has a slash."""
    return service.replace("/", "-")


def file_of(service: str) -> Path:
    """Answer where the file of *service* is."""
    return root() / MAINTENANCE_FOLDER.lstrip("/") / file_name(service)


def read(path: Path) -> bool:
    """Answer whether the file says that the real servers are out; one that does not exist does not.

    Raises Untrusted, Denied or Unavailable.
    """
    try:
        with _opened(path, os.O_RDONLY) as handle:
            return _says_out(os.pread(handle, _LONGEST, 0))
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _explained(path, error) from error


def write(path: Path, *, out: bool) -> bool:
    """Make the file say whether the real servers are out; answer whether that changed it. It is on disk afterwards.

    A file that does not exist is made, when its folder does: keepalived watches the folder (inotify). Raises Untrusted,
    Denied or Unavailable, and nothing is changed then.
    """
    try:
        if _says(path, out=out):  # a file system that can only be read by now is no hindrance
            return False
        with _opened(path, os.O_RDWR | os.O_CREAT) as handle:
            content = os.pread(handle, _LONGEST, 0)
            changed = _says_out(content) is not out
            os.pwrite(handle, ON if out else OFF, 0)
            if content[1:].strip():  # "12", "-5": more than we wrote ourselves
                os.ftruncate(handle, 1)
            os.fsync(handle)
            return changed
    except OSError as error:
        raise _explained(path, error) from error


def ready(path: Path) -> None:
    """Raise what :func:`write` would raise, before anything is changed that could not be taken back without it.

    A file that is not there is made, and says that nobody is out: so it has room for its byte.
    """
    try:
        with _opened(path, os.O_RDWR | os.O_CREAT) as handle:
            if not os.fstat(handle).st_size:
                os.pwrite(handle, OFF, 0)
                os.fsync(handle)
    except OSError as error:
        raise _explained(path, error) from error


def _says(path: Path, *, out: bool) -> bool:
    """Answer whether the file says just what we would write."""
    try:
        with _opened(path, os.O_RDONLY) as handle:
            return os.pread(handle, _LONGEST, 0).strip() == (ON if out else OFF)
    except FileNotFoundError:
        return False


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise Untrusted(f"{visible(str(path))}: expected a regular file")
        if status.st_uid not in (0, os.geteuid()) or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise Untrusted(
                f"{visible(str(path))}: others than root can write it, and so switch the service",
                hint=f"chown root {visible(str(path))}; chmod 644 {visible(str(path))}",
            )
        yield handle
    finally:
        os.close(handle)


def _says_out(content: bytes) -> bool:
    """Read the number as strtoll(3) with base 0 does: junk and nothing are 0."""
    number = _NUMBER.match(content)
    return number is not None and any(digits.strip(b"0") for digits in number.groups(b""))


def _explained(path: Path, error: OSError) -> LvsctlError:
    if error.errno == errno.ELOOP:
        return Untrusted(f"{visible(str(path))}: a symbolic link, and it may lead anywhere")
    if error.errno == errno.ENOENT:
        return Unavailable(
            f"{visible(str(path))}: there is no such folder",
            hint="make it, and have keepalived watch it: systemd-tmpfiles --create; then reload keepalived",
        )
    return refused(path, error)
