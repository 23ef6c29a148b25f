"""``lvsctl sorry`` where there is no IPVS and nobody is root: what it understands, and what it says."""

import json
import os
import shlex
import time
from pathlib import Path

import pytest

from lvsctl.cli.sorry_options import seconds
from lvsctl.cli.sorry_switch import INTERRUPTED, Asked, More, there
from lvsctl.errors import Usage
from lvsctl.host import run as runner
from tests.cli.conftest import Lvsctl

SPEC = """
nodes:
  lb1: {address: 10.0.0.11}
  lb2: {address: 10.0.0.12}
virtual_servers:
  web: {address: 203.0.113.10, port: 80, sorry_server: {}, real_servers: [{address: 10.0.0.21}]}
  web-tls: {address: 203.0.113.10, port: 443, sorry_server: {}, real_servers: [{address: 10.0.0.21}]}
  mail: {address: 203.0.113.10, port: 25, real_servers: [{address: 10.0.0.21}]}
"""


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("LVSCTL_ROOT", str(tmp_path))
    monkeypatch.delenv("LVSCTL_SPEC", raising=False)
    path = tmp_path / "lvs.yaml"
    path.write_text(SPEC)
    return ["--spec", str(path), "--node", "lb1"]


@pytest.mark.parametrize("verb", ["on", "off"])
def test_without_services_it_lists_them(lvsctl: Lvsctl, spec: list[str], verb: str) -> None:
    answer = lvsctl("sorry", verb, *spec)
    assert (answer.status, answer.out) == (64, "")
    assert answer.err == "lvsctl: which services?\n  name them, or --all: web, web-tls\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["web-tsl"], "there is no service 'web-tsl'; did you mean 'web-tls'?"),
        (["mail"], "mail: it has no sorry server: write `sorry_server: {}` under virtual_servers.mail"),
        (["ma*"], "none of them has a sorry server"),
        (["web", "--all"], "--all is every service: leave out the names"),
        (["web", "--for", "soon"], "--for: expected a time such as 90s, 30m, 2h or 1h30m, at most 30d, not 'soon'"),
        (["web", "--as", "overload"], "not 'overload'"),
        (["web", "--as", "me"], "--as: expected operator, timer, quorum, notify, not 'me'"),
        (["web", "--reason", "x" * 501], "--reason: expected at most 500 characters, not 501"),
        (["web", "--guard", "--pair"], "--guard stays here"),
        (["web", "--sorry", "10.0.0.11:80"], "--sorry is for services that no spec knows"),
        (["tcp/192.0.2.1:80"], "tcp/192.0.2.1:80 is no service of the spec, so it needs --sorry ADDR:PORT"),
        (["tcp/192.0.2.1:80", "--sorry", "10.0.0.11"], "--sorry: '10.0.0.11' does not end in a port"),
        (["tcp/192.0.2.1:80", "--sorry", "10.0.0.11:80", "--sorry-method", "x"], "expected NAT, DR or TUN, not 'x'"),
        (["fwmark/x"], "'x' is not a firewall mark"),
        (["web", "--node", "lb3"], "has no node 'lb3'"),
        (["web", "--grace", "nan"], "nan is no number of seconds"),
        (["web", "--wait", "--timeout", "nan"], "nan is no number of seconds"),
        (["web", "--wait", "--timeout", "inf"], "inf is no number of seconds"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_told(
    lvsctl: Lvsctl, spec: list[str], arguments: list[str], said: str
) -> None:
    answer = lvsctl("sorry", "on", *spec, *arguments)
    assert (answer.status, answer.out) == (64, ""), answer.err
    assert said in answer.err


def test_where_nothing_says_which_services_there_are_it_says_so(lvsctl: Lvsctl, spec: list[str]) -> None:
    answer = lvsctl("sorry", "on", "--all")
    assert answer.status == 64
    assert "no service is known: there is no /etc/lvsctl/lvs.yaml\n  name the spec with --spec" in answer.err
    Path(spec[1]).write_text("nodes: {lb1: {address: 10.0.0.11}}\n")
    assert f"no service is known: {spec[1]} has none\n" in lvsctl("sorry", "on", "--all", *spec).err


def test_the_other_director_is_told_how_long_to_wait_in_words_that_it_understands(
    lvsctl: Lvsctl, spec: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssh = tmp_path / "ssh"
    ssh.write_text('#!/bin/sh\nfor last; do :; done\nprintf %s "$last" >"${0%/*}/asked"\n')
    ssh.chmod(0o755)
    monkeypatch.setattr(runner, "PATH", f"{tmp_path}:{runner.PATH}")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    given = ("--grace", "7.5", "--all", "--force")
    assert lvsctl("sorry", "off", *spec, *given, "--pair").status == 0
    program, *words = shlex.split((tmp_path / "asked").read_text())
    assert program == "lvsctl"
    assert words == [
        *("sorry", "off", "--json", "--node", "lb2"),
        *spec[:2],
        *("--force", "--all", "--grace=7.5", "--as", "operator", "--"),
    ]
    assert lvsctl(*words).status == 0


def test_whoever_has_had_enough_has_the_other_director_not_wait_either() -> None:
    asked = Asked(("web",), False, None, "", "operator", None, False, True, None, 20.0, False, False, False)
    more = More(None, "NAT", "", None, True, 60.0, False, False, False)
    assert there(asked, more, 0) == (asked, more)
    assert there(asked, more, INTERRUPTED) == (asked._replace(grace=0), more._replace(wait=False))
    assert there(asked, None, INTERRUPTED) == (asked._replace(grace=0), None)


def test_a_time_is_only_promised_when_somebody_keeps_it(
    lvsctl: Lvsctl, spec: list[str], tmp_path: Path
) -> None:
    answer = lvsctl("sorry", "on", "web", "--for", "30m", *spec)
    assert answer.status == 69
    assert "the agent does not run, so nobody would switch it off in time" in answer.err
    status = tmp_path / "run/lvsctl/status.json"
    status.parent.mkdir(parents=True, exist_ok=True)
    status.write_text(json.dumps({"version": 1, "pid": 1, "heartbeat": time.time() - 3600}))
    assert lvsctl("sorry", "on", "web", "--for", "30m", *spec).status == 69
    status.write_text(json.dumps({"version": 1, "pid": os.getpid(), "heartbeat": time.time()}))
    answer = lvsctl("sorry", "on", "web", "--for", "30m", "--netns", "blue", *spec)
    assert answer.status == 69
    assert "--for: the agent keeps time for its own network namespace only" in answer.err


def test_a_spec_that_is_wrong_stops_on_but_not_off(lvsctl: Lvsctl, spec: list[str]) -> None:
    Path(spec[1]).write_text("virtual_servers: {web: {addres5: 1}}")
    assert lvsctl("sorry", "on", "web", *spec).status == 65
    answer = lvsctl("sorry", "off", "--all", *spec)
    assert (answer.status, answer.out) == (0, "")
    assert "the spec cannot be used (" in answer.err
    assert answer.err.endswith("only services whose sorry is on are known\nno sorry is known to be on\n")


def test_a_spec_that_was_named_has_to_be_there(lvsctl: Lvsctl, tmp_path: Path) -> None:
    assert lvsctl("sorry", "on", "web", "--spec", str(tmp_path / "none.yaml")).status == 69


def test_without_services_there_is_no_status(lvsctl: Lvsctl, spec: list[str]) -> None:
    Path(spec[1]).write_text("virtual_servers: {}")
    answer = lvsctl("sorry", "status", *spec)
    assert (answer.status, answer.out, answer.err) == (2, "", "no service has a sorry server\n")
    assert json.loads(lvsctl("sorry", "status", "--json", *spec).out) == {"services": []}


def test_a_damaged_snapshot_is_told_with_what_to_do(lvsctl: Lvsctl, spec: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "var/lib/lvsctl/sorry"
    folder.mkdir(parents=True)
    (folder / "tcp-203.0.113.10:80.json").write_text("{}")
    answer = lvsctl("sorry", "off", "--all", *spec)
    assert answer.status == 1, "not everything is known to be off"
    assert "this snapshot cannot be read" in answer.err
    assert lvsctl("sorry", "status", *spec).status in (1, 69)
    assert "put the real servers back by hand" in answer.err


@pytest.mark.parametrize(
    ("text", "expected"), [("90s", 90), ("30m", 1800), ("1h30m", 5400), ("2d", 172800), (" 5s ", 5)]
)
def test_times_are_read(text: str, expected: int) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "0s", "30", "m", "1m1h", "31d", "-5m", "1.5h", "9999999999s", "٣m"])
def test_other_times_are_not(text: str) -> None:
    with pytest.raises(Usage, match="expected a time"):
        seconds(text)
