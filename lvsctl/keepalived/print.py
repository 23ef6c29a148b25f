"""A tree of statements as the text of a keepalived.conf, which keepalived reads back as that tree.

Every word is quoted by what keepalived's own reader does; what it cannot read back is refused, never mended.
Which statements a configuration needs, and in which order, is decided before.
"""

from collections.abc import Hashable, Sequence

from lvsctl.errors import LvsctlError
from lvsctl.keepalived.config import Config, Statement


class Unprintable(LvsctlError):
    """A value that no keepalived.conf can carry, so that it would become something else or break out."""

    exit_code = 65

    def __init__(self, value: str, reason: str, source: Hashable = None) -> None:
        super().__init__(f"{value!r} cannot be written into keepalived.conf: {reason}")
        self.value = value
        self.reason = reason
        self.source = source
        """The source of the statement it stands in."""
        self.all: tuple[Unprintable, ...] = (self,)
        """Every such value of the tree that was to be printed, this one first."""


def word(text: str) -> str:
    """Answer *text* as keepalived must be shown it: bare where that is safe, else in double quotes.

    Raises Unprintable.
    """
    raise NotImplementedError


def include(path: str, source: Hashable = None) -> Statement:
    """Answer a statement that prints as an ``include`` of the file at the absolute *path*.

    Only this prints as a directive: a word "include" that came as data is quoted, which makes it a plain word.
    Raises Unprintable when *path* is not absolute or has characters that mean something in a pattern.
    """
    raise NotImplementedError


def print_config(config: Config, *, header: Sequence[str] = ()) -> str:
    """Answer *config* as text: *header* as comment lines, then the statements, a blank line between blocks.

    Raises Unprintable, which carries all of them.
    """
    raise NotImplementedError


def sources(config: Config, *, header: Sequence[str] = ()) -> list[Hashable]:
    """Answer the source of the statement on each line of what print_config answers; None where there is none."""
    raise NotImplementedError
