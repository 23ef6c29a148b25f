"""No value of the spec can add a statement to keepalived.conf, hide one or end a block: shown for every place there is.

Each payload is written into every slot (:mod:`tests.support.injection`). It is refused where it stands, or what is
rendered reads back as exactly the tree that was composed: with our parser for all of them, with the real keepalived
for all that are accepted, many to a file. There an unknown keyword follows each, and it has to complain of all of
these, of nothing else of the kind, each on its line: a brace too many or too few would show.
"""

import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import pytest

from lvsctl.compose.render import Rendered, render
from lvsctl.errors import Fault, SpecInvalid
from lvsctl.keepalived.config import Config, Statement, meaning
from lvsctl.keepalived.judge import Invalid, judge
from lvsctl.keepalived.parse import Found, Options, parse
from lvsctl.keepalived.quote import Directive
from lvsctl.keepalived.surroundings import Surroundings
from lvsctl.spec.base import Line, Model
from lvsctl.spec.describe import models
from lvsctl.spec.document import Document, read
from lvsctl.spec.layout import fields
from lvsctl.spec.load import load
from lvsctl.spec.spec import Spec
from tests.support.conf_probe import require_keepalived
from tests.support.injection import BENIGN, NEVER, PAYLOADS, Path, Slot, slots
from tests.support.strategies import yaml

SLOTS = {str(slot): slot for slot in slots()}
NO_KEYWORD = {("Notify", "off")}
"""Fields that nobody can write."""

FEW = 30
"""Payloads that go through one test, for a sensible number of tests."""


TAKEN: dict[str, dict[str, tuple[Rendered, ...]]] = {}
"""What was accepted so far, and rendered to: by text, then by slot."""


class Probe(NamedTuple):
    """What came of one text in one slot."""

    document: Document
    path: Path
    rendered: tuple[Rendered, ...] = ()
    """One per node, when it was accepted."""
    faults: tuple[Fault, ...] = ()


def probe(slot: Slot, text: str) -> Probe | None:
    """Write *text* into *slot*; None when the file itself cannot be read."""
    data, path = slot.spec(text)
    try:
        document = read(yaml(data), file="lvs.yaml")
    except SpecInvalid:
        return None
    try:
        declared = load(document)
        files = tuple(render(declared, node) for node in declared.specs)
    except SpecInvalid as refusal:
        return Probe(document, path, faults=refusal.faults)
    TAKEN.setdefault(text, {})[str(slot)] = files
    return Probe(document, path, files)


def shape(config: Config) -> list[Any]:
    """Answer how many statements stand in which block, whatever they say."""
    return [None if body is None else shape(body) for _, body, _ in config]


def secret(name: str, _folder: str) -> Sequence[Found]:
    return (Found(name, ""),)


def without_includes(config: Config) -> Config:
    """Take out the one directive that lvsctl writes itself, for a password in a file of its own."""
    return tuple(
        Statement(words, None if body is None else without_includes(body))
        for words, body, _ in config
        if not isinstance(words[0], Directive)
    )


@cache
def benign(slot: Slot) -> tuple[str, Probe]:
    """Answer the first harmless text that *slot* takes."""
    for text in BENIGN:
        found = probe(slot, text)
        if found is not None and found.rendered:
            return text, found
    pytest.fail(f"{slot} takes nothing")


def test_the_walk_finds_every_field_that_takes_text() -> None:
    found = {(slot.model, slot.field) for slot in SLOTS.values()}
    for name, model in models(Spec).items():
        for key, field in fields(model).items():
            block = (
                isinstance(field.item, type)
                and issubclass(field.item, Model)
                and not issubclass(field.item, Line)
            )
            only_blocks = block and not field.mapping and not hasattr(field.item, "words")
            assert only_blocks or (name, key) in found or (name, key) in NO_KEYWORD, f"{name}.{key}"
    assert ("Spec", "vrrp_instances") in found, "names of blocks"
    assert ("Script", "command") in found, "arguments"
    assert ("GlobalDefs", "notification_email") in found, "items of lists"


@pytest.mark.parametrize("name", sorted(SLOTS.keys() - NEVER))
def test_every_place_takes_something(name: str) -> None:
    assert benign(SLOTS[name])


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: ascii(payload[:FEW]))
def test_no_text_adds_or_loses_a_statement(payload: str) -> None:
    for name, slot in SLOTS.items():
        found = probe(slot, payload)
        if found is None or name in NEVER:
            continue
        if found.faults:
            assert any(_is_at(fault, found) for fault in found.faults), (name, found.faults)
        for each in found.rendered:
            again = parse(each.text, options=Options(reader=secret))
            assert meaning(again.config) == without_includes(each.config), name
            assert not again.notes, name
            assert shape(each.config) in [shape(other.config) for other in benign(slot)[1].rendered], name


def _is_at(fault: Fault, found: Probe) -> bool:
    """Answer whether *fault* has the position of the value, its key, or the line or block that it makes impossible."""
    depths = range(len(found.path), 0, -1)
    places = [found.document.place(found.path[:depth], key=key) for depth in depths for key in (False, True)]
    return fault.place in places and fault.place.line > 0


# --- the real keepalived


SENTINEL = "lvsctl_sentinel"
PROBES_PER_FILE = 400
NOT_BUILT = "vrrp_ipsets"
"""A keyword that Debian's keepalived is built without."""

ONLY_ONCE = "net_namespace_ipvs"
"""A keyword whose second appearance has to have a value, though the first need not."""

_UNKNOWN = re.compile(r"Unknown keyword '(.*)'")
_STRUCTURE = re.compile(
    r"Extra '\}'|There are \d+ missing|[Uu]nmatched quote|too long|missing a parameter|include file"
)


def accepted() -> Iterator[Rendered]:
    """Yield what every payload renders to in every slot that takes it."""
    for payload in PAYLOADS:
        if payload not in TAKEN:
            for slot in SLOTS.values():
                probe(slot, payload)
        for name, files in TAKEN.get(payload, {}).items():
            if ONLY_ONCE not in name and files[0].config and not lacks_backend(files[0]):
                yield files[0]


def lacks_backend(each: Rendered) -> bool:
    """Answer whether there is a local sorry server without nodes: rule LVS203 keeps that from being written."""
    return "\n    sorry_server\n" in each.text


def batches() -> Iterator[Sequence[Rendered]]:
    """Yield all of these in parts that make a file of a sensible size."""
    every = list(accepted())
    assert len(every) > len(SLOTS)
    return (every[start : start + PROBES_PER_FILE] for start in range(0, len(every), PROBES_PER_FILE))


@pytest.mark.keepalived
def test_the_real_keepalived_finds_no_statement_that_was_not_written() -> None:
    require_keepalived()
    for batch in batches():
        text, sentinels = "", {}
        for number, each in enumerate(batch):
            text += f"{each.text}{SENTINEL}_{number}\n"
            sentinels[text.count("\n")] = number
        verdict = judge(text, node="lb", surroundings=Surroundings(), timeout=120)
        assert isinstance(verdict, Invalid), verdict
        unknown = {each.line: found[1] for each in verdict.messages if (found := _UNKNOWN.match(each.text))}
        unknown = {line: word for line, word in unknown.items() if word != NOT_BUILT}
        assert unknown == {line: f"{SENTINEL}_{number}" for line, number in sentinels.items()}
        assert [str(each) for each in verdict.messages if _STRUCTURE.search(each.text)] == []


# --- raw lines


RAW = "vrrp_instances: {VI_1: {interface: eth0, virtual_router_id: 1, extra: %s}}"


def raw(*lines: str) -> Rendered:
    """Render an instance with raw *lines*."""
    declared = load(read(RAW % json.dumps(lines), file="lvs.yaml"))
    return render(declared, "")


def inside(config: Config) -> Config:
    """Answer the statements of the one instance, which is the last block."""
    assert config[-1].words == ("vrrp_instance", "VI_1")
    return meaning(config[-1].body or ())


def test_a_raw_line_is_a_statement_of_its_block() -> None:
    with_line, without = raw("debug 3"), raw()
    assert inside(with_line.config) == (*inside(without.config), Statement(("debug", "3")))
    assert len(with_line.config) == len(without.config)


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: ascii(payload[:FEW]))
@pytest.mark.parametrize(
    "line",
    [
        "{}",
        "debug {}",
        "debug 3 {}",
        'debug "{}',
        'debug "{}"',
        "track_interface {{ eth1 {}",
        "track_interface {{ {} }}",
    ],
)
def test_no_raw_line_leaves_its_block(line: str, payload: str) -> None:
    without = raw()
    try:
        found = raw(line.format(payload), "debug 4")
    except SpecInvalid as refusal:
        assert all(fault.place.line for fault in refusal.faults)
        return
    assert meaning(found.config[:-1]) == meaning(without.config[:-1])
    assert meaning(parse(found.text).config) == meaning(found.config)
    before = inside(without.config)
    assert inside(found.config)[: len(before)] == before
    assert inside(found.config)[-1] == Statement(("debug", "4"))
