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
    assert set(said) == {"role", "node", "truth", "findings", "unread", "checked", "facts"}
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


CONF = """
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    virtual_ipaddress {
        10.0.0.100/24
    }
}
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that has a keepalived.conf and no spec."""
    monkeypatch.setenv("LVSCTL_ROOT", str(tmp_path))
    monkeypatch.setattr("lvsctl.cli.doctor.is_there", lambda _: False)
    folder = tmp_path / "etc/keepalived"
    folder.mkdir(parents=True)
    (folder / "keepalived.conf").write_text(CONF)
    return tmp_path


@pytest.mark.usefixtures("root")
def test_without_a_spec_the_keepalived_conf_is_examined_and_named(lvsctl: Lvsctl) -> None:
    said = json.loads(lvsctl("doctor", "--json").out)
    file = "/etc/keepalived/keepalived.conf"
    assert said["truth"] == {"kind": "keepalived.conf", "files": [file], "processes": []}
    assert (said["node"], said["facts"]["spec"], said["facts"]["truth"]) == (None, None, "keepalived.conf")
    assert "LVD500" in said["checked"]
    assert not {"LVD001", "LVD502", "LVD504"} & {
        *said["checked"],
        *(name for each in said["unread"] for name in each["checks"]),
    }
    answer = lvsctl("doctor", "--ignore", "LVD500")
    assert answer.err.splitlines()[0] == (
        "there is no spec (/etc/lvsctl/lvs.yaml): examined against /etc/keepalived/keepalived.conf,"
        " the file of keepalived's next start"
    )
    assert "examined against" not in lvsctl("doctor", "--quiet").err


@pytest.mark.usefixtures("root")
def test_a_spec_that_is_named_counts_more(lvsctl: Lvsctl) -> None:
    said = json.loads(lvsctl("doctor", PAIR, "--node", "lb1", "--json").out)
    assert said["truth"] == {"kind": "spec", "files": [PAIR], "processes": []}


def test_without_either_one_line_says_so(lvsctl: Lvsctl, root: Path) -> None:
    (root / "etc/keepalived/keepalived.conf").unlink()
    lines = lvsctl("doctor").err.splitlines()
    [line] = [each for each in lines if "no spec" in each]
    assert line.partition(": ")[2].partition(": ")[2] == (
        "there is no spec (/etc/lvsctl/lvs.yaml) and no keepalived.conf (/etc/keepalived/keepalived.conf)"
        " (name a spec: lvsctl doctor SPEC)"
    )
    said = json.loads(lvsctl("doctor", "--json").out)
    assert said["truth"] == {"kind": None, "files": [], "processes": []}
    assert "LVD830" in said["checked"]


@pytest.mark.parametrize(
    "text", ["", "\0\x1b[2J", "}{" * 5000, "vrrp_instance", "include /etc/keepalived/*\n"]
)
def test_no_keepalived_conf_ends_the_examination(lvsctl: Lvsctl, root: Path, text: str) -> None:
    (root / "etc/keepalived/keepalived.conf").write_text(text)
    answer = lvsctl("doctor", "--json")
    said = json.loads(answer.out)
    assert answer.status == 2
    assert "LVD002" in {each["id"] for each in said["findings"]}
    assert "LVD830" in {*said["checked"], *(each["id"] for each in said["findings"])}
    assert "this is a bug" not in str(said["unread"])


def test_a_mistake_of_ours_leaves_what_needs_no_spec(
    lvsctl: Lvsctl, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*_: object) -> None:
        raise ZeroDivisionError(str(root.name))

    monkeypatch.setattr("lvsctl.doctor.at_work.at_work", wrong)
    said = json.loads(lvsctl("doctor", "--json").out)
    assert any("this is a bug in lvsctl: ZeroDivisionError" in each["why"] for each in said["unread"])
    assert "LVD830" in said["checked"]


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
    told = ssh(json.dumps({"facts": here["facts"] | {"host": "lb2", "spec": "another"}}), status=2)
    said = json.loads(lvsctl("doctor", PAIR, "--node", "lb1", "--json", "--peer", "lb2").out)
    assert told.read_text().splitlines()[-2:] == ["lb2", f"lvsctl doctor --json --node lb2 {PAIR}"]
    assert "LVD901" in {each["id"] for each in said["findings"]}
    assert "LVD902" in said["checked"]


def pair_of(said: dict[str, Any]) -> tuple[set[str], dict[str, str]]:
    """Answer what is found of the pair, and the hints for what could not be compared."""
    found = {each["id"] for each in said["findings"] if each["id"].startswith("LVD9")}
    return found, {each["why"]: each["hint"] for each in said["unread"] if "LVD9" in str(each["checks"])}


def asked(lvsctl: Lvsctl, *arguments: str, peer: str = "lb2") -> dict[str, Any]:
    said: dict[str, Any] = json.loads(
        lvsctl("doctor", *(arguments or (PAIR, "--node", "lb1")), "--json", "--peer", peer).out
    )
    return said


def test_whoever_is_asked_about_itself_is_not_compared(lvsctl: Lvsctl, ssh: Any) -> None:
    here = json.loads(lvsctl("doctor", PAIR, "--node", "lb1", "--json").out)
    ssh(json.dumps(here))
    found, left = pair_of(asked(lvsctl))
    assert (found, left) == (set(), {"lb2 is this machine": "name the other director"})


def test_what_a_start_up_file_prints_is_passed_over(lvsctl: Lvsctl, ssh: Any) -> None:
    here = json.loads(lvsctl("doctor", PAIR, "--node", "lb1", "--json").out)
    there = here["facts"] | {"host": "lb2", "findings": 0}
    ssh("Welcome to lb2 {\n" + json.dumps({"facts": there}, indent=2), 2)
    said = asked(lvsctl)
    assert pair_of(said)[1] == {}
    assert "LVD901" in said["checked"]


@pytest.mark.parametrize(
    ("peer", "connects", "node"),
    [
        ("root@203.0.113.12", "root@203.0.113.12", "lb2"),
        ("some-alias", "some-alias", "lb2"),
        ("[2001:db8::c]", "2001:db8::c", "lb2"),
        ("ops@2001:db8:0:0::c", "ops@2001:db8:0:0::c", "lb2"),
    ],
)
def test_the_other_director_is_known_by_whatever_ssh_calls_it(
    lvsctl: Lvsctl, ssh: Any, finds: Any, peer: str, connects: str, node: str
) -> None:
    finds()
    told = ssh("{}")
    asked(lvsctl, peer=peer)
    assert told.read_text().splitlines()[-2:] == [connects, f"lvsctl doctor --json --node {node} {PAIR}"]


def test_a_spec_that_is_named_from_here_is_named_in_full_there(
    lvsctl: Lvsctl, ssh: Any, finds: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    finds()
    told = ssh("{}")
    monkeypatch.chdir(Path(PAIR).parent)
    asked(lvsctl, "pair.yaml", "--node", "lb1")
    assert told.read_text().splitlines()[-1] == f"lvsctl doctor --json --node lb2 {PAIR}"


@pytest.mark.usefixtures("root")
def test_without_a_spec_the_other_one_finds_its_own_truth(lvsctl: Lvsctl, ssh: Any) -> None:
    told = ssh("{}")
    asked(lvsctl, "--ignore", "LVD500")
    assert told.read_text().splitlines()[-1] == "lvsctl doctor --json"


@pytest.mark.parametrize(("text", "status"), [("", 255), ("[]", 0), ('{"facts": 7}', 2), ("\x1b[2J", 127)])
def test_a_director_that_cannot_be_asked_is_not_taken_for_the_same(
    lvsctl: Lvsctl, ssh: Any, text: str, status: int
) -> None:
    ssh(text, status)
    said = json.loads(lvsctl("doctor", PAIR, "--node", "lb1", "--json", "--peer", "lb2").out)
    assert "LVD901" not in said["checked"]
    assert any("LVD901" in each["checks"] for each in said["unread"])


@pytest.mark.parametrize(
    ("printed", "status", "why", "hint"),
    [
        (
            "No ED25519 host key is known for 10.0.0.12 and you have requested strict checking.\nHost key verification failed.",
            255,
            "lb2: Host key verification failed.",
            "connect once by hand as this user, and compare the key: ssh root@lb2",
        ),
        (
            "@@@@@@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\n@@@@@@@@\nHost key verification failed.",
            255,
            "lb2: Host key verification failed.",
            "its host key is another one than before: find out why; then ssh-keygen -R lb2, and connect once by hand",
        ),
        (
            "Authorised use only!\nroot@lb2: Permission denied (publickey).",
            255,
            "lb2: root@lb2: Permission denied (publickey).",
            "let this user's key in there (no password is asked for): ssh-copy-id root@lb2",
        ),
        (
            "ssh: Could not resolve hostname lb2: Name or service not known",
            255,
            "lb2: ssh: Could not resolve hostname lb2: Name or service not known",
            "name its address, or an alias of ~/.ssh/config",
        ),
        (
            "Authorised use only!\nbash: line 1: lvsctl: command not found",
            127,
            "lb2: bash: line 1: lvsctl: command not found (is lvsctl on its PATH?)",
            "install lvsctl there; one that is elsewhere needs a link in /usr/local/bin",
        ),
        (
            "lvsctl: No such command 'doctor'.",
            64,
            "lb2: lvsctl: No such command 'doctor'.",
            "upgrade lvsctl there",
        ),
        (
            f"lvsctl: {PAIR}: there is no such file",
            69,
            f"lb2: lvsctl: {PAIR}: there is no such file",
            "copy the spec to it, under the same name",
        ),
        (
            "",
            0,
            "lb2: it ended with 0 and gave no answer that makes sense",
            "see that it works: ssh root@lb2 lvsctl doctor",
        ),
    ],
)
def test_a_director_that_cannot_be_asked_comes_with_what_to_do(
    lvsctl: Lvsctl, ssh: Any, finds: Any, printed: str, status: int, why: str, hint: str
) -> None:
    finds()
    told = ssh("", status)
    program = told.with_name("ssh")
    program.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{printed}\nEND\nexit {status}\n")
    found, left = pair_of(asked(lvsctl, peer="root@lb2"))
    assert (found, left) == (set(), {why: hint})


def test_a_host_that_looks_like_an_option_is_refused(lvsctl: Lvsctl) -> None:
    for host in ("-oProxyCommand=x", "root@-oProxyCommand=x", "", "a b", "$(reboot)", "x;y", "@lb2", "x\n"):
        assert lvsctl("doctor", PAIR, "--node", "lb1", f"--peer={host}").status == 64
    assert lvsctl("doctor", PAIR, "--role", "realserver", "--peer", "lb2").status == 64
