"""The drop-in for parse-hetzner-json.py, as the old resource agent calls it."""

import subprocess
from pathlib import Path

import pytest

from tests.fakes.hetzner.server import HetznerFake
from tests.fakes.hetzner.worlds import PASSWORD, USER
from tests.support.failover_cli import LVSCTL, ROOT, VIP, Ended, Station

WORKER = ROOT / "hooks/parse-hetzner-json"

MINE, UNKNOWN, NOT_MINE = range(3)


class Worker:
    """The worker on the second node."""

    def __init__(self, station: Station) -> None:
        self.station = station
        self.config = station.folder / "hetzner.cfg"
        self.program = Path(LVSCTL)
        self.configure()

    def configure(self, password: str = PASSWORD) -> None:
        robot, authorities = self.station.fake.robot_url, self.station.ca
        self.config.write_text(
            f"[hetzner]\nuser = {USER}\npass = {password}\nlocal_ip = 192.0.2.12\nurl = {robot}\nca = {authorities}\n"
        )
        self.config.chmod(0o600)

    def __call__(self, *options: str) -> Ended:
        done = subprocess.run(
            [WORKER, *options, "-c", self.config],
            env=self.station.environment("lb2") | {"LVSCTL": str(self.program)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert PASSWORD not in done.stdout + done.stderr
        return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def worker(station: Station) -> Worker:
    return Worker(station)


def test_it_says_whose_it_is_and_takes_it_once(worker: Worker, fake: HetznerFake) -> None:
    assert worker("-g", "-i", VIP).status == NOT_MINE
    assert worker("-s", "-i", VIP).status == MINE
    assert worker("-g", "-i", VIP).status == MINE
    assert worker("-s", "-i", VIP).status == MINE
    assert [each.form for each in fake.journal.posts()] == [{"active_server_ip": "192.0.2.12"}]


def test_it_lists_them_and_looks_one_up(worker: Worker) -> None:
    assert worker("-l").out.split() == ["2001:db8:f::/64", VIP]
    assert worker("-l", "-i", VIP).status == MINE
    assert worker("-l", "-i", "198.51.100.1").status == NOT_MINE


def test_everything_else_is_unknown(worker: Worker, fake: HetznerFake) -> None:
    fake.fault("robot", "html-503")
    assert worker("-g", "-i", VIP).status == UNKNOWN
    assert worker("-l", "-i", VIP).status == UNKNOWN
    assert worker("-g").status == UNKNOWN
    worker.config.write_text(f"pass = {PASSWORD}\n")
    broken = worker("-g", "-i", VIP)
    assert broken.status == UNKNOWN
    assert "expected a section with user, pass and local_ip" in broken.err
    worker.configure()
    worker.config.chmod(0o644)
    assert "lets others in" in worker("-g", "-i", VIP).err


@pytest.mark.parametrize("text", ["#!/nonexistent/python3\n", "#!/bin/sh\nexit 2\n", "#!/bin/sh\nexit 64\n"])
def test_a_broken_program_is_unknown(worker: Worker, text: str) -> None:
    program = worker.station.folder / "program"
    program.write_text(text)
    program.chmod(0o755)
    worker.program = program
    assert worker("-g", "-i", VIP).status == UNKNOWN
