"""Say what is wrong with a spec in the operator's words: pydantic's findings become faults with positions."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from lvsctl.errors import Fault, Place
from lvsctl.spec.base import Line, Model
from lvsctl.spec.layout import fields
from lvsctl.spec.paths import dotted, shown
from lvsctl.spec.suggest import suggest
from lvsctl.spec.synonyms import instead_of

Path = tuple[str | int, ...]

_SHAPES = {
    "model_type": "a block of keywords",
    "model_attributes_type": "a block of keywords",
    "dict_type": "a block of names, each with a block below it",
    "tuple_type": "a list",
    "list_type": "a list",
}


class Locator(Protocol):
    """What a fault needs to know of the document: where a path stands in the text."""

    def place(self, path: Sequence[str | int], *, key: bool = False) -> Place:
        """Answer the position of the value at *path*, or of its key; of the nearest ancestor when it is absent."""
        ...


def faults(error: ValidationError, model: type[Model], locator: Locator) -> Iterator[Fault]:
    """Yield one fault per finding of pydantic, in the words of the spec."""
    for finding in error.errors(include_url=False):
        path = tuple(finding["loc"])
        is_key = finding["type"] == "extra_forbidden"
        yield Fault(locator.place(path, key=is_key), dotted(path), _message(finding, model, path))


def _message(finding: ErrorDetails, model: type[Model], path: Path) -> str:
    match finding["type"]:
        case "extra_forbidden":
            return _unknown(model, path)
        case "missing":
            return f"{path[-1]} is missing: {_purpose(model, path)}"
        case "value_error":
            return str(finding["ctx"]["error"])
        case kind if shape := _SHAPES.get(kind):
            return f"expected {shape}, {_found(finding['input'])}"
        case _:
            return finding["msg"]


def _found(value: Any) -> str:
    if value is None:
        return "but nothing is written here"
    if isinstance(value, (dict, list)):
        return "not a block" if isinstance(value, dict) else "not a list"
    return f"not {shown(str(value))}"


def _unknown(model: type[Model], path: Path) -> str:
    word = str(path[-1])
    owner = _owner(model, path[:-1])
    if owner is None:
        return f"unknown keyword {shown(word)}"
    if advice := instead_of(owner.__name__, word):
        return advice
    known = [name for name in fields(owner) if name != "extra"]
    near = suggest(word, known)
    return f"unknown keyword {shown(word)}" + (
        f"; did you mean {near!r}?" if near else f"; expected one of {_some(known)}"
    )


def _some(known: list[str]) -> str:
    shown = 12
    return ", ".join(known[:shown]) + (", …" if len(known) > shown else "")


def _purpose(model: type[Model], path: Path) -> str:
    owner = _owner(model, path[:-1])
    if owner is not None and issubclass(owner, Line) and owner.syntax:
        return f"expected {owner.syntax}"
    return "this block cannot do without it"


def _owner(model: type[Model], path: Path) -> type[Model] | None:
    """Answer the class of the block at *path*: indices and names of a mapping do not change the class."""
    current: Any = model
    waiting = False
    for part in path:
        if isinstance(part, int):
            continue
        if waiting:
            waiting = False
            continue
        field = fields(current).get(part) if _is_model(current) else None
        if field is None:
            return None
        current, waiting = field.item, field.mapping
    return current if _is_model(current) else None


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Model)
