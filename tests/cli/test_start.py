"""Starting is cheap, and every wrong usage ends with 64."""

import subprocess
import sys

import pytest
from typer.main import get_command

from lvsctl.cli.main import app
from tests.cli.conftest import Lvsctl

HEAVY = {"pydantic", "jinja2", "yaml", "pyroute2", "httpx", "asyncio", "lvsctl.spec", "lvsctl.keepalived"}
FOREIGN = {"ipvsadm"}
"""Commands that speak another program's command line, with that program's exit codes."""
COMMANDS = sorted(set(get_command(app).commands) - FOREIGN)  # type: ignore[attr-defined]  # a group has commands


def modules_after(arguments: list[str]) -> set[str]:
    code = f"import sys; from lvsctl.cli.main import run; run({arguments!r}); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    return set(done.stderr.split())


def test_help_loads_nothing_heavy() -> None:
    assert not modules_after(["--help"]) & HEAVY


def test_importing_the_package_imports_nothing_else() -> None:
    code = "import sys; before = set(sys.modules); import lvsctl; print(*(set(sys.modules) - before))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["lvsctl"]


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_option_is_64(lvsctl: Lvsctl, command: str) -> None:
    answer = lvsctl(command, "--no-such-option")
    assert answer.status == 64
    assert "no-such-option" in answer.err.lower()
    assert not answer.out


def test_an_unknown_command_is_64(lvsctl: Lvsctl) -> None:
    answer = lvsctl("rendre")
    assert answer.status == 64
    assert "rendre" in answer.err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(lvsctl: Lvsctl, command: str) -> None:
    answer = lvsctl(command, "--help")
    assert answer.status == 0
    assert "Usage: lvsctl" in answer.out


def test_the_version_is_said(lvsctl: Lvsctl) -> None:
    assert lvsctl("--version").out.startswith("lvsctl 0.")


def test_completion_is_offered() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lvsctl"],
        env={"_LVSCTL_COMPLETE": "complete_bash", "COMP_WORDS": "lvsctl ren", "COMP_CWORD": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "render" in done.stdout


def test_a_bug_is_told_as_one_without_a_traceback(lvsctl: Lvsctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lvsctl.spec.load.read", lambda _file: 1 / 0)
    monkeypatch.delenv("LVSCTL_DEBUG", raising=False)
    answer = lvsctl("validate", "examples/pair.yaml", "--no-keepalived", "--json")
    assert answer.status == 1
    assert "bug in lvsctl: ZeroDivisionError" in answer.err
    assert "Traceback" not in answer.err
