"""Whether the agent lives, by the file it keeps."""

import json
import os
import time
from pathlib import Path

import pytest

from lvsctl.sorry.heartbeat import agent_is_alive


@pytest.fixture
def status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LVSCTL_ROOT", str(tmp_path))
    path = tmp_path / "run/lvsctl/status.json"
    path.parent.mkdir(parents=True)
    return path


def test_a_fresh_heartbeat_of_a_process_is_an_agent(status: Path) -> None:
    status.write_text(json.dumps({"version": 1, "pid": os.getpid(), "heartbeat": time.time(), "more": []}))
    assert agent_is_alive()


@pytest.mark.parametrize(
    "change",
    [
        {"heartbeat": 0},
        {"heartbeat": 4e9},
        {"heartbeat": "nan"},
        {"heartbeat": None},
        {"pid": 2**22 + 1},
        {"pid": 10**30},
        {"pid": -1},
        {"pid": 0},
        {"version": 2},
    ],
)
def test_anything_else_is_none(status: Path, change: dict[str, object]) -> None:
    status.write_text(json.dumps({"version": 1, "pid": os.getpid(), "heartbeat": time.time()} | change))
    assert not agent_is_alive()


@pytest.mark.parametrize("text", ["", "null", "[]", "{", '"x"', "[" * 100_000])
def test_a_file_that_makes_no_sense_is_none(status: Path, text: str) -> None:
    status.write_text(text)
    assert not agent_is_alive()


def test_no_file_or_a_folder_is_none(status: Path) -> None:
    assert not agent_is_alive()
    status.mkdir()
    assert not agent_is_alive()
