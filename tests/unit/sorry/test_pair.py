"""The other director: who it is, and that nothing but arguments reaches its shell."""

import os
import stat
from pathlib import Path

import pytest

from lvsctl.errors import Usage
from lvsctl.host import run as runner
from lvsctl.sorry.pair import LONGEST_LINE, Peer, ask, combined, peers

NODES = {"lb1": ["10.0.0.11", "fd00::11"], "lb2": ["10.0.0.12"]}


def test_the_peer_is_the_other_node() -> None:
    assert peers(NODES, "lb1", None) == (Peer("lb2", "10.0.0.12"),)
    assert peers(NODES, "lb2", None) == (Peer("lb1", "10.0.0.11"),)


def test_a_named_host_is_used_as_it_is_and_recognised_by_its_address() -> None:
    assert peers(NODES, "lb1", "lb2.example.org") == (Peer("lb2.example.org", "lb2.example.org"),)
    assert peers(NODES, "lb1", "10.0.0.12") == (Peer("lb2", "10.0.0.12"),)


@pytest.mark.parametrize(
    ("host", "peer"),
    [
        ("root@10.0.0.12", Peer("lb2", "root@10.0.0.12")),
        ("ops@lb2", Peer("lb2", "ops@lb2")),
        ("CORP\\ops@lb2", Peer("lb2", "CORP\\ops@lb2")),
        ("fd00:0:0::11", Peer("lb1", "fd00:0:0::11")),
        ("[fd00::11]", Peer("lb1", "fd00::11")),
        ("root@[fd00::11]", Peer("lb1", "root@fd00::11")),
        ("fe80::12%eth0", Peer("fe80::12%eth0", "fe80::12%eth0")),
        ("ssh://root@lb2:2222", Peer("ssh://root@lb2:2222", "ssh://root@lb2:2222")),
    ],
)
def test_a_host_may_have_a_user_and_any_kind_of_address(host: str, peer: Peer) -> None:
    assert peers(NODES, "lb1", host) == (peer,)


@pytest.mark.parametrize(
    ("nodes", "host"),
    [
        ({}, None),
        ({"lb1": ["10.0.0.11"]}, None),
        (NODES, "-oProxyCommand=x"),
        (NODES, ""),
        (NODES, "root@-oProxyCommand=x"),
        (NODES, "a b"),
        (NODES, "$(x)"),
        (NODES, "[]"),
        (NODES, "root@[]"),
        (NODES, "[-oProxyCommand=x]"),
    ],
)
def test_without_a_peer_there_is_nobody_to_ask(nodes: dict[str, list[str]], host: str | None) -> None:
    with pytest.raises(Usage):
        peers(nodes, "lb1", host)


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a program named ssh first on the path: it hands its last word to a shell, as the far side does."""
    program = tmp_path / "ssh"
    program.write_text(
        '#!/bin/sh\nprintf "%s\\n" "$@" >"${0%/*}/asked"\nfor last; do :; done\nPATH="${0%/*}:$PATH" exec sh -c "$last"\n'
    )
    far = tmp_path / "lvsctl"
    far.write_text(
        '#!/bin/sh\nprintf "%s\\0" "$@" >"${0%/*}/argv"\necho \'{"services": []}\'\necho told >&2\nexit 2\n'
    )
    for each in (program, far):
        each.chmod(each.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(runner, "PATH", f"{tmp_path}:{runner.PATH}")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


def test_a_peer_that_answers_without_end_is_not_heard_to_it(
    ssh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ssh / "lvsctl").write_text("#!/bin/sh\nexec yes\n")
    monkeypatch.setattr("lvsctl.sorry.pair.MOST_SAID", 1000)
    said = ask(Peer("lb2", "lb2"), ["doctor"], timeout=30)
    assert (said.status, said.story) == (69, "ssh lb2: it wrote more than 1000 bytes")


def test_a_long_line_of_a_peers_is_cut(ssh: Path) -> None:
    (ssh / "lvsctl").write_text("#!/bin/sh\nprintf '%100000d' 1 >&2\n")
    assert len(ask(Peer("lb2", "lb2"), ["doctor"], timeout=30).story) <= LONGEST_LINE


HOSTILE = ["sorry", "on", "$(touch owned)", "`touch owned`", "'; touch owned; '", "a b", "", "*", "-x", "é\n"]


def test_every_word_arrives_as_one_argument(ssh: Path) -> None:
    said = ask(Peer("lb2", "-oProxyCommand=touch owned"), HOSTILE, timeout=10)
    assert (ssh / "argv").read_bytes().decode().split("\0")[:-1] == HOSTILE
    assert not list(ssh.glob("owned"))
    assert not Path("owned").exists()
    asked = (ssh / "asked").read_text()
    assert "\n--\n-oProxyCommand=touch owned\n" in asked
    assert "BatchMode=yes" in asked
    assert (said.status, said.document, said.story) == (2, {"services": []}, "told")


@pytest.mark.parametrize(
    ("script", "status", "story"),
    [
        ("echo 'Host key verification failed.' >&2; exit 255", 69, "ssh lb2: Host key verification failed."),
        (
            "echo 'sh: 1: lvsctl: not found' >&2; exit 127",
            69,
            "sh: 1: lvsctl: not found (is lvsctl on its PATH?)",
        ),
        ("printf 'bad \\033[31m' >&2; echo '[1'; exit 1", 1, "bad \\x1b[31m"),
        ("sleep 5", 69, "no answer within"),
    ],
)
def test_a_peer_that_does_not_answer_is_told_about(ssh: Path, script: str, status: int, story: str) -> None:
    (ssh / "ssh").write_text(f"#!/bin/sh\n{script}\n")
    said = ask(Peer("lb2", "lb2"), ["sorry", "status"], timeout=1)
    assert (said.status, said.document) == (status, {})
    assert story in said.story


@pytest.mark.parametrize(
    ("codes", "expected"),
    [((0, 0), 0), ((0, 2), 2), ((2, 1), 1), ((0, 69), 69), ((77, 1), 77), ((1, 69), 1), ((2, 0), 2)],
)
def test_one_exit_code_stands_for_both(codes: tuple[int, int], expected: int) -> None:
    assert combined(codes[0], codes[1:]) == expected
