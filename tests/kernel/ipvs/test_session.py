"""The sessions about the kernel's table, played on a real one: docs/how-to/ipvs.md, and the README's excerpt from it."""

import re
from pathlib import Path

import pytest

from lvsctl.host.netns import inside
from tests.support.ipvs import fresh_netns
from tests.support.sessions import play, steps

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs/how-to/ipvs.md"


@pytest.mark.kernel(timeout=240)
def test_what_the_page_shows_is_what_the_kernel_does(tmp_path: Path) -> None:
    with fresh_netns() as netns:
        inside(netns, lambda: play(PAGE.read_text(), tmp_path))


def test_the_readme_shows_an_excerpt_of_it() -> None:
    section = (ROOT / "README.md").read_text().partition("\n## The kernel's table\n")[2].partition("\n## ")[0]
    [excerpt] = re.findall(r"^```text\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    played = [f"$ {command}\n{output}" for command, output in steps(PAGE.read_text())]
    shown = re.split(r"^(?=\$ )", excerpt, flags=re.MULTILINE)[1:]
    assert shown
    assert [step for step in shown if step not in played] == []
