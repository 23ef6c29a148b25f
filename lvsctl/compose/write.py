"""Write a block of the spec as keepalived statements, by the marks its fields carry.

Generic: no keyword is named here. What a block means beyond its own fields (derived peers, the maintenance form,
hooks) is decided before, in :mod:`lvsctl.compose.config`. Every statement carries the path of the value it came
from, so that whatever is said about it later can point at the spec.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

from lvsctl.keepalived.config import Statement
from lvsctl.spec.base import Block, Line, Model, text
from lvsctl.spec.forms import Form
from lvsctl.spec.layout import fields
from lvsctl.spec.script import Script

Path = tuple[str | int, ...]
"""Where a value stands in the resolved spec: ``("virtual_servers", "web", "port")``."""

Writer = Callable[[Any, Path], list[Statement]]


class Column(NamedTuple):
    """One field of a block, ready to be written."""

    name: str
    write: Writer


def statements(block: Model, path: Path = ()) -> list[Statement]:
    """Answer the statements inside *block*: those of the fields that were set, in the order of its class."""
    given = block.model_fields_set
    written: list[Statement] = []
    for name, write in columns(type(block)):
        if name in given and (value := getattr(block, name)) is not None:
            written += write(value, (*path, name))
    return written


@cache
def columns(model: type[Model]) -> tuple[Column, ...]:
    """Answer the fields of *model* that keepalived sees, each with its writer."""
    return tuple(
        Column(field.name, partial(_WRITERS[field.form], field.keyword))
        for field in fields(model).values()
        if field.form is not Form.OWN
    )


def words_of(value: object) -> tuple[str, ...]:
    """Answer the words that a value takes on its line."""
    return value.words() if isinstance(value, (Line, Script)) else (text(value),)


def _word(keyword: str, value: object, path: Path) -> list[Statement]:
    return [Statement((keyword, *words_of(value)), None, path)]


def _flag(keyword: str, value: bool, path: Path) -> list[Statement]:  # noqa: FBT001 - the value itself
    return [Statement((keyword,), None, path)] if value else []


def _words(keyword: str, value: tuple[object, ...], path: Path) -> list[Statement]:
    return (
        [Statement((keyword, *(word for item in value for word in words_of(item))), None, path)]
        if value
        else []
    )


def _block(keyword: str, value: Block, path: Path) -> list[Statement]:
    return [Statement((keyword,), tuple(statements(value, path)), path)]


def _body(keyword: str, value: tuple[object, ...], path: Path) -> list[Statement]:
    items = tuple(Statement(words_of(item), None, (*path, index)) for index, item in enumerate(value))
    return [Statement((keyword,), items, path)] if items else []


def _repeat(keyword: str, value: tuple[object, ...], path: Path) -> list[Statement]:
    return [
        statement for index, item in enumerate(value) for statement in _once(keyword, item, (*path, index))
    ]


def _once(keyword: str, item: object, path: Path) -> list[Statement]:
    return _block(keyword, item, path) if isinstance(item, Block) else _word(keyword, item, path)


def _named(keyword: str, value: dict[str, Block], path: Path) -> list[Statement]:
    return [
        Statement((keyword, name), tuple(statements(block, (*path, name))), (*path, name))
        for name, block in value.items()
    ]


def _splice(_keyword: str, value: tuple[Block, ...], path: Path) -> list[Statement]:
    return [statement for index, item in enumerate(value) for statement in statements(item, (*path, index))]


_WRITERS: dict[Form, Callable[[str, Any, Path], list[Statement]]] = {
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
