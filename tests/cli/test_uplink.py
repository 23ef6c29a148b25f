"""``lvsctl uplink``: what it says, how it exits, and a whole life of `run`."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from lvsctl.uplink.saved import Files
from tests.cli.conftest import Lvsctl
from tests.support.isps import Isps
from tests.support.veths import ip

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make network namespaces")

# The Internet is a thread beside the commands: an answer that comes late because these are busy must not be a fall.
SPEC = """
uplinks:
  providers:
    isp0: {interface: eth0, gateway: 10.0.0.1}
    isp1: {interface: eth1, gateway: 10.1.0.1}
  targets: [198.51.100.1, 198.51.100.2]
  interval: 0.1
  fall: 10
  window: {size: 10, loss_down: 90}
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
def running(
    spec: str, said: IO[str] | int = subprocess.PIPE, stdin: int | None = None
) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "lvsctl", "uplink", "run", spec, "-v"]
    child = subprocess.Popen(command, stdin=stdin, stderr=said, text=True)
    try:
        yield child
    finally:
        child.kill()
        child.communicate()
        if not isinstance(said, int):
            said.close()


def ended(child: subprocess.Popen[str]) -> tuple[int, str]:
    child.send_signal(signal.SIGTERM)
    _, said = child.communicate(timeout=20)
    return child.returncode, said


def first_life(lvsctl: Lvsctl, spec: str) -> None:
    """Somebody keeps the uplinks, and an operator says which one to use."""
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
        assert again.err.startswith("lvsctl: the uplinks are kept already, by the agent or another")
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

        first_life(lvsctl, spec)

        assert "default via 10.1.0.1 dev eth1" in ip("route"), "the end changes no route"
        assert lvsctl("uplink", "status").status == 1, "the end is told"
        state = Files().state
        hidden = state.rename(state.with_suffix(".hidden"))
        check = lvsctl("uplink", "check", spec)
        assert (check.status, check.err) == (0, "nobody keeps the uplinks: lvsctl uplink run\n"), (
            "who may not read the state goes by the kernel"
        )
        hidden.rename(state)
        with running(spec) as child:
            assert until(lambda: lvsctl("uplink", "status").status == 0)
            assert "default via 10.1.0.1 dev eth1" in ip("route"), "nor does another beginning"
            assert lvsctl("uplink", "auto").err == "no longer forced: isp1\n"
            assert until(lambda: "default via 10.0.0.1 dev eth0" in ip("route"))
            status, said = ended(child)
            assert status == 0
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


@needs_root
def test_sighup_takes_the_spec_anew_and_switches_nothing(lvsctl: Lvsctl, spec: str, tmp_path: Path) -> None:
    log = tmp_path / "log"

    def told() -> dict[str, Any]:
        found = json.loads(lvsctl("uplink", "status", "--json").out)
        return found if isinstance(found, dict) else {"uplinks": []}

    def samples() -> int:
        return min((target["samples"] for each in told()["uplinks"] for target in each["targets"]), default=0)

    def anew(text: str, word: str) -> None:
        before = log.read_text().count(word)
        Path(spec).write_text(text)
        child.send_signal(signal.SIGHUP)
        assert until(lambda: log.read_text().count(word) > before), log.read_text()

    wide = SPEC.replace("size: 10", "size: 500")
    Path(spec).write_text(wide)
    with Isps(), running(spec, log.open("w"), stdin=subprocess.DEVNULL) as child:
        assert until(lambda: samples() >= 10)
        before = told()
        anew(wide.replace("hold: 0.1", "hold: 5") + "  metric: 60\n", "the spec was read anew")
        assert until(lambda: "metric 60" in ip("route"))
        assert "metric 50" not in ip("route")
        assert until(lambda: told()["at"] > before["at"])
        after = told()
        assert samples() >= 10, "no sample was lost"
        for each in (before, after):
            each["since"] = (
                [(one["verdict"], one["since"]) for one in (*each["uplinks"],)],
                each["families"]["inet"]["since"],
            )
        assert after["since"] == before["since"]

        anew(wide + "  metric: many\n", "the spec cannot be used")
        assert f"{spec}:12:11: uplinks.metric: " in log.read_text(), "where the fault is"
        anew("nodes: {}\n", "the spec cannot be used")
        assert "metric 60" in ip("route"), "the one before stays"
        assert samples() >= 10
        assert "instead of" not in log.read_text().replace("isp0 instead of nothing", "")
        assert child.poll() is None
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 0


@needs_root
def test_a_closed_terminal_ends_it(lvsctl: Lvsctl, spec: str, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with Isps(), running(spec, (tmp_path / "log").open("w"), stdin=theirs) as child:
        assert until(lambda: lvsctl("uplink", "status").status == 0)
        child.send_signal(signal.SIGHUP)
        assert child.wait(20) == 0
    os.close(ours)
    os.close(theirs)


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


def providers(count: int, more: str = "") -> str:
    lines = [f"    isp{each}: {{interface: eth{each}, gateway: 10.{each}.0.1}}" for each in range(count)]
    return "\n".join(["uplinks:", "  targets: [198.51.100.1]", "  providers:", *lines, more])


def test_there_are_as_many_uplinks_as_tables_for_them(lvsctl: Lvsctl, spec: str) -> None:
    """Beyond their tables are somebody else's; rules of all uplinks have the same priorities."""
    Path(spec).write_text(providers(100))
    dry = lvsctl("uplink", "run", spec, "--dry-run")
    assert dry.status == 0, dry.err
    priorities = {word for line in dry.out.splitlines() if " rule " in line for word in line.split()[-3:-2]}
    assert priorities <= {"980", "981", "982", "983"}
    assert "lookup 2100 " in dry.out
    assert "lookup 2101 " not in dry.out
    Path(spec).write_text(providers(101))
    refused = lvsctl("uplink", "run", spec, "--dry-run")
    assert refused.status == 65
    assert f"{spec}:4:5: uplinks.providers: expected at most 100 uplinks, not 101" in refused.err


def test_two_uplinks_never_share_a_table(lvsctl: Lvsctl, spec: str) -> None:
    Path(spec).write_text(providers(2, "    isp2: {interface: eth2, gateway: 10.2.0.1, table: 2002}"))
    refused = lvsctl("uplink", "run", spec, "--dry-run")
    assert refused.status == 65
    assert f"{spec}:2:3: uplinks: providers.isp2: table 2002 is the one of isp1" in refused.err
    Path(spec).write_text(providers(1, "    isp1: {interface: eth1, gateway: 10.1.0.1, table: 1001}"))
    refused = lvsctl("uplink", "run", spec, "--dry-run")
    assert f"{spec}:5:55: uplinks.providers.isp1.table: tables 253 to 255 are" in refused.err
