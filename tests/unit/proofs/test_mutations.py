"""A thousand ways to break the example: each is accepted or refused with positions, soon, and never with a traceback."""

import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from lvsctl.compose.render import render
from lvsctl.compose.rules import Pair, check
from lvsctl.errors import SpecInvalid
from lvsctl.spec.document import read
from lvsctl.spec.load import load
from tests.support.injection import PAYLOADS

EXAMPLE = (Path(__file__).parents[3] / "examples" / "pair.yaml").read_text(encoding="utf-8")
MUTATIONS = 1000
SECONDS_EACH = 2.0

WORDS = (
    *("null", "~", "[]", "{}", "- x", "true", "0", "-1", "010", "1e3", "12:30:45", "99999999999999999999", "&a", "*a", "<<", "!!python/object"),
    *("TCP", "dr", "::1", "203.0.113.10", "eth0", "on", "no", "VI_1", "web", "uplink", "lb1", "extra", "per_node", "virtual_servers", "none"),
)  # fmt: skip

Mutate = Callable[[random.Random, str], bytes]


def change_a_byte(chance: random.Random, text: str) -> bytes:
    data = bytearray(text.encode())
    data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)


def drop_bytes(chance: random.Random, text: str) -> bytes:
    data = text.encode()
    start = chance.randrange(len(data))
    return data[:start] + data[start + chance.randint(1, 20) :]


def insert_a_payload(chance: random.Random, text: str) -> bytes:
    place = chance.randrange(len(text))
    return (text[:place] + chance.choice(PAYLOADS) + text[place:]).encode(errors="surrogatepass")


def swap_lines(chance: random.Random, text: str) -> bytes:
    lines = text.splitlines(keepends=True)
    first, second = chance.sample(range(len(lines)), 2)
    lines[first], lines[second] = lines[second], lines[first]
    return "".join(lines).encode()


def repeat_a_line(chance: random.Random, text: str) -> bytes:
    lines = text.splitlines(keepends=True)
    lines.insert(chance.randrange(len(lines)), chance.choice(lines))
    return "".join(lines).encode()


def drop_a_line(chance: random.Random, text: str) -> bytes:
    lines = text.splitlines(keepends=True)
    del lines[chance.randrange(len(lines))]
    return "".join(lines).encode()


def shift_a_line(chance: random.Random, text: str) -> bytes:
    lines = text.splitlines(keepends=True)
    number = chance.randrange(len(lines))
    lines[number] = chance.choice(("  ", "\t", " ", "    ")) + lines[number]
    return "".join(lines).encode()


def swap_values(chance: random.Random, text: str) -> bytes:
    words = text.split(" ")
    first, second = chance.sample(range(len(words)), 2)
    words[first], words[second] = words[second], words[first]
    return " ".join(words).encode()


def replace_a_value(chance: random.Random, text: str) -> bytes:
    words = text.split(" ")
    words[chance.randrange(len(words))] = chance.choice((*WORDS, *PAYLOADS))
    return " ".join(words).encode(errors="surrogatepass")


WAYS: tuple[Mutate, ...] = (
    change_a_byte,
    drop_bytes,
    insert_a_payload,
    swap_lines,
    repeat_a_line,
    drop_a_line,
    shift_a_line,
    swap_values,
    replace_a_value,
)


def outcome(data: bytes) -> str:
    """Load, check and render *data*; answer how far it got."""
    try:
        declared = load(read(data, file="pair.yaml"))
    except SpecInvalid as refusal:
        assert refusal.faults
        assert all(fault.place.file == "pair.yaml" and fault.message for fault in refusal.faults)
        return "refused"
    check(Pair(declared.specs))
    try:
        for node in declared.specs:
            render(declared, node)
    except SpecInvalid as refusal:
        assert all(fault.place.line for fault in refusal.faults)
        return "refused"
    return "rendered"


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_broken_example_is_refused_or_rendered(way: Mutate) -> None:
    chance = random.Random(way.__name__)
    tally: Counter[str] = Counter()
    for _ in range(MUTATIONS // len(WAYS) + 1):
        data = EXAMPLE
        for _ in range(chance.choice((0, 0, 1, 3))):
            data = way(chance, data).decode("utf-8", "replace")
        broken = way(chance, data)
        begun = time.process_time()
        tally[outcome(broken)] += 1
        assert time.process_time() - begun < SECONDS_EACH, broken
    assert tally["refused"], "mutations that nobody notices prove nothing"
