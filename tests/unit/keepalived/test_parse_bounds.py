"""No text is too odd, and none keeps the reader busy for ever."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.keepalived.config import Config
from lvsctl.keepalived.parse import Found, Kind, Options, parse
from tests.support import fragments
from tests.support.shared import CORPUS, needs_shared, text_of

BOMBS = {
    "a definition of itself": "$A=$A\n$A\n",
    "definitions of each other": "$A=$B\n$B=$A\nx $A\n",
    "a definition of several lines of itself": "$A= \\\nx \\\n$A\n\n$A\n",
    "definitions that double": "".join(f"$D{n}= \\\n$D{n - 1} \\\n$D{n - 1}\n\n" for n in range(1, 40))
    + "$D39\n",
    "a sequence without end": "~SEQ(a,1,9223372036854775807) foo$a\n",
    "sequences in sequences": "~SEQ(a,1,100000) ~SEQ(b,1,100000) ~SEQ(c,1,100000) x$a$b$c\n",
    "a million braces": "{" * 1_000_000,
    "a million blocks": "vrrp_instance x {\n" * 60_000,
    "one long line": "x" * 5_000_000,
    "one long quote": '"' + " x" * 1_000_000,
    "quotes": '"' * 1_000_000,
    "backslashes": "\\" * 1_000_000,
    "dollars": "$" * 1_000_000,
    "at signs": "@a " * 300_000,
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
def test_it_ends(text: str) -> None:
    before = time.process_time()
    parse(text, options=Options(limit=50_000))
    assert time.process_time() - before < 10


def test_what_is_cut_short_says_so() -> None:
    parsed = parse("~SEQ(a,1,9999) foo$a\n", options=Options(limit=100))
    assert [note.kind for note in parsed.notes if "beyond all bounds" in note.message] == [Kind.FATAL]
    assert len(parsed.config) <= 100


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"f": "include f\n"}, "includes itself"),
        ({"f": "include a\n", "a": "include b\n", "b": "include a\n"}, "includes itself"),
        ({"f": "include 1\n", **{str(n): f"include {n + 1}\n" for n in range(1, 50)}}, "more than 32 deep"),
        ({"f": "include x\n" * 1001, "x": "\n"}, "more than 1000 files"),
    ],
)
def test_includes_are_bounded(files: dict[str, str], message: str) -> None:
    def reader(pattern: str, _folder: str) -> list[Found]:
        return [Found(pattern, files[pattern])] if pattern in files else []

    parsed = parse(files["f"], file="f", options=Options(reader=reader))
    assert any(message in note.message for note in parsed.notes)


@given(st.text(max_size=300), st.text(max_size=8))
def test_no_text_is_too_odd(text: str, config_id: str) -> None:
    shape(parse(text, options=Options(config_id=config_id, limit=500)).config)


@pytest.mark.parametrize("first", range(0, 1000, 250))
def test_no_mixture_of_what_is_special_is_too_odd(first: int) -> None:
    for seed in range(first, first + 250):
        shape(parse(fragments.text(seed), options=Options(config_id="me", limit=5000)).config)


@pytest.mark.corpus
@needs_shared
@pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.name[:20])
def test_no_real_file_is_too_odd(file: Path) -> None:
    parsed = parse(text_of(file), file=str(file))
    assert parsed.config
    shape(parsed.config)


def shape(config: Config) -> None:
    """Check what every tree has: words everywhere, and no brace among them."""
    for statement in config:
        assert statement.words
        assert "\n" not in statement.words[0]
        shape(statement.body or ())


def test_braces_that_never_close_take_linear_time() -> None:
    def seconds(blocks: int) -> float:
        begun = time.process_time()
        parse("a {\n" * blocks, file="deep.conf")
        return time.process_time() - begun

    seconds(500)
    assert seconds(8_000) < 12 * seconds(2_000)
