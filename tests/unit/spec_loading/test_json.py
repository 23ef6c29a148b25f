"""JSON is accepted, all of it, with positions."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lvsctl.spec.document import read
from tests.support.misread import faults

texts = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]) | st.sampled_from('\n\t"\\/'), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


def typed(value: object) -> object:
    """Answer what is expected of a JSON value: scalars as their text."""
    if isinstance(value, dict):
        return {key: typed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [typed(inner) for inner in value]
    return value if value is None or isinstance(value, str) else json.dumps(value)


@settings(deadline=None)
@given(st.dictionaries(texts, values), st.sampled_from([None, 0, 2, "\t"]), st.booleans())
def test_whatever_json_can_say_is_read(
    data: dict[str, object], indent: int | str | None, ascii_only: bool
) -> None:
    document = read(json.dumps(data, indent=indent, ensure_ascii=ascii_only), file="lvs.json")
    assert document.data == typed(data)


def test_what_json_writes_differently_from_yaml_is_json() -> None:
    text = '\n\t{"a\\/b":\t"\\ud83d\\ude00"\n\t,"c"\n\t:[1,2.50,-1E+3,true,null,{}]}\n'
    assert read(text, file="lvs.json").data == {"a/b": "😀", "c": ["1", "2.50", "-1E+3", "true", None, {}]}


def test_positions_in_json_are_right() -> None:
    document = read('{\n\t"ä": [1, {"b": "😀", "c":\n\t\tnull}]}', file="lvs.json")
    assert str(document.place(["ä", 1, "b"])) == "lvs.json:2:17"
    assert str(document.place(["ä", 1, "b"], key=True)) == "lvs.json:2:12"
    assert str(document.place(["ä", 1, "c"])) == "lvs.json:3:3"


def test_a_key_that_is_written_twice_is_a_fault() -> None:
    assert faults('{"a": {"b": 1,\n"b": 2}}') == ["2:1: a.b: written twice: the first is at line 1, column 8"]


def test_a_merge_key_is_only_yaml() -> None:
    assert read('{"a": {"<<": {"b": 1}}}', file="lvs.json").data == {"a": {"<<": {"b": "1"}}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1 "b": 2}', "1:9: expected ',' or '}'"),
        ('{"a": [1, 2}', "1:12: expected ',' or ']'"),
        ('{"a": 1}\n{"b": 2}', "2:1: expected nothing after the last '}'"),
        ('{"a" 1}', "1:6: expected ':'"),
        ('{"a": ', "1:7: expected a value"),
        (
            '{"a": 1, "b',
            "1:10: expected the text that begins here to end with another double quote on this line",
        ),
        ('{\n\t"a": "\\x"\n}', "2:8: expected an escape that JSON knows"),
        ('{\n\t"a": "\\u12"\n}', "2:9: expected an escape that JSON knows"),
        ('{\t"a": "\\ud83d"}', "1:8: a: the character U+D83D must not stand in a spec"),
        ('{"a": "\\u0000"}', "1:7: a: the character U+0000 must not stand in a spec"),
    ],
)
def test_a_slip_in_json_is_explained_as_json(text: str, expected: str) -> None:
    (fault, *_) = faults(text)
    assert fault.startswith(expected)


@pytest.mark.parametrize(
    "text",
    ["{a: b}", '{"a": b}', '{"a": "b",}', "{'a': 'b'}", '{"a": "b"} # c', '{"a":\n  "b"\n}\n---\n'[:-4]],
)
def test_what_is_not_json_may_still_be_yaml(text: str) -> None:
    assert read(text, file="lvs.yaml").data == {"a": "b"}


def test_when_it_is_neither_the_reader_that_came_lines_further_has_the_say() -> None:
    assert faults("{a: b,\n c: [d}") == [
        "2:7: expected ',' or ']' here: the '[' at line 2, column 5 is still open"
    ]
    assert faults('{"a": "\\ud83d\\ude00",\n "b": [1}') == ["2:9: expected ',' or ']'"]
    assert faults("{a: b, c: [d}") == [
        "1:13: expected ',' or ']' here: the '[' at line 1, column 11 is still open"
    ]
    assert faults('{"a": b,\n c: [d}') == [
        "2:7: expected ',' or ']' here: the '[' at line 2, column 5 is still open"
    ]
