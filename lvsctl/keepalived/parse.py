"""Any keepalived.conf as the tree of statements that keepalived 2.2.7 acts on.

Pure: other files are read through the reader in the options (:mod:`lvsctl.keepalived.include` reads disks). It
does not judge values; whether ``priority abc`` makes sense is for whoever gives the words a type.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lvsctl.keepalived.config import Config
from lvsctl.keepalived.parse_notes import Note

LIMIT = 250_000
"""How many lines definitions and sequences may make before reading stops: nobody writes so many on purpose."""


class Found(NamedTuple):
    """One file that an include names."""

    name: str
    """As keepalived opens it, made absolute or relative to where the including file's name is."""
    text: str = ""
    problem: str = ""
    """Why keepalived cannot read it; empty when it can."""


Reader = Callable[[str, str], Sequence[Found]]
"""``reader(pattern, folder)`` answers the files that *pattern* (glob(7) with braces) means in *folder*, in order."""


def nothing(_pattern: str, _folder: str) -> Sequence[Found]:
    """Read no file: every include is noted as not found."""
    return ()


@dataclass(frozen=True, slots=True)
class Options:
    """What keepalived knows besides the text."""

    config_id: str = ""
    """``keepalived -i``; keepalived's own default is the host's name up to the first dot. Compared with ``@id``."""
    reader: Reader = nothing
    home: str = "/"
    """keepalived's working directory: where a file named without a folder is, and so its ``$_PWD``."""
    limit: int = LIMIT


class Parsed(NamedTuple):
    """A configuration as keepalived sees it, and everything about the text that the tree does not show."""

    config: Config
    """Each statement's source is its Origin. Known keywords that open a block have a body, all others have none.
    A script's words are the keyword, the command line, and whom it runs as."""
    notes: tuple[Note, ...]
    comments: int
    """How many comments the text had."""
    files: tuple[str, ...]
    """The files it was read from, each once, the first one first."""


def parse(text: str, *, file: str = "keepalived.conf", options: Options | None = None) -> Parsed:
    """Read *text* as keepalived 2.2.7 reads the file named *file*. Accepts any text; raises nothing."""
    raise NotImplementedError
