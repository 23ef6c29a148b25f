"""YAML's side of reading: libyaml's events, with every scalar as the text that was typed.

No tag is resolved, so ``on``, ``010``, ``12:30:45`` and ``1e3`` stay what they are; only a plain empty, ``~`` or
``null`` is None. Events are all that is taken from libyaml: its composer recurses in C.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml
from yaml.error import MarkedYAMLError
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from lvsctl.errors import Unavailable
from lvsctl.spec.paths import shown
from lvsctl.spec.reader.characters import unusual
from lvsctl.spec.reader.syntax import malformed
from lvsctl.spec.reader.tree import Tree

_SPECIAL = frozenset({"", "~", "null", "Null", "NULL", "<<"})
"""Plain scalars that are not text everywhere: YAML 1.1's nulls and its merge key."""

_TAG_DIRECTIVE = re.compile(r"^%TAG\b", re.MULTILINE)


def parse(text: str, tree: Tree) -> None:
    """Feed the one document in *text* to *tree*; raises Malformed where *text* stops being YAML."""
    if directive := _TAG_DIRECTIVE.search(text):  # libyaml's time grows with the square of their number
        raise tree.findings.failed(directive.start(), "%TAG is not supported: a spec has no tags")
    try:
        _feed(text, tree)
    except MarkedYAMLError as error:
        raise malformed(error, text) from error


def _feed(text: str, tree: Tree) -> None:
    documents = 0
    for event in _events(text):
        kind = type(event)
        if kind is ScalarEvent:
            _scalar(event, tree)
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            tree.close()
        elif kind is MappingStartEvent:
            _refuse_tag(event, tree)
            tree.open_mapping(event.start_mark.index, event.anchor)
        elif kind is SequenceStartEvent:
            _refuse_tag(event, tree)
            tree.open_list(event.start_mark.index, event.anchor)
        elif kind is AliasEvent:
            tree.alias(event.anchor, event.start_mark.index)
        elif kind is DocumentStartEvent:
            documents += 1
            if documents > 1:
                raise tree.findings.failed(
                    event.start_mark.index, "a second document begins here: expected one per file"
                )


def _events(text: str) -> Iterator[Any]:
    if not yaml.__with_libyaml__:
        raise Unavailable(
            "PyYAML was built without libyaml, which bounds the time a spec takes to read",
            hint="install your distribution's python3-yaml, or libyaml's headers before PyYAML is built",
        )
    return iter(yaml.CBaseLoader(text).get_event, None)


def _scalar(event: Any, tree: Tree) -> None:
    value = event.value
    offset = event.start_mark.index
    style = event.style
    if event.tag is not None:
        _refuse_tag(event, tree)
    elif not style and value in _SPECIAL:
        if value == "<<":
            tree.merge_key(offset)
            return
        value = None
    elif style == '"' and (found := unusual(value)):
        tree.fault(offset, found)
    tree.scalar(value, offset, event.anchor)


def _refuse_tag(event: Any, tree: Tree) -> None:
    if event.tag is not None:
        tag = event.tag.replace("tag:yaml.org,2002:", "!!")
        tree.fault(
            event.start_mark.index,
            f"the tag {shown(tag)} is not supported: what a value means follows from its key "
            "(text that begins with '!' needs quotes)",
        )
