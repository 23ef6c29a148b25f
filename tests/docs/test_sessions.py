"""Every session in the documentation is run, command by command, and has to print what the page shows.

How a session is written: tests/support/sessions.py. The blocks of one page run in one folder, in order. Pages that need
a kernel with IPVS are played in the kernel lab by tests/kernel/*/test_session.py; those that need a provider of failover
IPs by test_failover_sessions.py.
"""

import shutil
from pathlib import Path

import pytest

from tests.support.sessions import matches, play, steps

ROOT = Path(__file__).resolve().parents[2]
IN_THE_LAB = {ROOT / f"docs/how-to/{page}.md" for page in ("doctor", "ipvs", "sorry")}
IN_A_NAMESPACE = {ROOT / "docs/how-to/return-path.md"}
WITH_A_PROVIDER = {
    ROOT / f"docs/how-to/{page}.md" for page in ("failover-robot", "failover-cloud", "pacemaker")
}
WITH_UPLINKS = {ROOT / "docs/how-to/two-isps.md"}
PAGES = sorted(
    {ROOT / "README.md", *ROOT.glob("docs/**/*.md")}
    - IN_THE_LAB
    - WITH_A_PROVIDER
    - WITH_UPLINKS
    - IN_A_NAMESPACE
)


def sessions() -> list[Path]:
    return [page for page in PAGES if any(True for _ in steps(page.read_text()))]


@pytest.mark.keepalived
@pytest.mark.parametrize("page", sessions(), ids=lambda page: str(page.relative_to(ROOT)))
def test_what_the_page_shows_is_what_happens(page: Path, tmp_path: Path) -> None:
    if shutil.which("keepalived", path="/usr/sbin:/usr/bin:/sbin") is None:
        pytest.skip("keepalived is not installed, and the sessions show its verdict")
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    play(page.read_text(), tmp_path)


def test_a_page_that_lies_is_found() -> None:
    assert not matches("lb1: written\n", "lb2: written\n")
    assert matches("a\nb\nc\n", "a\n…\nc\n")
