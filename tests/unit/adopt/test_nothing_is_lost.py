"""Whatever a file says is in the imported spec or in the list of faults: nothing is dropped without a word."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from lvsctl.compose.adopt import Adopted, adopt
from lvsctl.compose.render import render
from lvsctl.keepalived.parse import Options, Parsed, parse
from lvsctl.spec.document import read
from lvsctl.spec.load import load
from tests.support.carried import lost

SHARED = Path(__file__).resolve().parents[4] / "shared" / "corpus"
OWN = Path(__file__).with_name("files")
FILES = [*sorted(OWN.glob("*.conf")), *sorted(SHARED.glob("*.conf"))]
NODES = ("low", "high", "nobody")
MUTATIONS = 500
SEED = 20_240_607
LIMIT = 5_000
"""Lines; sequences that use themselves grow beyond all bounds, which reading cuts off."""


def imported(text: str, config_id: str = "low") -> tuple[Parsed, Adopted]:
    """Import *text* as the node that *config_id* names."""
    parsed = parse(text, file="keepalived.conf", options=Options(config_id=config_id, limit=LIMIT))
    return parsed, adopt({"": parsed})


def assert_nothing_is_lost(text: str, config_id: str = "low") -> None:
    """Import, load, render and read again: every statement is there, or a fault names its line."""
    parsed, spec = imported(text, config_id)
    again = parse(render(load(read(spec.text, file="spec.yaml")), "").text)
    missing = lost(parsed.config, again.config, spec.faults)
    assert not missing, f"{missing}\n{text}\n{spec.text}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem[:24])
def test_every_statement_is_carried_or_named(path: Path) -> None:
    for config_id in NODES:
        assert_nothing_is_lost(path.read_bytes().decode("utf-8", "surrogateescape"), config_id)


def test_the_files_of_this_folder_say_a_lot() -> None:
    assert len([path for path in FILES if path.parent == OWN]) >= 6


Mutation = Callable[[random.Random, list[str]], None]


def _swap(chance: random.Random, lines: list[str]) -> None:
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]


def _double(chance: random.Random, lines: list[str]) -> None:
    lines.insert(chance.randrange(len(lines)), chance.choice(lines))


def _drop(chance: random.Random, lines: list[str]) -> None:
    del lines[chance.randrange(len(lines))]


def _swap_words(chance: random.Random, lines: list[str]) -> None:
    at = chance.randrange(len(lines))
    words = lines[at].split()
    chance.shuffle(words)
    lines[at] = " ".join(words)


def _borrow(chance: random.Random, lines: list[str]) -> None:
    one, other = (lines[chance.randrange(len(lines))].split() for _ in range(2))
    if one and other:
        lines[chance.randrange(len(lines))] = " ".join([*one[:1], *other[-1:]])


def _odd_word(chance: random.Random, lines: list[str]) -> None:
    odd = (
        "{",
        "}",
        '"',
        "#",
        "!",
        "$X",
        "@low",
        "~SEQ(A,1,3)",
        "-1",
        "0",
        "99999999999",
        "é\udcff",
        "\x01",
        "a=b",
        "''",
    )
    at = chance.randrange(len(lines))
    words = lines[at].split()
    words.insert(chance.randint(0, len(words)), chance.choice(odd))
    lines[at] = " ".join(words)


def _cut(chance: random.Random, lines: list[str]) -> None:
    at = chance.randrange(len(lines))
    lines[at] = lines[at][: chance.randint(0, len(lines[at]))]


MUTATE: tuple[Mutation, ...] = (_swap, _double, _drop, _swap_words, _borrow, _odd_word, _cut)


def mutated(chance: random.Random, text: str) -> str:
    """Change *text* in one to five ways, as tired people and broken tools do."""
    lines = text.splitlines()
    for _ in range(chance.randint(1, 5)):
        if lines:
            chance.choice(MUTATE)(chance, lines)
    return "\n".join(lines)


@pytest.mark.parametrize("part", range(10))
def test_mutated_files_are_imported_without_a_crash_or_a_loss(part: int) -> None:
    chance = random.Random(SEED + part)
    texts = [
        path.read_bytes().decode("utf-8", "surrogateescape") for path in FILES if path.stat().st_size < 5000
    ]
    for _ in range(MUTATIONS // 10):
        assert_nothing_is_lost(mutated(chance, chance.choice(texts)))
