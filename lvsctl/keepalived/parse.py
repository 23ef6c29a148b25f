"""Any keepalived.conf as the tree of statements that keepalived 2.2.7 acts on.

Pure: other files are read through the reader in the options (:mod:`lvsctl.keepalived.include` reads disks). It
does not judge values; whether ``priority abc`` makes sense is for whoever gives the words a type.

One noun, one module: parse_source has the files, parse_lexer one line, parse_definitions ``$``, parse_sequences
``~SEQ``, parse_lines all of these together, parse_blocks the grammar, parse_processes what keepalived's processes
make of braces that do not match.
"""

from dataclasses import dataclass
from typing import NamedTuple

from lvsctl.keepalived.config import Config, Origin
from lvsctl.keepalived.grammar import grammar_of
from lvsctl.keepalived.parse_lines import Copied, Reading, Setting
from lvsctl.keepalived.parse_notes import Kind, Note, Notes
from lvsctl.keepalived.parse_processes import statements
from lvsctl.keepalived.parse_source import Found, Reader, Sources, nothing, raws

__all__ = ["Found", "Kind", "Note", "Options", "Parsed", "Reader", "parse"]

READS_LIKE = (2, 2, 7)
"""The release whose reading this is."""

LIMIT = 500_000
"""How many lines are read, those that definitions and sequences make included: nobody writes so many."""

_BOM = "a byte order mark: keepalived takes it for the first letter of the first word, which it then does not know"


@dataclass(frozen=True, slots=True)
class Options:
    """What keepalived knows besides the text."""

    config_id: str = ""
    """``keepalived -i``; keepalived's own default is the host's name up to the first dot. Compared with ``@id``."""
    reader: Reader = nothing
    home: str = "/"
    """keepalived's working directory: what relative names of files are relative to."""
    limit: int = LIMIT


class Parsed(NamedTuple):
    """A configuration as keepalived sees it, and everything about the text that the tree does not show."""

    config: Config
    """Each statement's source is its Origin. Known keywords that open a block have a body, all others have none.
    A script's words are its keyword, the command line, and whom it runs as."""
    notes: tuple[Note, ...]
    """In the order of lines in each file."""
    comments: int
    """How many comments the text had."""
    files: tuple[str, ...]
    """The files it was read from, each once, the first one first."""


def parse(text: str, *, file: str = "keepalived.conf", options: Options | None = None) -> Parsed:
    """Read *text* as keepalived 2.2.7 reads the file named *file*. Accepts any text; raises nothing.

    Bytes that are no UTF-8 may be in *text* as lone surrogates (``errors="surrogateescape"``).
    """
    options = options or Options()
    notes = Notes()
    setting = Setting(options.config_id, options.reader, options.home, options.limit, notes)
    if text.startswith("\ufeff"):
        notes.add(Origin(file, 1), Kind.MISREAD, _BOM)
    copied = Copied()
    first = Found(file, text)
    sources = Sources(file, raws(first, options.home), len(text))
    reading = Reading(sources, setting, copied)
    parent = children = list(reading.lines())
    if copied.differs or reading.left:
        again = Reading(Sources("", copied.lines()), setting, before=reading.left)
        children = list(again.lines())
    config = statements(parent, children, grammar_of(READS_LIKE), notes)
    files = tuple(copied.files) or (file,)
    place = {name: index for index, name in enumerate(files)}
    ordered = sorted(notes, key=lambda note: (place.get(note.origin.file, 0), note.origin.line))
    return Parsed(config, tuple(ordered), copied.comments, files)
