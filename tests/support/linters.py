"""The pytest plugin that lets the linters run beside other tests: from a cold start they take half a minute.

They begin as soon as a session has collected the tests that want them, each a process of its own that yields to
everybody else, and :func:`linted` waits for its end. What a clean tree is, tests/unit/test_linters.py says.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
LIMIT = 300
"""Seconds from the moment somebody waits for a linter."""

LINTERS = {
    "ruff": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "mypy": ["mypy"],
    "layers": ["lint-imports", "--no-cache"],
    "spelling": ["codespell"],
}


class Linter(NamedTuple):
    """A linter at work, and where it writes."""

    process: "subprocess.Popen[bytes]"
    output: IO[bytes]


AT_WORK = pytest.StashKey[dict[str, Linter]]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Start what tests of this session will ask for."""
    at_work = session.config.stash.setdefault(AT_WORK, {})
    for item in session.items if not session.config.option.collectonly else ():
        if isinstance(item, pytest.Function) and "linted" in item.fixturenames:
            name = str(item.callspec.params["name"])
            if (BIN / LINTERS[name][0]).exists():
                at_work[name] = _start(LINTERS[name])


def _start(command: list[str]) -> Linter:
    output = tempfile.TemporaryFile()  # noqa: SIM115 - open until the session ends
    argv = ["nice", str(BIN / command[0]), *command[1:]]
    process = subprocess.Popen(
        argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
    )
    return Linter(process, output)


@pytest.fixture
def linted(name: str, pytestconfig: pytest.Config) -> tuple[int, str]:
    """Wait for the linter *name*: its exit status, and all that it said."""
    program = LINTERS[name][0]
    linter = pytestconfig.stash[AT_WORK].get(name)
    if linter is None:
        pytest.skip(f"{program} is not installed beside {sys.executable}; `make test` installs it")
    status = linter.process.wait(LIMIT)
    linter.output.seek(0)
    return status, linter.output.read().decode()


def pytest_unconfigure(config: pytest.Config) -> None:
    """End what nobody waited for."""
    for linter in config.stash.get(AT_WORK, {}).values():
        linter.process.kill()
        linter.process.wait()
        linter.output.close()
