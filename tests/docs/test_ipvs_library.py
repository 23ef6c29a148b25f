"""The page about the library says what happens: in memory, and on a real kernel."""

import doctest
from pathlib import Path

import pytest

from tests.support.ipvs import fresh_netns

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "ipvs-library.md"


def run(text: str) -> doctest.TestResults:
    test = doctest.DocTestParser().get_doctest(text.replace("```", ""), {}, PAGE.name, str(PAGE), 0)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(test)
    return runner.summarize()


def test_every_example_on_a_table_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    failed, tried = run(PAGE.read_text())
    assert failed == 0
    assert tried > 30


@pytest.mark.kernel
def test_every_example_on_the_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text().replace(
        ">>> ipvs = MemoryIpvs()",
        ">>> from lvsctl.ipvs import KernelIpvs\n>>> ipvs = KernelIpvs(netns=NETNS)",
    )
    with fresh_netns() as netns:
        failed, tried = run(text.replace("NETNS", repr(netns)) + "\n>>> ipvs.close()\n")
    assert failed == 0
    assert tried > 30
