"""Rules about keywords: that the target has them, and that raw lines stay what they seem. LVS900 to LVS919."""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from lvsctl.compose.rules.rule import ERROR, Broken, Path, of_spec
from lvsctl.keepalived.extra import check_extra
from lvsctl.keepalived.grammar import Path as GrammarPath
from lvsctl.keepalived.grammar import Version, since, version
from lvsctl.spec.base import Line, Model
from lvsctl.spec.forms import Form
from lvsctl.spec.layout import fields
from lvsctl.spec.script import Script
from lvsctl.spec.spec import Spec

MODELS_ARE_OF: Version = (2, 2, 7)
"""No field of the spec is newer than this release (a test proves it), so for it and later ones there is nothing to look for."""
BLOCKS = (Form.BLOCK, Form.NAMED, Form.REPEAT, Form.SPLICE)


Visited = tuple[Model, Path, GrammarPath]
"""A block of the spec, where it is, and where its keywords are in the grammar."""


class _Inner(NamedTuple):
    """A field that holds blocks of keywords."""

    name: str
    key: str
    keyword: str
    many: bool


@of_spec(
    "LVS900",
    ERROR,
    "A raw line that keepalived would not take",
    reason="Lines under extra go into keepalived.conf; one that is no keyword of its block, or newer than the target, would be dropped or change what follows.",
    remedy="Correct the line, or raise target_version to what is installed on both nodes.",
)
def raw_lines(spec: Spec) -> Iterator[Broken]:
    """`extra` of every block."""
    target = version(spec.target_version)
    for block, path, grammar in visit(spec):
        if lines := block.__dict__.get("extra"):
            for line, message in check_extra(lines, grammar, target):
                yield Broken((*path, "extra", line), message)


@of_spec(
    "LVS901",
    ERROR,
    "A keyword newer than the target",
    reason="The keepalived of target_version does not know it: it complains, ignores the line, and what was to happen does not.",
    remedy="Raise target_version when both nodes have a newer keepalived, or leave the keyword out.",
)
def newer_keywords(spec: Spec) -> Iterator[Broken]:
    """Since when keepalived has each keyword comes from its own tables of 60 releases."""
    target = version(spec.target_version)
    if target >= MODELS_ARE_OF:
        return
    for block, path, grammar in visit(spec):
        for key in newer(type(block), grammar, target):
            if key in given(block):
                first = since((*grammar, fields(type(block))[key].keyword)) or target
                yield Broken(
                    (*path, key),
                    f"keepalived has {key} since {'.'.join(map(str, first))}, but target_version is {spec.target_version}",
                )


def given(block: Model) -> set[str]:
    """Answer the keys that were written in *block*."""
    return {key for key, field in fields(type(block)).items() if field.name in block.model_fields_set}


@cache
def newer(model: type[Model], grammar: GrammarPath, target: Version) -> tuple[str, ...]:
    """Answer the keys of *model* whose keywords came after *target*."""
    return tuple(
        key
        for key, field in fields(model).items()
        if field.form not in (Form.OWN, Form.SPLICE) and (since((*grammar, field.keyword)) or target) > target
    )


def visit(spec: Spec) -> Iterator[Visited]:
    """Yield every block of *spec*; checks that several real servers share only once."""
    return _visit(spec, (), (), set())


def _visit(block: Model, path: Path, grammar: GrammarPath, seen: set[int]) -> Iterator[Visited]:
    yield block, path, grammar
    written = block.__dict__
    for name, key, keyword, many in _inner(type(block)):
        value = written.get(name)
        if not value:
            continue
        inside = (*grammar, keyword) if keyword else grammar
        if not many:
            yield from _visit(value, (*path, key), inside, seen)
            continue
        for step, item in value.items() if isinstance(value, dict) else enumerate(value):
            if keyword:
                yield from _visit(item, (*path, key, step), inside, seen)
            elif id(item) not in seen:
                seen.add(id(item))
                yield from _visit(item, (*path, key, step), inside, seen)


@cache
def _inner(model: type[Model]) -> tuple[_Inner, ...]:
    """Answer the fields of *model* that hold blocks of keywords."""
    return tuple(
        _Inner(
            field.name,
            field.key,
            "" if field.form is Form.SPLICE else field.keyword,
            field.mapping or field.many,
        )
        for field in fields(model).values()
        if field.form in BLOCKS and _is_block(field.item)
    )


def _is_block(item: object) -> bool:
    return isinstance(item, type) and issubclass(item, Model) and not issubclass(item, (Line, Script))
