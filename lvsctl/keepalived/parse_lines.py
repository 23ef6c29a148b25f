"""The lines that keepalived's grammar gets to see: includes read, conditions decided, definitions put in place.

Every line is read twice. The parent process reads the files and writes what it read, without comments, to a copy
in memory; the processes that do the work read that copy. Some lines change on the way. This is one such reading;
it knows no keyword.

Source of the rules: read_line() of keepalived 2.2.7's lib/parser.c.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from lvsctl.keepalived import parse_sequences as sequences
from lvsctl.keepalived.config import Origin
from lvsctl.keepalived.parse_definitions import ENDLESS, Definition, Definitions, Expansion, replace
from lvsctl.keepalived.parse_lexer import BLANK, as_bytes, as_text, cut, decomment
from lvsctl.keepalived.parse_notes import Kind, Notes
from lvsctl.keepalived.parse_source import Found, Raw, Reader, Sources, pattern_of, raws


class Line(NamedTuple):
    """One line as the grammar sees it: a brace, or what stands between braces. Never empty."""

    text: str
    origin: Origin


class _Stop(Exception):
    """Nothing further is read."""


@dataclass(slots=True)
class Setting:
    """What a reading depends on besides its text."""

    config_id: str
    reader: Reader
    home: str
    limit: int
    notes: Notes


@dataclass(slots=True)
class Copied:
    """What the parent leaves for its children."""

    texts: list[str] = field(default_factory=list)
    raws: list[Raw] = field(default_factory=list)
    """What each of the texts was in its file."""
    differs: bool = False
    """Whether reading it can give other lines than the parent got from the files."""
    comments: int = 0
    files: dict[str, None] = field(default_factory=dict)

    def lines(self) -> Iterator[Raw]:
        """Answer the lines as its readers get them."""
        for text, raw in zip(self.texts, self.raws, strict=True):
            yield raw._replace(text=text, problem="")


class Reading:
    """One reading of a configuration: by the parent when it has a copy to write, else by its children.

    *before* is what the parent's reading left in :attr:`left`.
    """

    def __init__(
        self, sources: Sources, setting: Setting, copy: Copied | None = None, *, before: int = 0
    ) -> None:
        self._sources = sources
        self._setting = setting
        self._copy = copy
        self._notes = setting.notes
        self._raw = Raw("", Origin("", 0), setting.home)
        self._definitions = Definitions(setting.config_id, lambda: as_bytes(self._raw.folder))
        self._expansion = Expansion()
        self._sequences: list[sequences.Sequence] = []
        self._open = before
        self.left = 0
        """How many sequences keepalived takes for open after the last line; one it could not read is minus one."""
        self._defining: Definition | None = None
        self._rest = ""
        """What followed a brace."""
        self._hidden = False
        """Whether the line at hand is an include that the copy does not have."""
        self._left = setting.limit
        self._substitutions_left = 4 * setting.limit

    def lines(self) -> Iterator[Line]:
        """Answer all lines. Bounded by the budget, which ends the reading with a note."""
        try:
            while (taken := self._next()) is not None:
                if taken and (line := self._resolved(taken)) and not self._included(line):
                    head, self._rest = cut(line)
                    yield Line(head, self._raw.origin)
        except _Stop as stop:
            self._note(Kind.FATAL, str(stop))
        self.left = self._count(-len(self._sequences))

    # Where the next text comes from

    def _next(self) -> str | None:
        """Answer the next text, which may be empty, or None at the end."""
        self._spend()
        self._hidden = False
        text: str | None = self._rest
        if text:
            self._rest = ""
        elif self._sequences and self._open > self._expansion.depth:
            text = self._next_of_sequence()
        elif self._expansion:
            text = self._expansion.take()
        elif not (text := self._next_of_files()):
            return text
        if not self._defining:
            return text
        if not self._defining.add(text):
            self._defining = None
        return ""

    def _next_of_sequence(self) -> str:
        sequence = self._sequences[-1]
        for name, value in sequence.take():
            self._definitions.set(name, value)
        if not sequence:
            self._sequences.pop()
            self._count(-1)
        return sequence.text

    def _count(self, change: int) -> int:
        # As C counts: without a sign.
        self._open = (self._open + change) % 2**32
        return self._open

    def _next_of_files(self) -> str | None:
        """Answer the next line of the files; empty when it is blank or a comment, None at the end."""
        if (raw := self._sources.read()) is None:
            return None
        self._raw = raw
        if raw.problem and self._copy:
            self._note(Kind.MISREAD, raw.problem)
        if not raw.text:
            self._write("")
            if self._defining:
                self._defining.end()
                self._defining = None
            return ""
        bare = decomment(raw.text)
        self._hidden = pattern_of(bare.text) is not None
        self._write("" if self._hidden else bare.text)
        if self._copy:
            self._copy.comments += bare.comment
            if bare.open_quote:
                self._note(Kind.MISREAD, "a double quote is left open: comments after it are read as text")
        elif raw.text[0] in "#!":
            self._note(*_MARKS[raw.text[0]])
        return bare.text

    def _write(self, text: str) -> None:
        if copy := self._copy:
            copy.texts.append(text)
            copy.raws.append(self._raw)
            copy.files.setdefault(self._raw.origin.file)
            # A line that was no blank one ends a definition of several lines only in the copy.
            ends = self._defining is not None and not text and bool(self._raw.text)
            copy.differs |= ends or ("\\" in self._raw.text and decomment(text).text != text)

    # What a line turns into

    def _resolved(self, line: str) -> str:
        """Answer *line* as the grammar will see it; empty when nothing is left of it."""
        length = len(line)
        while True:
            if line[0] == "@":
                line, length = self._condition(line, length)
            if not line or self._defined(line) or self._sequence(line):
                return ""
            if line[0] == "~" or "$" not in line:
                return line
            replaced = replace(line, self._definitions, self._expansion, self._open)
            self._spend(substitutions=replaced.steps)
            if "_RANDOM" in line and replaced.line != line:
                self._note(
                    Kind.MISREAD, "a random number, a new one at every start; the smallest is read here"
                )
            if replaced.problem == ENDLESS:
                raise _Stop(ENDLESS)
            if replaced.problem:
                self._note(Kind.MISREAD, replaced.problem)
            if not replaced.steps or replaced.problem:
                return replaced.line
            line = decomment(replaced.line).text
            if not line or (line[0] != "@" and "$" not in line):
                return line

    def _condition(self, line: str, length: int) -> tuple[str, int]:
        """Decide ``@id rest`` or ``@^id rest``: answer the rest, or nothing.

        *length* is what keepalived takes for the length of the line, which it does not measure again when a
        definition made the line longer.
        """
        negated = line.startswith("@^")
        wanted, blank, _ = line[1 + negated :].replace("\t", " ").partition(" ")
        if not blank:
            self._note(Kind.IGNORED, f"{as_text(line)!r} is taken for a condition without a line")
            return "", length
        holds = (wanted == self._setting.config_id) is not negated
        shown = as_text(f"{'not ' * negated}{wanted}")
        self._note(Kind.RESOLVED, f"only for the node {shown}: {'kept' if holds else 'left out'}")
        if not holds:
            return "", length
        rest = line[1 + negated + len(wanted) :].lstrip(BLANK)
        length -= len(line) - len(rest)
        if length < -1:
            raise _Stop("keepalived 2.2.7 crashes: a condition that comes out of a definition")
        # That many bytes move to the front; what was behind them stays, up to the end of the line.
        moved = f"{rest}\0"[: length + 1]
        return (moved + line[len(moved) :]).partition("\0")[0], length

    def _defined(self, line: str) -> bool:
        if line[0] != "$" or not (definition := self._definitions.define(line)):
            return False
        if definition.multiline:
            self._defining = definition
        name = line.partition("=")[0]
        self._note(Kind.RESOLVED, f"the definition of {name} is put in place wherever it is used")
        return True

    def _sequence(self, line: str) -> bool:
        if not line.startswith(("~SEQ", "~LST")):
            return False
        if sequence := sequences.values(line) if line[1] == "L" else self._counted(line):
            self._sequences.append(sequence)
            self._count(1)
            self._note(Kind.RESOLVED, f"{line[:4]} is written out")
        else:
            # 2.2.7 takes a ~LST that it cannot read off the count, so that later sequences come late or never.
            self._count(-(line[1] == "L"))
            self._note(Kind.IGNORED, f"keepalived cannot read this {line[:4]}: {as_text(line)!r}")
        return True

    def _counted(self, line: str) -> sequences.Sequence | None:
        if not (bounds := sequences.bounds_of(line)):
            return None
        replaced = replace(bounds.bounds, self._definitions, Expansion(), 0)
        return sequences.numbers(bounds._replace(bounds=replaced.line))

    # Includes

    def _included(self, line: str) -> bool:
        """Answer whether *line* is an include, which then is read next."""
        if (pattern := pattern_of(line)) is None:
            return False
        shown = as_text(pattern)
        files = self._setting.reader(shown, self._raw.folder)
        for problem in [f"{file.name}: {file.problem}" for file in files if file.problem]:
            self._note(Kind.IGNORED, f"include {shown}: {problem}")
        readable = [file for file in files if not file.problem]
        if not files:
            self._note(Kind.IGNORED, f"include {shown}: no such file")
        if problem := self._sources.include(readable, self._lines_of):
            self._note(Kind.MISREAD, f"include {shown}: {problem}; not read here")
        elif readable:
            self._note(Kind.RESOLVED, f"include {shown}: " + ", ".join(file.name for file in readable))
        if not self._hidden:
            self._read_twice()
        return True

    def _lines_of(self, file: Found) -> Iterator[Raw]:
        lines = raws(file, self._setting.home)
        # The children take such lines for the marks that the parent writes.
        return lines if self._copy else (raw for raw in lines if raw.text[:1] not in ("#", "!"))

    def _read_twice(self) -> None:
        if self._copy:
            self._copy.differs = True
            self._note(
                Kind.MISREAD,
                "an include that follows a condition, definition or brace: keepalived 2.2.7 reads it twice",
            )

    def _spend(self, *, substitutions: int = 0) -> None:
        self._left -= 1
        self._substitutions_left -= substitutions
        if self._left < 0 or self._substitutions_left < 0:
            raise _Stop("the configuration grows beyond all bounds here; nothing further was read")

    def _note(self, kind: Kind, message: str) -> None:
        self._notes.add(self._raw.origin, kind, message)


_MARKS: dict[str, tuple[Kind, str]] = {
    "#": (Kind.MISREAD, "keepalived's processes lose this line: it starts with an escaped #"),
    "!": (Kind.FATAL, "keepalived 2.2.7 crashes: the line starts with an escaped !"),
}
