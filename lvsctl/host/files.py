"""Files that change whole or not at all: write beside, fsync, rename, fsync the folder."""

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from lvsctl.errors import Denied, LvsctlError, Unavailable, visible

_PART: Final = 2**20

_NO_ROOM: Final = "make room there: df -h {0}; df -i {0}"
_HINTS: Final = {
    errno.ENOSPC: _NO_ROOM,
    errno.EDQUOT: _NO_ROOM,
    errno.EROFS: "find out why it can only be read, and mount it anew: findmnt -T {0}",
    errno.ELOOP: "a symbolic link is not followed here: find out who put it there (ls -l {0}), and remove it",
}


def refused(path: Path, error: OSError | RuntimeError) -> LvsctlError:
    """Turn an OSError about *path* into the error an operator can act on."""
    message = f"{visible(str(path))}: {getattr(error, 'strerror', None) or error}"
    from shlex import quote  # noqa: PLC0415 - whoever fails may take its time; everybody else starts without it

    hint = _HINTS.get(getattr(error, "errno", None) or 0, "").format(visible(quote(str(path))))
    return (Denied if isinstance(error, PermissionError) else Unavailable)(message, hint=hint)


def write_atomic(path: Path, text: str, *, mode: int = 0o644, keep_previous: bool = False) -> bool:
    """Make *path* contain *text* and answer whether that changed anything.

    A reader sees the old file or the new one, also after a crash. With *keep_previous* the old content stays
    beside it as ``NAME.previous``. A symbolic link is followed, so that the file it names is replaced.
    Raises Denied or Unavailable, also when *path* is there and no file; nothing is changed then.
    """
    data = text.encode(errors="surrogateescape")
    try:
        target = path.resolve()
        present = _present(target)
        if present == (data, mode):
            return False
        if keep_previous and present is not None:
            _replace(target.with_name(f"{target.name}.previous"), *present)
        _replace(target, data, mode)
    except (OSError, RuntimeError) as error:  # a circle of links is a RuntimeError before Python 3.13
        raise refused(path, error) from error
    return True


def _present(path: Path, most: int | None = None) -> tuple[bytes, int] | None:
    """Answer the content and the permissions of the file at *path*, or None when there is nothing.

    Raises Unavailable for what is no regular file (a pipe would never end, and root would replace /dev/null), also when
    it has just taken the place of one, and for a file of more than *most* bytes.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a device may do something
            raise no_file(path)
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with os.fdopen(handle, "rb") as file:
        kind = os.fstat(handle).st_mode
        if not stat.S_ISREG(kind):
            raise no_file(path)
        data = file.read() if most is None else b"".join(_parts(file, most + 1))
    if most is not None and len(data) > most:
        raise Unavailable(f"{visible(str(path))}: longer than {most} bytes, so it was not read")
    return data, kind & 0o777


def _parts(file: BinaryIO, most: int) -> Iterator[bytes]:
    """Yield *most* bytes at most, in parts: for files below /proc/sys the kernel gives nothing to who asks for 4 MiB."""
    while most and (part := file.read(min(most, _PART))):
        most -= len(part)
        yield part


def no_file(path: Path) -> Unavailable:
    """Answer the error for a *path* that has to be a regular file and is something else."""
    kind = "a folder" if path.is_dir() else "a pipe, socket or device"
    return Unavailable(f"{visible(str(path))}: expected a file, but this is {kind}")


def _replace(target: Path, data: bytes, mode: int) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).rename(target)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_text(path: Path, *, most: int | None = None) -> str | None:
    """Answer what *path* contains, or None when there is no such file.

    Raises Denied or Unavailable, also when it is longer than *most* bytes.
    """
    data = read_bytes(path, most=most)
    return None if data is None else data.decode(errors="backslashreplace")


def read_bytes(path: Path, *, most: int | None = None) -> bytes | None:
    """Answer what *path* contains as it is, else as :func:`read_text` does."""
    try:
        present = _present(path, most)
    except OSError as error:
        raise refused(path, error) from error
    return None if present is None else present[0]


def make_folder(path: Path) -> None:
    """Make sure that the folder *path* exists. Raises Denied or Unavailable.

    Nobody else may write into those that it makes, whatever the umask says: what we keep there is believed.
    """
    try:
        for each in (*reversed(path.parents), path):
            if not each.exists():
                each.mkdir(mode=0o755, exist_ok=True)
        path.mkdir(exist_ok=True)  # an error where it is no folder
    except OSError as error:
        raise refused(path, error) from error
