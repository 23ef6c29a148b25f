"""The hosts, and the command line on one of them."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.hosts import Net, wait_until
from tests.support.sorry_command import RULES, Lab, Lvsctl, listen


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Net() as net:
        made = Lab(net)
        for host, ports in ((made.r1, [8080]), (made.lb1, [8503, 8200]), (made.lb2, [8503, 8200])):
            assert wait_until(partial(listen, host, ports)), host.name
        yield made


@pytest.fixture
def lvsctl(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Lvsctl:
    monkeypatch.setenv("LVSCTL_ROOT", str(tmp_path))
    monkeypatch.setenv("SUDO_USER", "alice")
    lab.lb1.ipvsadm("-C")
    lab.lb1.ipvsadm("-R", stdin=RULES)
    return Lvsctl(lab.lb1, "lb1", tmp_path, capsys)
