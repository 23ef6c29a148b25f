"""Files that change whole or not at all: write beside, fsync, rename, fsync the folder."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from lvsctl.errors import Denied, LvsctlError, Unavailable


def refused(path: Path, error: OSError) -> LvsctlError:
    """Turn an OSError about *path* into the error an operator can act on."""
    message = f"{path}: {error.strerror or error}"
    return Denied(message) if isinstance(error, PermissionError) else Unavailable(message)


def write_atomic(path: Path, text: str, *, mode: int = 0o644, keep_previous: bool = False) -> bool:
    """Make *path* contain *text* and answer whether that changed anything.

    A reader sees the old file or the new one, also after a crash. With *keep_previous* the old content stays
    beside it as ``NAME.previous``. A symbolic link is followed, so that the file it names is replaced.
    Raises Denied or Unavailable; nothing is changed then.
    """
    target = path.resolve()
    data = text.encode(errors="surrogateescape")
    try:
        if target.exists() and target.read_bytes() == data and target.stat().st_mode & 0o777 == mode:
            return False
        if keep_previous and target.exists():
            _replace(
                target.with_name(f"{target.name}.previous"),
                target.read_bytes(),
                target.stat().st_mode & 0o777,
            )
        _replace(target, data, mode)
    except OSError as error:
        raise refused(path, error) from error
    return True


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


def read_text(path: Path) -> str | None:
    """Answer what *path* contains, or None when there is no such file. Raises Denied or Unavailable."""
    try:
        return path.read_bytes().decode(errors="backslashreplace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise refused(path, error) from error


def make_folder(path: Path) -> None:
    """Make sure that the folder *path* exists. Raises Denied or Unavailable."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refused(path, error) from error
