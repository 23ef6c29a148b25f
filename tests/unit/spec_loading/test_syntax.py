"""Syntax faults say what was expected, where to look, and never who complained."""

import pytest
import yaml
from yaml.error import MarkedYAMLError

from lvsctl.spec.reader import syntax
from tests.support.misread import faults

TAB = "a tab stands where only spaces may indent: expected spaces"
NO_COLON = "expected 'key: value' or 'key:' here, with a space after the ':' of a value"
SECOND = "a second ':' in one line: a value with ': ' in it or ':' at its end needs quotes"
QUOTE = "this quote is never closed: expected another one like it"
AFTER = "expected the end of the line after this value"
NO_KEY = "a key is missing before this ':'"
ESCAPE = "expected an escape that YAML knows"
NAME = "expected a name of letters, digits, '-' or '_' here"
PIPE = "after '|' or '>' may come"
TAG = "text that begins with '!' needs quotes"
DIRECTIVE = "expected one line '%YAML 1.1' or '%YAML 1.2', or none"
IN_FLOW = "a ':' before a bracket or comma: expected a space after it, or quotes around the value"

SAMPLES = [
    ("\ta: b", "1:1: " + TAB),
    ("a:\n\tb: c", "2:1: " + TAB),
    ("a:\n  b: c\n  \td: e", "3:3: " + TAB),
    ("a: b\n\tc", "2:1: " + TAB),
    ("-\ta: b", "1:2: " + TAB),
    ("a: >\n\tx", "2:1: " + TAB),
    ("a: b\nc\nd: e", "2:1: " + NO_COLON),
    ("a:b\nc: d", "1:1: " + NO_COLON),
    ("a:\n  - b\n    c: d", "2:3: " + NO_COLON),
    ("a: b: c", "1:5: " + SECOND),
    ("a: 'b': c", "1:7: " + SECOND),
    ("a: 2001:db8::", "1:13: " + SECOND),
    ("a: {b: c}: d", "1:10: " + SECOND),
    ("a:\n  b: c\n   d: e", "3:5: line 2 has given its key a value, so no key can stand below it"),
    ("a: 'b", "1:4: " + QUOTE),
    ('a: "b\nc: d', "1:4: " + QUOTE),
    ("a: 'b\n---\nc: d", "1:4: " + QUOTE),
    ("a: 'b' c", "1:8: " + AFTER),
    ("a: 'it's'", "1:8: " + AFTER),
    (": b", "1:1: " + NO_KEY),
    ("a\n: b", "2:1: " + NO_KEY),
    ("a: b\n: c", "2:1: " + NO_KEY),
    (
        "a:\n  b: 'c'\n d: e",
        "3:2: this line is indented by 1, but the block it falls into by 0: expected the same as line 1",
    ),
    (
        "a:\n- b: c\n  d: [e]\n   f: g",
        "4:4: this line is indented by 3, but the block it falls into by 2: expected the same as line 2",
    ),
    ("a: b\n- c", "2:1: expected 'key: value' here, as in the block around it, which begins at line 1"),
    ("a:\n  - b\n  c: d", "3:3: expected '- ' here, as in the block around it, which begins at line 2"),
    ("a: [b, c\nd: e", "2:2: expected ',' or ']' here: the '[' at line 1, column 4 is still open"),
    ("a: {b: c", "1:9: expected ',' or '}' here: the '{' at line 1, column 4 is still open"),
    ("a: [", "1:5: the spec ends here, where a value is expected"),
    ("a: [b,,c]", "1:7: expected a value here"),
    ("a: ]", "1:4: expected a value here"),
    ("a: - b", "1:4: a '- ' cannot stand here: expected each item of a list on a line of its own"),
    ("a: ? b", "1:4: a '? ' cannot stand here"),
    ("a: @b", "1:4: text that begins with '@' needs quotes"),
    ("a: `b`", "1:4: text that begins with '`' needs quotes"),
    ("a: %b", "1:4: text that begins with '%' needs quotes"),
    ("a: {b:[c]}", "1:6: " + IN_FLOW),
    ('a: "\\q"', "1:5: " + ESCAPE),
    ('a: "\\xZZ"', "1:7: " + ESCAPE),
    ('a: "\\ud800"', "1:7: " + ESCAPE),
    ("a: *.html", "1:5: " + NAME),
    ("a: & b", "1:5: " + NAME),
    ("a: |x\n b", "1:5: " + PIPE),
    ("a: >0\n b", "1:5: " + PIPE),
    ("a: !x!y z", "1:4: " + TAG),
    ("a: !<x y", "1:7: " + TAG),
    ("a: !x%ZZ y", "1:6: " + TAG),
    ("%FOO\n---\na: b", "1:5: " + DIRECTIVE),
    ("%YAML x\n---\na: b", "1:7: " + DIRECTIVE),
    ("%YAML 3.0\n---\na: b", "1:1: " + DIRECTIVE),
    ("%YAML 1.1\n%YAML 1.1\n---\na: b", "2:1: " + DIRECTIVE),
    ("a: b\n...\nc: d", "3:1: the spec has ended before this: expected nothing after it but comments"),
    ("[a] b", "1:5: the spec has ended before this"),
]


@pytest.mark.parametrize(("text", "expected"), SAMPLES)
def test_a_syntax_fault_says_where_and_what_was_expected(text: str, expected: str) -> None:
    (fault,) = faults(text)
    assert fault.startswith(expected)


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_positions_do_not_depend_on_the_line_ending(ending: str) -> None:
    text = "ä: 'x'\n😀:\n  b: c\n   d: e\n".replace("\n", ending)
    (fault,) = faults(text)
    assert fault.startswith("4:5: line 3 has given its key a value")


def complaint(text: str) -> MarkedYAMLError:
    with pytest.raises(MarkedYAMLError) as caught:
        list(yaml.parse(text, Loader=yaml.CBaseLoader))
    return caught.value


def test_every_complaint_that_is_reworded_really_occurs() -> None:
    complaints = [complaint(text) for text, _ in SAMPLES]
    assert {found.problem for found in complaints} >= set(syntax._BY_PROBLEM)
    assert {found.context for found in complaints} >= set(syntax._BY_CONTEXT)


def test_a_complaint_nobody_foresaw_is_passed_on_with_its_position(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syntax, "_BY_PROBLEM", {})
    monkeypatch.setattr(syntax, "_BY_CONTEXT", {})
    assert faults("a: b\nc: d: e") == [
        "2:5: this is not YAML: mapping values are not allowed in this context"
    ]
