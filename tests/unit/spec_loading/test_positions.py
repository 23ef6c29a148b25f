"""Every path leads to the place in the text where a person typed it."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from lvsctl.errors import Place
from lvsctl.spec.document import Document, read
from lvsctl.spec.paths import dotted, shown

TEXT = """\
# the pair
nodes:
  lb1: {address: 10.0.0.11, priority: 150}
virtual_servers:
  web:
    port: 80
    real_servers:
      - address: 10.0.0.21
      - &second
        address: 10.0.0.22
  tls:
    port:
    real_servers: [*second]
  "ü 😀": {port: 81, weight: 1}
"""


@pytest.fixture
def document() -> Document:
    return read(TEXT, file="lvs.yaml")


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        ((), "2:1", "2:1"),
        (("nodes",), "3:3", "2:1"),
        (("nodes", "lb1"), "3:8", "3:3"),
        (("nodes", "lb1", "priority"), "3:39", "3:29"),
        (("virtual_servers", "web", "port"), "6:11", "6:5"),
        (("virtual_servers", "web", "real_servers"), "8:7", "7:5"),
        (("virtual_servers", "web", "real_servers", 0), "8:9", "8:9"),
        (("virtual_servers", "web", "real_servers", 0, "address"), "8:18", "8:9"),
        (("virtual_servers", "tls", "port"), "12:10", "12:5"),
        (("virtual_servers", "ü 😀"), "14:10", "14:3"),
        (("virtual_servers", "ü 😀", "weight"), "14:29", "14:21"),
    ],
)
def test_a_value_and_its_key_have_their_positions(
    document: Document, path: tuple[str | int, ...], value: str, key: str
) -> None:
    assert str(document.place(path)) == f"lvs.yaml:{value}"
    assert str(document.place(path, key=True)) == f"lvs.yaml:{key}"


def test_an_alias_stands_at_its_own_place_but_its_inside_where_it_was_typed(document: Document) -> None:
    path: list[str | int] = ["virtual_servers", "tls", "real_servers", 0]
    assert document.place(path) == Place("lvs.yaml", 13, 20)
    assert document.place([*path, "address"]) == Place("lvs.yaml", 10, 18)


def test_what_was_merged_stands_where_it_was_typed() -> None:
    document = read("a: &a\n  x: 1\nb:\n  <<: *a\n  y: 2\nc: {<<: [*a, {z: 3}]}\n", file="lvs.yaml")
    assert str(document.place(["b", "x"])) == "lvs.yaml:2:6"
    assert str(document.place(["b", "y"], key=True)) == "lvs.yaml:5:3"
    assert str(document.place(["c", "z"])) == "lvs.yaml:6:18"


@pytest.mark.parametrize(
    "path", [["web", "address"], ["web", "port", "low"], ["web", "real_servers", 2, "weight"], ["web", 0]]
)
def test_what_is_missing_belongs_to_the_key_of_its_nearest_ancestor(
    document: Document, path: list[str | int]
) -> None:
    expected = {"port": "6:5", "real_servers": "7:5"}.get(str(path[1]), "5:3")
    assert str(document.place(["virtual_servers", *path])) == f"lvs.yaml:{expected}"


def test_a_key_that_is_missing_at_the_top_belongs_to_the_beginning(document: Document) -> None:
    assert str(document.place(["global_defs", "router_id"])) == "lvs.yaml:2:1"


def test_standard_input_has_a_name() -> None:
    assert str(read("a: b", file="-").place(["a"])) == "<stdin>:1:4"


def test_positions_do_not_depend_on_the_line_ending(document: Document) -> None:
    for ending in ("\r\n", "\r"):
        other = read(TEXT.replace("\n", ending), file="lvs.yaml")
        for path in paths(document.data):
            assert other.place(path) == document.place(path)
            assert other.place(path, key=True) == document.place(path, key=True)


def paths(data: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    for step, inner in (
        data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    ):
        yield from paths(inner, (*path, step))


words = st.text(st.sampled_from("aé😀日 -"), min_size=1, max_size=4)
nested = st.recursive(
    words,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3) | st.dictionaries(words, inner, min_size=1, max_size=3)
    ),
)


@settings(deadline=None)
@given(st.dictionaries(words, nested, min_size=1, max_size=3), st.sampled_from([None, True, False]))
def test_the_text_at_a_position_is_the_scalar(data: dict[str, Any], flow: bool | None) -> None:
    text = yaml.dump(data, default_flow_style=flow, default_style="'", allow_unicode=True, width=10_000)
    document = read(text, file="lvs.yaml")
    assert document.data == data
    lines = text.split("\n")
    for path in paths(data):
        place, key = document.place(path), document.place(path, key=True)
        value: Any = data
        for step in path:
            value = value[step]
        if isinstance(value, str):
            assert lines[place.line - 1][place.column - 1 :].startswith(f"'{value}'")
        if path and isinstance(path[-1], str):
            assert lines[key.line - 1][key.column - 1 :].lstrip("? ").startswith(f"'{path[-1]}'")


def test_a_path_is_written_as_people_do() -> None:
    assert (
        dotted(["virtual_servers", "web-1", "real_servers", 0, "port"])
        == "virtual_servers.web-1.real_servers[0].port"
    )
    assert dotted([]) == ""


def test_a_key_that_is_more_than_a_word_stands_in_brackets() -> None:
    assert dotted(["return_paths", "203.0.113.10", "gateway"]) == "return_paths['203.0.113.10'].gateway"
    assert dotted(["a\n::error::\x1b[31m\u202e"]) == "['a\\n::error::\\x1b[31m\\u202e']"


def test_text_in_a_message_is_quoted_and_short() -> None:
    assert shown("it's") == '"it\'s"'
    assert len(shown("x" * 10**6)) == 62
