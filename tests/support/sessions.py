"""Sessions in the documentation: blocks marked ``console``, run command by command and compared with what they show.

A line that begins with ``$ `` is a command, and what follows is its output, standard error included; a line ``…`` stands
for any lines. A file that a session shows with ``cat`` before anything made it is written first, with that content.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

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


def play(text: str, folder: Path, how: Callable[[str, Path], subprocess.CompletedProcess[str]] = run) -> None:
    """Run every session of a page, in *folder*; an AssertionError says where the page lies."""
    previous = 0
    for step in steps(text):
        if ELSEWHERE.search(step.command):
            continue
        if step.command == "echo $?":
            assert step.output.strip() == str(previous), "the exit code"
            continue
        if (shown := SHOWN_FILE.fullmatch(step.command)) and not (folder / shown[1]).exists():
            (folder / shown[1]).write_text(step.output)
        done = how(step.command, folder)
        previous = done.returncode
        assert matches(done.stdout, step.output), f"$ {step.command}\n{done.stdout}"


def matches(output: str, shown: str) -> bool:
    pattern = "".join(
        ".*" if line.strip() == "…" else re.escape(line) for line in shown.splitlines(keepends=True)
    )
    return re.fullmatch(pattern, output, re.DOTALL) is not None
