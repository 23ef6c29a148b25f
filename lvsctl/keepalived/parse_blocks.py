"""Lines into statements, by the keywords of the block that each stands in.

keepalived reads by its keyword tables: a brace after a word that opens no block is passed over, and the brace
that closes it then closes the block around it. No value is judged here, with the exception of those that make
keepalived skip a whole block.

Source of the rules: process_stream() and alloc_value_block() of keepalived 2.2.7's lib/parser.c, and the handlers
that call skip_block().
"""

from collections.abc import Container, Iterator, Sequence
from typing import NamedTuple

from lvsctl.keepalived.config import Statement
from lvsctl.keepalived.grammar import Form, Keyword
from lvsctl.keepalived.parse_lexer import as_text, split
from lvsctl.keepalived.parse_lines import Line
from lvsctl.keepalived.parse_notes import Kind, Notes
from lvsctl.keepalived.parse_scripts import words_of

OPEN, CLOSE = "{", "}"

ONE_NAME = frozenset({"vrrp_instance", "vrrp_sync_group", "track_group"})
"""Root keywords that take exactly one name; else keepalived skips the block."""

ONCE = ONE_NAME | {"bfd_instance"}
"""Root keywords of which keepalived skips a second block of the same name."""

_PEERS = frozenset({"neighbor_ip", "neighbour_ip"})
"""Without one of these a bfd_instance is dropped, and its name is free again."""


class Placed(NamedTuple):
    """A statement, and on which of the lines it begins."""

    at: int
    statement: Statement


class Taken(NamedTuple):
    """A line and its words."""

    at: int
    line: Line
    words: tuple[str, ...]

    @property
    def opens(self) -> bool:
        """Whether its last word is a brace. Only quotes can keep one on the line of other words."""
        return self.words[-1] == OPEN

    @property
    def before_brace(self) -> tuple[str, ...]:
        """The words without such a brace."""
        return self.words[:-1] if self.opens else self.words


class Blocks:
    """One way through the lines.

    *acts_on* are the root keywords that count, None for all of them. Lines in *elsewhere* are no loss when they
    mean nothing here.
    """

    def __init__(
        self,
        lines: Sequence[Line],
        root: Keyword,
        notes: Notes,
        acts_on: Container[str] | None = None,
        *,
        elsewhere: Container[int] = (),
    ) -> None:
        self._lines = lines
        self._at = 0
        self._root = root
        self._notes = notes
        self._acts_on = acts_on
        self._elsewhere = elsewhere
        self._skipping = 0
        """How many blocks to leave before reading on; -1: one, if the next line opens it."""
        self._names: set[tuple[str, ...]] = set()
        self._grouped: Taken | None = None
        """The block that already has its ``group``."""
        self.odd_braces = False
        """Whether a brace was not where the keywords want it, so that counting braces is another way through."""
        self.used: set[int] = set()
        """The lines that keepalived acts on."""
        self.unknown: set[int] = set()
        """The lines that mean nothing where they stand."""

    def read(self) -> list[Placed]:
        """Answer the statements of the file's own level."""
        return list(self._block(self._root, None))

    def _next(self) -> Taken | None:
        """Take the next line that has words."""
        while self._at < len(self._lines):
            at, line = self._at, self._lines[self._at]
            self._at += 1
            words, whole = split(line.text)
            if not whole:
                self._note(line, Kind.MISREAD, "a double quote is left open: what follows it is lost")
            if '"' in line.text and not _BRACES.isdisjoint(words):
                self._odd(line, Kind.MISREAD, "a brace alone in quotes is a brace all the same")
            if words:
                return Taken(at, line, words)
        return None

    # Blocks of keywords

    def _block(self, block: Keyword, opener: Taken | None) -> Iterator[Placed]:
        """Answer the statements inside *block*, which *opener* opened: None for the file."""
        awaiting = opener is not None and not opener.opens
        while taken := self._next():
            if self._skips(taken):
                # Leaving what is skipped leaves the block around it as well, except the file.
                if opener and not self._skipping:
                    return
            elif taken.words[0] == OPEN:
                if not awaiting:
                    what = f"a '{{' that opens no block: its '}}' will close {_called(block)}"
                    self._odd(taken.line, Kind.IGNORED, what)
            else:
                if awaiting:
                    what = f"{block.name} has no '{{': keepalived reads on as if it had"
                    self._odd(taken.line, Kind.MISREAD, what)
                if taken.words[0] != CLOSE:
                    yield from self._statement(block, taken, opener)
                elif opener:
                    return
                else:
                    self._note(taken.line, Kind.IGNORED, "a '}' too many")
            awaiting = False
        self._cut_off(opener)

    def _cut_off(self, opener: Taken | None) -> None:
        if opener:
            what = f"{opener.words[0]} is never closed: it ends with the file"
            self._odd(opener.line, Kind.MISREAD, what)

    def _statement(self, block: Keyword, taken: Taken, opener: Taken | None) -> Iterator[Placed]:
        first = taken.words[0]
        if not (keyword := block.keywords.get(first)):
            if taken.at in self._elsewhere:
                return
            self.unknown.add(taken.at)
            self._note(taken.line, Kind.UNKNOWN, f"{as_text(first)!r} is no keyword of {_called(block)}")
            yield _placed(taken, taken.words, None)
        elif not opener and self._acts_on is not None and first not in self._acts_on:
            self._skipping = 1 if taken.opens else -1
        else:
            self.used.add(taken.at)
            match keyword.form:
                case Form.BLOCK:
                    yield from self._keyword_block(keyword, taken)
                case Form.ITEMS:
                    yield from self._items_block(keyword, taken, opener)
                case Form.LINE:
                    yield from self._line(keyword, taken)

    def _keyword_block(self, keyword: Keyword, taken: Taken) -> Iterator[Placed]:
        skipped = self._refuses(keyword, taken)
        body = tuple(placed.statement for placed in self._block(keyword, taken))
        if skipped:
            return
        if keyword.name in ONE_NAME or any(statement.keyword in _PEERS for statement in body):
            self._names.add(taken.before_brace[:2])
        yield _placed(taken, taken.before_brace, body)

    def _refuses(self, keyword: Keyword, taken: Taken) -> bool:
        """Answer whether keepalived skips the block because of its name."""
        words = taken.before_brace
        why = ""
        if keyword.name in ONE_NAME and len(words) != 2:  # noqa: PLR2004 - keyword and name
            why = "needs exactly one name"
        elif keyword.name in ONCE and words[:2] in self._names:
            why = "is there already"
        elif keyword.named and len(words) == 1:
            self._note(taken.line, Kind.FATAL, f"{keyword.name} has no name: keepalived refuses to start")
        if why:
            self._skipping = 1 if taken.opens else -1
            self._note(
                taken.line, Kind.IGNORED, f"{as_text(' '.join(words))} {why}: keepalived skips the block"
            )
        return bool(why)

    def _line(self, keyword: Keyword, taken: Taken) -> Iterator[Placed]:
        words = taken.words
        if keyword.escaped:
            words, kind, problem = words_of(keyword, taken.line.text)
            if problem:
                self._note(taken.line, kind, problem)
        if words:
            yield _placed(taken, words, None)

    # Blocks of free-form lines

    def _items_block(self, keyword: Keyword, taken: Taken, opener: Taken | None) -> Iterator[Placed]:
        if keyword.name == "group" and self._grouped is opener:
            what = "a second group: keepalived skips it, and the block around it ends with it"
            self._odd(taken.line, Kind.MISREAD, what)
            self._skipping = -1
            return
        words = taken.before_brace
        if words[1 + keyword.named :]:
            self._note(taken.line, *_extra_words(keyword, words[1 + keyword.named :]))
        items = tuple(self._items(keyword, taken))
        if keyword.name == "group" and items:
            self._grouped = opener
        yield _placed(taken, words[: 1 + keyword.named], items)

    def _items(self, keyword: Keyword, opener: Taken) -> Iterator[Statement]:
        awaiting = not opener.opens
        while taken := self._next():
            self.used.add(taken.at)
            words = taken.words
            if awaiting and words[0] != OPEN:
                self._odd(taken.line, *_no_brace(keyword))
            elif words[0] == OPEN and not awaiting:
                what = f"a '{{' inside {keyword.name}, which takes it for a value: its '}}' will close {keyword.name}"
                self._odd(taken.line, Kind.MISREAD, what)
            if words[0] == OPEN:
                words = words[1:]
            awaiting = False
            closed = words[-1:] == (CLOSE,)
            if closed:
                words = words[:-1]
            if words:
                yield _placed(taken, words, None).statement
            if closed:
                return
        self._cut_off(opener)

    # What is skipped

    def _skips(self, taken: Taken) -> bool:
        """Answer whether *taken* is part of what is being skipped."""
        if self._skipping == -1:
            self._skipping = int(taken.words[0] == OPEN)
            return bool(self._skipping)
        if not self._skipping:
            return False
        for word in taken.words:
            self._skipping += (word == OPEN) - (word == CLOSE)
            if not self._skipping:
                return True
        return True

    def _odd(self, line: Line, kind: Kind, message: str) -> None:
        self.odd_braces = True
        self._note(line, kind, message)

    def _note(self, line: Line, kind: Kind, message: str) -> None:
        self._notes.add(line.origin, kind, message)


_BRACES = frozenset({OPEN, CLOSE})


def _placed(taken: Taken, words: tuple[str, ...], body: tuple[Statement, ...] | None) -> Placed:
    # Few words are not ASCII, so the common case is kept cheap.
    if not taken.line.text.isascii() or not all(map(str.isascii, words)):
        words = tuple(map(as_text, words))
    return Placed(taken.at, Statement(words, body, taken.line.origin))


def _called(block: Keyword) -> str:
    return block.name or "the file"


def _extra_words(keyword: Keyword, words: tuple[str, ...]) -> tuple[Kind, str]:
    shown = as_text(" ".join(words))
    if keyword.named:
        return Kind.FATAL, f"{shown!r} after the name of {keyword.name}: keepalived refuses to start"
    return Kind.IGNORED, f"{shown!r} between {keyword.name} and its '{{': keepalived passes over it"


def _no_brace(keyword: Keyword) -> tuple[Kind, str]:
    if keyword.named:
        return Kind.FATAL, f"{keyword.name} has no '{{': keepalived refuses to start"
    return (
        Kind.MISREAD,
        f"{keyword.name} has no '{{': what follows is taken for its values, up to the next '}}'",
    )
