"""Keys, anchors and merge keys."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from lvsctl.errors import SpecInvalid
from lvsctl.spec.document import read
from tests.support.misread import faults


def data(text: str) -> dict[str, object]:
    return read(text, file="lvs.yaml").data


def test_a_key_that_is_written_twice_is_a_fault_with_both_positions() -> None:
    text = "virtual_servers:\n  web:\n    port: 80\n    address: 10.0.0.1\n    port: 81\n"
    assert faults(text) == ["5:5: virtual_servers.web.port: written twice: the first is at line 3, column 5"]


def test_all_duplicates_are_reported_at_once() -> None:
    assert len(faults("a: {b: 1, b: 2}\na: {c: 1, c: 2}\nd: [{e: 1, 'e': 2}]")) == 4


def test_the_same_key_in_different_blocks_is_no_duplicate() -> None:
    assert data("a: {b: 1}\nc: {b: 1}") == {"a": {"b": "1"}, "c": {"b": "1"}}


@pytest.mark.parametrize("key", ["~", "null", "NULL", "? "])
def test_a_null_key_is_a_fault(key: str) -> None:
    (fault,) = faults(f"a: {{{key}: x}}")
    assert "a: a key is missing before ':'" in fault


@pytest.mark.parametrize("key", ["? [a]\n", "? {a: b}\n", "? - a\n", "[a]"])
def test_a_key_that_is_a_list_or_a_mapping_is_a_fault(key: str) -> None:
    (fault,) = faults(f"{key}: x\nb: c")
    assert "a key must be text, not a list or a mapping" in fault


def test_a_template_that_was_not_filled_in_is_recognised() -> None:
    (fault,) = faults("address: {{ vip }}")
    assert fault.startswith("1:11: address: ")
    assert "does '{{ … }}' lack quotes?" in fault


def test_faults_inside_of_a_bad_key_are_found_too() -> None:
    assert len(faults("? {a: 1, a: 2}\n: {b: 1, b: 2}")) == 3


def test_anchors_and_aliases_stand_for_what_was_written() -> None:
    text = "a: &x {b: [1, 2]}\nc: *x\nd: &y text\ne: [*y, *x]\n&z f: *z\n"
    block = {"b": ["1", "2"]}
    assert data(text) == {"a": block, "c": block, "d": "text", "e": ["text", block], "f": "f"}


def test_an_alias_may_be_a_key_if_it_is_text() -> None:
    assert data("a: &k web\n*k : x") == {"a": "web", "web": "x"}


def test_the_latest_anchor_of_a_name_counts() -> None:
    text = "a: &x 1\nb: &x 2\nc: *x\nd: &y [&y z, *y]\ne: *y\n"
    assert data(text) == {"a": "1", "b": "2", "c": "2", "d": ["z", "z"], "e": "z"}


def test_an_alias_without_its_anchor_is_a_fault() -> None:
    assert faults("a: *x\nb: &x c") == ["1:4: a: *x names nothing: there is no &x before it"]


@pytest.mark.parametrize("text", ["a: &x [*x]", "a: &x {b: *x}", "a: &x {<<: *x}", "a: &x [[[{b: [*x]}]]]"])
def test_an_alias_inside_of_its_own_anchor_is_a_fault(text: str) -> None:
    (fault, *_) = faults(text)
    assert "*x stands inside of what it names, which would have no end" in fault


def test_a_merge_key_adds_what_is_missing() -> None:
    text = "a: &a {x: 1, y: 2}\nb:\n  y: 3\n  <<: *a\n  z: 4\n"
    assert data(text)["b"] == {"x": "1", "y": "3", "z": "4"}


def test_of_several_merged_mappings_the_first_wins() -> None:
    text = "a: &a {x: 1}\nb: &b {x: 2, y: 2}\nc: {<<: [*a, *b]}\n"
    assert data(text)["c"] == {"x": "1", "y": "2"}


def test_a_mapping_can_be_merged_where_it_is_written() -> None:
    assert data("a: {<<: {x: 1}, y: 2}") == {"a": {"x": "1", "y": "2"}}


def test_what_was_merged_can_be_merged_again() -> None:
    assert data("a: &a {x: 1}\nb: &b {<<: *a, y: 2}\nc: {<<: *b}")["c"] == {"x": "1", "y": "2"}


def test_a_merged_mapping_itself_is_not_changed() -> None:
    assert data("a: &a {x: 1}\nb: {<<: *a, x: 2}")["a"] == {"x": "1"}


@pytest.mark.parametrize("value", ["3", "~", "[3]", "[[*a]]", "[{b: c}, x]"])
def test_a_merge_key_takes_mappings_only(value: str) -> None:
    (fault,) = faults(f"a: &a {{x: 1}}\nb: {{<<: {value}}}")
    assert fault.startswith("2:9: b.<<: '<<' takes a mapping or a list of mappings")


def test_two_merge_keys_in_a_mapping_are_a_fault() -> None:
    (fault,) = faults("a: {<<: {x: 1}, <<: {y: 2}}")
    assert fault.startswith("1:17: a.<<: '<<' is written twice")


def test_a_quoted_merge_key_is_an_ordinary_key() -> None:
    assert data("a: {'<<': {x: 1}}") == {"a": {"<<": {"x": "1"}}}


names = st.sampled_from("abc")


@settings(deadline=None)
@given(
    first=st.dictionaries(names, names),
    second=st.dictionaries(names, names),
    own=st.dictionaries(names, names),
    before=st.booleans(),
)
def test_merging_is_that_of_yaml(
    first: dict[str, str], second: dict[str, str], own: dict[str, str], before: bool
) -> None:
    def flow(mapping: dict[str, str]) -> str:
        return ", ".join(f"{key}: {value}" for key, value in mapping.items())

    parts = ["<<: [*one, *two]", flow(own)] if before else [flow(own), "<<: [*one, *two]"]
    text = f"one: &one {{{flow(first)}}}\ntwo: &two {{{flow(second)}}}\nall: {{{', '.join(filter(None, parts))}}}\n"
    expected = yaml.load(text, Loader=yaml.CSafeLoader)
    assert data(text) == expected
    assert list(data(text)["all"]) == list(expected["all"])  # type: ignore[call-overload]  # all is a mapping, or the line before fails


def test_an_empty_merge_list_merges_nothing() -> None:
    assert data("a: {<<: [], b: c}") == {"a": {"b": "c"}}


def test_a_fault_does_not_hide_the_rest() -> None:
    text = "a: !x 1\nb: *nothing\nc: 1\nc: 2\n~: 3\nd: [1\n"
    assert [fault.split(":")[0] for fault in faults(text)] == ["1", "2", "4", "5", "7"]


def test_faults_are_raised_as_spec_invalid() -> None:
    with pytest.raises(SpecInvalid, match=r"^lvs\.yaml:1:1: "):
        read("- a", file="lvs.yaml")
