"""What is around the agent: who counts as keepalived, what its units say, the spool that it watches."""

import asyncio
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from lvsctl.agent.inotify import Watch
from lvsctl.agent.model import Account
from lvsctl.agent.witness import Asking, Witness
from lvsctl.host.run import run
from lvsctl.keepalived.process import find
from tests.support.require import require, require_root

TEMPLATES = Path(__file__).resolve().parents[3] / "templates"


def test_a_program_of_a_stranger_s_that_is_called_keepalived_is_none(tmp_path: Path) -> None:
    require_root("another user")
    config = Path("/tmp") / f"lvsctl-{os.getpid()}.conf"
    program = Path("/tmp") / f"lvsctl-{os.getpid()}" / "keepalived"
    program.parent.mkdir()
    try:
        config.write_text("")
        shutil.copy(shutil.which("tail") or "", program)
        stranger = subprocess.Popen(
            [program, "-f", config], user=65534, group=65534, stdout=subprocess.DEVNULL
        )
        assert find(config) is None
        ours = subprocess.Popen([program, "-f", config], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not (found := find(config)):
            assert time.monotonic() < deadline
        assert found.parent.pid == ours.pid
        witness = Witness(config)
        assert witness.ask().why == "keepalived is starting", "it would die of SIGUSR1, so it is not sent"
        ours.send_signal(signal.SIGKILL)
        ours.wait()
        assert witness.ask() == Account({}, "keepalived does not run")
        stranger.kill()
        stranger.wait()
    finally:
        config.unlink()
        shutil.rmtree(program.parent)
    assert not any(tmp_path.iterdir())


def test_who_asks_during_a_question_shares_the_next_one() -> None:
    asked: list[float] = []

    def ask() -> Account:
        asked.append(time.monotonic())
        time.sleep(0.1)
        return Account({}, str(len(asked)))

    async def all_of_them() -> list[str]:
        asking = Asking(ask)
        first = asyncio.ensure_future(asking())
        await asyncio.sleep(0.05)
        later = await asyncio.gather(*(asking() for _ in range(50)))
        return [(await first).why, *{each.why for each in later}]

    assert asyncio.run(all_of_them()) == ["1", "2"]


def test_the_kernel_tells_of_records_also_in_a_folder_that_was_made_anew(tmp_path: Path) -> None:
    watch = Watch(tmp_path / "spool")
    assert not watch.renew()
    for _ in range(2):
        (tmp_path / "spool").mkdir()
        assert watch.renew()
        assert not watch.renew()
        (tmp_path / "spool/a").touch()
        assert os.read(watch.fileno(), 4096)
        watch.clear()
        (tmp_path / "spool").rename(tmp_path / f"old-{time.monotonic_ns()}")
    watch.close()


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    require("systemd-analyze")
    for name in ("lvsctl-agent.service", "lvsctl-agent.path"):
        text = (TEMPLATES / name).read_text()
        (tmp_path / name).write_text(text.replace("/usr/libexec/lvsctl/lvsctl", "/bin/true"))
    units = [str(path) for path in sorted(tmp_path.iterdir())]
    done = run(["systemd-analyze", "verify", "--man=no", *units])
    assert (done.status, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "directive", ["Type=notify", "PrivateTmp=no", "WatchdogSec=30", "LimitCORE=0", "ProtectSystem=strict"]
)
def test_the_service_is_what_the_agent_needs(directive: str) -> None:
    assert directive in (TEMPLATES / "lvsctl-agent.service").read_text().splitlines()
