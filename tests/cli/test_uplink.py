"""``lvsctl uplink``: what it says, how it exits, and a whole life of `run`."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Lvsctl
from tests.support.isps import Isps
from tests.support.veths import ip

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make network namespaces")

SPEC = """
uplinks:
  providers:
    isp0: {interface: eth0, gateway: 10.0.0.1}
    isp1: {interface: eth1, gateway: 10.1.0.1}
  targets: [198.51.100.1, 198.51.100.2]
  interval: 0.1
  window: {size: 5}
  hold: 0.1
  min_time_on_backup: 0.1
"""


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("LVSCTL_ROOT", str(tmp_path))
    path = tmp_path / "lvs.yaml"
    path.write_text(SPEC)
    return str(path)


def until(condition: Callable[[], object]) -> bool:
    for _ in range(400):
        if condition():
            return True
        time.sleep(0.025)
    return False


@contextmanager
def running(spec: str) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen(
        [sys.executable, "-m", "lvsctl", "uplink", "run", spec, "-v"], stderr=subprocess.PIPE, text=True
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def ended(child: subprocess.Popen[str]) -> tuple[int, str]:
    child.send_signal(signal.SIGTERM)
    _, said = child.communicate(timeout=20)
    return child.returncode, said


@needs_root
def test_a_life(lvsctl: Lvsctl, spec: str) -> None:
    with Isps():
        before = ip("route show table all", "rule")
        dry = lvsctl("uplink", "run", spec, "--dry-run")
        assert dry.status == 0
        assert (
            "ip route replace default via 10.0.0.1 dev eth0 onlink src 10.0.0.2 metric 50 proto 118"
            in dry.out
        )
        check = lvsctl("uplink", "check", spec)
        assert check.status == 2
        assert "ip rule add from 10.0.0.2/32 lookup 2001" in check.err
        assert "its default route is missing" in check.err

        with running(spec) as child:
            assert until(lambda: lvsctl("uplink", "status").status == 0)
            table = lvsctl("uplink", "status").out
            assert table.splitlines()[0].split() == [
                "UPLINK",
                "FAMILY",
                "STATE",
                "INTERFACE",
                "GATEWAY",
                "SOURCE",
                "TARGETS",
            ]
            assert table.splitlines()[1].startswith("*  isp0")
            assert lvsctl("uplink", "check", spec).status == 0
            again = lvsctl("uplink", "run", spec)
            assert again.status == 75, again.err
            assert lvsctl("uplink", "uninstall").status == 75

            used = lvsctl("uplink", "use", "isp1", spec, "--for", "1h")
            assert (used.status, used.err) == (0, "isp1 is in use\n")
            assert "default via 10.1.0.1 dev eth1" in ip("route")
            document = json.loads(lvsctl("uplink", "status", "--json").out)
            assert document["families"]["inet"]["in_use"] == "isp1"
            assert document["families"]["inet"]["forced"]["until"] > time.time() + 3000
            assert "an operator said: use isp1, for another" in lvsctl("uplink", "status").out
            status, said = ended(child)
            assert status == 0
            assert "isp1 instead of isp0: an operator said: use isp1" in said

        assert "default via 10.1.0.1 dev eth1" in ip("route"), "the end changes no route"
        with running(spec) as child:
            assert until(lambda: lvsctl("uplink", "status").status == 0)
            assert "default via 10.1.0.1 dev eth1" in ip("route"), "nor does another beginning"
            assert lvsctl("uplink", "auto").err == "no longer forced: isp1\n"
            assert until(lambda: "default via 10.0.0.1 dev eth0" in ip("route"))
            status, said = ended(child)
            assert "isp1 instead of" not in said

        dry = lvsctl("uplink", "run", "--uninstall", "--dry-run")
        assert dry.out.startswith("ip rule del ")
        assert lvsctl("uplink", "uninstall").status == 0
        assert ip("route show table all", "rule") == before
        assert lvsctl("uplink", "uninstall").err == "nothing to do\n"


@needs_root
def test_a_dead_uplink_that_is_wanted_is_said_loudly(lvsctl: Lvsctl, spec: str) -> None:
    with Isps() as isps:
        isps[1].is_cut = True
        with running(spec):
            assert until(lambda: '"down"' in lvsctl("uplink", "status", "--json").out)
            used = lvsctl("uplink", "use", "isp1", spec)
            assert used.status == 2
            assert "isp1 is in use, and it is DOWN" in used.err
            told = lvsctl("uplink", "status")
            assert told.status == 2
            assert "isp1 is DOWN and stays in use, because an operator said so" in told.out


def test_without_anybody_who_keeps_them_nothing_is_known(lvsctl: Lvsctl, spec: str) -> None:
    status = lvsctl("uplink", "status")
    assert status.status == 1
    assert "nobody keeps the uplinks" in status.err
    assert lvsctl("uplink", "status", "--json").out == "null\n"
    used = lvsctl("uplink", "use", "isp1", spec)
    assert (used.status, used.err) == (0, "nobody keeps the uplinks; isp1 counts from the next start on\n")
    assert lvsctl("uplink", "auto").err == "no longer forced: isp1\n"
    assert lvsctl("uplink", "auto").err == "nothing was forced\n"


def test_an_uplink_that_is_not_there_is_64(lvsctl: Lvsctl, spec: str) -> None:
    answer = lvsctl("uplink", "use", "isp7", spec)
    assert answer.status == 64
    assert "the uplinks are: isp0, isp1" in answer.err
    assert lvsctl("uplink", "use", "isp0", spec, "--for", "soon").status == 64


def test_a_spec_without_uplinks_is_64(lvsctl: Lvsctl, spec: str) -> None:
    Path(spec).write_text("global_defs: {router_id: a}\n")
    for verb in (("run",), ("check",), ("use", "isp0")):
        answer = lvsctl("uplink", *verb, spec)
        assert answer.status == 64
        assert "has no uplinks" in answer.err


FAULTS = {
    "timeout: 2": "timeout 2 is longer than interval 0.1",
    "quorum: 3": "a quorum of 3 cannot be had of 2 targets",
    "window: {loss_down: 5}": "loss_up 10 has to be below loss_down 5",
    "targets: [{address: 192.0.2.1, probe: TCP}]": "probe TCP needs a port",
    "targets: [{address: 192.0.2.1, port: 80}]": "port: belongs to probe TCP or HTTP",
    "targets: [{probe: command}]": "probe command needs run",
    "targets: ['2001:db8::1']": "expected an IPv4 target in targets, because its gateway 10.0.0.1 is",
    "targets: [www.example.org]": "expected an IPv4 or IPv6 address",
}


@pytest.mark.parametrize("line", FAULTS)
def test_a_spec_that_makes_no_sense_is_65(lvsctl: Lvsctl, spec: str, line: str) -> None:
    lines = [each for each in SPEC.splitlines() if line.partition(":")[0] + ":" not in each]
    Path(spec).write_text("\n".join([*lines, f"  {line}"]))
    answer = lvsctl("uplink", "check", spec)
    assert answer.status == 65
    assert FAULTS[line] in answer.err
