"""The session of docs/how-to/return-path.md, played in a network namespace of its own."""

import os
from pathlib import Path

import pytest

from tests.support import netns
from tests.support.sessions import play

PAGE = Path(__file__).parents[3] / "docs/how-to/return-path.md"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make network namespaces")
def test_what_the_page_shows_is_what_the_kernel_does(tmp_path: Path) -> None:
    with netns.fresh():
        play(PAGE.read_text(), tmp_path)
