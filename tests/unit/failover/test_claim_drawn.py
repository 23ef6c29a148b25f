"""The claim's transitions: the table in the code, the drawings in the documentation, and what can happen agree."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lvsctl.failover.claim import Phase
from lvsctl.failover.transitions import TRANSITIONS
from tests.support.failover_reach import Edge, edges

PAGE = Path(__file__).parents[3] / "docs/explanation/failover-claim.md"
ARROW = re.compile(r"(\w+) --> (\w+) : ([\w-]+)")


def drawings() -> list[str]:
    return re.findall(r"```mermaid\n(.*?)```", PAGE.read_text(), re.DOTALL)


def frames(drawing: str) -> dict[str, set[str]]:
    """Answer the phases in each frame of *drawing*, also those in a frame inside it."""
    found: dict[str, set[str]] = {}
    around: list[str] = []
    for line in map(str.strip, drawing.splitlines()):
        if opened := re.fullmatch(r"state (\w+) \{", line):
            around.append(opened[1])
        elif line == "}":
            around.pop()
        elif around and line in set(Phase):
            for frame in around:
                found.setdefault(frame, set()).add(line)
    return found


def drawn() -> Iterator[Edge]:
    for drawing in drawings():
        inside = frames(drawing)
        for source, to, cause in ARROW.findall(drawing):
            for each in inside.get(source, {source}):
                yield Phase(each), cause, Phase(to)


def test_every_transition_of_the_code_is_drawn_and_no_other() -> None:
    assert set(drawn()) == TRANSITIONS


def test_what_can_happen_is_what_is_drawn() -> None:
    assert set(edges()) == TRANSITIONS


@pytest.mark.parametrize("phase", Phase)
def test_each_phase_is_explained(phase: Phase) -> None:
    assert re.search(rf"^\| {phase} \|", PAGE.read_text(), re.MULTILINE)


def test_a_claim_that_yielded_moves_again_only_for_a_reason() -> None:
    out = {(cause, to) for source, cause, to in TRANSITIONS if source is Phase.YIELDED and to is not source}
    assert out == {
        ("promoted", Phase.SEEKING),
        ("demoted", Phase.IDLE),
        ("ordered", Phase.SEEKING),
        ("seen-here", Phase.HELD),
        ("seen-elsewhere", Phase.AWAY),
        ("taken-by-a-lower-peer", Phase.AWAY),
    }
