"""A tree of statements as the text of a keepalived.conf, which keepalived reads back as that tree.

Every word is quoted by what keepalived's own reader does (:mod:`lvsctl.keepalived.quote`); what it cannot read
back is refused, never mended. Which statements a configuration needs, and in which order, is decided before.
"""

import re
from collections.abc import Hashable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from lvsctl.keepalived.config import Config, Statement
from lvsctl.keepalived.grammar import Form, Keyword, grammar
from lvsctl.keepalived.quote import (
    SAVE_DIR,
    Directive,
    Unprintable,
    check_save_dir,
    command,
    comment,
    escaped,
    first_word,
    word,
)

__all__ = ["Unprintable", "include", "print_config", "sources", "unprintable", "word"]

INDENT = "    "

MAX_LINE = 1020
"""Bytes in a line, so that with a brace and its end it fits keepalived's buffer of 1024."""

_PATH = re.compile(r"/[A-Za-z0-9_./:,%+=@-]*")


class Paragraph(NamedTuple):
    """A top-level statement as the template prints it."""

    lines: Sequence[str]
    apart: bool
    """Whether an empty line goes before it."""


def include(path: str, source: Hashable = None) -> Statement:
    """Answer a statement that prints as an ``include`` of the file at the absolute *path*.

    Only this prints as a directive: a word "include" that came as data is quoted, which makes it a plain word.
    Raises Unprintable when *path* is not absolute or has characters that mean something in a pattern.
    """
    if not _PATH.fullmatch(path):
        reason = "an included file needs an absolute path of letters, digits and ._/:,%+=@-"
        raise Unprintable(path, reason, source)
    return Statement((Directive("include"), path), None, source)


def print_config(config: Config, *, header: Sequence[str] = ()) -> str:
    """Answer *config* as text: *header* as comment lines, then the statements, an empty line between blocks.

    Raises Unprintable, which carries all of them.
    """
    writer = _Writer()
    for line in header:
        writer.check_header(line)
    written = [writer.lines((statement,), grammar(), "") for statement in config]
    if refused := writer.refused:
        refused[0].all = tuple(refused)
        raise refused[0]
    paragraphs = map(Paragraph, written, _apart(config, header))
    return _template().render(header=header, paragraphs=paragraphs)


def unprintable(statements: Sequence[Statement], block: Keyword) -> list[Unprintable]:
    """Answer everything about *statements*, which stand in *block*, that cannot be printed."""
    writer = _Writer()
    writer.lines(statements, block, INDENT)
    return writer.refused


def sources(config: Config, *, header: Sequence[str] = ()) -> list[Hashable]:
    """Answer the source of the statement on each line of what print_config answers; None where there is none."""
    found: list[Hashable] = [None] * len(header)
    for statement, apart in zip(config, _apart(config, header), strict=True):
        found += [None] * apart
        found += _sources(statement)
    return found


def _sources(statement: Statement) -> Iterator[Hashable]:
    yield statement.source
    if statement.body is not None:
        for inner in statement.body:
            yield from _sources(inner)
        yield statement.source


def _apart(config: Config, header: Sequence[str]) -> Iterator[bool]:
    """Answer for each statement whether an empty line goes before it: blocks stand apart, lines stay together."""
    before = bool(header)
    for index, statement in enumerate(config):
        block = statement.body is not None
        yield before or (block and index > 0)
        before = block


class _Writer:
    """Writes statements, and collects what cannot be written."""

    def __init__(self) -> None:
        self.refused: list[Unprintable] = []
        # What was written before comes again and again: words, whole lines, and the checks of a service in
        # each of its real servers.
        self._words: dict[str, str] = {}
        self._leaves: dict[int, dict[tuple[str, ...], str]] = {}
        self._blocks: dict[tuple[int, int], list[str]] = {}

    def check_header(self, line: str) -> None:
        try:
            _check_length("# " + comment(line))
        except Unprintable as refused:
            self.refused.append(refused)

    def lines(self, statements: Sequence[Statement], block: Keyword, indent: str) -> list[str]:
        """Write *statements*, which stand in *block*."""
        leaves = self._leaves.setdefault(id(block), {})
        found: list[str] = []
        for statement in statements:
            words, body, source = statement
            known = leaves.get(words) if body is None else None
            if known is not None:
                found.append(known)
                continue
            if body is not None and (again := self._blocks.get((id(block), id(statement)))) is not None:
                found += again
                continue
            try:
                written = self._statement(
                    words, body, block.keywords.get(words[0]) if words else None, indent
                )
            except Unprintable as refused:
                refused.source = source
                self.refused.append(refused)
                continue
            if body is None:
                leaves[words] = written[0]
            else:
                self._blocks[id(block), id(statement)] = written
            found += written
        return found

    def _statement(
        self,
        words: tuple[str, ...],
        body: tuple[Statement, ...] | None,
        keyword: Keyword | None,
        indent: str,
    ) -> list[str]:
        if not words:
            raise Unprintable("", "a statement needs a word")
        if words[0] == SAVE_DIR:
            check_save_dir(words[1:])
        line = indent + (_escaped(keyword, words) if keyword and keyword.escaped else self._plain(words))
        if len(line) * 4 > MAX_LINE:
            _check_length(line)
        if keyword is None or keyword.form is Form.LINE:
            if body is not None:
                raise Unprintable(
                    words[0], "a block after a word that opens none would end the block around it"
                )
            return [line]
        if body is None:
            raise Unprintable(words[0], f"without its block {words[0]} takes what follows for its block")
        if keyword.form is Form.ITEMS and len(words) != 1 + keyword.named:
            raise Unprintable(words[-1], f"keepalived passes over words between {words[0]} and its block")
        return [f"{line} {{", *self.lines(body, keyword, indent + INDENT), f"{indent}}}"]

    def _plain(self, words: Sequence[str]) -> str:
        written = self._words
        rest = [written.get(text) or self._word(text) for text in words[1:]]
        return " ".join([first_word(words[0]), *rest])

    def _word(self, text: str) -> str:
        self._words[text] = found = word(text)
        return found


def _escaped(keyword: Keyword, words: Sequence[str]) -> str:
    values = [escaped(text) for text in words[1:]]
    if keyword.script and values:
        values[0] = command(words[1])
    return " ".join([words[0], *values])


def _check_length(line: str) -> None:
    if len(line.encode(errors="surrogatepass")) > MAX_LINE:
        raise Unprintable(
            line.strip(), f"a line of more than {MAX_LINE} bytes, indentation included, is split"
        )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("lvsctl"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - keepalived.conf is no HTML; every word is quoted by keepalived's rules
    )
    return environment.get_template("keepalived.conf.j2")
