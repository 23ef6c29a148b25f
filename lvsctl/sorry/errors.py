"""What can go wrong with a swap, in words: what, where, what next.

::

    LvsctlError
    ├── NoSuchService                   the table has no such service
    ├── AnotherSorry                    it is on already, with another sorry server
    ├── AnotherWay                      it is on already, by other hands
    ├── SnapshotCorrupt                 a snapshot that cannot be read: cut off, edited, another file
    ├── SnapshotNewer                   a snapshot that a later lvsctl wrote
    └── Denied ── SnapshotUntrusted     a snapshot that somebody else could have written

Files that the system does not let us read or write are Denied or Unavailable, as everywhere.
"""

from pathlib import Path
from shlex import quote

from lvsctl.errors import Denied, LvsctlError, visible
from lvsctl.ipvs.model import DestKey
from lvsctl.sorry.model import Way
from lvsctl.vocabulary import ServiceKey


class NoSuchService(LvsctlError):
    """The table has no such service, so there is nothing to swap."""

    def __init__(self, *keys: ServiceKey) -> None:
        super().__init__(
            f"not in the table: {', '.join(map(str, keys))}",
            hint="see which services there are: lvsctl ipvs show",
        )
        self.keys = keys


class AnotherSorry(LvsctlError):
    """The sorry of this service is on already, with another sorry server."""

    def __init__(self, key: ServiceKey, present: DestKey, wanted: DestKey) -> None:
        super().__init__(
            f"{key}: its sorry is on with {present}, not {wanted}", hint=f"first: lvsctl sorry off {key}"
        )


class AnotherWay(LvsctlError):
    """The sorry of this service is on already, and was switched on by the other way."""

    def __init__(self, key: ServiceKey, way: Way) -> None:
        super().__init__(
            f"{key}: its sorry was switched on by way of {way}, and its owner has changed since",
            hint=f"first: lvsctl sorry off {key}",
        )


class SnapshotCorrupt(LvsctlError):
    """A snapshot that cannot be read, so what the service was before is not known."""

    def __init__(self, path: Path, why: str) -> None:
        name = visible(str(path))
        super().__init__(
            f"{name}: this snapshot cannot be read: {why}",
            hint="it says what the service was before its sorry: put the real servers back by hand "
            f"(lvsctl ipvs show; lvsctl ipvs apply), then remove it: rm {visible(quote(str(path)))}",
        )


class SnapshotNewer(LvsctlError):
    """A snapshot that a later lvsctl wrote."""

    def __init__(self, path: Path, version: object, known: int) -> None:
        super().__init__(
            f"{visible(str(path))}: this snapshot has version {str(version)[:20]!r}, and this lvsctl knows {known}",
            hint="switch the sorry off with the lvsctl that switched it on",
        )


class SnapshotUntrusted(Denied):
    """A snapshot, or its folder, that somebody else could have written."""

    def __init__(self, path: Path, why: str) -> None:
        name = visible(quote(str(path)))
        super().__init__(
            f"{visible(str(path))}: not used, because {why}",
            hint="snapshots are files of root's in folders of root's: find out who changed that; when it is as it should be, "
            f"chown root {name}; chmod go-w {name}",
        )
