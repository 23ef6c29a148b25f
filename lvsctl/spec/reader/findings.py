"""The faults found while reading one text, and how many of them are enough."""

from collections.abc import Iterable

from lvsctl.errors import Fault, Place, SpecInvalid
from lvsctl.spec.paths import dotted
from lvsctl.spec.reader.lines import Lines

ENOUGH = 100
"""Faults after which reading stops: nobody reads more, and a hostile file could have millions."""


class Malformed(Exception):
    """The text is not YAML (or not JSON) from *offset* on; *message* says what was expected. Stays within the reader."""

    def __init__(self, offset: int, message: str) -> None:
        super().__init__(message)
        self.offset = offset
        self.message = message


class Findings:
    """Collects faults by their offset in the text."""

    def __init__(self, file: str, lines: Lines) -> None:
        self._file = file
        self._lines = lines
        self._faults: list[Fault] = []

    def add(self, offset: int, message: str, path: Iterable[str | int] = ()) -> None:
        """Note a fault and go on; raises SpecInvalid when there are enough."""
        self._faults.append(Fault(self.place(offset), dotted(path), message))
        if len(self._faults) == ENOUGH:
            raise self.failed(
                offset, f"{ENOUGH} faults are enough: what comes after this line was not looked at"
            )

    def failed(self, offset: int, message: str) -> SpecInvalid:
        """Note a fault after which reading cannot go on, and answer all of them to be raised."""
        self._faults.append(Fault(self.place(offset), "", message))
        return SpecInvalid(self._faults)

    def stop_if_any(self) -> None:
        """Raise SpecInvalid if there are faults."""
        if self._faults:
            raise SpecInvalid(self._faults)

    def place(self, offset: int) -> Place:
        """Answer the position of the character at *offset*."""
        return Place(self._file, *self._lines.position(offset))
