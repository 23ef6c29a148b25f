"""Whatever is done to a spec, reading it ends in data or in faults that point into the text."""

import random
from collections.abc import Sequence
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lvsctl.errors import Fault, SpecInvalid
from lvsctl.spec.document import Document, read
from lvsctl.spec.merge import merged, per_node_faults

SPEC = """\
# yaml-language-server: $schema=./lvs.schema.json
nodes:
  lb1: {address: 10.0.0.11, priority: 150}
  lb2: {address: [10.0.0.12, "2001:db8::12"], priority: 100}
per_node: {lb2: {global_defs: {router_id: ~}}}
defaults: &defaults
  lvs_sched: wlc
  lvs_method: NAT
virtual_servers:
  web:
    <<: *defaults
    address: 203.0.113.10
    port: 80
    checks: [{HTTP_GET: {url: [{path: /healthz, status_code: 200}], connect_timeout: 3}}]
    real_servers:
      - {address: 10.0.0.21, port: 8080, weight: 1}
      - address: 10.0.0.22
        notify_up: '/usr/local/bin/up --name "web"'
  tls: {<<: [*defaults], port: 443, extra: ["alpha \\u00e9\\n", |}
notes: |
  Häufig 😀
...
""".replace(", |}", "]}")

PIECES = ["\t", "\n", "\r", " ", ":", ": ", "- ", "? ", "[", "]", "{", "}", ",", "#", "&x ", "*x", "*defaults", "!t ", "!!int ",
          "'", '"', "\\", "|", ">", "%YAML", "---\n", "...\n", "<<: ", "~", "null", "@", "`", "\0", "\x85", "\u2028", "\ufeff",
          "\ud800", "é", "😀", "per_node", "nodes: ", "on: yes", "%TAG !a! b\n", "\n\n\n", "    "]  # fmt: skip


def mutated(chance: random.Random, text: str) -> str:
    """Answer *text* with one to four slips in it: what was deleted, doubled, swapped or slipped in."""
    for _ in range(chance.randint(1, 4)):
        at, to = sorted(chance.randrange(len(text) + 1) for _ in range(2))
        to = min(to, at + chance.choice([1, 3, 40]))
        slip = chance.randrange(5)
        if slip == 0:
            text = text[:at] + text[to:]
        elif slip == 1:
            text = text[:to] + text[at:]
        elif slip == 2:
            text = text[:at] + text[at:to][::-1] + text[to:]
        else:
            text = text[:at] + chance.choice(PIECES) + text[to if slip == 3 else at :]
    return text


def survived(text: str | bytes) -> Document | None:
    """Read *text* and answer what was read, or check that every fault can be shown and points into the text."""
    document, found = attempt(text)
    assert document or found
    for fault in found:
        assert 0 <= fault.place.line <= len(text) + 2
        assert 0 <= fault.place.column <= len(text) + 2
        assert str(fault).isprintable()
        assert len(str(fault)) < 1000
    return document


def attempt(text: str | bytes) -> tuple[Document | None, Sequence[Fault]]:
    try:
        document = read(text, file="lvs.yaml")
    except SpecInvalid as error:
        return None, error.faults
    for node in ("lb1", "lb2"):
        merged(document, node)
    return document, tuple(per_node_faults(document))


def test_the_example_itself_is_read() -> None:
    document = survived(SPEC)
    assert document is not None
    assert document.data["virtual_servers"]["web"]["lvs_sched"] == "wlc"


@pytest.mark.parametrize("seed", range(20))
def test_a_thousand_mutations_end_in_data_or_in_faults(seed: int) -> None:
    chance = random.Random(seed)
    read_anyway = sum(survived(mutated(chance, SPEC)) is not None for _ in range(50))
    assert 0 < read_anyway < 50


@pytest.mark.parametrize("seed", range(10))
def test_mutated_bytes_end_in_data_or_in_faults(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(50):
        raw = bytearray(SPEC.encode())
        for _ in range(chance.randint(1, 4)):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        survived(bytes(raw))


@pytest.mark.parametrize("size", range(0, len(SPEC), 7))
def test_a_file_that_was_cut_off_ends_in_data_or_in_faults(size: int) -> None:
    survived(SPEC[:size])


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_end_in_data_or_in_faults(raw: bytes) -> None:
    survived(raw)


STRICTER = (
    "written twice",
    "a key is missing before ':' (",
    "a key must be text",
    "a second document",
    "at the top",
)
"""Of what our faults beyond YAML's are about."""

NULLS = ("", "~", "null", "Null", "NULL")


def agrees(ours: Any, node: yaml.Node | None) -> bool:
    """Tell whether our data is what libyaml and PyYAML composed, null and merge keys aside."""
    assert node is not None
    if isinstance(node, yaml.MappingNode):
        return list(ours) == [key.value for key, _ in node.value] and all(
            agrees(inner, value) for inner, (_, value) in zip(ours.values(), node.value, strict=True)
        )
    if isinstance(node, yaml.SequenceNode):
        return len(ours) == len(node.value) and all(map(agrees, ours, node.value))
    null = isinstance(node, yaml.ScalarNode) and not node.style and node.value in NULLS
    return bool(ours == node.value or (ours is None and null))


@settings(deadline=None)
@given(st.text(st.sampled_from("ab:-?[]{},&*|>'\"%@`#\n \t~\\é1"), max_size=24))
@example("{a: 'b', c: [d, {e: |}]}")
def test_what_is_read_is_what_yaml_says(text: str) -> None:
    text = f"k: {text}"
    document = survived(text)
    if document is None:
        return
    node = yaml.compose(text, Loader=yaml.CBaseLoader)
    assert agrees(document.data, node)


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["a", ": ", "- ", "\n", "  ", "b", "[", "]", "{", "}", ", ", "'", '"', "|\n", "#", "~", "? "]
        )
    )
)
def test_what_yaml_composes_is_read_unless_the_spec_is_stricter(parts: list[str]) -> None:
    text = "k:\n  " + "".join(parts)
    try:
        yaml.compose(text, Loader=yaml.CBaseLoader)
    except yaml.YAMLError:
        return
    _, found = attempt(text)
    assert [str(fault) for fault in found if not any(why in fault.message for why in STRICTER)] == []
