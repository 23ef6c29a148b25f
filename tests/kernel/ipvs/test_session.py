"""The sessions about the kernel's table, played on a real one: docs/how-to/ipvs.md, and the README's excerpt from it."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel.sorry.test_session import Shell
from tests.support.hosts import Net
from tests.support.preloaded import preloaded
from tests.support.sessions import play, steps

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs/how-to/ipvs.md"


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path("/srv/session-ipvs")  # not below a folder that the host has of its own
    made.mkdir(parents=True)
    yield made
    shutil.rmtree(made)


@pytest.mark.kernel(timeout=240)
def test_what_the_page_shows_is_what_the_kernel_does(folder: Path) -> None:
    with Net() as net:
        host = net.host("lb1")
        with preloaded(host) as program, Shell(host, f"PATH={program}:$PATH; cd {folder}") as shell:
            play(PAGE.read_text(), folder, shell)


def test_the_readme_shows_an_excerpt_of_it() -> None:
    section = (ROOT / "README.md").read_text().partition("\n## The kernel's table\n")[2].partition("\n## ")[0]
    [excerpt] = re.findall(r"^```text\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    played = [f"$ {command}\n{output}" for command, output in steps(PAGE.read_text())]
    shown = re.split(r"^(?=\$ )", excerpt, flags=re.MULTILINE)[1:]
    assert shown
    assert [step for step in shown if step not in played] == []
