"""A keepalived configuration as a tree of statements: what the parser makes and the printer prints.

Words are plain values, without the quotes or escapes a file needs. The tree says nothing about which keywords
exist (:mod:`lvsctl.keepalived.grammar`) or how a file spells it (:mod:`lvsctl.keepalived.print`).
"""

from collections.abc import Hashable
from typing import NamedTuple


class Origin(NamedTuple):
    """Where a statement was read: *file* as it was opened, *line* from 1."""

    file: str
    line: int


class Statement(NamedTuple):
    """One line: its words, and the statements of the block that it opens (None: it opens none).

    ``virtual_ipaddress { 10.0.0.1/24 dev eth0 }`` is
    ``Statement(("virtual_ipaddress",), (Statement(("10.0.0.1/24", "dev", "eth0")),))``: the items of a
    free-form body are statements like all others.
    """

    words: tuple[str, ...]
    body: "tuple[Statement, ...] | None" = None
    source: Hashable = None
    """What it came from: an Origin when parsed, the path in the spec when composed. Not part of its meaning."""

    @property
    def keyword(self) -> str:
        """The first word."""
        return self.words[0]


Config = tuple[Statement, ...]
"""A whole file: its top-level statements in order."""


def meaning(config: Config) -> Config:
    """Answer the same tree without sources, for comparing what two trees say."""
    return tuple(Statement(words, None if body is None else meaning(body)) for words, body, _ in config)
