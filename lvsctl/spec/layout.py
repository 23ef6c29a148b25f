"""How the fields of a model are written, looked up once per class: the marks of :mod:`lvsctl.spec.forms`, resolved."""

from functools import cache
from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from lvsctl.spec.base import Line, Model
from lvsctl.spec.forms import Form, Positioned, Written


class Field(NamedTuple):
    """One field of a model, from all three sides: Python, the spec, keepalived.conf."""

    name: str
    """The attribute in Python."""
    key: str
    """The key in the spec: the same, but for keywords with a hyphen or a dot."""
    keyword: str
    """The keyword it is written under in keepalived.conf."""
    form: Form
    item: Any
    """The class of the block or line, of one item of a list, or of one entry of a mapping; else the value's type."""
    mapping: bool
    """Whether the value is a mapping from names to items."""
    many: bool
    """Whether the value is a list of items."""


@cache
def fields(model: type[Model]) -> dict[str, Field]:
    """Answer the fields of *model* by their keys in the spec, in the order in which keepalived needs them."""
    hints = get_type_hints(model, include_extras=True)
    found = (_field(name, info.alias or name, hints[name]) for name, info in model.model_fields.items())
    return {field.key: field for field in found}


def _field(name: str, key: str, hint: Any) -> Field:
    bare, marks = _unwrap(hint)
    written = next((mark for mark in marks if isinstance(mark, Written)), None)
    origin = get_origin(bare)
    item = _item(bare)
    placed = any(isinstance(mark, Positioned) for mark in marks)
    form = written.form if written else Form.WORD if placed else _form(item, bare)
    return Field(
        name, key, (written.keyword if written else "") or key, form, item, origin is dict, origin is tuple
    )


def _unwrap(hint: Any) -> tuple[Any, tuple[object, ...]]:
    """Strip ``| None`` and Annotated; answer the type and the marks found on the way."""
    marks: tuple[object, ...] = ()
    while True:
        if get_origin(hint) is Annotated:
            hint, *found = get_args(hint)
            marks += tuple(found)
        elif get_origin(hint) in (Union, UnionType) and len(some := _not_none(hint)) == 1:
            hint = some[0]
        else:
            return hint, marks


def _not_none(hint: Any) -> list[Any]:
    return [choice for choice in get_args(hint) if choice is not type(None)]


def _item(bare: Any) -> Any:
    if get_origin(bare) is tuple:
        return _unwrap(get_args(bare)[0])[0]
    if get_origin(bare) is dict:
        return _item(_unwrap(get_args(bare)[1])[0])
    return bare


def _form(item: Any, bare: Any) -> Form:
    if bare is bool or get_origin(bare) in (tuple, dict):
        return Form.UNMARKED
    if isinstance(item, type) and issubclass(item, Line):
        return Form.LINE
    if isinstance(item, type) and issubclass(item, Model) and not hasattr(item, "words"):
        return Form.BLOCK
    return Form.WORD
