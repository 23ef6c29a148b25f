"""What outlives the process, and what others are told."""

import asyncio
import os
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

import pytest

from lvsctl.errors import Unavailable
from lvsctl.spec.document import read
from lvsctl.spec.load import load
from lvsctl.uplink.choice import Choice, Forced
from lvsctl.uplink.declared import settings
from lvsctl.uplink.events import Event, Runner, What, write_track_file
from lvsctl.uplink.gate import Gate
from lvsctl.uplink.keeper import Keeper
from lvsctl.uplink.model import How, Key, Settings, Standing, Uplink, Verdict
from lvsctl.uplink.saved import Files, Memory, Wish
from lvsctl.vocabulary import Family

V4 = Family.INET
MEMORY = Memory(
    {V4: Choice("lte", since=100.0)},
    {Key(V4, "fibre"): Standing(Verdict.DOWN, 90.0), Key(V4, "lte"): Standing(Verdict.UP, 50.0)},
)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    monkeypatch.setenv("LVSCTL_ROOT", str(tmp_path))
    return Files()


def test_the_state_survives_a_restart_and_a_reboot(files: Files) -> None:
    files.keep(MEMORY, wall=1000.0, now=120.0)
    again = files.remember(wall=1010.0, now=130.0)
    assert again.choices == MEMORY.choices
    assert again.standings[Key(V4, "fibre")].since == 90.0
    rebooted = files.remember(wall=1300.0, now=5.0)
    assert rebooted.choices == {V4: Choice("lte", since=-315.0)}
    assert rebooted.standings[Key(V4, "lte")].verdict is Verdict.UP


def test_a_clock_that_was_set_back_makes_nothing_younger_than_now(files: Files) -> None:
    files.keep(MEMORY, wall=1000.0, now=120.0)
    assert files.remember(wall=10.0, now=130.0).choices[V4].since == 130.0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"version": 2}',
        '{"version": 1}',
        '{"version": 1, "in_use": {"x": 1}, "uplinks": {}}',
        '{"version": 1, "in_use": {"inet": {"uplink": "a", "since": NaN}}, "uplinks": {}}',
        '{"version": 1, "uplink": "a", "until": 1e400}',
        '{"version": 1, "at": 0}',
        '{"version": 1, "at": 0, "uplinks": [3], "families": {}}',
        '{"version": 1, "at": 0, "uplinks": [], "families": {"inet": {"in_use": "a"}}}',
        "[" * 9999,
    ],
)
def test_a_broken_file_is_none(files: Files, text: str) -> None:
    for path in (files.state, files.wish, files.status):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert files.remember(0, 0) == Memory()
    assert files.wished() is None
    assert files.told(0) is None


def test_a_wish_is_kept_until_it_is_taken_back_or_over(files: Files) -> None:
    assert files.want(Wish("lte", until=1060.0))
    assert not files.want(Wish("lte", until=1060.0))
    wish = files.wished()
    assert wish == Wish("lte", 1060.0)
    assert wish is not None
    assert wish.forced(wall=1000.0, now=7.0) == Forced("lte", until=67.0)
    assert wish.forced(wall=1060.0, now=67.0) is None
    assert files.want(None)
    assert not files.want(None)
    assert files.wished() is None


def test_a_status_without_a_heartbeat_is_none(files: Files) -> None:
    nothing: dict[str, object] = {"at": 1000.0, "uplinks": [], "families": {}}
    assert not files.tell(nothing)
    assert files.told(1003.0) == {"version": 1, **nothing}
    assert files.told(1010.0) is None
    files.fall_silent()
    assert files.told(1003.0) is None


def test_a_status_that_cannot_be_written_is_told(files: Files) -> None:
    files.status.parent.parent.mkdir(exist_ok=True)
    files.status.parent.write_text("")
    assert str(files.status.parent) in files.tell({})


def test_a_state_that_could_not_be_written_is_written_later_and_told_once(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    there = files.state.parent.parent

    async def keep() -> None:
        uplink = Uplink("lte", V4, "eth0", ip_address("192.0.2.1"), 2001)
        keeper = Keeper(Settings((uplink,)), files)
        keeper.ward.choices[V4] = Choice("lte", since=1.0)
        there.parent.mkdir(parents=True)
        there.write_text("no folder")
        keeper._save()
        keeper._save()
        there.unlink()
        keeper._save()

    asyncio.run(keep())
    assert len([each for each in caplog.messages if str(there) in each]) == 1
    assert files.remember(wall=1.0, now=1.0).choices[V4].active == "lte"


def test_routes_that_the_kernel_refuses_are_told_once(
    files: Files, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def refused(_gate: Gate, _active: object) -> None:
        raise Unavailable("ip route replace default: Invalid argument")

    async def remake() -> None:
        keeper = Keeper(Settings((Uplink("lte", V4, "eth0", ip_address("192.0.2.1"), 2001),)), files)
        for _ in range(3):
            await keeper._remake()

    monkeypatch.setattr(Gate, "make", refused)
    asyncio.run(remake())
    assert caplog.messages == ["ip route replace default: Invalid argument"]


def test_every_namespace_has_its_own() -> None:
    assert Files("blue").state != Files().state
    assert Files("../x").state.parent.name == "uplink@.._x"


# --- telling


def test_a_track_file_is_one_number_written_in_place(tmp_path: Path) -> None:
    path = tmp_path / "track"
    assert write_track_file(path, 20)
    inode = path.stat().st_ino
    assert write_track_file(path, -254)
    assert not write_track_file(path, -254)
    assert path.stat().st_ino == inode
    assert int(path.read_text()) == -254
    assert path.stat().st_size == 12


def test_a_track_file_that_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "missing/track"):
        with pytest.raises(Unavailable):
            write_track_file(tmp_path / name, 1)


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it never came")


def test_a_program_is_told_of_events_in_their_order(tmp_path: Path) -> None:
    out = tmp_path / "out"
    told: list[str] = []
    script = f'echo "$1 $2 $3 $LVSCTL_CAUSE $LVSCTL_OLD" >>{out}; exit 3'

    async def run() -> None:
        runner = Runner(("sh", "-c", script, "-"), 10, told.append)
        task = asyncio.ensure_future(runner.run())
        runner.take(Event(What.DOWN, V4, "fibre", "no answer; `reboot`"))
        runner.take(Event(What.SWITCH, V4, "lte", "fibre is down", {"LVSCTL_OLD": "fibre"}))
        await until(lambda: len(told) == 2)
        task.cancel()

    asyncio.run(asyncio.wait_for(run(), 10))
    assert out.read_text().splitlines() == [
        "down inet fibre no answer; `reboot` ",
        "switch inet lte fibre is down fibre",
    ]
    assert told == ["run: sh down fibre: status 3", "run: sh switch lte: status 3"]


def test_a_program_that_hangs_or_is_not_there_is_told(tmp_path: Path) -> None:
    async def run(argv: tuple[str, ...]) -> str:
        told: list[str] = []
        runner = Runner(argv, 0.1, told.append)
        task = asyncio.ensure_future(runner.run())
        runner.take(Event(What.UP, V4, "lte", ""))
        await until(lambda: bool(told))
        task.cancel()
        return told[0]

    assert "killed" in asyncio.run(run(("sh", "-c", "sleep 9")))
    assert "cannot be started" in asyncio.run(run((str(tmp_path / "none"),)))


# --- the spec

SPEC = """
uplinks:
  providers:
    fibre: {interface: eth0, gateway: [192.0.2.1, "fe80::1"], address: 192.0.2.2}
    lte: {interface: wwan0, gateway: 198.51.100.1, table: 77, targets: [198.51.100.53], track_value: 30}
  targets:
    - 192.0.2.53
    - 2001:db8::53
    - {address: 203.0.113.9, probe: https, host: www.example.org}
    - {probe: command, run: [/usr/bin/check]}
  interval: 0.5
  window: {rtt_down: 200}
"""


def test_the_spec_becomes_settings() -> None:
    found = settings(load(read(SPEC, file="lvs.yaml")).spec("").uplinks)  # type: ignore[arg-type]  # this spec has uplinks
    fibre, fibre6, lte = found.uplinks
    assert [each.how for each in fibre.targets] == [How.ICMP, How.HTTPS, How.COMMAND]
    assert [str(each) for each in fibre6.targets] == ["2001:db8::53", "command /usr/bin/check"]
    assert (fibre.quorum, fibre6.quorum, lte.quorum) == (2, 1, 1)
    assert (fibre.table, fibre6.table, lte.table) == (2001, 2001, 77)
    assert (str(fibre.source), fibre6.source) == ("192.0.2.2", None)
    assert (fibre.track_value, lte.track_value) == (0, 30)
    assert (found.interval, found.timeout) == (0.5, 0.5)
    assert found.thresholds.window.rtt_down == 0.2
