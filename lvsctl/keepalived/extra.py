"""Raw lines that an operator adds to a block (``extra:``), read so that they cannot leave it.

They become statements like all others, so nothing raw is ever printed. It judges keywords, not their values.
"""

import re
from collections.abc import Hashable, Iterator, Sequence
from typing import NamedTuple

from lvsctl.keepalived.config import Origin, Statement
from lvsctl.keepalived.grammar import Form, Path, Version, find, suggest
from lvsctl.keepalived.parse_blocks import Blocks
from lvsctl.keepalived.parse_lexer import as_bytes, cut, decomment
from lvsctl.keepalived.parse_lines import Line
from lvsctl.keepalived.parse_notes import Kind, Notes
from lvsctl.keepalived.print import unprintable
from lvsctl.keepalived.quote import Unprintable, comment

_DIRECTIVE = re.compile(
    r"(?P<condition>@)|(?P<definition>\$\w+=)|(?P<sequence>~)|(?P<include>include[rmwba]?(?:\s|\Z))"
)

_CALLED = {
    "condition": "a condition (@…)",
    "definition": "a definition ($…=)",
    "sequence": "a sequence (~SEQ, ~LST)",
    "include": "an include",
}


class Problem(NamedTuple):
    """What is wrong with one raw line."""

    line: int
    """Which line of the list, from 0."""
    message: str


class Extra(NamedTuple):
    """Raw lines, read: what they say, or what is wrong with them."""

    statements: tuple[Statement, ...]
    """Nothing when there are problems."""
    problems: tuple[Problem, ...]


def read_extra(lines: Sequence[str], path: Path, target: Version, source: Hashable = None) -> Extra:
    """Read *lines* as they would be read inside the block at *path* by keepalived *target*.

    The source of each statement is *source*, with the number of its line added when *source* is a tuple.
    """
    block = find(path)
    if block is None or block.form is not Form.BLOCK:
        return Extra((), (Problem(0, f"{'/'.join(path)} is no block of keywords"),))
    problems = [problem for number, line in enumerate(lines) for problem in _directives(number, line)]
    directives = {problem.line for problem in problems}
    notes = Notes()
    read = ((number, line) for number, line in enumerate(lines) if number not in directives)
    cuts = [piece for number, line in read for piece in _cuts(number, line)]
    statements = tuple(placed.statement for placed in Blocks(cuts, block, notes).read())
    problems += [Problem(note.origin.line, note.message) for note in notes if note.kind is not Kind.UNKNOWN]
    problems += _misplaced(statements, path, target)
    if not problems:
        problems = [
            Problem(_line(refused.source), refused.reason) for refused in unprintable(statements, block)
        ]
    if problems:
        return Extra((), tuple(sorted(problems)))
    return Extra(tuple(_from(statement, source) for statement in statements), ())


def check_extra(lines: Sequence[str], path: Path, target: Version) -> list[Problem]:
    """Answer what is wrong with *lines*; nothing when they may be added."""
    return list(read_extra(lines, path, target).problems)


def _cuts(number: int, line: str) -> Iterator[Line]:
    """Cut a raw line at its braces, without its comment."""
    head, rest = cut(decomment(as_bytes(line)).text)
    while head:
        yield Line(head, Origin("extra", number))
        head, rest = cut(rest) if rest else ("", "")


def _directives(number: int, line: str) -> Iterator[Problem]:
    """Find what keepalived would act on while reading, before any block is looked at."""
    try:
        comment(line.rstrip("\\"))
    except Unprintable as refused:
        yield Problem(number, refused.reason)
    if decomment(as_bytes(line)).open_quote:
        yield Problem(number, "a double quote is left open")
    for piece in _cuts(number, line):
        if found := _DIRECTIVE.match(piece.text):
            yield Problem(number, f"{_CALLED[found.lastgroup or 'include']} cannot stand here")


def _misplaced(statements: Sequence[Statement], path: Path, target: Version) -> Iterator[Problem]:
    """Find words that keepalived *target* does not know where they stand."""
    for statement in statements:
        here = (*path, statement.keyword)
        keyword = find(here)
        line = _line(statement.source)
        if keyword is None:
            near = suggest(path, statement.keyword)
            hint = f"; did you mean {near}?" if near else ""
            yield Problem(
                line, f"{statement.keyword!r} is no keyword of {path[-1] if path else 'the file'}{hint}"
            )
        elif keyword.since > target:
            first, wanted = (".".join(map(str, release)) for release in (keyword.since, target))
            yield Problem(
                line, f"{statement.keyword} came with keepalived {first}, and target_version is {wanted}"
            )
        elif keyword.form is Form.BLOCK:
            yield from _misplaced(statement.body or (), here, target)


def _line(source: Hashable) -> int:
    return source.line if isinstance(source, Origin) else 0


def _from(statement: Statement, source: Hashable) -> Statement:
    body = None if statement.body is None else tuple(_from(inner, source) for inner in statement.body)
    if isinstance(source, tuple):
        return Statement(statement.words, body, (*source, _line(statement.source)))
    return Statement(statement.words, body, source)
