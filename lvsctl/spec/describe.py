"""The descriptions of the models' fields: the text under each field, read from the source when somebody asks.

Reading them while the models are made (pydantic's use_attribute_docstrings) would cost every start of lvsctl what
only the schema and the reference need.
"""

import ast
import inspect
from functools import cache
from itertools import pairwise
from typing import Any

from lvsctl.spec.base import Model
from lvsctl.spec.layout import fields


@cache
def descriptions(model: type[Model]) -> dict[str, str]:
    """Answer the description of every field of *model* by its key in the spec."""
    written: dict[str, str] = {}
    for owner in reversed(model.__mro__):
        if issubclass(owner, Model):
            written |= _in_source(owner)
    return {key: written[field.name] for key, field in fields(model).items() if field.name in written}


def models(root: type[Model]) -> dict[str, type[Model]]:
    """Answer every model that *root* is made of, itself first, by class name."""
    found: dict[str, type[Model]] = {}
    waiting: list[Any] = [root]
    while waiting:
        model = waiting.pop(0)
        if isinstance(model, type) and issubclass(model, Model) and model.__name__ not in found:
            found[model.__name__] = model
            waiting += [field.item for field in fields(model).values()]
    return found


@cache
def _classes(module: Any) -> dict[str, ast.ClassDef]:
    tree = ast.parse(inspect.getsource(module))
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def _in_source(model: type[Model]) -> dict[str, str]:
    node = _classes(inspect.getmodule(model)).get(model.__name__)
    body = node.body if node else []
    return {
        field.target.id: inspect.cleandoc(text.value.value)
        for field, text in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }
