"""Put the keys of imported blocks into the order in which people read them, and leave out what is empty."""

from typing import Any

from lvsctl.spec.base import Model
from lvsctl.spec.forms import Form
from lvsctl.spec.layout import Field, fields
from lvsctl.spec.merge import PER_NODE
from lvsctl.spec.spec import Spec

Data = dict[str, Any]

LAST = ("checks", "real_servers", "extra")
FIRST = ("nodes", PER_NODE)


def arrange(data: Data) -> Data:
    """Answer the same spec: blocks in the order of their models, `per_node` behind `nodes`."""
    rest = _block(data, Spec)
    if PER_NODE in data:
        rest[PER_NODE] = {node: _block(own, Spec) for node, own in data[PER_NODE].items()}
    return {key: rest[key] for key in (*FIRST, *rest) if key in rest}


def _block(data: Data, model: type[Model]) -> Data:
    known = fields(model)
    ordered = [key for key in known if key not in LAST]
    keys = [key for key in (*ordered, *(key for key in data if key not in known), *LAST) if key in data]
    arranged = {key: _value(data[key], known[key]) if key in known else data[key] for key in keys}
    return {key: value for key, value in arranged.items() if value != []}


def _value(value: Any, field: Field) -> Any:
    if not (isinstance(field.item, type) and issubclass(field.item, Model)) or field.form is Form.OWN:
        return value
    if field.form is Form.NAMED:
        return {name: _each(entry, field.item) for name, entry in value.items()}
    return (
        [_each(entry, field.item) for entry in value] if isinstance(value, list) else _each(value, field.item)
    )


def _each(value: Any, model: type[Model]) -> Any:
    return _block(value, model) if isinstance(value, dict) else value
