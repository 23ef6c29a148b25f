"""Write the raw data of a spec as YAML that people like to read: blocks in order, short things on one line."""

from typing import Any

import yaml

from lvsctl.compose.adopt.reading import Plain
from lvsctl.spec.checks import Check
from lvsctl.spec.layout import fields

WIDTH = 110
SHORT = 88
"""A block this short, in characters, stands on one line."""

FLOW_DEPTH = 3

CHECKS = fields(Check).keys()
"""Blocks that may stand on one line with what is in them."""


class _Dumper(yaml.SafeDumper):
    """PyYAML's emitter, with lists indented below their key and no anchors."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - PyYAML's signature
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


def _plain(dumper: yaml.SafeDumper, value: Plain) -> yaml.Node:
    tag = dumper.resolve(yaml.ScalarNode, str(value), (True, False))  # type: ignore[no-untyped-call] # types-PyYAML
    return dumper.represent_scalar(tag, str(value))


def _mapping(dumper: yaml.SafeDumper, value: dict[str, Any]) -> yaml.Node:
    return dumper.represent_mapping("tag:yaml.org,2002:map", value.items(), flow_style=fits_on_a_line(value))


def _sequence(dumper: yaml.SafeDumper, value: list[Any]) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=fits_on_a_line(value))


_Dumper.add_representer(Plain, _plain)
_Dumper.add_representer(dict, _mapping)
_Dumper.add_representer(list, _sequence)


def fits_on_a_line(value: dict[str, Any] | list[Any]) -> bool:
    """Answer whether *value* is short and flat enough for one line.

    Blocks with names stand below each other, and so do several blocks of a list; a health check may stand on one
    line with what is in it.
    """
    if isinstance(value, dict):
        flat = all(not isinstance(each, dict) or name in CHECKS for name, each in value.items())
    else:
        flat = sum(isinstance(each, dict) for each in value) <= 1
    return flat and _depth(value) <= FLOW_DEPTH and len(str(value)) <= SHORT


def _depth(value: Any) -> int:
    if isinstance(value, (dict, list)):
        inner = value.values() if isinstance(value, dict) else value
        return 1 + max(map(_depth, inner), default=0)
    return 0


def yaml_text(data: dict[str, Any]) -> str:
    """Answer *data* as YAML, a blank line between its top-level blocks."""
    blocks = [_dump({key: value}) for key, value in data.items()]
    return "\n".join(blocks)


def _dump(data: dict[str, Any]) -> str:
    text: str = yaml.dump(
        _Block(data),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=WIDTH,
        default_flow_style=False,
    )
    return text


class _Block(dict[str, Any]):
    """A mapping that never stands on one line."""


def _block(dumper: yaml.SafeDumper, value: "_Block") -> yaml.Node:
    return dumper.represent_mapping("tag:yaml.org,2002:map", value.items(), flow_style=False)


_Dumper.add_representer(_Block, _block)
