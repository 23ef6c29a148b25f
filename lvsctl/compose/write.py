"""Write a block of the spec as keepalived statements, by the marks its fields carry.

Generic: no keyword is named here. What a block means beyond its own fields (derived peers, the maintenance form,
hooks) is decided before. Every statement carries the path of the value it came from, so that whatever is said
about it later can point at the spec.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

from lvsctl.keepalived.config import Statement
from lvsctl.keepalived.extra import read_extra
from lvsctl.keepalived.grammar import Path as GrammarPath
from lvsctl.keepalived.grammar import Version
from lvsctl.keepalived.print import include
from lvsctl.spec.authentication import SecretFile
from lvsctl.spec.base import Extensible, Line, Model, text
from lvsctl.spec.forms import Form
from lvsctl.spec.layout import fields
from lvsctl.spec.real_server import RealServer
from lvsctl.spec.script import Script
from lvsctl.spec.virtual_server import VirtualServer

Path = tuple[str | int, ...]
"""Where a value stands in the resolved spec: ``("virtual_servers", "web", "port")``."""


class Context(NamedTuple):
    """Where a block is being written to."""

    grammar: GrammarPath
    """The keywords of the blocks around it, which decide what raw lines may say."""
    target: Version
    """The keepalived that will read it."""

    def inside(self, keyword: str) -> "Context":
        """Answer the context of the block that *keyword* opens here."""
        return Context((*self.grammar, keyword), self.target)


class Column(NamedTuple):
    """One field of a block, ready to be written."""

    name: str
    key: str
    write: Callable[[Any, Path, Context], list[Statement]]


def statements(block: Model, path: Path, context: Context) -> list[Statement]:
    """Answer the statements inside *block*: those of the fields that were set, in the order of its class."""
    given = block.model_fields_set
    written = [Statement(words, None, path) for words in block.always]
    for name, key, write in columns(type(block)):
        if name in given and (value := getattr(block, name)) is not None:
            written += write(value, (*path, key), context)
    if isinstance(block, Extensible) and block.extra:
        written += read_extra(block.extra, context.grammar, context.target, (*path, "extra")).statements
    return written


@cache
def columns(model: type[Model]) -> tuple[Column, ...]:
    """Answer the fields of *model* that keepalived sees, each with its writer."""
    return tuple(
        Column(field.name, field.key, partial(_WRITERS[field.form], field.keyword))
        for field in fields(model).values()
        if field.form is not Form.OWN
    )


def head_of(block: Model) -> tuple[str, ...]:
    """Answer the words between the keyword of *block* and its brace, where they are fields of its own."""
    return block.head() if isinstance(block, (VirtualServer, RealServer)) else ()


def words_of(value: object) -> tuple[str, ...]:
    """Answer the words that a value takes on its line."""
    return value.words() if isinstance(value, (Line, Script)) else (text(value),)


def _word(keyword: str, value: object, path: Path, _context: Context) -> list[Statement]:
    if isinstance(value, SecretFile):
        return [include(value.file, path)]
    return [Statement((keyword, *words_of(value)), None, path)]


def _flag(keyword: str, value: object, path: Path, _context: Context) -> list[Statement]:
    return [Statement((keyword,), None, path)] if value else []


def _words(keyword: str, value: tuple[object, ...], path: Path, _context: Context) -> list[Statement]:
    return (
        [Statement((keyword, *(word for item in value for word in words_of(item))), None, path)]
        if value
        else []
    )


def _block(keyword: str, value: Model, path: Path, context: Context) -> list[Statement]:
    head = head_of(value)
    return [Statement((keyword, *head), tuple(statements(value, path, context.inside(keyword))), path)]


def _body(keyword: str, value: tuple[object, ...], path: Path, _context: Context) -> list[Statement]:
    return [Statement((keyword,), _items(value, path), path)] if value else []


def _items(value: tuple[object, ...], path: Path) -> tuple[Statement, ...]:
    return tuple(Statement(words_of(item), None, (*path, index)) for index, item in enumerate(value))


def _repeat(keyword: str, value: tuple[object, ...], path: Path, context: Context) -> list[Statement]:
    return [
        statement
        for index, item in enumerate(value)
        for statement in _once(keyword, item, (*path, index), context)
    ]


def _once(keyword: str, item: object, path: Path, context: Context) -> list[Statement]:
    if isinstance(item, Model) and not isinstance(item, (Line, Script)):
        return _block(keyword, item, path, context)
    return _word(keyword, item, path, context)


def _named(
    keyword: str, value: dict[str, Model | tuple[object, ...]], path: Path, context: Context
) -> list[Statement]:
    return [_named_block(keyword, name, block, (*path, name), context) for name, block in value.items()]


def _named_block(
    keyword: str, name: str, block: Model | tuple[object, ...], path: Path, context: Context
) -> Statement:
    if isinstance(block, tuple):
        return Statement((keyword, name), _items(block, path), path)
    head = head_of(block) or (name,)
    return Statement((keyword, *head), tuple(statements(block, path, context.inside(keyword))), path)


def _splice(_keyword: str, value: tuple[Model, ...], path: Path, context: Context) -> list[Statement]:
    return [
        statement
        for index, item in enumerate(value)
        for statement in statements(item, (*path, index), context)
    ]


_WRITERS: dict[Form, Callable[[str, Any, Path, Context], list[Statement]]] = {
    Form.WORD: _word,
    Form.LINE: _word,
    Form.FLAG: _flag,
    Form.SWITCH: _word,
    Form.WORDS: _words,
    Form.BLOCK: _block,
    Form.BODY: _body,
    Form.REPEAT: _repeat,
    Form.NAMED: _named,
    Form.SPLICE: _splice,
}
