from pathlib import Path

import pytest

from lvsctl.host.lock import locked
from lvsctl.host.paths import run_folder
from tests.cli.conftest import Lvsctl

PAIR = Path(__file__).resolve().parents[2] / "examples" / "pair.yaml"


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "pair.yaml"
    path.write_text(PAIR.read_text())
    return path


def test_to_standard_output(lvsctl: Lvsctl, spec: Path) -> None:
    answer = lvsctl("render", str(spec), "--node", "lb1")
    assert answer.status == 0
    assert answer.out.startswith("# Rendered by lvsctl from pair.yaml for lb1")
    assert answer.out.endswith("}\n")
    assert not answer.err


def test_from_standard_input(lvsctl: Lvsctl, spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with spec.open() as file:
        monkeypatch.setattr("sys.stdin", file)
        answer = lvsctl("render", "-", "--node", "lb2")
    assert answer.status == 0
    assert "router_id lb2" in answer.out


def test_a_file_is_written_once_and_the_one_before_kept(lvsctl: Lvsctl, spec: Path, tmp_path: Path) -> None:
    target = tmp_path / "keepalived.conf"
    target.write_text("old\n")
    assert lvsctl("render", str(spec), "--node", "lb1", "-o", str(target)).err == f"{target}: written\n"
    assert (tmp_path / "keepalived.conf.previous").read_text() == "old\n"
    before = target.stat().st_mtime_ns
    assert lvsctl("render", str(spec), "--node", "lb1", "-o", str(target)).err == f"{target}: unchanged\n"
    assert target.stat().st_mtime_ns == before


def test_check_says_2_and_shows_the_difference(lvsctl: Lvsctl, spec: Path, tmp_path: Path) -> None:
    lvsctl("render", str(spec), "--all-nodes", str(tmp_path))
    assert lvsctl("render", str(spec), "--all-nodes", str(tmp_path), "--check").status == 0
    spec.write_text(spec.read_text().replace("weight: 5", "weight: 8"))
    answer = lvsctl("render", str(spec), "--all-nodes", str(tmp_path), "--check")
    assert answer.status == 2
    assert "-        weight 5\n+        weight 8\n" in answer.out
    assert "\x1b" not in answer.out


def test_check_counts_a_missing_file(lvsctl: Lvsctl, spec: Path, tmp_path: Path) -> None:
    answer = lvsctl("render", str(spec), "--node", "lb1", "-o", str(tmp_path / "nowhere.conf"), "--check")
    assert answer.status == 2
    assert "nowhere.conf: missing" in answer.err


def test_check_and_dry_run_write_nothing(lvsctl: Lvsctl, spec: Path, tmp_path: Path) -> None:
    for option in ("--check", "--dry-run"):
        lvsctl("render", str(spec), "--all-nodes", str(tmp_path / "out"), option)
    assert not (tmp_path / "out").exists()


def test_a_comment_in_the_spec_changes_no_file(lvsctl: Lvsctl, spec: Path, tmp_path: Path) -> None:
    lvsctl("render", str(spec), "--all-nodes", str(tmp_path))
    spec.write_text("# one more comment\n" + spec.read_text())
    assert lvsctl("render", str(spec), "--all-nodes", str(tmp_path), "--check").status == 0


SECRET = "{auth_type: PASS, auth_pass: s3cret12}"  # noqa: S105 - made up


def test_a_password_makes_the_file_private_and_is_masked_in_diffs(
    lvsctl: Lvsctl, spec: Path, tmp_path: Path
) -> None:
    spec.write_text(
        spec.read_text().replace("    unicast: true\n", f"    unicast: true\n    authentication: {SECRET}\n")
    )
    target = tmp_path / "keepalived.conf"
    answer = lvsctl("render", str(spec), "--node", "lb1", "-o", str(target), "--check")
    assert "s3cret12" not in answer.out + answer.err
    assert "auth_pass ********" in answer.out
    lvsctl("render", str(spec), "--node", "lb1", "-o", str(target))
    assert "auth_pass s3cret12" in target.read_text()
    assert target.stat().st_mode & 0o777 == 0o600


def test_another_password_changes_no_hash(lvsctl: Lvsctl, spec: Path) -> None:
    def header(password: str) -> str:
        auth = SECRET.replace("s3cret12", password)
        text = PAIR.read_text().replace(
            "    unicast: true\n", f"    unicast: true\n    authentication: {auth}\n"
        )
        spec.write_text(text)
        return lvsctl("render", str(spec), "--node", "lb1").out.splitlines()[0]

    assert header("s3cret12") == header("other123")


def test_an_unknown_node_is_wrong_usage_with_the_list(lvsctl: Lvsctl, spec: Path) -> None:
    answer = lvsctl("render", str(spec), "--node", "lb3")
    assert answer.status == 64
    assert "no node 'lb3'" in answer.err
    assert "lb1, lb2" in answer.err


@pytest.mark.parametrize(
    "options",
    [
        ["--check"],
        ["--dry-run"],
        ["--reload"],
        ["--all-nodes", "x", "-o", "y"],
        ["--all-nodes", "x", "--node", "lb1"],
        ["-o", "x", "--reload", "--check"],
    ],
    ids=" ".join,
)
def test_contradictions_are_wrong_usage(lvsctl: Lvsctl, spec: Path, options: list[str]) -> None:
    assert lvsctl("render", str(spec), *options).status == 64


def test_all_faults_at_once_with_positions(lvsctl: Lvsctl, spec: Path, tmp_path: Path) -> None:
    text = (
        spec.read_text()
        .replace("virtual_router_id: 51", "virtual_router_id: 0")
        .replace("port: 80\n", "port: eighty\n")
    )
    spec.write_text(text.replace("nopreempt: true", "nopreempt: maybe"))
    answer = lvsctl("render", str(spec), "--node", "lb1", "-o", str(tmp_path / "out.conf"))
    assert answer.status == 65
    assert len(answer.err.splitlines()) == 3
    assert all(line.startswith(f"{spec}:") for line in answer.err.splitlines())
    assert not (tmp_path / "out.conf").exists()


def test_a_broken_rule_stops_rendering(lvsctl: Lvsctl, spec: Path) -> None:
    spec.write_text(spec.read_text().replace("track_script: [uplink]", "track_script: [downlink]"))
    answer = lvsctl("render", str(spec), "--node", "lb1")
    assert answer.status == 65
    assert "LVS" in answer.err
    assert "downlink" in answer.err
    assert not answer.out


def test_a_spec_that_is_not_there_is_69_with_its_name(lvsctl: Lvsctl) -> None:
    answer = lvsctl("render", "/nowhere/lvs.yaml")
    assert answer.status == 69
    assert "/nowhere/lvs.yaml" in answer.err


def test_the_name_of_the_spec_adds_no_line_to_the_file(lvsctl: Lvsctl, spec: Path, tmp_path: Path) -> None:
    odd = spec.rename(tmp_path / "a\nvrrp_script x {\n}\r#\x1b[2J.yaml")
    answer = lvsctl("render", str(odd), "--node", "lb1")
    assert (
        answer.out.splitlines()[0].partition(" (content")[0]
        == "# Rendered by lvsctl from a\\nvrrp_script x {\\n}\\r#\\x1b[2J.yaml for lb1"
    )
    assert answer.out.splitlines()[1].startswith("# Change the spec")


def test_what_is_no_file_is_not_replaced(lvsctl: Lvsctl, spec: Path) -> None:
    for option in ("--check", "--dry-run", "--quiet"):
        answer = lvsctl("render", str(spec), "--node", "lb1", "-o", "/dev/null", option)
        assert answer.status == 69
        assert "/dev/null: expected a file, but this is a pipe, socket or device" in answer.err


def test_an_installation_waits_for_another_one_and_gives_up_with_75(
    lvsctl: Lvsctl, spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LVSCTL_ROOT", str(tmp_path))
    monkeypatch.setattr("lvsctl.cli.reload.PATIENCE", 0.05)
    target = tmp_path / "keepalived.conf"
    with locked(run_folder() / "install.lock"):
        answer = lvsctl("render", str(spec), "--node", "lb1", "-o", str(target), "--reload")
    assert answer.status == 75
    assert "install.lock is locked" in answer.err
    assert not target.exists()
