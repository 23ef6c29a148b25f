"""What a service was before its sorry, kept so that no crash, reboot or full disk can lose it.

One file per service below /var/lib/lvsctl/sorry. It is written whole, synced and given its name before the first
change. It has room for two versions of itself, one of them always whole: later versions overwrite the older one in
place, which needs no space and cannot tear the other. So a sorry that could be switched on can be switched off on a
full disk.

Writers hold :func:`lvsctl.ipvs.lock.table_lock`; readers need nothing. Reading a file costs little, understanding it a
lot: what a Journal has understood or written once, it does not parse again while the file is the same.
"""

import json
import os
import stat
import time
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
from lvsctl.sorry.filestate import State, digest, settled, stamped, state, state_of
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
        # Whoever may write one above it can put another in its place.
        self._folders = [self.folder] if folder else [*([self.folder] if name else []), own, state_folder()]
        self._known: dict[Path, _Known] = {}

    def path(self, key: ServiceKey) -> Path:
        """Answer where the snapshot of a service is."""
        return self.folder / f"{str(key).replace('/', '-', 1)}.json"

    def read(self, key: ServiceKey) -> Snapshot | None:
        """Answer the snapshot of a service, or None when there is none.

        Raises SnapshotCorrupt, SnapshotNewer, SnapshotUntrusted, or Denied and Unavailable of the system.
        """
        path = self.path(key)
        found = self._load(path)
        if found is not None and found.snapshot.key != key:
            raise SnapshotCorrupt(path, f"it is about {found.snapshot.key}")
        return found and found.snapshot

    def all(self, keys: Iterable[ServiceKey] | None = None) -> Found:
        """Read every snapshot; with *keys*, those of these services that there are."""
        snapshots, faults = {}, []
        for path in self._files() if keys is None else map(self.path, keys):
            try:
                found = self._load(path)
                if found is not None:
                    snapshots[found.snapshot.key] = found.snapshot
            except LvsctlError as error:
                faults.append(error)
        return Found(snapshots, tuple(faults))

    def stamp(self) -> int | None:
        """Answer what is another number after every write; None when there is no folder."""
        with suppress(OSError):
            return os.stat(self.folder).st_mtime_ns  # noqa: PTH116 - looked at many times a second
        return None

    def write(self, snapshots: Iterable[Snapshot]) -> None:
        """Keep *snapshots*; when this returns, they survive a crash. Raises Denied or Unavailable.

        When it fails, those that were there before are as they were.
        """
        waiting = iter(snapshots)
        while some := list(islice(waiting, _AT_ONCE)):
            try:
                self._write(some)
            finally:
                self._restamp()

    def remove(self, keys: Iterable[ServiceKey]) -> None:
        """Forget the snapshots of these services. Raises Denied or Unavailable."""
        gone = False
        for key in keys:
            path = self.path(key)
            self._known.pop(path, None)
            try:
                path.unlink()
                gone = True
            except FileNotFoundError:
                continue
            except OSError as error:
                raise refused(path, error) from error
        if gone:
            self._restamp()
            _sync_folder(self.folder)

    def _restamp(self) -> None:
        """Tell readers that something changed: overwriting in place does not change the folder."""
        now = time.time_ns()
        with suppress(OSError):
            os.utime(self.folder, ns=(now, now))

    def _files(self) -> list[Path]:
        try:
            names = sorted(os.listdir(self.folder))  # noqa: PTH208 - names are what is wanted
        except FileNotFoundError:
            return []
        except OSError as error:
            raise refused(self.folder, error) from error
        return [self.folder / name for name in names if name.endswith(".json") and name[0] != "."]

    def _load(self, path: Path) -> "_Loaded | None":
        known = self._known.get(path)
        if known is not None and known.state is not None and known.state == state_of(path):
            return known.loaded
        found = _content(path, self._folders)
        if found is None:
            self._known.pop(path, None)
            return None
        places = _places(found.data)
        loaded = known.loaded if known is not None and known.places == places else _parse(path, found.data)
        self._known[path] = _Known(places, loaded, settled(found.state))
        return loaded

    def _write(self, snapshots: Sequence[Snapshot]) -> None:
        new: list[tuple[Path, bytes]] = []
        old: list[tuple[Path, bytes, int]] = []
        written: dict[Path, _Known] = {}
        for snapshot in snapshots:
            path = self.path(snapshot.key)
            present = self._load(path)
            sequence = present.sequence + 1 if present else 1
            text = _entry(snapshot, sequence)
            if present is not None and len(text) < present.room:
                data = _padded(text, present.room)
                old.append((path, data, present.other))
                written[path] = self._known[path].overwritten(snapshot, data)
            else:
                # Room to grow, for holders and for real servers that come meanwhile.
                room = -(-(2 * len(text)) // _BLOCK) * _BLOCK
                data = _padded(text, room) + _padded(b"", room)
                new.append((path, data))
                written[path] = _Known(_places(data), _Loaded(snapshot, sequence, room, room))
        states = _overwrite(old)
        if new:
            self._make_folder()
            states |= _create(new, self.folder)
        self._known.update((path, each._replace(state=states[path])) for path, each in written.items())

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            _sync_folder(self.folder.parent)
        except OSError as error:
            raise refused(self.folder, error) from error
        _check_folders(self._folders)


class _Loaded(NamedTuple):
    snapshot: Snapshot
    sequence: int
    room: int
    """Bytes of each of the two places."""
    other: int
    """Where in the file the place begins that the next version goes to."""


class _Known(NamedTuple):
    places: tuple[bytes, bytes]
    """Digests of the two places that the file had."""
    loaded: _Loaded
    state: "State | None" = None
    """While the file is in this state it has not been written again; None: its bytes have to be looked at."""

    def overwritten(self, snapshot: Snapshot, data: bytes) -> "_Known":
        """Answer what is known when *snapshot* has been written, as *data*, over the older version."""
        _, sequence, room, other = self.loaded
        first, second = self.places
        places = (first, digest(data)) if other else (digest(data), second)
        return _Known(places, _Loaded(snapshot, sequence + 1, room, room - other))


class _Content(NamedTuple):
    data: bytes
    state: State


def _places(data: bytes) -> tuple[bytes, bytes]:
    room = len(data) // 2
    return digest(data[:room]), digest(data[room : 2 * room])


def _padded(text: bytes, room: int) -> bytes:
    return text.ljust(room - 1) + b"\n"


def _entry(snapshot: Snapshot, sequence: int) -> bytes:
    document = write(snapshot)
    entry = {"sequence": sequence, "crc32": _checksum(document), "snapshot": document}
    return json.dumps(entry, separators=(",", ":")).encode()


def _checksum(document: object) -> int:
    return zlib.crc32(json.dumps(document, sort_keys=True, separators=(",", ":")).encode())


def _content(path: Path, folders: Sequence[Path]) -> _Content | None:
    """Read a file that can be trusted, as can the *folders* that it is in, or None when there is none."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        if path.is_symlink():
            raise SnapshotUntrusted(path, "it is a symbolic link") from error
        raise refused(path, error) from error
    try:
        found = os.fstat(handle)
        _check_owner(path, found)
        _check_folders(folders)
        if not stat.S_ISREG(found.st_mode):
            raise SnapshotUntrusted(path, "it is no file")
        if found.st_size > _MAX_BYTES:
            raise SnapshotCorrupt(path, f"it has more than {_MAX_BYTES >> 20} MiB")
        with _refusing(path):
            return _Content(os.read(handle, found.st_size), state(found))
    finally:
        os.close(handle)


def _check_folders(folders: Sequence[Path]) -> None:
    """Raise SnapshotUntrusted unless the first of *folders*, and those above it, are only root's to change."""
    for number, each in enumerate(folders):
        with _refusing(each):
            found = each.stat()
        # Above, nobody takes root's own away from where the sticky bit is.
        if not (number and found.st_uid in (0, os.geteuid()) and found.st_mode & stat.S_ISVTX):
            _check_owner(each, found)


def _check_owner(path: Path, found: os.stat_result) -> None:
    if found.st_uid not in (0, os.geteuid()):
        raise SnapshotUntrusted(path, f"it belongs to the user {found.st_uid}")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise SnapshotUntrusted(path, f"others may write it (mode {stat.S_IMODE(found.st_mode):o})")


def _parse(path: Path, data: bytes) -> _Loaded:
    room = len(data) // 2
    entries = [(_entry_in(data[start : start + room]), start) for start in (0, room)]
    found = [(entry["sequence"], start, entry) for entry, start in entries if entry]
    newest_first = sorted(found, key=lambda each: each[:2], reverse=True)
    whole = next((each for each in newest_first if _is_intact(each[2])), None)
    if whole is None:
        raise SnapshotCorrupt(path, "it is damaged" if data.strip(b"\0 \n") else "it is empty")
    sequence, start, document = whole[0], whole[1], whole[2]["snapshot"]
    version = document.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise SnapshotNewer(path, version, VERSION)
    try:
        return _Loaded(read(document), sequence, room, room - start)
    except Damaged as error:
        raise SnapshotCorrupt(path, str(error)[:200]) from error


def _entry_in(data: bytes) -> dict[str, Any] | None:
    """Answer the entry in one of the two places, or None when it was cut off or never written."""
    try:
        entry = json.loads(data)
        is_one = isinstance(entry["snapshot"], dict) and isinstance(entry["sequence"], int)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return entry if is_one else None


def _is_intact(entry: dict[str, Any]) -> bool:
    try:
        return bool(entry["crc32"] == _checksum(entry["snapshot"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


_States = dict[Path, State | None]


def _overwrite(entries: Sequence[tuple[Path, bytes, int]]) -> _States:
    handles: list[tuple[Path, int]] = []
    states: _States = {}
    try:
        for path, data, start in entries:
            with _refusing(path):
                handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
                handles.append((path, handle))
                os.pwrite(handle, data, start)
                states[path] = stamped(handle)
        for path, handle in handles:
            with _refusing(path):
                os.fsync(handle)
        return states
    finally:
        for _, handle in handles:
            os.close(handle)


def _create(entries: Sequence[tuple[Path, bytes]], folder: Path) -> _States:
    # A name of its own for each, but always the same one: what a crash leaves is overwritten the next time.
    made: list[tuple[Path, Path, int]] = []
    states: _States = {}
    try:
        for path, data in entries:
            beside = path.with_name(f".{path.name}.new")
            with _refusing(path):
                handle = os.open(
                    beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644
                )
                made.append((path, beside, handle))
                _fill(handle, data)
        for path, _, handle in made:
            with _refusing(path):
                os.fsync(handle)
        for path, beside, handle in made:
            with _refusing(path):
                beside.rename(path)
                states[path] = stamped(handle)  # renaming is a change, too
        with _refusing(folder):
            _sync_folder(folder)
        return states
    finally:
        for _, beside, handle in made:
            os.close(handle)
            with suppress(OSError):
                beside.unlink()


def _fill(handle: int, data: bytes) -> None:
    os.fchmod(handle, 0o644)
    os.posix_fallocate(handle, 0, len(data))
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
