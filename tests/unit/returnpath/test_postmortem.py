"""The postmortem of seed 002, on this kernel: reproduced, found, explained, put right, and it stays right."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from lvsctl.cli.main import run
from lvsctl.compose.return_paths import intended
from lvsctl.errors import LvsctlError
from lvsctl.returnpath.ensure import ensure
from lvsctl.returnpath.intent import Intended
from lvsctl.returnpath.watch import Watch
from lvsctl.spec.load import read
from tests.support import netns
from tests.support.hosts import wait_until
from tests.support.two_gateways import (
    CLIENT,
    CLIENT6,
    GATEWAY,
    GATEWAY6,
    HOST,
    INSIDE,
    INSIDE_GATEWAY,
    VIP,
    VIP6,
    TwoGateways,
    boot_files,
    booted,
    missing,
)

SPEC = f"""
nodes: {{proxy: {{address: {INSIDE}}}}}
virtual_servers:
  web: {{address: {VIP}, port: 80, owner: lvsctl, real_servers: [{{address: 10.1.0.2, port: 80}}]}}
return_paths:
  {VIP}: {{interface: eth1, gateway: {GATEWAY}}}
  {INSIDE}: {{interface: eth0, gateway: {INSIDE_GATEWAY}}}
  "{VIP6}": {{interface: eth1, gateway: "{GATEWAY6}"}}
"""
AS_IN_THE_POSTMORTEM = ("eth0", "eth1")

needs_namespaces = pytest.mark.skipif(bool(missing()), reason=missing() or "nothing is missing")


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("LVSCTL_ROOT", str(tmp_path / "root"))  # no boot files of this machine
    (tmp_path / "lvs.yaml").write_text(SPEC)
    return str(tmp_path / "lvs.yaml")


class Guest:
    """``lvsctl return-path`` on the guest, and what it printed."""

    def __init__(self, machine: TwoGateways, spec: str, capsys: pytest.CaptureFixture[str]) -> None:
        self._machine, self._spec, self._capsys = machine, spec, capsys
        self.said = ""

    def __call__(self, verb: str, *arguments: str, has_spec: bool = True) -> int:
        spec = [self._spec, "--node", "proxy"] if has_spec else []
        status = run(["return-path", verb, *arguments, *spec, "--netns", self._machine.guest.path])
        captured = self._capsys.readouterr()
        self.said = captured.out + captured.err
        return status


def symptoms(machine: TwoGateways) -> dict[str, bool]:
    return {
        "ping": machine.pings(VIP),
        "connect": machine.connects(VIP),
        "request": machine.gets(VIP),
        "request through the NAT host": machine.gets(HOST),
        "request over IPv6": machine.gets(VIP6),
    }


ALL_WELL = dict.fromkeys(
    ("ping", "connect", "request", "request through the NAT host", "request over IPv6"), True
)


@needs_namespaces
def test_ping_and_connect_work_and_every_request_is_lost(
    spec: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with booted(*AS_IN_THE_POSTMORTEM) as machine:
        lvsctl = Guest(machine, spec, capsys)
        before = machine.guest.ip("rule list", "-6 rule list", "route list table all")
        assert "default via 10.0.0.1 dev eth0 \n10.0.0.1 dev eth0 scope link" in before
        assert symptoms(machine) == ALL_WELL | {"request": False, "request over IPv6": False}

        assert lvsctl("check") == 2
        assert f"{VIP}: error wrong-way: replies to 9.9.9.9 leave by eth0 via {INSIDE_GATEWAY}" in lvsctl.said
        assert f"{VIP6}: error wrong-way" in lvsctl.said
        assert f"{INSIDE}: warning by-default" in lvsctl.said
        assert lvsctl("explain", VIP, CLIENT) == 2
        assert "it should leave by eth1 via 193.70.55.1 (table 1001)" in lvsctl.said

        assert lvsctl("fix", "--dry-run") == 0
        commands = [line.removeprefix("ip ") for line in lvsctl.said.splitlines()]
        assert len(commands) == 12
        assert lvsctl("fix") == 0
        assert symptoms(machine) == ALL_WELL
        assert lvsctl("check") == 0, lvsctl.said
        assert lvsctl("fix") == 0
        assert lvsctl.said == "nothing to do\n"
        made = machine.guest.ip("rule list", "-6 rule list", "route list table all")

        assert lvsctl("explain", VIP, CLIENT) == 0
        assert f"leaves by eth1 via {GATEWAY} (table 1001, metric 10, lvsctl's)" in lvsctl.said
        assert "but this rule takes no default" in lvsctl.said
        assert lvsctl("explain", VIP, "10.1.0.9") == 0
        assert "the main table knows 10.1.0.0/24" in lvsctl.said
        assert lvsctl("explain", VIP6, CLIENT6) == 0

        assert lvsctl("unfix", has_spec=False) == 0
        assert machine.guest.ip("rule list", "-6 rule list", "route list table all") == before
        machine.guest.ip(*commands)
        assert machine.guest.ip("rule list", "-6 rule list", "route list table all") == made
        assert symptoms(machine) == ALL_WELL


@needs_namespaces
def test_the_other_boot_order_only_breaks_the_other_address_and_is_put_right_alike(
    spec: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with booted(*reversed(AS_IN_THE_POSTMORTEM)) as machine:
        lvsctl = Guest(machine, spec, capsys)
        assert symptoms(machine) == ALL_WELL | {"request through the NAT host": False}
        assert lvsctl("check", "--client", CLIENT) == 2
        assert f"{VIP}: warning by-default" in lvsctl.said
        assert f"{INSIDE}: error wrong-way: replies to {CLIENT} leave by eth1" in lvsctl.said
        assert lvsctl("fix") == 0  # what the boot unit runs
        assert symptoms(machine) == ALL_WELL
        assert lvsctl("check", "--client", CLIENT) == 0, lvsctl.said


@needs_namespaces
def test_a_strict_reverse_path_filter_is_told_and_passes_once_the_way_is_right(
    spec: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with booted(*AS_IN_THE_POSTMORTEM) as machine:
        lvsctl = Guest(machine, spec, capsys)
        machine.guest.sysctl("net.ipv4.conf.all.rp_filter", 1)
        assert not machine.pings(VIP)
        assert lvsctl("check") == 2
        assert "eth1: error rp-filter: rp_filter is strict (1)" in lvsctl.said
        assert "rp_filter: note rp-filter-drops: 1 packets were dropped" in lvsctl.said
        assert lvsctl("fix") == 0
        assert machine.pings(VIP)
        assert machine.gets(VIP)


@needs_namespaces
def test_it_survives_a_link_that_goes_and_an_address_that_goes(spec: str) -> None:
    wanted = intended(read(spec).spec("proxy"))
    with booted(*AS_IN_THE_POSTMORTEM) as machine, kept(machine, wanted):
        assert wait_until(lambda: machine.gets(VIP))

        machine.guest.ip("link set eth1 down")
        assert wait_until(lambda: "unreachable default" in machine.guest.ip("route list table 1001"))
        down = machine.guest.ip("route list table 1001")
        assert down == "unreachable default proto 118 metric 4278198272 \n", "no way but its own"
        machine.guest.ip("link set eth1 up", f"route add {GATEWAY} dev eth1")
        assert wait_until(lambda: machine.gets(VIP))

        machine.guest.ip(f"address del {VIP}/32 dev eth1")
        # With the only address of an interface the kernel drops its routes, in every table.
        machine.guest.ip(f"address add {VIP}/32 dev eth1")
        assert wait_until(lambda: machine.gets(VIP))

        machine.guest.ip("rule del priority 1001", "rule del priority 1001")
        assert wait_until(lambda: machine.gets(VIP))
        assert machine.gets(HOST)


@contextmanager
def kept(machine: TwoGateways, wanted: Intended) -> Iterator[None]:
    """Do what an agent does: make it right at the start, and again whenever something changes."""
    loop = asyncio.new_event_loop()
    with netns.inside(machine.guest.path):
        watch = Watch()

    async def keep() -> None:
        await asyncio.to_thread(_ensured, wanted, machine.guest.path)
        async for _ in watch:
            await asyncio.to_thread(_ensured, wanted, machine.guest.path)

    task = loop.create_task(keep())
    thread = threading.Thread(target=_run, args=(loop, task))
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(10)
        watch.close()
        loop.close()


def _run(loop: asyncio.AbstractEventLoop, task: "asyncio.Task[None]") -> None:
    with suppress(asyncio.CancelledError):
        loop.run_until_complete(task)
    loop.run_until_complete(loop.shutdown_default_executor())


def _ensured(wanted: Intended, path: str) -> None:
    with suppress(LvsctlError):  # while the link is down nothing helps, and it says so
        ensure(wanted, path)


def test_the_race_is_found_from_its_files_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["return-path", "check", "--boot-files", str(boot_files(tmp_path))]) == 2
    said = capsys.readouterr().out
    assert "boot: error boot-race: 2 default routes: eth0 via 10.0.0.1 (/etc/network/interfaces:9)" in said
    assert "eth1 via 193.70.55.1 (/etc/network/interfaces:19)" in said
