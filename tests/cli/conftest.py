"""A command line to call: ``lvsctl("render", …)`` answers the exit code, standard output and standard error."""

from collections.abc import Callable
from typing import NamedTuple

import pytest

from lvsctl.cli.main import run


class Answer(NamedTuple):
    status: int
    out: str
    err: str


Lvsctl = Callable[..., Answer]


@pytest.fixture
def lvsctl(capsys: pytest.CaptureFixture[str]) -> Lvsctl:
    def call(*arguments: str) -> Answer:
        status = run([*arguments])
        captured = capsys.readouterr()
        return Answer(status, captured.out, captured.err)

    return call
