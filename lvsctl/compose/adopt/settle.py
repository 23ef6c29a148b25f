"""Leave behind what the models refuse, one finding at a time, until they accept the rest; everything left is noted.

keepalived itself goes on when it refuses a value: it keeps its default. The spec's ranges are keepalived's, so
leaving the value out means the same. Where keepalived does something else, it is mended here the same way.
"""

from collections.abc import Callable, Iterator
from typing import Any

from pydantic import ValidationError

from lvsctl.compose.adopt.read import keep_raw
from lvsctl.compose.adopt.reading import Path, Reading
from lvsctl.spec.authentication import PASSWORD_BYTES
from lvsctl.spec.faults import faults
from lvsctl.spec.spec import Spec

ROUNDS = 50
"""Refusals can hide behind each other, but every round leaves something behind."""

SCRIPTS = frozenset({"notify", "script", "misc_path", "quorum_up", "quorum_down"})


def settle(reading: Reading) -> None:
    """Change the data of *reading* until it is a spec."""
    for _ in range(ROUNDS):
        try:
            Spec.model_validate(reading.data)
        except ValidationError as error:
            for path, message in _refusals(error, reading):
                _mend(path, message, reading)
        else:
            return
    raise AssertionError("the models keep refusing what was left of the file")


def _refusals(error: ValidationError, reading: Reading) -> Iterator[tuple[Path, str]]:
    """Yield what to take out and why: the innermost and last first, so that no index moves."""
    found: dict[Path, str] = {}
    for finding, fault in zip(error.errors(include_url=False), faults(error, Spec, Nowhere()), strict=True):
        found.setdefault(_existing(tuple(finding["loc"]), reading.data), fault.message)
    for path in sorted(found, key=lambda path: [str(step).zfill(9) for step in path], reverse=True):
        yield path, found[path]


class Nowhere:
    """A locator for data that nobody typed."""

    def place(self, _path: Any, *, key: bool = False) -> Any:  # noqa: ARG002 - the locator's signature
        """Answer no position."""
        from lvsctl.errors import Place  # noqa: PLC0415

        return Place("")


def _existing(path: Path, data: Any) -> Path:
    """Answer the longest beginning of *path* that the data has: a missing value is its block's fault."""
    for index, step in enumerate(path):
        if (isinstance(data, dict) and step in data) or (isinstance(data, list) and isinstance(step, int) and step < len(data)):
            data = data[step]
        else:
            return path[:index]
    return path


def _mend(path: Path, message: str, reading: Reading) -> None:
    holder = _at(path[:-1], reading.data)
    if holder is None:
        return
    statement = reading.statement_of(path)
    if mended := _mended(path, holder[path[-1]]):
        holder[path[-1]], what = mended
        reading.leave(statement, path, what)
        return
    del holder[path[-1]]
    if isinstance(holder, dict) and statement is not None and _is_script(path):
        keep_raw(statement, holder, path[:-1], reading)
        return
    reading.leave(statement, path, f"not carried: {message}")


def _at(path: Path, data: Any) -> Any:
    for step in path:
        if isinstance(data, dict):
            data = data.get(step)
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            data = data[step]
        else:
            return None
    return data


def _is_script(path: Path) -> bool:
    keyword = str(path[-1])
    return keyword in SCRIPTS or keyword.startswith("notify_") or keyword.endswith("_script")


def _mended(path: Path, value: Any) -> tuple[Any, str] | None:
    mend = _MENDS.get(str(path[-1]))
    return mend(value) if mend else None


def _short_password(value: Any) -> tuple[Any, str] | None:
    if not isinstance(value, str) or len(value.encode()) <= PASSWORD_BYTES:
        return None
    short = value.encode()[:PASSWORD_BYTES].decode(errors="ignore")
    return short, f"cut to its first {PASSWORD_BYTES} bytes, as keepalived does"


_MENDS: dict[str, Callable[[Any], tuple[Any, str] | None]] = {"auth_pass": _short_password}
"""Values that keepalived changes instead of ignoring: by keyword."""
