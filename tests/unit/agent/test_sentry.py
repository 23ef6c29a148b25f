"""The thread that guards the sorries goes on, whatever happens to it."""

from pathlib import Path

import pytest

from lvsctl.agent.sentry import Sentry, Watched
from tests.support.hosts import wait_until


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LVSCTL_ROOT", str(tmp_path))
    path = tmp_path / "var/lib/lvsctl/sorry"
    path.parent.mkdir(parents=True)
    return path


def what_it_says() -> list[str]:
    told: list[str] = []
    guard = Sentry(Watched(), told.append)
    guard.start()
    assert wait_until(lambda: told, 10)
    assert guard.is_alive
    guard.end()
    return told


def test_a_folder_that_cannot_be_read_is_told_and_ends_nothing(folder: Path) -> None:
    folder.write_text("no folder")
    assert what_it_says() == [f"the sorries cannot be guarded: {folder}: Not a directory"]


@pytest.mark.usefixtures("folder")
def test_what_nobody_thought_of_is_told_and_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_journal: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("lvsctl.sorry.journal.Journal.all", broken)
    assert what_it_says() == [
        "the sorries cannot be guarded: this is a bug in lvsctl: ZeroDivisionError: oops"
    ]
