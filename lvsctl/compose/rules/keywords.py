"""Rules about keywords: that the target has them, and that raw lines stay what they seem. LVS900 to LVS919."""

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from lvsctl.compose.rules.rule import ERROR, Broken, Path, of_spec
from lvsctl.keepalived.extra import check_extra
from lvsctl.keepalived.grammar import Path as GrammarPath
from lvsctl.keepalived.grammar import Version, since, version
from lvsctl.spec.base import Extensible, Line, Model
from lvsctl.spec.forms import Form
from lvsctl.spec.layout import fields
from lvsctl.spec.script import Script
from lvsctl.spec.spec import Spec

MODELS_ARE_OF: Version = (2, 2, 7)
"""No field of the spec is newer than this release (a test proves it), so for it and later ones there is nothing to look for."""
BLOCKS = (Form.BLOCK, Form.NAMED, Form.REPEAT, Form.SPLICE)


class Visited(NamedTuple):
    """A block of the spec, where it is, and where its keywords are in the grammar."""

    block: Model
    path: Path
    grammar: GrammarPath


class _Inner(NamedTuple):
    name: str
    key: str
    keyword: str
    mapping: bool
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
        if isinstance(block, Extensible | Spec) and block.extra:
            for line, message in check_extra(block.extra, grammar, target):
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
    """Yield every block of *spec* once, also where several real servers share it."""
    waiting = [Visited(spec, (), ())]
    seen: set[int] = set()
    while waiting:
        here = waiting.pop()
        yield here
        for inner in _inner(type(here.block)):
            value = here.block.__dict__.get(inner.name)
            if not value:
                continue
            grammar = (*here.grammar, inner.keyword) if inner.keyword else here.grammar
            for step, block in _items(value, inner):
                if isinstance(block, Model) and id(block) not in seen:
                    seen.add(id(block))
                    waiting.append(Visited(block, (*here.path, inner.key, *step), grammar))


def _items(value: Any, inner: _Inner) -> Iterator[tuple[Path, object]]:
    if inner.mapping:
        return (((name,), block) for name, block in value.items())
    if inner.many:
        return (((index,), block) for index, block in enumerate(value))
    return iter((((), value),))


@cache
def _inner(model: type[Model]) -> tuple[_Inner, ...]:
    """Answer the fields of *model* that hold blocks of keywords."""
    return tuple(
        _Inner(
            field.name,
            field.key,
            "" if field.form is Form.SPLICE else field.keyword,
            field.mapping,
            field.many,
        )
        for field in fields(model).values()
        if field.form in BLOCKS
        and isinstance(field.item, type)
        and issubclass(field.item, Model)
        and not issubclass(field.item, (Line, Script))
    )
