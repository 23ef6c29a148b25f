"""The agent as a process: against the fake of Hetzner's API over TLS, and the real keepalived where its word counts."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from lvsctl.agent.requests import ask
from tests.fakes.hetzner.server import HetznerFake
from tests.fakes.hetzner.worlds import PASSWORD, furnished
from tests.support.agent import AgentProcess, Place, agent, away, keepalived, robot
from tests.support.daemon import until
from tests.support.require import require, require_root

VIP, HERE, THERE = "203.0.113.10", "192.0.2.11", "192.0.2.12"
MASTER, BACKUP = 'INSTANCE "VI_1" MASTER 100', 'INSTANCE "VI_1" BACKUP 100'


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "root")


@pytest.fixture
def fake() -> Iterator[HetznerFake]:
    with HetznerFake() as fake:
        yield furnished(fake)


def point(fake: HetznerFake, target: str) -> None:
    failover = fake.robot.world.failovers[VIP]
    failover.active = failover.dataplane = target


def holds(place: Place) -> object:
    return place.status()["failover"][VIP]["holds"]


def state(place: Place) -> object:
    return place.status()["instances"]["VI_1"]["state"]


def needs_keepalived() -> None:
    require_root("keepalived")
    require("keepalived")


@pytest.mark.keepalived
def test_a_master_takes_the_address_once_and_gives_way_when_it_is_none_any_more(
    place: Place, fake: HetznerFake
) -> None:
    needs_keepalived()
    point(fake, THERE)
    done = place.root / "done"
    run = {"run": ["/bin/sh", "-c", f"echo master >> {done}; echo heard by the log"]}
    robot(
        place,
        fake,
        notify={
            "master": [{"run": ["/not/there"]}, "failover", run],
            "fault": [{"run": ["/usr/bin/touch", f"{done}.fault"]}],
        },
    )
    with agent(place) as running, keepalived(place) as daemon:
        until(lambda: holds(place) is True, f"it does not come: {running.log}")
        assert [(each.form["active_server_ip"], each.outcome) for each in fake.journal.posts()] == [
            (HERE, "OK")
        ]
        until(done.exists, running.log)
        assert "VI_1: /bin/sh: heard by the log" in running.log
        assert "/not/there: cannot be started" in running.log

        answer = place.lvsctl("agent", "status", "--json")
        assert answer.returncode == 0, answer.stdout + running.log
        assert json.loads(answer.stdout)["status"]["failover"][VIP]["phase"] == "held"

        away(place, is_away=True)
        until(lambda: state(place) == "FAULT", running.log)
        until(Path(f"{done}.fault").exists, running.log)
        away(place, is_away=False)
        until(lambda: state(place) == "MASTER", running.log)
        until(lambda: done.read_text() == "master\n" * 2, running.log)

        before = len(fake.journal)
        point(fake, THERE)
        daemon.kill(signal.SIGKILL)  # no hook, no STOP: nobody tells
        until(lambda: state(place) == "STOP", running.log)
        until(lambda: place.status()["failover"][VIP]["phase"] == "idle", running.log)
        place.tell(MASTER)  # a lie, or late: keepalived is asked before anything moves
        until(lambda: len(fake.journal) > before or state(place) == "STOP", running.log)
        time.sleep(0.5)
        assert len(fake.journal.posts()) == 1, fake.journal.text()
        assert running.kill(signal.SIGTERM) == 0
    assert place.status()["heartbeat"] is None
    assert place.lvsctl("agent", "status").returncode == 2


@pytest.mark.keepalived
def test_a_storm_is_one_call_and_no_more_memory(place: Place, fake: HetznerFake) -> None:
    needs_keepalived()
    point(fake, THERE)
    robot(place, fake)
    with agent(place) as running, keepalived(place):
        until(lambda: holds(place) is True, running.log)
        before, memory = len(fake.journal), running.memory()
        for number in range(30):
            place.tell(*(f'INSTANCE "VI_1" MASTER_RX_LOWER_PRI {n % 255}' for n in range(60)))
            place.tell(*(f'INSTANCE "VI_1" MASTER_PRIORITY {(number + n) % 255}' for n in range(20)))
            place.tell(*(BACKUP, MASTER) * 10)
            place.record("notify_master_rx_lower_pri", "VI_1")
            time.sleep(0.1)
        until(lambda: not any(place.spool.iterdir()), running.log)
        until(lambda: holds(place) is True, running.log)
        until(lambda: place.status()["counters"]["events"] >= 3000, "events were lost")
        assert len(fake.journal.posts()) == 1, fake.journal.text()
        assert len(fake.journal) - before <= 35, fake.journal.text()
        assert running.memory() - memory < 8_000
        assert running.log.count("\n") < 400


@pytest.mark.keepalived
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_an_agent_that_ends_in_the_middle_of_a_move_is_followed_by_one_that_looks_first(
    place: Place, fake: HetznerFake, number: signal.Signals
) -> None:
    needs_keepalived()
    point(fake, THERE)
    fake.fault("robot", "hang", method="POST", applied=True)
    robot(place, fake)
    with keepalived(place):
        with agent(place) as first:
            until(fake.journal.posts, first.log)
            assert first.kill(number) == (0 if number == signal.SIGTERM else -number)
        fake.clock.advance(200)  # what was begun is done meanwhile
        with agent(place) as second:
            until(lambda: holds(place) is True, second.log)
        assert len(fake.journal.posts()) == 1, fake.journal.text()
        assert [each.method for each in fake.journal][-1] == "GET"


def secrets_in(place: Place, running: AgentProcess, *more: bytes) -> list[str]:
    """Answer where the password is besides in the credentials."""
    proc = Path(f"/proc/{running.process.pid}")
    texts = {name: (proc / name).read_bytes() for name in ("cmdline", "environ")}
    texts |= {str(path): path.read_bytes() for path in place.root.rglob("*") if path.is_file()}
    texts["more"] = b"".join(more)
    encoded = json.dumps(PASSWORD)[1:-1].encode()
    return [
        name
        for name, text in texts.items()
        if (PASSWORD.encode() in text or encoded in text) and not name.endswith("robot.cred")
    ]


def test_a_secret_is_nowhere_whatever_goes_wrong(place: Place, fake: HetznerFake) -> None:
    fake.fault("robot", "unauthorized", count=1)
    robot(place, fake, agent={"alert": {"run": ["/bin/true"]}})
    with agent(place, environment={"LVSCTL_DEBUG": "1", "PYTHONASYNCIODEBUG": "1"}) as running:
        place.tell(BACKUP, MASTER)
        until(lambda: len(fake.journal) and place.status()["failover"][VIP]["trouble"], running.log)
        (answer,) = (each for each in _asked(place, {"verb": "status", "ip": None}) if each["done"])
        assert "credentials refused" in answer["failover"][VIP]["trouble"]
        assert place.lvsctl("agent", "status").returncode == 1
        assert secrets_in(place, running, json.dumps(answer).encode()) == []
        assert len(fake.journal) == 1, "one refused login is enough to be quiet for ten minutes"
        limits = Path(f"/proc/{running.process.pid}/limits").read_text()
        assert next(line.split()[4] for line in limits.splitlines() if line.startswith("Max core")) == "0"
        assert running.kill(signal.SIGTERM) == 0
    assert secrets_in(place, AgentlessProcess(), b"") == []


class AgentlessProcess(AgentProcess):
    """This process, in the place of an agent that has ended."""

    def __init__(self) -> None:
        class Here:
            pid = os.getpid()

        self.process = Here()  # type: ignore[assignment]  # only its number is wanted


def _asked(place: Place, request: Mapping[str, object]) -> list[dict[str, Any]]:
    before = os.environ.get("LVSCTL_ROOT")
    os.environ["LVSCTL_ROOT"] = str(place.root)
    try:
        return list(ask(dict(request), timeout=20))
    finally:
        if before is None:
            del os.environ["LVSCTL_ROOT"]
        else:
            os.environ["LVSCTL_ROOT"] = before


@pytest.mark.keepalived
def test_an_operator_holds_resumes_and_assigns_through_the_socket(place: Place, fake: HetznerFake) -> None:
    needs_keepalived()
    robot(place, fake)
    with agent(place) as running, keepalived(place):
        until(lambda: holds(place) is True, running.log)
        held = _asked(place, {"verb": "hold", "ip": None, "reason": "an incident"})[-1]
        assert (held["ok"], held["changed"]) == (True, [VIP])
        point(fake, THERE)
        refused = _asked(place, {"verb": "assign", "ip": VIP, "wait": 20})
        assert [(each["ok"], each["code"], each["error"]) for each in refused] == [
            (False, 1, f"{VIP} is on hold: an incident")
        ]
        assert _asked(place, {"verb": "resume", "ip": VIP})[-1]["changed"] == [VIP]
        seen = _asked(place, {"verb": "status", "ip": VIP, "fresh": True})[-1]
        assert seen["ok"]
        assigned = _asked(place, {"verb": "assign", "ip": VIP, "wait": 20})
        assert assigned[-1]["ok"], running.log + json.dumps(assigned)
        assert fake.dataplane(VIP) == HERE
        released = _asked(place, {"verb": "release", "ip": VIP})[-1]
        assert released["ok"], released
        assert fake.dataplane(VIP) is None
        for request, code in (
            ({"verb": "dance"}, 64),
            ({"verb": "assign", "ip": "198.51.100.1", "wait": 1}, 64),
            ({"verb": "assign", "ip": VIP, "wait": -1}, 64),
            ({"verb": "hold", "ip": VIP, "reason": "a\nb"}, 64),
            ({"verb": "status", "ip": "x" * 5000}, 64),
        ):
            assert _asked(place, request)[-1]["code"] == code, request
        away(place, is_away=True)
        until(lambda: state(place) == "FAULT", running.log)
        _asked(place, {"verb": "resume", "ip": None})
        assert "only the master takes it" in str(
            _asked(place, {"verb": "assign", "ip": VIP, "wait": 1})[-1]["error"]
        )


def test_only_root_and_the_agent_s_user_are_heard(place: Place, fake: HetznerFake) -> None:
    require_root("another user")
    robot(place, fake)
    with agent(place) as running:
        path = place.run / "agent.sock"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        path.chmod(0o777)  # even so
        for parent in path.parents:
            if str(parent).startswith("/tmp/") and parent != Path("/tmp"):
                parent.chmod(0o755)
        code = (
            "import socket, os, sys\nos.setgid(65534); os.setuid(65534)\n"
            f"s = socket.socket(socket.AF_UNIX); s.connect({str(path)!r})\n"
            's.sendall(b\'{"verb": "status"}\\n\'); print(s.recv(100))'
        )
        answer = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30
        )
        assert answer.stdout.strip() == "b''" or "Error: [Errno" in answer.stderr, answer
        with socket.socket(socket.AF_UNIX) as silent:
            silent.connect(str(path))  # says nothing, and holds nobody up
            assert _asked(place, {"verb": "status", "ip": None})[-1]["ok"], running.log


def test_a_spec_that_makes_no_sense_keeps_the_one_before_and_a_good_one_is_taken(
    place: Place, fake: HetznerFake
) -> None:
    robot(place, fake)
    with agent(place) as running:
        good = place.spec.read_text()
        place.spec.write_text("nodes: 7\n")
        running.process.send_signal(signal.SIGHUP)
        until(lambda: place.status()["spec"]["trouble"], running.log)
        assert "the one before stays" in running.log
        assert VIP in place.status()["failover"]
        place.spec.write_text(good.replace("VI_1", "VI_2"))
        running.process.send_signal(signal.SIGHUP)
        until(lambda: place.status()["instances"].keys() == {"VI_2"}, running.log)
        assert place.status()["spec"]["trouble"] is None
        assert place.lvsctl("agent", "--spec", str(place.spec), "--node", "lb1").returncode == 75
        assert running.kill(signal.SIGTERM) == 0
    place.spec.write_text("nodes: 7\n")
    assert place.lvsctl("agent", "--spec", str(place.spec), "--node", "lb1").returncode == 65


def test_figures_are_served_on_the_loopback(place: Place, fake: HetznerFake) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    robot(place, fake)
    with agent(place, "--metrics", f"127.0.0.1:{port}"):
        page = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20).read().decode()
        assert f'lvsctl_failover_holds{{ip="{VIP}"}}' in page
    assert place.lvsctl("agent", "--metrics", "0.0.0.0:9798").returncode == 64


@pytest.mark.keepalived
def test_once_does_what_was_recorded_and_ends(place: Place, fake: HetznerFake) -> None:
    needs_keepalived()
    point(fake, THERE)
    robot(place, fake)
    with keepalived(place) as daemon:
        until(lambda: "Entering MASTER" in daemon.log.read_text(), daemon.log.read_text())
        place.record("notify", "INSTANCE", "VI_1", "MASTER", "100")
        answer = place.lvsctl(
            "agent", "--once", "--spec", str(place.spec), "--node", "lb1", "--config", str(place.config)
        )
        assert answer.returncode == 0, answer.stderr
    assert fake.dataplane(VIP) == HERE
    assert not any(place.spool.iterdir())
    assert place.status()["once"]
    assert place.status()["heartbeat"] is None


def test_what_others_put_into_the_spool_changes_nothing_and_stops_nothing(
    place: Place, fake: HetznerFake
) -> None:
    require_root("files of another user")
    robot(place, fake)
    target = place.root / "target"
    target.write_text("mine\n")
    record = b'{"version": 1, "boottime_ns": 1, "event": "notify", "type": "INSTANCE", "name": "VI_1", "state": "MASTER"}\n'
    (place.spool / "1-1.event").write_bytes(record)
    os.chown(place.spool / "1-1.event", 65534, 65534)
    (place.spool / "2-1.event").symlink_to(target)
    os.mkfifo(place.spool / "3-1.event")
    (place.spool / "4-1.event").mkdir()
    (place.spool / "5-1.event").write_bytes(b"[" * 10_000)
    (place.spool / ("6" * 200 + ".event")).write_bytes(b"\0")
    (place.spool / "7-1.lock").write_bytes(record)
    code = (
        f"import fcntl, os, time\nf = os.open({str(place.spool / '8-1.event')!r}, os.O_RDWR | os.O_CREAT, 0o666)\n"
        "fcntl.flock(f, fcntl.LOCK_EX); os.fchown(f, 65534, 65534); print('held', flush=True); time.sleep(600)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        with agent(place) as running:
            until(lambda: not [each for each in place.spool.iterdir() if each.name[0] != "."], running.log)
            assert state(place) == "STOP"
            assert len(fake.journal) == 0
            assert target.read_text() == "mine\n"
            place.record("notify", "INSTANCE", "VI_1", "MASTER", "100")
            until(lambda: place.status()["counters"]["events"] == 1, running.log)
            until(lambda: not [each for each in place.spool.iterdir() if each.name[0] != "."], running.log)
            assert place.status()["counters"]["rejected"] == 8
    finally:
        holder.kill()
        holder.communicate()


def test_a_slow_provider_delays_no_other(place: Place, fake: HetznerFake) -> None:
    program = place.root / "slow"
    program.write_text(f"#!/bin/sh\necho $$ > {place.root}/pid\nexec sleep 3600\n")
    program.chmod(0o755)
    more = {
        "ip": "203.0.113.11",
        "provider": "command",
        "command": [str(program)],
        "vrrp_instance": "VI_1",
        "targets": {"lb1": "a", "lb2": "b"},
    }
    robot(place, fake, more=[more])
    with agent(place) as running:
        place.tell(BACKUP, MASTER)
        until(lambda: len(fake.journal), running.log)
        assert place.status()["failover"]["203.0.113.11"]["holds"] is None
        assert running.kill(signal.SIGTERM) == 0
    os.kill(int((place.root / "pid").read_text()), signal.SIGKILL)  # systemd would, with the rest of the unit
