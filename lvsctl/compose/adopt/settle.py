"""Leave behind what the models refuse, round by round, until they accept the rest; everything left is noted.

keepalived itself goes on when it refuses a value: it keeps the one before, or its default. The spec's ranges are
keepalived's, so leaving the value out means the same. Where keepalived does something else,
:mod:`lvsctl.compose.adopt.mend` does the same first.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from lvsctl.compose.adopt.mend import (
    KEPT_RAW,
    MENDS,
    after_settling,
    at,
    before_settling,
    block_at,
    kept_in_order,
    raw_item,
    read_number,
    stays_raw,
    without_prefix_length,
)
from lvsctl.compose.adopt.raw import keep_raw
from lvsctl.compose.adopt.reading import Path, Reading
from lvsctl.errors import Place
from lvsctl.spec.faults import faults
from lvsctl.spec.spec import Spec


def settle(reading: Reading) -> None:
    """Change the data of *reading* until it is a spec."""
    before_settling(reading)
    while True:
        try:
            Spec.model_validate(reading.data)
        except ValidationError as error:
            _one_round(error, reading)
        else:
            break
    after_settling(reading)
    for path in reading.earlier:
        _overruled(path, reading)
    for key in [key for key, value in reading.data.items() if value in ({}, [])]:
        reading.leave(reading.statement_of((key,)), (key,), "not carried: nothing is left in it")
        del reading.data[key]


def _overruled(path: Path, reading: Reading) -> None:
    for _, statement in reading.earlier.get(path, ()):
        what = f"{' '.join(statement.words)}: not carried: a later {statement.keyword} counts"
        reading.leave(statement, path, what)


def _one_round(error: ValidationError, reading: Reading) -> None:
    """Mend or take out what *error* names. Every round takes something out, so there is a last one."""
    removed: set[Path] = set()
    mended = False
    refusals = dict(_refusals(error, reading))
    first_raw = _first_raw(refusals, reading)
    for path, message in refusals.items():
        if any(path[:length] in removed for length in range(len(path) + 1)):
            continue
        if isinstance(path[-1], int) and path[-1] > first_raw.get(path[:-1], path[-1]):
            continue
        if what := _mended(path, message, reading):
            reading.leave(reading.statement_of(path), path, what)
            mended = True
        else:
            removed |= _taken_out(_skipped_with(path), message, reading)
            mended = True
    if not mended:  # pragma: no cover - no refusal is known that names nothing
        key = next(iter(reading.data))
        removed |= _taken_out((key,), str(error.errors()[0]["msg"]), reading)
    reading.remove(removed)


def _first_raw(refusals: Mapping[Path, str], reading: Reading) -> dict[Path, int]:
    """Answer for each list the first refused item that can become a raw line: those after it go with it."""
    found: dict[Path, int] = {}
    for path in refusals:
        if isinstance(path[-1], int) and raw_item(path, reading):
            found[path[:-1]] = min(path[-1], found.get(path[:-1], path[-1]))
    return found


def _refusals(error: ValidationError, reading: Reading) -> Iterator[tuple[Path, str]]:
    """Yield what is refused and why: the innermost and last first, so that no index moves meanwhile."""
    found: dict[Path, str] = {}
    for finding, fault in zip(error.errors(include_url=False), faults(error, Spec, Nowhere()), strict=True):
        if path := existing(tuple(finding["loc"]), reading.data):
            found.setdefault(path, fault.message)
    for path in sorted(found, key=_order, reverse=True):
        yield path, found[path]


def _order(path: Path) -> list[tuple[bool, int, str]]:
    return [(isinstance(step, int), step if isinstance(step, int) else 0, str(step)) for step in path]


class Nowhere:
    """A locator for data that nobody typed."""

    def place(self, _path: Any, *, key: bool = False) -> Place:  # noqa: ARG002 - the locator's signature
        """Answer no position."""
        return Place("")


def existing(path: tuple[Any, ...], data: Any) -> Path:
    """Answer the longest beginning of *path* that the data has: a missing value is its block's fault."""
    for index, step in enumerate(path):
        if (isinstance(data, dict) and step in data) or (
            isinstance(data, list) and isinstance(step, int) and step < len(data)
        ):
            data = data[step]
        else:
            return path[:index]
    return path


def _mended(path: Path, message: str, reading: Reading) -> str:
    """Do to the value at *path* what keepalived does; answer what that was, or the empty string."""
    if message.startswith("expected an IPv4 or IPv6 address"):
        return without_prefix_length(path, reading)
    mend = MENDS.get(_kind(path), read_number)
    return mend(path, reading)


def _skipped_with(path: Path) -> Path:
    """Answer what keepalived skips for the refused value at *path*: a server whose address or port is none."""
    servers = path[0] == "virtual_servers" and (len(path) == 3 or path[-3:-2] == ("real_servers",))  # noqa: PLR2004 - mapping, name, keyword
    return path[:-1] if servers and path[-1] in ("address", "port", "fwmark") else path


def _kind(path: Path) -> str:
    """Answer what is refused: a keyword, or for a whole entry the mapping that it is in."""
    return f"{path[0]}.*" if len(path) == 2 else str(path[-1])  # noqa: PLR2004 - mapping and name


def _taken_out(path: Path, message: str, reading: Reading) -> set[Path]:
    """Take the value at *path* out; answer the paths that are gone."""
    holder = at(path[:-1], reading.data)
    key: Any = path[-1]
    statement = reading.statement_of(path)
    if isinstance(holder, dict) and statement is not None and stays_raw(path):
        del holder[key]
        _overruled(path, reading)
        if keep_raw(statement, block_at(path[:-1], holder, reading)):
            reading.leave(statement, path, f"{KEPT_RAW}: {message}")
        return {path}
    if isinstance(key, int) and (gone := kept_in_order(path, message, reading)):
        return gone
    for each in (*reading.openers.get(path, ()), statement):
        reading.leave(each, path, f"not carried: {message}")
    if values := reading.earlier.get(path):
        holder[key], reading.statements[path] = values.pop()
        return set()
    del holder[key]
    return {path}
