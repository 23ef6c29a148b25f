"""Raw lines that an operator adds to a block (``extra:``), read so that they cannot leave it.

They become statements like all others, so nothing raw is ever printed. It judges keywords, not their values.
"""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

from lvsctl.keepalived.config import Statement
from lvsctl.keepalived.grammar import Path, Version


class Problem(NamedTuple):
    """What is wrong with one raw line."""

    line: int
    """Which line of the list, from 0."""
    message: str


class Extra(NamedTuple):
    """Raw lines, read: what they say, or what is wrong with them."""

    statements: tuple[Statement, ...]
    problems: tuple[Problem, ...]


def read_extra(lines: Sequence[str], path: Path, target: Version, source: Hashable = None) -> Extra:
    """Read *lines* as they would be read inside the block at *path* by keepalived *target*."""
    raise NotImplementedError


def check_extra(lines: Sequence[str], path: Path, target: Version) -> list[Problem]:
    """Answer what is wrong with *lines*; nothing when they may be added."""
    return list(read_extra(lines, path, target).problems)
