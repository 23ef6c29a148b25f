"""Scalars are the text that was typed, whatever YAML 1.1 would make of it."""

from typing import Any

import pytest

from lvsctl.spec.document import read
from tests.support.misread import composed, faults


def value(typed: str) -> Any:
    return read(f"key: {typed}\n", file="lvs.yaml").data["key"]


@pytest.mark.parametrize(
    "typed",
    [
        "on",
        "off",
        "yes",
        "no",
        "y",
        "n",
        "true",
        "True",
        "FALSE",
        "010",
        "0x1F",
        "0o17",
        "1_000",
        "12:30:45",
        "190:20:30",
        "1e3",
        ".5",
        ".inf",
        ".NaN",
        "51",
        "-3",
        "+3",
        "1.10",
        "2001-01-01",
        "2001-12-14T21:59:43.10-05:00",
        "10.0.0.1/24",
        "2001:db8::1",
        "::1",
        "::/0",
        "=",
        "00:11:22:33:44:55",
        "<<",
        "nullx",
        "None",
    ],
)
def test_a_plain_scalar_is_the_text_that_was_typed(typed: str) -> None:
    assert value(typed) == typed


@pytest.mark.parametrize("typed", ["", "~", "null", "Null", "NULL", "# only a comment"])
def test_a_plain_null_is_none(typed: str) -> None:
    assert value(typed) is None


@pytest.mark.parametrize(
    ("typed", "text"), [("''", ""), ('""', ""), ("'~'", "~"), ('"null"', "null"), ("'on'", "on")]
)
def test_a_quoted_scalar_is_always_text(typed: str, text: str) -> None:
    assert value(typed) == text


@pytest.mark.parametrize("null", ["~", "null"])
def test_a_block_scalar_is_always_text(null: str) -> None:
    assert value(f"|-\n  {null}") == null


@pytest.mark.parametrize(
    "typed", ["on", "yes", "8080", "010", "1e3", "12:30", "true", "1.0", "=", "203.0.113.10"]
)
def test_a_key_is_the_text_that_was_typed(typed: str) -> None:
    assert read(f"{typed}: x", file="lvs.yaml").data == {typed: "x"}


def test_only_dicts_lists_texts_and_none_come_out() -> None:
    text = "a: [1, {b: true, c: ~}]\nd: {e: |\n  x\n, f: 'y'}\n".replace("|\n  x\n", "'x'")
    assert read(text, file="lvs.yaml").data == {
        "a": ["1", {"b": "true", "c": None}],
        "d": {"e": "x", "f": "y"},
    }


def test_folding_and_escapes_are_those_of_yaml() -> None:
    text = "a: one\n  two\nb: >\n  three\n  four\nc: \"\\u00e9\\t\\x41\"\nd: 'it''s'\ne: |+\n  x\n\n"
    assert read(text, file="lvs.yaml").data == composed(text)


@pytest.mark.parametrize(
    "tag", ["!!int", "!!str", "!foo", "!", "!<tag:x>", "!!python/object/apply:os.system"]
)
@pytest.mark.parametrize("typed", ["3", "[a]", "{a: b}"])
def test_a_tag_is_refused_where_it_stands(tag: str, typed: str) -> None:
    (fault,) = faults(f"key: {tag} {typed}")
    shown = tag.replace("!<tag:x>", "tag:x")
    assert fault.startswith(f"1:6: key: the tag '{shown}' is not supported")


def test_a_scalar_of_more_than_64_kib_is_refused() -> None:
    assert read("a: " + "x" * 65536, file="lvs.yaml").data == {"a": "x" * 65536}
    (fault,) = faults("a: " + "x" * 65537)
    assert fault == "1:4: a: 65537 characters are too long for one value; at most 65536 are read"
