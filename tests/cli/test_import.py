"""``lvsctl import`` on the command line: what it takes, what it writes where, and how it ends."""

import io
import json
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from lvsctl.cli.main import run
from lvsctl.spec.load import read
from tests.cli.conftest import Answer, Lvsctl

PLAIN = """\
# a comment
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    priority 150
    virtual_ipaddress { 10.0.0.100/24 }
}
"""
SECRET = PLAIN.replace(
    "    priority", "    authentication {\n auth_type PASS\n auth_pass 1111\n }\n    priority"
)
CONDITIONAL = PLAIN.replace("    priority 150\n", "    @lb1 priority 150\n    @lb2 priority 100\n")


@pytest.fixture
def conf(tmp_path: Path) -> Callable[..., str]:
    def write(text: str, name: str = "keepalived.conf") -> str:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write


Conf = Callable[..., str]


def test_the_spec_goes_to_standard_output_and_the_story_to_standard_error(lvsctl: Lvsctl, conf: Conf) -> None:
    file = conf(PLAIN.replace("    priority", "    state MASTER\n    priority"))
    answer = lvsctl("import", file)
    assert answer.status == 0
    assert "VI_1:\n" in answer.out
    assert f"{file}:5: vrrp_instances.VI_1: state MASTER: not carried" in answer.err
    assert answer.err.endswith(
        "4 statements carried as they were; 1 remark on what is not; 1 comment left behind\n"
    )


def test_a_file_that_is_carried_whole_says_so(lvsctl: Lvsctl, conf: Conf) -> None:
    answer = lvsctl("import", conf(PLAIN))
    assert answer.err == "4 statements carried as they were; 1 comment left behind\n"


def test_quiet_says_nothing_but_the_spec(lvsctl: Lvsctl, conf: Conf) -> None:
    answer = lvsctl("import", conf(PLAIN), "--quiet")
    assert answer.err == ""
    assert answer.out


def test_json_has_the_spec_and_what_is_not_carried(lvsctl: Lvsctl, conf: Conf) -> None:
    file = conf(PLAIN.replace("priority 150", "virtual_router_id 51\n    down_timer_adverts 101"))
    answer = json.loads(lvsctl("import", file, "--json").out)
    assert answer.keys() == {"spec", "not_carried", "carried", "comments"}
    assert answer["not_carried"] == [
        {
            "file": file,
            "line": 4,
            "column": 0,
            "path": "vrrp_instances.VI_1.virtual_router_id",
            "message": "virtual_router_id 51: not carried: a later virtual_router_id counts",
        },
        {
            "file": file,
            "line": 6,
            "column": 0,
            "path": "vrrp_instances.VI_1.down_timer_adverts",
            "message": "not carried: expected a whole number from 1 to 100, not '101'",
        },
    ]
    assert (answer["carried"], answer["comments"]) == (3, 1)


def test_standard_input_is_read_for_a_dash(lvsctl: Lvsctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(PLAIN.encode())))
    answer = lvsctl("import", "-")
    assert answer.status == 0
    assert "from <stdin>" in answer.out


def test_a_spec_is_written_and_can_be_read_again(lvsctl: Lvsctl, conf: Conf, tmp_path: Path) -> None:
    target = tmp_path / "lvs.yaml"
    answer = lvsctl("import", conf(PLAIN), "-o", str(target))
    assert (answer.status, answer.out) == (0, "")
    assert read(target).spec("").vrrp_instances["VI_1"].virtual_router_id == 51
    assert stat.S_IMODE(target.stat().st_mode) == 0o644


def test_a_spec_with_a_password_is_for_its_owner_only(lvsctl: Lvsctl, conf: Conf, tmp_path: Path) -> None:
    target = tmp_path / "lvs.yaml"
    answer = lvsctl("import", conf(SECRET), "-o", str(target))
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert "move each into a file of its own" in answer.err
    assert "move each into a file of its own" in target.read_text()


def test_a_spec_that_is_there_is_replaced_only_by_force(lvsctl: Lvsctl, conf: Conf, tmp_path: Path) -> None:
    target = tmp_path / "lvs.yaml"
    target.write_text("mine")
    refused = lvsctl("import", conf(PLAIN), "-o", str(target))
    assert (refused.status, target.read_text()) == (64, "mine")
    assert "--force" in refused.err
    assert lvsctl("import", conf(PLAIN), "-o", str(target), "--force").status == 0
    assert (tmp_path / "lvs.yaml.previous").read_text() == "mine"


def test_a_dry_run_writes_nothing(lvsctl: Lvsctl, conf: Conf, tmp_path: Path) -> None:
    answer = lvsctl("import", conf(PLAIN), "-o", str(tmp_path / "lvs.yaml"), "--dry-run")
    assert "VI_1:" in answer.out
    assert not (tmp_path / "lvs.yaml").exists()


def test_two_files_become_one_spec_of_two_nodes(lvsctl: Lvsctl, conf: Conf) -> None:
    other = conf(PLAIN.replace("150", "100"), "two/keepalived.conf")
    answer = lvsctl("import", conf(PLAIN, "one/keepalived.conf"), other)
    assert "nodes:\n  one: {priority: 150}\n  two: {priority: 100}\n" in answer.out


def test_names_of_nodes_are_compared_with_conditions(lvsctl: Lvsctl, conf: Conf) -> None:
    file = conf(CONDITIONAL)
    answer = lvsctl("import", file, file, "--node", "lb1", "--node", "lb2")
    assert "nodes:\n  lb1: {priority: 150}\n  lb2: {priority: 100}\n" in answer.out
    assert "conditions" not in answer.err


def test_one_file_with_a_name_becomes_a_spec_with_that_node(lvsctl: Lvsctl, conf: Conf) -> None:
    answer = lvsctl("import", conf(CONDITIONAL), "--node", "lb2")
    assert "nodes:\n  lb2: {priority: 100}\n" in answer.out


def test_conditions_are_compared_with_the_host_which_is_said(lvsctl: Lvsctl, conf: Conf) -> None:
    answer = lvsctl("import", conf(CONDITIONAL))
    assert f"compared with {socket.gethostname().split('.')[0]!r}" in answer.err
    assert "compared with" not in lvsctl("import", conf(CONDITIONAL), "--config-id", "lb1").err


def test_includes_are_read_from_beside_the_file(
    lvsctl: Lvsctl, conf: Conf, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    conf(PLAIN, "sub/vrrp.conf")
    conf("include vrrp*.conf\n", "sub/keepalived.conf")
    monkeypatch.chdir(tmp_path)
    answer = lvsctl("import", "sub/keepalived.conf")
    assert "VI_1:" in answer.out
    assert "from sub/keepalived.conf, " in answer.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("FILE", "FILE", "--node", "lb1"), "--node is given once for 2 files"),
        (("FILE", "--config-id", "a", "--config-id", "b"), "--config-id is given 2 times for 1 file:"),
        (("FILE", "FILE", "--node", "lb1", "--node", "lb1"), "two directors cannot have one name"),
        (("FILE", "--node", "l b"), "expected a name of letters"),
        (("-", "-"), "standard input can be read only once"),
        ((), "Missing argument"),
        (("FILE", "--nod", "x"), "No such option"),
    ],
)
def test_a_command_line_without_sense_is_refused(
    lvsctl: Lvsctl, conf: Conf, arguments: tuple[str, ...], said: str
) -> None:
    file = conf(PLAIN)
    answer = lvsctl("import", *(file if each == "FILE" else each for each in arguments))
    assert (answer.status, answer.out) == (64, "")
    assert said in answer.err


@pytest.mark.parametrize("text", ["", "# nothing\n", "[section]\nkey = value\n", "vrrp_instance VI {\n}\n"])
def test_a_file_without_anything_to_use_is_refused(lvsctl: Lvsctl, conf: Conf, text: str) -> None:
    answer = lvsctl("import", conf(text))
    assert (answer.status, answer.out) == (65, "")
    assert "nothing in it can be used" in answer.err


def test_a_file_that_is_not_there_is_not_available(lvsctl: Lvsctl, tmp_path: Path) -> None:
    answer = lvsctl("import", str(tmp_path / "none.conf"))
    assert answer.status == 69
    assert "there is no such file" in answer.err


def test_control_characters_of_a_file_reach_neither_terminal_nor_spec(lvsctl: Lvsctl, conf: Conf) -> None:
    answer: Answer = lvsctl("import", conf(PLAIN + "bad\x1b[31mword 1\n"))
    assert "\x1b" not in answer.err + answer.out


def test_the_command_is_there() -> None:
    assert run(["import", "--help"]) == 0
