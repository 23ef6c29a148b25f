"""What the sessions of doctor have in common."""

from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

import pytest

from lvsctl.cli.main import run
from tests.support import netns


@pytest.fixture(scope="session")
def imported() -> None:
    """Have everything imported that an examination needs: imports cost seconds in the lab, and each command is a fork of us."""
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()), netns.fresh():
        run(["doctor"])
