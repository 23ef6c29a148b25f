"""Every session in the documentation is run, command by command, and has to print what the page shows.

In a block marked ``console`` a line that begins with ``$ `` is a command, and what follows is its output, standard
error included; a line ``…`` stands for any lines. A file that a session shows with ``cat`` before anything made it is
written first, with the content shown. The blocks of one page run in one folder, in order.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ELSEWHERE = re.compile(r"\b(?:make|ssh|systemctl|sudo|apt-get)\b|\.venv/bin/|tests/")
"""Commands that belong to another place than a test's folder; their pages say so."""
SHOWN_FILE = re.compile(r"cat (\S+)")


class Step(NamedTuple):
    command: str
    output: str


def steps(text: str) -> Iterator[Step]:
    for block in BLOCK.findall(text):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield Step(command, output)


def sessions() -> list[Path]:
    return [page for page in PAGES if any(True for _ in steps(page.read_text()))]


@pytest.mark.keepalived
@pytest.mark.parametrize("page", sessions(), ids=lambda page: str(page.relative_to(ROOT)))
def test_what_the_page_shows_is_what_happens(page: Path, tmp_path: Path) -> None:
    if shutil.which("keepalived", path="/usr/sbin:/usr/bin:/sbin") is None:
        pytest.skip("keepalived is not installed, and the sessions show its verdict")
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    previous = 0
    for step in steps(page.read_text()):
        if ELSEWHERE.search(step.command):
            continue
        if step.command == "echo $?":
            assert step.output.strip() == str(previous), "the exit code"
            continue
        if (shown := SHOWN_FILE.fullmatch(step.command)) and not (tmp_path / shown[1]).exists():
            (tmp_path / shown[1]).write_text(step.output)
        done = run(step.command, tmp_path)
        previous = done.returncode
        assert matches(done.stdout, step.output), f"$ {step.command}\n{done.stdout}"


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={"PATH": path, "HOME": str(folder), "LC_ALL": "C.UTF-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )


def matches(output: str, shown: str) -> bool:
    pattern = "".join(
        ".*" if line.strip() == "…" else re.escape(line) for line in shown.splitlines(keepends=True)
    )
    return re.fullmatch(pattern, output, re.DOTALL) is not None


def test_a_page_that_lies_is_found() -> None:
    assert not matches("lb1: written\n", "lb2: written\n")
    assert matches("a\nb\nc\n", "a\n…\nc\n")
