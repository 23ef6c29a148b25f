"""Write a block of the spec as keepalived statements, by the marks its fields carry.

Generic: no keyword is named here. What a block means beyond its own fields (derived peers, the maintenance form,
hooks) is decided before. Every statement carries the path of the value it came from, so that whatever is said
about it later can point at the spec.
"""

from collections.abc import Callable
from functools import cache, lru_cache, partial
from typing import Any, NamedTuple

from lvsctl.keepalived.config import Statement
from lvsctl.keepalived.extra import read_extra
from lvsctl.keepalived.grammar import Path as GrammarPath
from lvsctl.keepalived.grammar import Version
from lvsctl.keepalived.print import Unprintable, include
from lvsctl.spec.authentication import SecretFile
from lvsctl.spec.base import Extensible, Line, Model, text
from lvsctl.spec.forms import Form
from lvsctl.spec.layout import fields
from lvsctl.spec.real_server import RealServer
from lvsctl.spec.script import Script
from lvsctl.spec.virtual_server import VirtualServer

Path = tuple[str | int, ...]
"""Where a value stands in the resolved spec: ``("virtual_servers", "web", "port")``."""


class Context:
    """Where a block is being written to: the blocks around it, and what was written before."""

    __slots__ = ("_inside", "grammar", "shared", "target")

    def __init__(self, grammar: GrammarPath, target: Version, shared: "Shared | None" = None) -> None:
        self.target = target
        """The keepalived that will read it."""
        self.grammar = grammar
        """The keywords of the blocks around it, which decide what raw lines may say."""
        self.shared: Shared = {} if shared is None else shared
        """Items that stand in many blocks, by identity: a service's checks stand in every real server."""
        self._inside: dict[str, Context] = {}

    def inside(self, keyword: str) -> "Context":
        """Answer the context of the block that *keyword* opens here."""
        if (known := self._inside.get(keyword)) is None:
            known = self._inside[keyword] = Context((*self.grammar, keyword), self.target, self.shared)
        return known


Shared = dict[int, tuple[Model, list[Statement]]]


class Column(NamedTuple):
    """One field of a block, ready to be written."""

    order: int
    name: str
    key: str
    write: Callable[[Any, Path, Context], list[Statement]]


def statements(block: Model, path: Path, context: Context) -> list[Statement]:
    """Answer the statements inside *block*: those of the fields that were set, in the order of its class.

    Raises Unprintable for raw lines that are none.
    """
    given = block.model_fields_set
    written = [Statement(words, None, path) for words in block.always] if block.always else []
    for _, name, key, write in _chosen(type(block), frozenset(given)):
        if (value := getattr(block, name)) is not None:
            written += write(value, (*path, key), context)
    if "extra" in given and isinstance(block, Extensible):
        written += _raw(block.extra, (*path, "extra"), context)
    return written


def _raw(lines: tuple[str, ...], path: Path, context: Context) -> tuple[Statement, ...]:
    """Answer the statements of raw lines; raise Unprintable for those that say something else than a statement."""
    found = read_extra(lines, context.grammar, context.target, path)
    refused = tuple(Unprintable(lines[line], why, (*path, line)) for line, why in found.problems)
    if refused:
        refused[0].all = refused
        raise refused[0]
    return found.statements


@lru_cache(maxsize=4096)
def _chosen(model: type[Model], given: frozenset[str]) -> tuple[Column, ...]:
    """Answer the columns of the fields *given*, in order: few of a class's many are set, and the same ones again."""
    known = columns(model)
    return tuple(sorted(known[name] for name in given if name in known))


@cache
def columns(model: type[Model]) -> dict[str, Column]:
    """Answer the fields of *model* that keepalived sees, by name, each with its writer."""
    return {
        field.name: Column(order, field.name, field.key, partial(_WRITERS[field.form], field.keyword))
        for order, field in enumerate(fields(model).values())
        if field.form is not Form.OWN
    }


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
    written: list[Statement] = []
    for index, item in enumerate(value):
        _, found = context.shared.get(id(item), (item, None))
        if found is None:
            found = statements(item, (*path, index), context)
            context.shared[id(item)] = (item, found)
        written += found
    return written


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
