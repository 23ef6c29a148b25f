"""Which keywords keepalived has, where, since which release, and what follows each.

From keepalived's own keyword tables (its install_keyword calls, releases 1.3.0 to 2.4.3), shipped as JSON. It
knows no values: types and ranges are the spec's.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

Version = tuple[int, int, int]
"""A release of keepalived: ``(2, 2, 7)``."""

Path = tuple[str, ...]
"""Keywords from the outermost block inwards: ``("virtual_server", "real_server", "weight")``."""


class Form(StrEnum):
    """What follows a keyword."""

    LINE = "line"
    """The rest of its line."""
    BLOCK = "block"
    """A block of keywords of its own."""
    ITEMS = "items"
    """A block of free-form lines."""


class Keyword(NamedTuple):
    """One keyword at its place."""

    name: str
    form: Form
    since: Version
    keywords: Mapping[str, "Keyword"]
    """What its block knows, when it opens one of keywords."""
    named: bool = False
    """Words follow it before its block: ``vrrp_instance NAME {``."""
    script: bool = False
    """Its value is a command line that keepalived splits again, then user and group."""
    escaped: bool = False
    """Backslashes and single quotes mean something in its value: scripts and regular expressions."""


def grammar() -> Keyword:
    """Answer the root: the keyword without a name, whose block is the file. Every release's keywords are in it."""
    raise NotImplementedError


def version(text: str) -> Version:
    """Read a release as people write it: ``2.2.7``, ``v2.3``. Raises ValueError."""
    raise NotImplementedError


def find(path: Path) -> Keyword | None:
    """Answer the keyword at *path*, or None when no release has it there."""
    raise NotImplementedError


def since(path: Path) -> Version | None:
    """Answer the first release with the keyword at *path*; None when there is none."""
    raise NotImplementedError


def known(path: Path, target: Version) -> bool:
    """Answer whether release *target* has the keyword at *path*."""
    raise NotImplementedError


def suggest(path: Path, word: str) -> str | None:
    """Answer the keyword of the block at *path* that *word* was probably meant to be, if one is near."""
    raise NotImplementedError
