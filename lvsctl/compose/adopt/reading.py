"""What import keeps while it reads: the raw data of the spec, where each part came from, and what was left behind."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, TypeVar

from lvsctl.compose.adopt.order import Declared
from lvsctl.compose.adopt.priorities import RulePriorities
from lvsctl.errors import Fault, Place
from lvsctl.keepalived.config import Origin, Statement
from lvsctl.spec.paths import dotted

Path = tuple[str | int, ...]

_Entry = TypeVar("_Entry")


class Plain(str):
    """A value that YAML may show without quotes, as the number or truth that it is."""

    __slots__ = ()


@dataclass
class Reading:
    """One file on its way into a spec."""

    declared: Declared
    data: dict[str, Any] = field(default_factory=dict)
    statements: dict[Path, Statement] = field(default_factory=dict)
    """Which statement each value was read from."""
    earlier: dict[Path, list[tuple[Any, Statement]]] = field(default_factory=dict)
    """Values that a later statement replaced: they count after all when that one turns out to be refused."""
    faults: list[Fault] = field(default_factory=list)
    """What is not carried over as it was written, each with its file and line."""
    openers: dict[Path, list[Statement]] = field(default_factory=dict)
    """The statements, but for the last one, of a block that stands in several pieces."""
    ran_as_default: bool = False
    """Whether a script was read that runs as the default user: what sets that user comes too late for it."""

    priorities: RulePriorities = field(default_factory=RulePriorities)
    wanted_state: dict[Path, str] = field(default_factory=dict)
    """The `state` of each instance that has one: as which it starts."""

    def came_from(self, path: Path, statement: Statement) -> None:
        """Remember that the value at *path* was read from *statement*."""
        self.statements[path] = statement

    def opened(self, path: Path, statement: Statement) -> None:
        """Remember that the block at *path* was read from *statement*, and from others before it."""
        if before := self.statements.get(path):
            self.openers.setdefault(path, []).append(before)
        self.came_from(path, statement)

    def statement_of(self, path: Path) -> Statement | None:
        """Answer the statement of the value at *path*, or of the nearest part of the data around it."""
        for length in range(len(path), 0, -1):
            if found := self.statements.get(path[:length]):
                return found
        return None

    def replace(self, data: dict[str, Any], path: Path, value: Any, statement: Statement) -> None:
        """Put *value* at *path*, which ends in *data*; a value that was there may still be needed."""
        key = path[-1]
        if key in data and (before := self.statements.get(path)):
            self.earlier.setdefault(path, []).append((data[key], before))
        data[str(key)] = value
        self.came_from(path, statement)

    def remove(self, removed: set[Path]) -> None:
        """Forget what was read for the *removed* paths; what follows them in a list moves up."""
        gaps: dict[Path, list[int]] = {}
        for path in sorted(path for path in removed if isinstance(path[-1], int)):
            gaps.setdefault(path[:-1], []).append(int(path[-1]))
        # What stood at a key is not forgotten: that it was there may count although its value does not.
        items = {path for path in removed if isinstance(path[-1], int)}
        self.statements = dict(_moved(self.statements, items, gaps))
        self.earlier = dict(_moved(self.earlier, removed, gaps))
        self.openers = dict(_moved(self.openers, removed, gaps))

    def leave(self, statement: Statement | None, path: Path, message: str) -> None:
        """Note that *statement*, read for *path*, is not carried, and why."""
        self.faults.append(Fault(place_of(statement), dotted(path), message))


def _moved(
    entries: Mapping[Path, _Entry], removed: AbstractSet[Path], gaps: Mapping[Path, list[int]]
) -> Iterator[tuple[Path, _Entry]]:
    """Yield *entries* where they are once the *removed* ones, *gaps* of lists among them, are gone."""
    for path, entry in entries.items():
        if not any(path[:length] in removed for length in range(1, len(path) + 1)):
            yield _after(path, gaps), entry


def _after(path: Path, gaps: Mapping[Path, list[int]]) -> Path:
    if not any(isinstance(step, int) for step in path):
        return path
    return tuple(
        step - bisect_left(gaps.get(path[:index], ()), step) if isinstance(step, int) else step
        for index, step in enumerate(path)
    )


def place_of(statement: Statement | None) -> Place:
    """Answer where *statement* was read."""
    if statement is not None and isinstance(statement.source, Origin):
        return Place(statement.source.file, statement.source.line)
    return Place("keepalived.conf")
