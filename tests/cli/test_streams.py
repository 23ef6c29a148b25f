"""What happens to an answer when nobody takes it, and to the work when nobody listens to its story."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Lvsctl

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


HOSTILE = b"\x1b]0;x\x07\xff\xc2\x9b\xe2\x80\xae"
"""A window title, a byte that is no text, one that begins an escape sequence, one that turns the writing round."""


@pytest.mark.parametrize("locale", ["utf-8", "latin-1"])
def test_json_is_json_and_harmless_in_every_locale(tmp_path: Path, locale: str) -> None:
    folder = tmp_path / "etc/netplan"
    folder.mkdir(parents=True)
    (folder / os.fsdecode(HOSTILE + b".yaml")).write_bytes(b"[")
    command = [
        sys.executable,
        "-m",
        "lvsctl",
        "return-path",
        "check",
        "--boot-files",
        str(tmp_path),
        "--json",
    ]
    environment = {**os.environ, "PYTHONIOENCODING": f"{locale}:strict"}
    done = subprocess.run(command, capture_output=True, env=environment, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stdout.isascii()
    assert done.stderr.decode().replace("\n", "").isprintable()
    (trouble,) = json.loads(done.stdout)["trouble"]
    assert os.fsdecode(HOSTILE) in trouble


def test_no_complaint_has_an_escape_in_it_not_even_one_of_ours(lvsctl: Lvsctl) -> None:
    answer = lvsctl("doctor", "--ignore", "\x1b[31m")
    assert (answer.status, answer.err) == (64, "lvsctl: --ignore \\x1b[31m: there is no such check\n")
