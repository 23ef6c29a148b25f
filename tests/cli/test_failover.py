"""``lvsctl failover``: what it answers, what it asks of the provider, and what it leaves behind."""

import json
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lvsctl.failover.shelf import HostClock
from lvsctl.host.lock import locked
from tests.cli.conftest import Answer, Lvsctl
from tests.fakes.hetzner.server import HetznerFake
from tests.fakes.hetzner.worlds import PASSWORD, TOKEN
from tests.support.daemon import running
from tests.support.failover_cli import VIP, VIP6, Station, renewed
from tests.support.require import require, require_root


@pytest.fixture(scope="module")
def server() -> Iterator[HetznerFake]:
    with HetznerFake() as fake:
        yield fake


@pytest.fixture
def fake(server: HetznerFake) -> HetznerFake:
    return renewed(server)


@pytest.fixture
def station(fake: HetznerFake, tmp_path: Path) -> Station:
    return Station(tmp_path, fake)


class Here:
    """``lvsctl failover …`` in this process, as if on a node."""

    def __init__(self, station: Station, lvsctl: Lvsctl, monkeypatch: pytest.MonkeyPatch) -> None:
        self._station, self._lvsctl, self._patch = station, lvsctl, monkeypatch

    def __call__(self, verb: str, *more: str, node: str = "lb1") -> Answer:
        for name, value in self._station.environment(node).items():
            self._patch.setenv(name, value)
        return self._lvsctl("failover", verb, *more, "--node", node)


@pytest.fixture
def failover(station: Station, lvsctl: Lvsctl, monkeypatch: pytest.MonkeyPatch) -> Here:
    return Here(station, lvsctl, monkeypatch)


def calls(fake: HetznerFake) -> list[str]:
    return [f"{each.method} {each.path.split('/')[-1]}" for each in fake.journal]


def doc(answer: Answer, ip: str = VIP) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.out)["failover"][ip]
    return found


def within(seconds: float, happens: Callable[[], object]) -> bool:
    """Wait until something happens, and answer whether it did."""
    for _ in range(int(seconds * 50)):
        if happens():
            return True
        time.sleep(0.02)
    return False


# status


def test_held_is_0_and_not_held_is_2_with_the_word_for_it(failover: Here) -> None:
    here, there = failover("status", VIP), failover("status", VIP, node="lb2")
    assert (here.status, here.out.splitlines()[0]) == (0, "state=held")
    assert (there.status, there.out.splitlines()[0]) == (2, "state=not-held")
    assert "it points at 192.0.2.11 (lb1), seen 0 s ago" in there.out
    assert failover("status", VIP6).status == 0


def test_an_answer_is_good_for_a_while_and_fresh_asks_again(failover: Here, fake: HetznerFake) -> None:
    for _ in range(3):
        assert failover("status", VIP, "--quiet").out == "state=held\n"
    assert calls(fake) == [f"GET {VIP}"]
    assert failover("status", VIP, "--fresh").status == 0
    assert len(fake.journal) == 2


def test_without_ip_unknown_comes_before_not_held(failover: Here, fake: HetznerFake) -> None:
    assert failover("status").status == 0
    fake.robot.world.failovers[VIP].active = "192.0.2.12"
    mixed = failover("status", "--fresh")
    assert mixed.status == 2
    assert [line.split(",")[0] for line in mixed.out.splitlines()] == [f"{VIP}: not held", f"{VIP6}: held"]
    fake.fault("robot", "html-503", path=f"/failover/{VIP}")
    assert failover("status", "--fresh").status == 1


@pytest.mark.parametrize("kind", ["html-503", "empty-200", "truncated", "active-is-a-list", "closed"])
def test_an_api_that_fails_is_unknown_and_never_no(failover: Here, fake: HetznerFake, kind: str) -> None:
    fake.fault("robot", kind)
    answer = failover("status", VIP, "--json")
    assert (answer.status, json.loads(answer.out)["state"]) == (1, "unknown")
    assert doc(answer)["why"]


def test_a_move_under_way_is_unknown(failover: Here, fake: HetznerFake) -> None:
    state = fake.robot
    state.world.begin("203.0.113.10", "192.0.2.12", "x", fake.clock.now(), state.profile)
    answer = failover("status", VIP)
    assert (answer.status, "state=unknown" in answer.out, "a move is under way" in answer.out) == (
        1,
        True,
        True,
    )


def test_status_knows_no_other_codes(failover: Here, station: Station) -> None:
    assert failover("status", "198.51.100.1").status == 64
    assert failover("status", "rubbish").status == 64
    assert failover("status", VIP, node="lb3").status == 64
    assert failover("status", "--provider", "hetzner-robot", VIP).status == 64
    station.credentials.chmod(0o644)
    exposed = failover("status", VIP)
    assert (exposed.status, exposed.out.splitlines()[0]) == (1, "state=unknown")
    assert "mode 0644 lets others in" in exposed.out
    station.spec.write_text("failover_ips: [{ip: 1}]\n")
    broken = failover("status", VIP)
    assert (broken.status, broken.out) == (1, "state=unknown\n")
    station.spec.unlink()
    assert failover("status", VIP).status == 1


def test_a_spec_is_not_needed(station: Station, failover: Here, fake: HetznerFake) -> None:
    station.spec.unlink()
    described = (
        *("--provider", "hetzner-cloud", "--credentials", str(station.credentials)),
        *("--target", "lb1=41", "--target", "lb2=42"),
        *("--api-url", fake.cloud_url, "--api-ca", str(station.ca)),
    )
    assert failover("status", VIP, *described).status == 0
    assert failover("status", VIP, *described, node="lb2").status == 2
    fake.cloud.profile.assign_s = 0.0
    assert failover("assign", VIP, *described, "--wait", node="lb2").status == 0
    assert fake.dataplane(VIP, "cloud") == 42
    assert "no --target says" in failover("status", VIP, *described, node="lb3").err


# assign


def test_assign_looks_moves_once_and_looks_again(failover: Here, fake: HetznerFake) -> None:
    taken = failover("assign", VIP, "--force", "--wait", node="lb2")
    assert taken.status == 0
    assert calls(fake) == [f"GET {VIP}", f"POST {VIP}", f"GET {VIP}"]
    assert fake.dataplane(VIP) == "192.0.2.12"
    assert taken.err.splitlines() == [
        f"{VIP}: looking where it points",
        f"{VIP}: it points at 192.0.2.11",
        f"{VIP}: a move is under way",
        f"{VIP}: points here",
    ]
    again = failover("assign", VIP, "--force", "--json", node="lb2")
    assert json.loads(again.out)["outcome"] == "here"
    assert len(fake.journal.posts()) == 1


def test_only_the_master_takes_an_address(failover: Here, fake: HetznerFake) -> None:
    answer = failover("assign", VIP, node="lb2")
    assert (answer.status, len(fake.journal)) == (1, 0)
    assert "is not moved here: VRRP is STOP" in answer.err


def test_a_dry_run_asks_nobody(failover: Here, fake: HetznerFake) -> None:
    would = failover("assign", VIP, "--force", "--dry-run", node="lb2")
    assert would.out == f"{VIP}: would ask where it points, and move it to 192.0.2.12 if it is elsewhere\n"
    assert failover("release", VIP, "--dry-run").status == 0
    assert failover("hold", "--dry-run").status == 0
    assert "on hold" not in failover("status", VIP).out
    assert calls(fake) == [f"GET {VIP}"]


def test_what_may_yet_come_is_75_and_what_will_not_is_1(
    failover: Here, fake: HetznerFake, station: Station
) -> None:
    fake.fault("robot", "html-503", count=1)
    later = failover("assign", VIP, "--force", node="lb2")
    assert later.status == 75
    assert "call it again, or with --wait" in later.err
    station.credentials.write_text("user=#ws+lvsctl\npassword=wrong\n")
    refused = failover("assign", VIP, "--force", "--wait", node="lb1")
    assert refused.status == 1
    assert "credentials refused" in refused.err
    assert len(fake.journal.where(status=401)) == 1
    assert failover("assign", VIP, "--force", "--wait").status == 1
    assert len(fake.journal.where(status=401)) == 1


def test_who_comes_while_another_one_is_at_it_is_told_to_try_again(
    failover: Here, station: Station, fake: HetznerFake
) -> None:
    with locked(station.folder / f"lb2/run/lvsctl/locks/failover-claim-{VIP}.lock"):
        assert failover("assign", VIP, "--force", node="lb2").status == 75
        assert failover("status", VIP, node="lb2").status == 1
    assert not fake.journal


def test_what_was_seen_lately_needs_no_credentials(failover: Here, station: Station) -> None:
    assert failover("status", VIP).status == 0
    station.credentials.unlink()
    assert failover("status", VIP).status == 0
    assert failover("status", VIP, "--fresh").status == 1


def test_a_lock_is_not_waited_for_in_vain(failover: Here, fake: HetznerFake) -> None:
    fake.fault("robot", "html-503", method="GET")
    answer = failover("assign", VIP, "--force", "--wait", "--timeout", "1", node="lb2")
    assert answer.status == 1
    assert "did not come here in time" in answer.err
    assert "--fresh" in answer.err


@pytest.mark.keepalived
def test_keepalived_itself_says_who_is_master(failover: Here, fake: HetznerFake, tmp_path: Path) -> None:
    require("keepalived")
    require_root("keepalived")
    config = tmp_path / "keepalived.conf"
    config.write_text(
        """global_defs {\n vrrp_version 3\n}
        vrrp_instance VI_1 {\n state BACKUP\n interface eth0\n virtual_router_id 51\n advert_int 0.5
        virtual_ipaddress {\n fe80::100/64\n }\n}\n"""
    )
    how = ("--config", str(config))
    with running(config):
        assert "is not moved here: VRRP is" in failover("assign", VIP, *how, node="lb2").err
        assert not fake.journal
        assert within(20, lambda: failover("assign", VIP, *how, node="lb2").status == 0)
    assert fake.dataplane(VIP) == "192.0.2.12"
    assert len(fake.journal.posts()) == 1
    assert "VRRP is STOP" in failover("assign", VIP, *how, node="lb2").err


# hold, release


def test_a_hold_stops_everything_and_says_why(failover: Here, fake: HetznerFake) -> None:
    assert failover("hold", VIP, "--reason", "incident 42").status == 0
    stopped = failover("assign", VIP, "--force", node="lb1")
    fake.robot.world.failovers[VIP].active = "192.0.2.12"
    assert stopped.status == 1
    assert "on hold: incident 42" in stopped.err
    assert "on hold: incident 42" in failover("status", VIP).out
    assert "already" in failover("hold", VIP).err
    assert json.loads(failover("resume", "--json").out)["changed"] == [VIP]
    assert failover("resume").status == 0
    assert failover("assign", VIP, "--force").status == 0


def test_what_can_be_named_can_be_frozen_with_a_broken_spec(failover: Here, station: Station) -> None:
    station.spec.write_text("nodes: [")
    assert failover("hold", VIP).status == 0
    assert failover("hold").status == 65
    assert failover("resume", VIP).status == 0


def test_release_needs_a_yes_holds_and_deletes_once(failover: Here, fake: HetznerFake) -> None:
    assert failover("release", VIP).status == 64
    assert not fake.journal.where(method="DELETE")
    assert failover("release", VIP, "--yes").status == 0
    assert fake.dataplane(VIP) is None
    assert len(fake.journal.where(method="DELETE")) == 1
    gone = failover("status", VIP)
    assert gone.status == 2
    assert "it points nowhere" in gone.out
    assert "on hold: released by hand" in gone.out


# with an agent


def test_an_agent_that_lives_is_asked_and_told(station: Station, failover: Here, fake: HetznerFake) -> None:
    with station.start("agent", "--node", "lb1") as agent:
        try:
            socket = station.folder / "lb1/run/lvsctl/agent.sock"
            assert within(30, lambda: socket.exists() or agent.poll() is not None)
            assert agent.poll() is None, agent.communicate()
            backup = failover("status", VIP)
            assert (backup.status, backup.out.splitlines()[0]) == (0, "state=held")
            assert failover("status", VIP, "--fresh").status == 0
            fake.fault("robot", "html-503", method="GET")
            assert failover("status", VIP, "--fresh").status == 1
            refused = failover("assign", VIP)
            assert refused.status == 1
            assert "VI_1 is STOP here, and only the master takes it" in refused.err
            assert failover("assign", VIP, "--force").status == 75
            assert failover("hold", VIP, "--reason", "incident 42").status == 0
            assert "on hold: incident 42" in failover("assign", VIP).err
            assert failover("resume").status == 0
            assert failover("release", VIP, "--yes").status == 0
            assert fake.dataplane(VIP) is None
            assert failover("status", "198.51.100.1").status == 64
        finally:
            agent.terminate()
            agent.communicate(timeout=20)
    assert failover("assign", VIP).status == 1  # by the files: nobody is MASTER


# processes


def test_a_killed_assign_leaves_a_truth_that_the_next_one_finds(station: Station, fake: HetznerFake) -> None:
    fake.fault("robot", "hang", method="POST", count=1, applied=True)
    with station.start("failover", "assign", VIP, "--force", "--wait", "--node", "lb2", node="lb2") as child:
        assert within(20, fake.journal.posts), fake.journal.text()
        child.send_signal(signal.SIGKILL)
        child.communicate()
    fake.clock.advance(60)
    assert station.failover("status", VIP, "--fresh", node="lb2").status == 0
    assert station.failover("assign", VIP, "--force", "--wait", node="lb2").status == 0
    assert len(fake.journal.posts()) == 1
    assert fake.dataplane(VIP) == "192.0.2.12"


def test_no_secret_is_anywhere(station: Station, fake: HetznerFake) -> None:
    said = ""
    for verb in (("status", VIP, "-v"), ("status", "--json"), ("assign", VIP, "--force"), ("release", VIP)):
        ended = station.failover(verb[0], *verb[1:], node="lb2")
        said += ended.out + ended.err
    fake.fault("robot", "hang", method="GET")
    seen = len(fake.journal)
    with station.start("failover", "status", VIP, "--fresh", "--node", "lb2", node="lb2") as child:
        assert within(20, lambda: len(fake.journal) > seen), fake.journal.text()
        proc = Path(f"/proc/{child.pid}")
        said += (proc / "cmdline").read_text() + (proc / "environ").read_text()
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=20)
    said += out + err
    files = [each for each in (station.folder / "lb2").rglob("*") if each.is_file()]
    said += "".join(each.read_text(errors="replace") for each in files)
    assert files
    for secret in (PASSWORD, TOKEN):
        assert secret not in said


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming somebody else needs root")
def test_without_rights_it_is_unknown_and_not_permitted(
    fake: HetznerFake, lvsctl: Lvsctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        station = Station(Path(folder), fake)
        failover = Here(station, lvsctl, monkeypatch)
        assert failover("status", VIP).status == 0
        os.seteuid(65534)
        try:
            status, assign = (
                lvsctl("failover", "status", VIP, "--node", "lb1"),
                lvsctl("failover", "assign", VIP, "--force", "--node", "lb1"),
            )
            hold = lvsctl("failover", "hold", VIP, "--node", "lb1")
        finally:
            os.seteuid(0)
    assert (status.status, status.out.splitlines()[0]) == (1, "state=unknown")
    assert (assign.status, hold.status) == (77, 77)


def test_the_claim_is_the_agents_own(failover: Here, station: Station) -> None:
    failover("assign", VIP, "--force", node="lb2")
    done, seen = (
        station.folder / f"lb2/{folder}/lvsctl/failover/claim-{VIP}.json" for folder in ("var/lib", "run")
    )
    for file, phase in ((done, "moving"), (seen, "held")):
        saved = json.loads(file.read_text())
        assert saved["stamp"][0] == HostClock().boot
        assert saved["value"]["phase"] == phase
        assert file.stat().st_mode & 0o777 == 0o600
