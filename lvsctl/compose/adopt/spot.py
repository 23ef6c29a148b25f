"""One statement of a keepalived.conf at its place in the spec: what its reader is given."""

from typing import Any, NamedTuple

from lvsctl.compose.adopt.order import first_counts
from lvsctl.compose.adopt.raw import Block
from lvsctl.compose.adopt.reading import Path, Reading
from lvsctl.keepalived.config import Statement
from lvsctl.spec.layout import Field


class Spot(NamedTuple):
    """One statement of a block, and the field it belongs to."""

    block: Block
    field: Field
    statement: Statement

    @property
    def reading(self) -> Reading:
        """What is kept while reading."""
        return self.block.reading

    @property
    def path(self) -> Path:
        """Where the value stands in the spec."""
        return (*self.block.path, self.field.key)

    @property
    def words(self) -> tuple[str, ...]:
        """The words after the keyword."""
        return self.statement.words[1:]

    def put(self, value: Any) -> None:
        """Take *value*, unless keepalived stays with the one it has."""
        keyword = self.statement.keyword
        if self.field.key in self.block.data and first_counts(self.block.model.__name__, keyword):
            self.leave(f"{keyword}: not carried: keepalived stays with the first one")
        else:
            self.reading.replace(self.block.data, self.path, value, self.statement)

    def leave(self, message: str) -> None:
        """Note that the statement, or a part of it, is not carried."""
        self.reading.leave(self.statement, self.path, message)
