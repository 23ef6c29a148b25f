"""``lvsctl doctor`` as it is called: exit codes, what it prints, the other director over a made-up ssh."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from lvsctl.compose.rules import Severity
from lvsctl.doctor.examine import HEALTHY, Report
from lvsctl.doctor.model import Finding, Unread
from tests.cli.conftest import Lvsctl

PAIR = str(Path(__file__).resolve().parents[2] / "examples" / "pair.yaml")
BAD = Finding(
    "LVD500",
    Severity.ERROR,
    "keepalived\x1b[2J",
    "it is not there",
    "Nobody takes over.",
    "systemctl start keepalived",
    "page",
)
NOTE = BAD._replace(id="LVD701", severity=Severity.NOTE)
LEFT = Unread(("LVD600",), "not for you", "run lvsctl as root")


@pytest.fixture
def finds(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the examination find what a test says."""

    def say(*findings: Finding, unread: tuple[Unread, ...] = ()) -> None:
        report = Report(findings, unread, ("LVD830",))
        monkeypatch.setattr("lvsctl.doctor.examine.examine", lambda *_, **__: report)

    return say


@pytest.mark.parametrize(
    ("findings", "unread", "status"),
    [((), (), HEALTHY), ((NOTE,), (), 0), ((BAD,), (LEFT,), 2), ((), (LEFT,), 1), ((NOTE,), (LEFT,), 1)],
)
def test_the_exit_code_says_whether_the_machine_is_healthy(
    lvsctl: Lvsctl, finds: Any, findings: tuple[Finding, ...], unread: tuple[Unread, ...], status: int
) -> None:
    finds(*findings, unread=unread)
    assert lvsctl("doctor", PAIR, "--node", "lb1").status == status


def test_findings_are_told_by_severity_with_the_command_that_mends_them(lvsctl: Lvsctl, finds: Any) -> None:
    finds(BAD, NOTE, unread=(LEFT,))
    answer = lvsctl("doctor", PAIR, "--node", "lb1")
    assert answer.out == (
        "Error\n"
        "  LVD500 keepalived\\x1b[2J: it is not there\n"
        "         why: Nobody takes over.\n"
        "         fix: systemctl start keepalived\n"
        "Note\n"
        "  LVD701 keepalived\\x1b[2J: it is not there\n"
        "         why: Nobody takes over.\n"
        "         fix: systemctl start keepalived\n"
        "1 finding and 1 note; 1 check could not be made\n"
    )
    assert answer.err == "not looked at: LVD600: not for you (run lvsctl as root)\n"


def test_quiet_leaves_reasons_and_notes_out(lvsctl: Lvsctl, finds: Any) -> None:
    finds(BAD, NOTE, unread=(LEFT,))
    answer = lvsctl("doctor", PAIR, "--node", "lb1", "--quiet")
    assert "why:" not in answer.out
    assert "LVD701" not in answer.out
    assert answer.err == ""


def test_json_has_everything(lvsctl: Lvsctl) -> None:
    answer = lvsctl("doctor", PAIR, "--node", "lb1", "--json")
    said = json.loads(answer.out)
    assert set(said) == {"role", "node", "findings", "unread", "checked", "facts"}
    assert {"LVD200", "LVD500"} <= {*said["checked"], *(each["id"] for each in said["findings"])}
    assert {"id", "severity", "subject", "read", "why", "remedy", "page"} == set(said["findings"][0])
    assert answer.status == 2


def test_a_check_can_be_left_out(lvsctl: Lvsctl) -> None:
    said = json.loads(lvsctl("doctor", PAIR, "--node", "lb1", "--json", "--ignore", "LVD500").out)
    assert "LVD500" not in said["checked"]
    assert "LVD500" not in {each["id"] for each in said["findings"]}


def test_a_check_that_does_not_exist_cannot(lvsctl: Lvsctl) -> None:
    answer = lvsctl("doctor", PAIR, "--node", "lb1", "--ignore", "LVD50")
    assert answer.status == 64
    assert "did you mean" in answer.err


def test_a_spec_that_makes_no_sense_is_65(lvsctl: Lvsctl, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("vritual_servers: {}\n")
    assert lvsctl("doctor", str(tmp_path / "bad.yaml")).status == 65
    assert lvsctl("doctor", str(tmp_path / "none.yaml")).status == 69


def test_a_real_server_needs_no_name_in_the_spec(lvsctl: Lvsctl) -> None:
    said = json.loads(lvsctl("doctor", PAIR, "--role", "realserver", "--json").out)
    assert said["role"] == "realserver"
    assert "LVD210" in said["checked"]
    assert "LVD500" not in said["checked"]


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let an ssh of ours answer, which writes down what it was told."""

    def answer(text: str, status: int = 0) -> Path:
        (tmp_path / "answer").write_text(text)
        program = tmp_path / "ssh"
        program.write_text(
            f"#!/bin/sh\nprintf '%s\\n' \"$@\" > {tmp_path}/told\ncat {tmp_path}/answer\nexit {status}\n"
        )
        program.chmod(0o755)
        monkeypatch.setattr("lvsctl.host.run.PATH", f"{tmp_path}:{os.defpath}")
        return tmp_path / "told"

    return answer


def test_the_other_director_is_asked_for_the_same_and_compared(lvsctl: Lvsctl, ssh: Any) -> None:
    here = json.loads(lvsctl("doctor", PAIR, "--node", "lb1", "--json").out)
    told = ssh(json.dumps({"facts": here["facts"] | {"spec": "another"}}), status=2)
    said = json.loads(lvsctl("doctor", PAIR, "--node", "lb1", "--json", "--peer", "lb2").out)
    assert told.read_text().splitlines()[-2:] == ["lb2", f"lvsctl doctor --json --node lb2 {PAIR}"]
    assert "LVD901" in {each["id"] for each in said["findings"]}
    assert "LVD902" in said["checked"]


@pytest.mark.parametrize(("text", "status"), [("", 255), ("[]", 0), ('{"facts": 7}', 2), ("\x1b[2J", 127)])
def test_a_director_that_cannot_be_asked_is_not_taken_for_the_same(
    lvsctl: Lvsctl, ssh: Any, text: str, status: int
) -> None:
    ssh(text, status)
    said = json.loads(lvsctl("doctor", PAIR, "--node", "lb1", "--json", "--peer", "lb2").out)
    assert "LVD901" not in said["checked"]
    assert any("LVD901" in each["checks"] for each in said["unread"])


def test_a_host_that_looks_like_an_option_is_refused(lvsctl: Lvsctl) -> None:
    assert lvsctl("doctor", PAIR, "--node", "lb1", "--peer=-oProxyCommand=x").status == 64
    assert lvsctl("doctor", PAIR, "--role", "realserver", "--peer", "lb2").status == 64
