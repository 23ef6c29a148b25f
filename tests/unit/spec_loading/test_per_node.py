"""What differs on a node is merged into any block, and keeps the place where it was typed."""

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from lvsctl.spec.document import Document, read
from lvsctl.spec.merge import merged, per_node_faults
from lvsctl.spec.reader.findings import ENOUGH

SPEC = """\
nodes: {lb1: {priority: 150}, lb2: {priority: 100}}
global_defs: {router_id: both, vrrp_version: 2}
virtual_servers:
  web:
    port: 80
    real_servers: [10.0.0.21, 10.0.0.22]
per_node:
  lb2:
    global_defs:
      vrrp_version: ~
      script_user: nobody
    virtual_servers:
      web: {port: 81, real_servers: [10.0.0.23]}
      tls: {port: 443}
"""


def document(text: str = SPEC) -> Document:
    return read(text, file="lvs.yaml")


def faults(text: str) -> list[str]:
    return [str(fault).removeprefix("lvs.yaml:") for fault in per_node_faults(document(text))]


def test_a_node_that_is_not_mentioned_has_the_common_part() -> None:
    common = document().data.copy()
    del common["per_node"]
    assert merged(document(), "lb1").data == common
    assert merged(document("a: b"), "lb1").data == {"a": "b"}


def test_mappings_are_merged_lists_replaced_and_nulls_removed() -> None:
    assert merged(document(), "lb2").data == {
        "nodes": {"lb1": {"priority": "150"}, "lb2": {"priority": "100"}},
        "global_defs": {"router_id": "both", "script_user": "nobody"},
        "virtual_servers": {"web": {"port": "81", "real_servers": ["10.0.0.23"]}, "tls": {"port": "443"}},
    }


def test_what_is_common_keeps_its_order_and_what_is_new_comes_after() -> None:
    assert list(merged(document(), "lb2").data["virtual_servers"]) == ["web", "tls"]


def test_the_document_itself_is_not_changed() -> None:
    text = document()
    before = yaml.dump(text.data)
    merged(text, "lb2")
    assert yaml.dump(text.data) == before


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ('{"a":"b"}', '{"a":"c"}', {"a": "c"}),
        ('{"a":"b"}', '{"b":"c"}', {"a": "b", "b": "c"}),
        ('{"a":"b"}', '{"a":null}', {}),
        ('{"a":"b","b":"c"}', '{"a":null}', {"b": "c"}),
        ('{"a":["b"]}', '{"a":"c"}', {"a": "c"}),
        ('{"a":"c"}', '{"a":["b"]}', {"a": ["b"]}),
        ('{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', {"a": {"b": "d"}}),
        ('{"a":[{"b":"c"}]}', '{"a":["1"]}', {"a": ["1"]}),
        ('{"e":null}', '{"a":"1"}', {"e": None, "a": "1"}),
        ("{}", '{"a":{"bb":{"ccc":null}}}', {"a": {"bb": {}}}),
    ],
)
def test_merging_follows_the_examples_of_rfc_7386(target: str, patch: str, result: dict[str, Any]) -> None:
    text = f'{{"per_node": {{"lb1": {patch}}}{"," if target != "{}" else ""}{target[1:]}'
    assert merged(document(text), "lb1").data == result


@pytest.mark.parametrize(
    ("path", "origin", "place"),
    [
        ("global_defs router_id", "global_defs router_id", "2:26"),
        ("global_defs script_user", "per_node lb2 global_defs script_user", "11:20"),
        ("global_defs", "global_defs", "2:14"),
        ("virtual_servers web port", "per_node lb2 virtual_servers web port", "13:19"),
        ("virtual_servers web", "virtual_servers web", "5:5"),
        ("virtual_servers tls port", "per_node lb2 virtual_servers tls port", "14:19"),
        ("virtual_servers tls", "per_node lb2 virtual_servers tls", "14:12"),
        ("nodes lb2 priority", "nodes lb2 priority", "1:47"),
    ],
)
def test_every_value_knows_where_it_was_typed(path: str, origin: str, place: str) -> None:
    spec = merged(document(), "lb2")
    assert spec.origin(path.split()) == tuple(origin.split())
    assert str(spec.place(path.split())) == f"lvs.yaml:{place}"


def test_an_item_of_a_list_that_was_replaced_was_typed_there() -> None:
    assert (
        str(merged(document(), "lb2").place(["virtual_servers", "web", "real_servers", 0]))
        == "lvs.yaml:13:38"
    )
    assert (
        str(merged(document(), "lb1").place(["virtual_servers", "web", "real_servers", 1])) == "lvs.yaml:6:31"
    )


def test_what_was_removed_is_missing_where_it_was_removed() -> None:
    spec = merged(document(), "lb2")
    assert str(spec.place(["global_defs", "vrrp_version"], key=True)) == "lvs.yaml:10:7"


def test_what_is_in_neither_is_missing_in_the_nearest_block() -> None:
    spec = merged(document(), "lb2")
    assert str(spec.place(["virtual_servers", "web", "lvs_sched"])) == "lvs.yaml:4:3"
    assert str(spec.place(["virtual_servers", "tls", "lvs_sched"])) == "lvs.yaml:14:7"


names = st.sampled_from("abc")
trees = st.dictionaries(
    names,
    st.recursive(
        names, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=3)
    ),
)


def reached(data: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        data = data[step]
    return data


def scalars(data: Any, path: tuple[str | int, ...] = ()) -> Any:
    if isinstance(data, str):
        yield path
    for step, inner in (
        data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    ):
        yield from scalars(inner, (*path, step))


@settings(deadline=None)
@given(common=trees, override=trees)
def test_the_origin_of_a_scalar_holds_that_scalar(common: dict[str, Any], override: dict[str, Any]) -> None:
    text = document(yaml.dump({**common, "per_node": {"lb1": override}}))
    spec = merged(text, "lb1")
    for path in scalars(spec.data):
        assert reached(text.data, spec.origin(path)) == reached(spec.data, path)


def test_a_correct_per_node_has_no_faults() -> None:
    assert faults(SPEC) == []
    assert faults("nodes: {lb1: }\nper_node:\n  lb1:\n") == []
    assert faults("nodes: {lb1: }\nper_node:\n") == []
    assert faults("nodes: {lb1: }\n") == []


def test_a_node_that_does_not_exist_is_a_fault_with_a_suggestion() -> None:
    assert faults("nodes: {lb1: , lb2: }\nper_node: {lb-1: {a: b}}") == [
        "2:12: per_node.lb-1: there is no node 'lb-1': did you mean 'lb1'?"
    ]
    assert faults("nodes: {lb1: , lb2: }\nper_node: {other: {a: b}}") == [
        "2:12: per_node.other: there is no node 'other': expected one of 'lb1', 'lb2'"
    ]
    assert faults("per_node: {lb1: {a: b}}") == [
        "1:12: per_node.lb1: there is no node 'lb1': nodes names none"
    ]


@pytest.mark.parametrize("per_node", ["text", "[lb1]"])
def test_per_node_must_be_a_mapping(per_node: str) -> None:
    assert faults(f"per_node: {per_node}") == [
        "1:11: per_node: expected a mapping from node names to what differs there"
    ]
    assert merged(document(f"a: b\nper_node: {per_node}"), "lb1").data == {"a": "b"}


@pytest.mark.parametrize("override", ["text", "[a]"])
def test_what_differs_must_be_a_mapping(override: str) -> None:
    text = f"nodes: {{lb1: }}\nper_node: {{lb1: {override}}}"
    assert faults(text) == [
        "2:17: per_node.lb1: expected what differs on this node, as in the rest of the spec"
    ]
    assert merged(document(text), "lb1").data == {"nodes": {"lb1": None}}


def test_nodes_are_the_same_on_all_nodes() -> None:
    text = "nodes: {lb1: {priority: 1}}\nper_node: {lb1: {nodes: {lb1: {priority: 2}}, per_node: {}}}"
    assert sorted(faults(text)) == [
        "2:18: per_node.lb1.nodes: nodes is the same on all nodes: it belongs at the top",
        "2:47: per_node.lb1.per_node: per_node is the same on all nodes: it belongs at the top",
    ]
    assert merged(document(text), "lb1").data == {"nodes": {"lb1": {"priority": "1"}}}


def test_faults_end_when_there_are_enough() -> None:
    nodes, others = (", ".join(f"{name}{n}: " for n in range(1000)) for name in ("node", "nodes"))
    assert len(faults(f"nodes: {{{nodes}}}\nper_node: {{{others}}}")) == ENOUGH


def test_removing_what_is_not_there_is_a_fault() -> None:
    text = "nodes: {lb1: }\na: {port: 1}\nper_node: {lb1: {a: {prot: ~, x: ~, port: ~}, b: {c: ~}}}"
    assert faults(text) == [
        "3:22: per_node.lb1.a.prot: null removes a key, but there is no 'prot' to remove: did you mean 'port'?",
        "3:31: per_node.lb1.a.x: null removes a key, but there is no 'x' to remove: expected a value",
        "3:51: per_node.lb1.b.c: null removes a key, but there is no 'c' to remove: expected a value",
    ]
