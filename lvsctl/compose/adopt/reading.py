"""What import keeps while it reads: the raw data of the spec, where each part came from, and what was left behind."""

from dataclasses import dataclass, field
from typing import Any

from lvsctl.errors import Fault, Place
from lvsctl.keepalived.config import Origin, Statement
from lvsctl.spec.paths import dotted

Path = tuple[str | int, ...]


class Plain(str):
    """A value that YAML may show without quotes, as the number or truth that it is."""

    __slots__ = ()


@dataclass
class Reading:
    """One file on its way into a spec."""

    data: dict[str, Any] = field(default_factory=dict)
    statements: dict[Path, Statement] = field(default_factory=dict)
    """Which statement each value was read from."""
    faults: list[Fault] = field(default_factory=list)
    """What is not carried over as it was written, each with its file and line."""

    def came_from(self, path: Path, statement: Statement) -> None:
        """Remember that the value at *path* was read from *statement*."""
        self.statements[path] = statement

    def statement_of(self, path: Path) -> Statement | None:
        """Answer the statement of the value at *path*, or of the nearest part of the data around it."""
        for length in range(len(path), 0, -1):
            if found := self.statements.get(path[:length]):
                return found
        return None

    def leave(self, statement: Statement | None, path: Path, message: str) -> None:
        """Note that *statement*, read for *path*, is not carried, and why."""
        self.faults.append(Fault(place_of(statement), dotted(path), message))


def place_of(statement: Statement | None) -> Place:
    """Answer where *statement* was read."""
    if statement is not None and isinstance(statement.source, Origin):
        return Place(statement.source.file, statement.source.line)
    return Place("keepalived.conf")
