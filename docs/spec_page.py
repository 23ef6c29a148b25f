"""The spec reference, from the models: every keyword with its type, its range and its description."""

from collections.abc import Iterator, Mapping
from typing import Any

from lvsctl.compose.schema import json_schema
from lvsctl.spec.base import Line, Model
from lvsctl.spec.describe import descriptions, models
from lvsctl.spec.layout import Field, fields
from lvsctl.spec.spec import Spec
from lvsctl.spec.synonyms import DEPRECATED, SYNONYMS

HEAD = """\
# The spec

One YAML (or JSON) file for the pair. Keywords are keepalived's own; where keepalived has two words for one thing the
spec has one, and says so. What is not written is not rendered: keepalived's defaults stay keepalived's.

Scalars mean what their field says: `on`, `010` and `12:30:45` are never turned into something else. Anchors and merge
keys work; duplicate keys, tags, and more than one document are refused. `per_node` holds, for each node, any part of
this file that is different there (JSON Merge Patch: mappings merge, `null` removes, everything else replaces).

A *line* takes keepalived's own notation (`10.0.0.100/24 dev eth0`) or a mapping of its parts.

This page is generated from the models by `make docs`.
"""


def page() -> str:
    """Answer the page."""
    schema = json_schema()
    parts = [HEAD, "## The file\n", *_table(Spec, schema), _per_node()]
    for name, model in models(Spec).items():
        if model is not Spec:
            definition = schema["$defs"].get(name, {})
            parts += [f"\n## {name}\n", _about(model), *_table(model, definition), *_others(name)]
    return "\n".join(parts).rstrip() + "\n"


def _per_node() -> str:
    return "| `per_node` | block per node | What differs per node, merged over the rest of the file. |"


def _about(model: type[Model]) -> str:
    first = (model.__doc__ or "").split("\n\n")[0].replace("\n", " ").strip()
    syntax = f"\n\n    {model.syntax}" if issubclass(model, Line) and model.syntax else ""
    return f"{first}{syntax}\n"


def _table(model: type[Model], schema: Mapping[str, Any]) -> Iterator[str]:
    texts = descriptions(model)
    yield "| keyword | value | |"
    yield "|---|---|---|"
    for key, field in fields(model).items():
        if (model.__name__, key) != ("Notify", "off"):
            required = " **required**" if key in _block(schema).get("required", ()) else ""
            yield f"| `{key}` | {_cell(_value(field, _block(schema)['properties'].get(key, {})))}{required} | {_cell(texts.get(key, ''))} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _others(name: str) -> Iterator[str]:
    for other, key in SYNONYMS.get(name, {}).items():
        yield f"\nkeepalived's `{other}` is `{key}` here."
    for other, advice in DEPRECATED.get(name, {}).items():
        yield f"\nkeepalived's `{other}` is deprecated: {advice}."


def _block(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Answer the part of *schema* that has properties: a block with a shorthand is one of two alternatives."""
    for choice in schema.get("anyOf", ()):
        if "properties" in choice:
            return choice  # type: ignore[no-any-return] # JSON
    return schema if "properties" in schema else {"properties": {}}


def _value(field: Field, schema: Mapping[str, Any]) -> str:
    one = _link(field.item) or _kind(schema, field)
    if field.mapping:
        return f"names, each with {one}"
    return f"list of {one}" if field.many else one


def _link(item: Any) -> str:
    if isinstance(item, type) and issubclass(item, Model):
        return f"[{item.__name__}](#{item.__name__.lower()})"
    return ""


def _kind(schema: Mapping[str, Any], field: Field) -> str:
    if field.many and "items" in schema:
        schema = schema["items"]
    if field.mapping and isinstance(schema.get("additionalProperties"), dict):
        schema = schema["additionalProperties"]
    choices = [each for each in schema.get("anyOf", (schema,)) if each.get("type") != "null"]
    return " or ".join(dict.fromkeys(map(_simple, choices))) or "text"


def _simple(schema: Mapping[str, Any]) -> str:
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{word}`" for word in schema.get("enum", [schema.get("const")]))
    if "minimum" in schema and "maximum" in schema:
        number = "number, " if schema.get("type") == "number" else ""
        return f"{number}{schema['minimum']:.15g} to {schema['maximum']:.15g}"
    if "items" in schema:
        return f"list of {_simple(schema['items'])}"
    kind = schema.get("format") or schema.get("type", "text")
    return _WORDS.get(str(kind), "text" if isinstance(kind, list) else str(kind))


_WORDS = {
    "string": "text",
    "array": "list",
    "object": "block",
    "boolean": "true or false",
    "ipv4": "IPv4 address",
    "ipv6": "IPv6 address",
}
