"""How a long run's kernel tests are shared out to several guests, and how what those leave comes together."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.lab_plugin import MANY, hand_out, shares


def items(folder: str, count: int) -> list[Any]:
    return [SimpleNamespace(nodeid=f"tests/kernel/{folder}/test_x.py::test[{each}]") for each in range(count)]


def test_a_short_run_has_one_guest() -> None:
    some = items("sorry", MANY - 1)
    assert shares(some) == [some]


def test_a_long_run_has_three_guests_and_loses_no_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    sorries, others, doctors = items("sorry", MANY), items("ipvs", 7), items("doctor", 3)
    assert shares([*others, *sorries, *doctors]) == [doctors, sorries, others]
    assert shares([*others, *sorries]) == [sorries, others]


def test_a_long_run_of_one_kind_is_halved_and_keeps_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    sorries = items("sorry", MANY + 1)
    first, second = shares(sorries)
    assert first + second == sorries
    assert len(second) - len(first) == 1


def test_notes_of_the_second_guest_go_behind_those_of_the_first(tmp_path: Path) -> None:
    wanted = tmp_path / "wanted"
    for number, name in enumerate(("first", "second")):
        left = tmp_path / name
        left.mkdir()
        (left / "notes.jsonl").write_text(f"{name}\n")
        (left / "page.html").write_text(name)
        hand_out(left, wanted, add=number > 0)
    assert (wanted / "notes.jsonl").read_text() == "first\nsecond\n"
    assert (wanted / "page.html").read_text() == "second"
