"""What a service was before its sorry, kept so that no crash, reboot or full disk can lose it.

One file per service below /var/lib/lvsctl/sorry. It is written whole, synced and given its name before the first
change. It has room for two versions of itself, one of them always whole: later versions overwrite the older one in
place, which needs no space and cannot tear the other. So a sorry that could be switched on can be switched off on a
full disk.

Writers hold :func:`lvsctl.ipvs.lock.table_lock`; readers need nothing.
"""

import json
import os
import stat
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from lvsctl.errors import LvsctlError
from lvsctl.host.files import refused
from lvsctl.host.paths import state_folder
from lvsctl.sorry.document import VERSION, Damaged, read, write
from lvsctl.sorry.errors import SnapshotCorrupt, SnapshotNewer, SnapshotUntrusted
from lvsctl.sorry.model import Snapshot
from lvsctl.vocabulary import ServiceKey

_BLOCK: Final = 4096
_MAX_BYTES: Final = 64 << 20
"""A service with 10,000 destinations is 3 MB."""

_AT_ONCE: Final = 200
"""Files open at the same time: synced together they cost little more than one."""


class Found(NamedTuple):
    """All snapshots, and what is wrong with those that cannot be used."""

    snapshots: dict[ServiceKey, Snapshot]
    faults: tuple[LvsctlError, ...]


class Journal:
    """The snapshots in *folder*; without one, those of this machine, or of its network namespace *netns*."""

    def __init__(self, folder: Path | None = None, *, netns: str | None = None) -> None:
        own = state_folder() / "sorry"
        name = "" if netns is None else "netns-" + netns.replace("/", "-")
        self.folder = folder or (own / name if name else own)

    def path(self, key: ServiceKey) -> Path:
        """Answer where the snapshot of a service is."""
        return self.folder / f"{str(key).replace('/', '-', 1)}.json"

    def read(self, key: ServiceKey) -> Snapshot | None:
        """Answer the snapshot of a service, or None when there is none.

        Raises SnapshotCorrupt, SnapshotNewer, SnapshotUntrusted, or Denied and Unavailable of the system.
        """
        path = self.path(key)
        found = _load(path, self.folder)
        if found is not None and found.snapshot.key != key:
            raise SnapshotCorrupt(path, f"it is about {found.snapshot.key}")
        return found and found.snapshot

    def all(self) -> Found:
        """Read every snapshot."""
        snapshots, faults = {}, []
        for path in self._files():
            try:
                found = _load(path, self.folder)
                if found is not None:
                    snapshots[found.snapshot.key] = found.snapshot
            except LvsctlError as error:
                faults.append(error)
        return Found(snapshots, tuple(faults))

    def write(self, snapshots: Iterable[Snapshot]) -> None:
        """Keep *snapshots*; when this returns, they survive a crash. Raises Denied or Unavailable.

        When it fails, those that were there before are as they were.
        """
        waiting = iter(snapshots)
        while some := list(islice(waiting, _AT_ONCE)):
            self._write(some)

    def remove(self, keys: Iterable[ServiceKey]) -> None:
        """Forget the snapshots of these services. Raises Denied or Unavailable."""
        gone = False
        for key in keys:
            path = self.path(key)
            try:
                path.unlink()
                gone = True
            except FileNotFoundError:
                continue
            except OSError as error:
                raise refused(path, error) from error
        if gone:
            _sync_folder(self.folder)

    def _files(self) -> list[Path]:
        try:
            names = sorted(os.listdir(self.folder))  # noqa: PTH208 - names are what is wanted
        except FileNotFoundError:
            return []
        except OSError as error:
            raise refused(self.folder, error) from error
        return [self.folder / name for name in names if name.endswith(".json") and name[0] != "."]

    def _write(self, snapshots: Sequence[Snapshot]) -> None:
        new: list[tuple[Path, bytes]] = []
        old: list[tuple[Path, bytes, int]] = []
        for snapshot in snapshots:
            path = self.path(snapshot.key)
            present = _load(path, self.folder)
            text = _entry(snapshot, present.sequence + 1 if present else 1)
            if present is not None and len(text) <= present.room:
                old.append((path, text.ljust(present.room - 1) + b"\n", present.other))
            else:
                new.append((path, text))
        _overwrite(old)
        if new:
            self._make_folder()
            _create(new, self.folder)

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            _sync_folder(self.folder.parent)
        except OSError as error:
            raise refused(self.folder, error) from error
        _check_owner(self.folder, self.folder.stat())


class _Loaded(NamedTuple):
    snapshot: Snapshot
    sequence: int
    room: int
    """Bytes of each of the two places."""
    other: int
    """Where in the file the place begins that the next version goes to."""


def _entry(snapshot: Snapshot, sequence: int) -> bytes:
    document = write(snapshot)
    entry = {"sequence": sequence, "crc32": _checksum(document), "snapshot": document}
    return json.dumps(entry, separators=(",", ":")).encode()


def _checksum(document: object) -> int:
    return zlib.crc32(json.dumps(document, sort_keys=True, separators=(",", ":")).encode())


def _load(path: Path, folder: Path) -> _Loaded | None:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        if path.is_symlink():
            raise SnapshotUntrusted(path, "it is a symbolic link") from error
        raise refused(path, error) from error
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        _check_owner(path, found)
        _check_owner(folder, folder.stat())
        if not stat.S_ISREG(found.st_mode):
            raise SnapshotUntrusted(path, "it is no file")
        if found.st_size > _MAX_BYTES:
            raise SnapshotCorrupt(path, f"it has more than {_MAX_BYTES >> 20} MiB")
        try:
            return _parse(path, file.read(_MAX_BYTES))
        except OSError as error:
            raise refused(path, error) from error


def _check_owner(path: Path, found: os.stat_result) -> None:
    if found.st_uid not in (0, os.geteuid()):
        raise SnapshotUntrusted(path, f"it belongs to the user {found.st_uid}")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise SnapshotUntrusted(path, f"others may write it (mode {stat.S_IMODE(found.st_mode):o})")


def _parse(path: Path, data: bytes) -> _Loaded:
    room = len(data) // 2
    entries = [(_whole(data[start : start + room]), start) for start in (0, room)]
    whole = [(entry["sequence"], start, entry["snapshot"]) for entry, start in entries if entry]
    if not whole:
        raise SnapshotCorrupt(path, "it is damaged" if data.strip(b"\0 \n") else "it is empty")
    sequence, start, document = max(whole, key=lambda each: each[:2])
    version = document.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise SnapshotNewer(path, version, VERSION)
    try:
        return _Loaded(read(document), sequence, room, room - start)
    except Damaged as error:
        raise SnapshotCorrupt(path, str(error)[:200]) from error


def _whole(data: bytes) -> dict[str, Any] | None:
    """Answer the entry in one of the two places, or None when it was cut off or never written."""
    try:
        entry = json.loads(data)
        document = entry["snapshot"]
        intact = entry["crc32"] == _checksum(document) and isinstance(entry["sequence"], int)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return entry if intact and isinstance(document, dict) else None


def _overwrite(entries: Sequence[tuple[Path, bytes, int]]) -> None:
    handles: list[tuple[Path, int]] = []
    try:
        for path, data, start in entries:
            with _refusing(path):
                handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
                handles.append((path, handle))
                os.pwrite(handle, data, start)
        for path, handle in handles:
            with _refusing(path):
                os.fsync(handle)
    finally:
        for _, handle in handles:
            os.close(handle)


def _create(entries: Sequence[tuple[Path, bytes]], folder: Path) -> None:
    # A name of its own for each, but always the same one: what a crash leaves is overwritten the next time.
    made: list[tuple[Path, Path, int]] = []
    try:
        for path, text in entries:
            beside = path.with_name(f".{path.name}.new")
            with _refusing(path):
                handle = os.open(
                    beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644
                )
                made.append((path, beside, handle))
                _fill(handle, text)
        for path, _, handle in made:
            with _refusing(path):
                os.fsync(handle)
        for path, beside, _ in made:
            with _refusing(path):
                beside.rename(path)
        with _refusing(folder):
            _sync_folder(folder)
    finally:
        for _, beside, handle in made:
            os.close(handle)
            with suppress(OSError):
                beside.unlink()


def _fill(handle: int, text: bytes) -> None:
    # Room to grow, for holders and for real servers that come meanwhile.
    room = -(-(2 * len(text)) // _BLOCK) * _BLOCK
    os.fchmod(handle, 0o644)
    os.posix_fallocate(handle, 0, 2 * room)
    data = text.ljust(room - 1) + b"\n" + b" " * (room - 1) + b"\n"
    with os.fdopen(os.dup(handle), "wb") as file:
        file.write(data)


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Say which file the system refused."""
    try:
        yield
    except OSError as error:
        raise refused(path, error) from error


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
