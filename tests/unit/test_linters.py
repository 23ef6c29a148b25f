"""The linters are tests: a change that breaks a rule of the house fails like one that breaks a behaviour."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent

LINTERS = {
    "ruff": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "mypy": ["mypy"],
    "layers": ["lint-imports", "--no-cache"],
    "spelling": ["codespell"],
}


@pytest.mark.parametrize("name", LINTERS)
def test_the_tree_is_clean(name: str) -> None:
    program, *arguments = LINTERS[name]
    if not (BIN / program).exists():
        pytest.skip(f"{program} is not installed beside {sys.executable}; `make test` installs it")
    done = subprocess.run(
        [BIN / program, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_file_drifts_into_a_junk_drawer() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in ROOT.glob("lvsctl/**/*.py")
        if (lines := len(path.read_text().splitlines())) > 400
    }
    assert not long


def test_each_ignored_rule_says_why() -> None:
    bare = re.compile(r"# (noqa(: [A-Z0-9, ]+)?|type: ignore(\[[^]]*\])?)$")
    where = [
        f"{path.relative_to(ROOT)}:{number}"
        for folder in ("lvsctl", "tests", "bench", "docs", "hooks")
        for path in (ROOT / folder).rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if bare.search(line)
    ]
    assert not where
