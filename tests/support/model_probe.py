"""Walks the models of the spec: which keywords they cover, and where the ranges of their numbers end."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar, get_args, get_type_hints

from lvsctl.compose.write import Context, statements
from lvsctl.keepalived.config import Statement
from lvsctl.keepalived.grammar import grammar_of
from lvsctl.spec.base import Line, Model
from lvsctl.spec.forms import Form
from lvsctl.spec.layout import fields
from lvsctl.spec.synonyms import DEPRECATED, SYNONYMS
from lvsctl.spec.values import Fraction, Whole

TARGET = (2, 2, 7)

AnyModel = TypeVar("AnyModel", bound=Model)


def keywords_without_field(model: type[Model], *path: str) -> set[str]:
    """Answer the keywords that 2.2.7 has in the block at *path* and that the spec knows nothing of."""
    block = grammar_of(TARGET)
    for name in path:
        block = block.keywords[name]
    written = {field.keyword for field in fields(model).values()}
    return (
        set(block.keywords)
        - written
        - SYNONYMS.get(model.__name__, {}).keys()
        - DEPRECATED.get(model.__name__, {}).keys()
    )


def fields_without_keyword(model: type[Model], *path: str) -> set[str]:
    """Answer what the model would write into the block at *path* although 2.2.7 does not have it."""
    block = grammar_of(TARGET)
    for name in path:
        block = block.keywords[name]
    return {field.keyword for field in fields(model).values() if field.form is not Form.OWN} - set(
        block.keywords
    )


def written(block: Model, *path: str) -> tuple[Statement, ...]:
    """Answer the statements of *block* inside the block at *path*."""
    return tuple(statements(block, (), Context(path, TARGET)))


class Edge(NamedTuple):
    """A number of a block: where it is, and the first and last value that is accepted."""

    path: tuple[str, ...]
    low: Any
    high: Any
    step: Any


def edges(model: type[Model]) -> Iterator[Edge]:
    """Yield the numbers of *model*, those in its lines included."""
    hints = get_type_hints(model, include_extras=True)
    for field in fields(model).values():
        name = field.name
        if _is_line(field.item) and field.form is Form.LINE:
            yield from (edge._replace(path=(name, *edge.path)) for edge in edges(field.item))
        elif found := _range(hints[name]):
            step = 1 if isinstance(found, Whole) else Decimal(1).scaleb(-found.decimals)
            yield Edge((name,), found.low, found.high, step)


def replaced(block: AnyModel, path: tuple[str, ...], value: Any) -> AnyModel:
    """Answer *block* with another value at *path*, whatever the model says about it."""
    name, *inner = path
    if inner:
        value = replaced(getattr(block, name), tuple(inner), value)
    return block.model_copy(update={name: value})


def _range(hint: Any) -> Whole | Fraction | None:
    for part in getattr(hint, "__metadata__", ()):
        if isinstance(part, (Whole, Fraction)):
            return part
    return next((found for part in get_args(hint) if (found := _range(part))), None)


def _is_line(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Line)
