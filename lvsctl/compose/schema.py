"""The JSON Schema of the spec, for editors: generated from the models, so it cannot say anything else than they do."""

from typing import Any

from lvsctl.spec.base import Model
from lvsctl.spec.describe import descriptions, models
from lvsctl.spec.spec import Spec

DRAFT = "https://json-schema.org/draft/2020-12/schema"
IDENTITY = "https://lvsctl.example.org/lvs.schema.json"

JsonSchema = dict[str, Any]


def json_schema() -> JsonSchema:
    """Answer the schema (draft 2020-12) of the file an operator writes, with a description of every keyword."""
    schema = Spec.model_json_schema(by_alias=True)
    definitions: JsonSchema = schema.get("$defs", {})
    for name, model in models(Spec).items():
        _describe(schema if model is Spec else definitions.get(name, {}), model)
    schema["properties"]["per_node"] = _per_node()
    schema["title"] = "lvsctl spec"
    definitions["Notify"] = _without_off(definitions["Notify"])
    return {"$schema": DRAFT, "$id": IDENTITY, **schema, "$defs": dict(sorted(definitions.items()))}


def _describe(schema: JsonSchema, model: type[Model]) -> None:
    for block in (schema, *schema.get("anyOf", ())):
        properties = block.get("properties", {})
        for key, text in descriptions(model).items():
            if key in properties:
                properties[key]["description"] = text
                properties[key].pop("title", None)


def _per_node() -> JsonSchema:
    return {
        "type": "object",
        "description": "What differs per node: for each node, any part of this file, merged over the rest. null removes a key.",
        "additionalProperties": {"type": "object"},
    }


def _without_off(schema: JsonSchema) -> JsonSchema:
    """`off` is how `notify: none` is remembered, nothing that can be written."""
    for block in schema.get("anyOf", ()):
        block.get("properties", {}).pop("off", None)
    return schema
