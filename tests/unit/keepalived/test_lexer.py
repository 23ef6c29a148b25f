from string import printable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.keepalived.parse_lexer import as_bytes, as_text, cut, decomment, split, split_escaped

LINES = st.text(st.sampled_from("ab \t!#\"\\'{}$@~x7n"), max_size=24)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("  foo bar \t", "foo bar"),
        ("foo # bar", "foo"),
        ("foo!bar", "foo"),
        ('foo "a # b" c # d', 'foo "a # b" c'),
        ("foo \\# bar", "foo # bar"),
        ('"a\\"b # c" d', '"a\\"b # c" d'),
        ("foo \\", "foo\\"),
        ("foo # bar \\", "foo\\"),
        ("foo # bar \\\\", "foo"),
        ("# all of it", ""),
        ("", ""),
    ],
)
def test_a_comment_is_taken_off(line: str, text: str) -> None:
    assert decomment(line).text == text


def test_a_comment_is_counted_once_for_its_line() -> None:
    assert decomment("a # b # c").comment
    assert not decomment('a "# b"').comment


def test_an_open_quote_is_seen_as_comments_see_it() -> None:
    assert decomment('a "b').open_quote
    assert decomment('a "b\\" # c').open_quote
    assert not decomment('a # "b').open_quote


@given(LINES.filter(lambda line: "\\" not in line))
def test_without_backslashes_reading_twice_changes_nothing(line: str) -> None:
    once = decomment(line).text
    assert decomment(once).text == once


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("foo {", ("foo", "{")),
        ("foo{bar}", ("foo", "{bar}")),
        ("{ foo }", ("{", "foo }")),
        ("}}", ("}", "}")),
        ('foo "{" bar', ('foo "{" bar', "")),
        ('foo "a" {b', ('foo "a"', "{b")),
        ('foo "open { brace', ('foo "open { brace', "")),
        ("foo", ("foo", "")),
    ],
)
def test_a_line_is_cut_at_its_first_brace_outside_quotes(line: str, parts: tuple[str, str]) -> None:
    assert cut(line) == parts


@pytest.mark.parametrize(
    ("line", "words", "whole"),
    [
        ("a  b\tc\rd\x0be", ("a", "b", "c", "d", "e"), True),
        ('a"b c"d', ("a", "b c", "d"), True),
        ('"" "a"', ("", "a"), True),
        ("'a b'", ("'a", "b'"), True),
        ('a "b', ("a",), False),
        ("a\x1cb\x85c\xa0d", ("a\x1cb\x85c\xa0d",), True),
        ("", (), True),
    ],
)
def test_words_are_split_as_c_does(line: str, words: tuple[str, ...], *, whole: bool) -> None:
    assert split(line) == (words, whole)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a 'b c' \"d e\"", ("a", "b c", "d e")),
        ("a'b c'd", ("ab cd",)),
        ('"a \\"b\\" \\\\"', ('a "b" \\',)),
        ("'a\\'b'", ("a'b",)),
        ("a\\ b", ("a b",)),
        ("\\x41\\102\\t\\n\\e\\cA", ("AB\t\ne\x01",)),
        ("\\x1ff\\777", ("\xff\xff",)),
        ("a\\0b c", ("a", "c")),
        ("''", ("",)),
        ('a "', ("a", "")),
        ("", ()),
        ("a 'b", None),
        ("a \\", None),
    ],
)
def test_escaped_words_are_split_as_c_does(line: str, words: tuple[str, ...] | None) -> None:
    assert split_escaped(line) == words


@given(LINES | st.text(st.sampled_from(printable)))
def test_no_line_is_too_odd_to_be_split(line: str) -> None:
    split(line)
    split_escaped(line)
    head, rest = cut(decomment(line).text)
    assert len(head) + len(rest) <= len(line)


@given(st.binary())
def test_any_bytes_come_back(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    assert len(as_bytes(text)) == len(data)
    assert as_text(as_bytes(text)) == text
