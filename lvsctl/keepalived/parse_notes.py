"""What keepalived does with a configuration beyond the tree it ends up with: one note each, none lost.

A note says where, of which kind, and in a sentence what keepalived does. It does not say what to do about it.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from lvsctl.errors import Fault, Place
from lvsctl.keepalived.config import Origin


class Kind(StrEnum):
    """What became of the text that a note is about."""

    RESOLVED = "resolved"
    """Acted on while reading; the tree has the outcome: includes, definitions, conditions, sequences."""
    UNKNOWN = "unknown"
    """No keyword of this block: keepalived passes over it. The words are in the tree, without a block."""
    IGNORED = "ignored"
    """keepalived passes over it, and the tree does not have it."""
    MISREAD = "misread"
    """keepalived acts on it, but not as it looks. The tree has what keepalived reads."""
    FATAL = "fatal"
    """keepalived stops, crashes or never gets past this."""


class Note(NamedTuple):
    """One thing worth knowing about how keepalived reads a file."""

    origin: Origin
    kind: Kind
    message: str

    @property
    def fault(self) -> Fault:
        """The same as a fault, for callers that cannot go on with it."""
        return Fault(Place(*self.origin), "", self.message)

    def __str__(self) -> str:
        return str(self.fault)


class Notes:
    """Notes in the order they were taken, each once."""

    def __init__(self) -> None:
        self._taken: dict[Note, None] = {}

    def add(self, origin: Origin, kind: Kind, message: str) -> None:
        """Take a note."""
        self._taken.setdefault(Note(origin, kind, message))

    def extend(self, notes: Iterable[Note]) -> None:
        """Take over *notes*."""
        self._taken.update(dict.fromkeys(notes))

    def __iter__(self) -> Iterator[Note]:
        return iter(self._taken)
