import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Lvsctl
from tests.support.require import require

PAIR = Path(__file__).resolve().parents[2] / "examples" / "pair.yaml"


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "pair.yaml"
    path.write_text(PAIR.read_text())
    return path


@pytest.mark.keepalived
def test_the_example_is_valid(lvsctl: Lvsctl) -> None:
    require("keepalived")
    answer = lvsctl("validate", str(PAIR))
    assert answer.status == 0
    assert answer.out == f"{PAIR}: valid\n"


def test_without_keepalived_it_is_not_verified_and_never_valid(
    lvsctl: Lvsctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lvsctl.keepalived.program.find", lambda _program: None)
    answer = lvsctl("validate", str(PAIR))
    assert answer.status == 69
    assert answer.out == f"{PAIR}: not verified\n"
    assert "keepalived is not installed" in answer.err


def test_without_asking_keepalived_is_said(lvsctl: Lvsctl) -> None:
    answer = lvsctl("validate", str(PAIR), "--no-keepalived")
    assert answer.status == 0
    assert "keepalived was not asked" in answer.err


@pytest.mark.keepalived
def test_what_keepalived_says_points_at_the_spec(lvsctl: Lvsctl, spec: Path) -> None:
    require("keepalived")
    spec.write_text(
        spec.read_text().replace(
            "    track_script: [uplink]", "    track_script: [uplink]\n    extra: [vrrp_down 3]"
        )
    )
    answer = lvsctl("validate", str(spec))
    assert answer.status == 65
    assert answer.err.startswith(f"{spec}:")


def test_json_has_everything(lvsctl: Lvsctl, spec: Path) -> None:
    spec.write_text(spec.read_text().replace("track_script: [uplink]", "track_script: [downlink]"))
    answer = lvsctl("validate", str(spec), "--no-keepalived", "--json")
    told = json.loads(answer.out)
    assert answer.status == 65
    assert told["verdict"] == "invalid"
    [finding] = [each for each in told["findings"] if each["severity"] == "error"]
    assert finding["line"] == 1 + spec.read_text().splitlines().index("    track_script: [downlink]")
    assert finding["remedy"]
    assert finding["nodes"] == ["lb1", "lb2"]


def test_json_of_a_spec_that_cannot_be_loaded(lvsctl: Lvsctl, spec: Path) -> None:
    spec.write_text("virtual_servers: 5\n")
    told = json.loads(lvsctl("validate", str(spec), "--json").out)
    assert told["verdict"] == "invalid"
    assert told["findings"][0]["line"] == 1


def test_github_annotations_are_escaped(lvsctl: Lvsctl, spec: Path) -> None:
    spec.write_text("virtual_servers: {'a%b,c:d': 5}\n")
    answer = lvsctl("validate", str(spec), "--format", "github")
    assert answer.status == 65
    assert answer.out.startswith("::error file=")
    assert "%25" in answer.out


def test_strict_counts_warnings(lvsctl: Lvsctl, spec: Path) -> None:
    lines = [line for line in spec.read_text().splitlines() if "nopreempt" not in line]
    spec.write_text("\n".join(lines) + "\n")
    assert lvsctl("validate", str(spec), "--no-keepalived").status == 0
    answer = lvsctl("validate", str(spec), "--no-keepalived", "--strict")
    assert answer.status == 65
    assert "warning" in answer.err


def test_an_ignored_rule_is_mentioned(lvsctl: Lvsctl, spec: Path) -> None:
    lines = [line for line in spec.read_text().splitlines() if "nopreempt" not in line]
    spec.write_text("\n".join(lines) + "\n")
    [warning] = [
        line
        for line in lvsctl("validate", str(spec), "--no-keepalived").err.splitlines()
        if ": warning LVS" in line
    ]
    rule = warning.split("warning ")[1][:6]
    with spec.open("a") as file:
        file.write(f"ignore: [{{rule: {rule}, reason: both moves are wanted here}}]\n")
    answer = lvsctl("validate", str(spec), "--no-keepalived", "--strict")
    assert answer.status == 0
    assert f"ignored {rule}" in answer.err


def test_with_a_node_the_host_is_looked_at(lvsctl: Lvsctl) -> None:
    answer = lvsctl("validate", str(PAIR), "--no-keepalived", "--node", "lb1", "--json")
    told = json.loads(answer.out)
    assert not told["not_checked"]
    hooks = Path("/usr/libexec/lvsctl/notify")
    assert hooks.exists() or any(each["rule"].startswith("LVS80") for each in told["findings"])


@pytest.mark.keepalived
def test_v_tells_which_programs_were_run() -> None:
    require("keepalived")
    done = subprocess.run(
        [sys.executable, "-m", "lvsctl", "validate", str(PAIR), "-v"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert re.search(r"^ran \S*keepalived --version: status 0 after \d", done.stderr, re.MULTILINE)
