"""What happens to an answer when nobody takes it, and to the work when nobody listens to its story."""

import subprocess
import sys
from pathlib import Path

import pytest

PAIR = str(Path(__file__).resolve().parents[2] / "examples" / "pair.yaml")
RENDER = f'"{sys.executable}" -m lvsctl render {PAIR} --node lb1'


def shell(script: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False)


def test_a_full_disk_is_named_and_ends_with_1() -> None:
    done = shell(f"{RENDER} > /dev/full")
    assert done.returncode == 1
    assert done.stderr == "lvsctl: standard output: No space left on device\n"


@pytest.mark.parametrize("command", [RENDER, f"{RENDER} -o /nowhere.conf --check"])
def test_an_answer_whose_reader_went_away_is_no_yes(command: str) -> None:
    done = shell(f"set -o pipefail; {command} 2>/dev/null | true")
    assert done.returncode == 1
    assert not done.stderr


def test_closed_streams_are_no_bug(tmp_path: Path) -> None:
    target = tmp_path / "k.conf"
    done = shell(f"{RENDER} -o {target} <&- >&- 2>&-")
    assert done.returncode == 0
    assert target.read_text().startswith("# Rendered by lvsctl")


def test_a_story_nobody_reads_stops_no_work(tmp_path: Path) -> None:
    done = shell(f'"{sys.executable}" -m lvsctl render {PAIR} --all-nodes {tmp_path} 2> /dev/full')
    assert done.returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lb1.conf", "lb2.conf"]
