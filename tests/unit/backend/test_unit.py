"""The systemd unit of the sorry backend, as systemd itself reads it."""

import re
import shutil
from pathlib import Path

import pytest

from lvsctl.host.run import run

UNIT = Path(__file__).resolve().parents[3] / "templates/lvsctl-sorry.service"


@pytest.fixture
def analyze() -> str:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    return program


def test_systemd_understands_every_line(analyze: str, tmp_path: Path) -> None:
    text = re.sub(r"^(ExecStart=)\S+", r"\1/bin/true", UNIT.read_text(), flags=re.MULTILINE)
    copy = tmp_path / UNIT.name
    copy.write_text(text)
    found = run([analyze, "verify", "--man=no", str(copy)])
    assert (found.status, found.stderr) == (0, "")


def test_it_is_hardened_as_far_as_a_server_can_be(analyze: str) -> None:
    found = run([analyze, "security", "--offline=yes", "--no-pager", str(UNIT)])
    exposure = re.search(r"Overall exposure level for \S+ ([\d.]+)", found.stdout)
    if exposure is None:
        pytest.skip("this systemd-analyze judges no files")
    assert float(exposure[1]) < 2.5


def test_it_serves_as_nobody_in_particular_and_comes_back() -> None:
    lines = UNIT.read_text().splitlines()
    for expected in (
        "User=lvsctl-sorry",
        "Restart=always",
        "StartLimitIntervalSec=0",
        "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
        "ProtectSystem=strict",
        "NoNewPrivileges=yes",
        "Type=notify",
    ):
        assert expected in lines
