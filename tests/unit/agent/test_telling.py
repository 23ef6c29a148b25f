"""How the agent tells: status, alerts, figures, the journal, systemd; and what it lets itself be asked."""

import json
import os
import socket
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from lvsctl.agent import alert, metrics, status, systemd
from lvsctl.agent.requests import _request
from lvsctl.failover.claim import Claim, Phase
from lvsctl.failover.keeper import Report
from lvsctl.failover.model import Nothing, Truth, Vrrp, Wait
from lvsctl.failover.observation import Observation, Target
from lvsctl.sorry.heartbeat import agent_is_alive
from lvsctl.spec.document import read
from lvsctl.spec.failover_ips import FailoverIp
from lvsctl.spec.load import load

ENTRY = FailoverIp.model_validate(
    {"ip": "203.0.113.10", "provider": "command", "command": ["/x"], "vrrp_instance": "VI_1"}
)


def report(holds: bool | None, vrrp: Vrrp = Vrrp.MASTER, trouble: str | None = None) -> Report:
    claim = Claim(phase=Phase.HELD, seen=Observation(Target("a"), None, 5.0), since=4.0)
    return Report(
        IPv4Address("203.0.113.10"), claim, Truth(vrrp, 7), Wait(float("inf"), "x"), holds, trouble, None, 9.0
    )


def document(
    holds: bool | None = True, state: str = "MASTER", trouble: str | None = None, **more: Any
) -> dict[str, Any]:
    address = status.address(ENTRY, report(holds, trouble=trouble), None, target="a", epoch=lambda at: at)
    return {
        "version": 1,
        "pid": os.getpid(),
        "heartbeat": 1000.0,
        "started": 900.0,
        "instances": {"VI_1": {"state": state, "generation": 7}},
        "failover": {"203.0.113.10": address},
        "keepalived": {"why": None},
        "sorry": {"trouble": {}},
        "spec": {"trouble": None},
        "quorums": {},
        "counters": dict.fromkeys(metrics.COUNTERS, 3),
        **more,
    }


def test_status_is_0_when_all_is_known_1_when_something_is_not_2_when_nobody_runs() -> None:
    for doc, now, expected in (
        (document(), 1001.0, 0),
        (document(holds=False), 1001.0, 0),
        (document(holds=None), 1001.0, 1),
        (document(state="UNKNOWN"), 1001.0, 1),
        (document(trouble="the provider refuses"), 1001.0, 1),
        (document(spec={"trouble": "x"}), 1001.0, 1),
        (document(), 1031.0, 2),
        (document(pid=2**22 + 1), 1001.0, 2),
        (document(heartbeat=None), 1001.0, 2),
        (None, 1001.0, 2),
    ):
        assert status.verdict(doc, now) == expected, doc


def test_a_written_status_is_what_others_take_for_a_sign_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    monkeypatch.setenv("LVSCTL_ROOT", str(tmp_path))
    (tmp_path / "run/lvsctl").mkdir(parents=True)
    assert status.read() is None
    status.write(document(heartbeat=time.time()))
    assert agent_is_alive()
    assert status.read() is not None
    status.write(document(heartbeat=None))
    assert not agent_is_alive()
    for text in ("[]", "{", '{"version": 2}', "[" * 100_000):
        (tmp_path / "run/lvsctl/status.json").write_text(text)
        assert status.read() is None


def test_an_address_nobody_has_looked_at_and_one_that_cannot_be_kept_are_told_apart() -> None:
    fresh = status.address(ENTRY, None, None, target=None, epoch=float)
    broken = status.address(ENTRY, None, "no credentials", target=None, epoch=float)
    assert (fresh["phase"], fresh["trouble"]) == (None, None)
    assert status.problems(document(failover={"203.0.113.10": broken})) == [
        "failover IP 203.0.113.10: no credentials"
    ]
    held = status.address(
        ENTRY, report(True)._replace(action=Nothing("on hold: x"), hold="x"), None, target="a", epoch=float
    )
    assert held["next"] == {"action": "nothing", "until": None, "why": "on hold: x"}
    assert json.dumps(held)


def test_somebody_is_called_once_when_it_lasts_and_once_when_it_is_over() -> None:
    alerts = alert.Alerts()
    calls = []
    for now, wrong in (
        (0, {"a": "x"}),
        (30, {"a": "y"}),
        (60, {"a": "y"}),
        (90, {"a": "y"}),
        (95, {}),
        (96, {"a": "z"}),
        (97, {}),
    ):
        calls += [(now, *call) for call in alerts.due(wrong, after=60, now=now)]
    assert calls == [(60, "a", "trouble", "y"), (95, "a", "over", "as it should be again")]


def test_unknown_is_wrong_on_the_master_only() -> None:
    backup = status.address(ENTRY, report(None, Vrrp.BACKUP), None, target="a", epoch=float)
    assert alert.wrong(document(holds=None)).keys() == {"203.0.113.10"}
    assert not alert.wrong(document(failover={"203.0.113.10": backup}))
    assert alert.wrong(document(state="UNKNOWN")).keys() == {"vrrp VI_1"}


def test_figures_are_in_prometheus_s_text_format() -> None:
    page = metrics.text(metrics.families(document(holds=None), 1002.0))
    lines = page.splitlines()
    assert 'lvsctl_failover_holds{ip="203.0.113.10"} -1' in lines
    assert 'lvsctl_vrrp_state{instance="VI_1",state="MASTER"} 1' in lines
    assert 'lvsctl_vrrp_state{instance="VI_1",state="BACKUP"} 0' in lines
    assert "lvsctl_heartbeat_age_seconds 2" in lines
    assert "lvsctl_events_total 3" in lines
    names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(names) == len(set(names))
    family = metrics.Family("x", "gauge", "y", (metrics.Sample({"l": 'a"b\\\n'}, 1.0),))
    assert metrics.text([family]).endswith('x{l="a\\"b\\\\\\n"} 1\n')


def test_the_journal_gets_fields_and_nothing_in_a_text_makes_another_one() -> None:
    data = systemd.encoded({"MESSAGE": "a\nPRIORITY=0", "GENERATION": "7"})
    assert (
        data
        == b"MESSAGE\n"
        + (12).to_bytes(8, "little")
        + b"a\nPRIORITY=0\n"
        + b"GENERATION\n"
        + (1).to_bytes(8, "little")
        + b"7\n"
    )
    assert len(systemd.encoded({"MESSAGE": "x" * 100_000})) < 10_000


def test_systemd_hears_when_it_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not systemd.tell("READY=1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        assert systemd.tell("READY=1")
        assert end.recv(100) == b"READY=1"
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    assert not systemd.tell("READY=1")


def test_what_is_no_request_is_none() -> None:
    assert _request(b'{"verb": "status"}\n') == {"verb": "status"}
    for line in (b"", b"[]", b"{}", b'{"verb": 1}', b"\xff", b"[" * 100_000):
        with pytest.raises(ValueError, match=r"."):
            _request(line)


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ("metrics: 0.0.0.0:9798", "loopback"),
        ("metrics: 127.0.0.1:0", "loopback"),
        ("metrics: localhost:80", "loopback"),
        ("api: {url: 'https://example.org'}", "unknown key"),
        ("alert: {run: []}", "a program"),
        ("alert: {run: [/x], after: 0}", "from 1 to 1440"),
    ],
)
def test_settings_of_the_agent_that_cannot_be_are_refused(said: str, complaint: str) -> None:
    from lvsctl.errors import SpecInvalid

    with pytest.raises(SpecInvalid, match=complaint):
        load(read(f"agent: {{{said}}}\n", file="lvs.yaml"))
