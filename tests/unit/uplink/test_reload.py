"""Going on with other settings: what leads the same way is as it was, and nobody is told anything twice."""

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from lvsctl.uplink.events import Event, Runner, What
from lvsctl.uplink.keeper import Keeper
from lvsctl.uplink.model import Key, Sample, Settings, Target, Thresholds, Uplink, Verdict, Window
from lvsctl.uplink.saved import Files
from lvsctl.uplink.ward import Ward
from lvsctl.vocabulary import Family
from tests.support.isps import Isps
from tests.support.veths import ip

V4 = Family.INET
FIBRE, CABLE = Key(V4, "fibre"), Key(V4, "cable")
TARGETS = tuple(Target(ip_address(f"198.51.100.{each}")) for each in (1, 2))


def uplink(name: str, number: int) -> Uplink:
    gateway = ip_address(f"10.{number}.0.1")
    return Uplink(name, V4, f"eth{number}", gateway, 2001 + number, targets=TARGETS)


SETTINGS = Settings((uplink("fibre", 0), uplink("cable", 1)), thresholds=Thresholds(window=Window(size=20)))


def feed(ward: Ward, key: Key, samples: Sequence[bool], now: float = 0) -> None:
    for good in samples:
        sample = Sample(0.01) if good else Sample(None, "no answer")
        ward.sampled(key, [sample] * len(ward.targets[key]), now)


@pytest.fixture
def ward() -> Ward:
    """The fibre is down, and the cable in use, with two samples missing."""
    made = Ward(SETTINGS)
    list(made.decide(0))
    feed(made, CABLE, [True] * 8 + [False, True, False, True])
    feed(made, FIBRE, [True] * 5 + [False] * 3)
    list(made.decide(10))
    assert made.active == {V4: "cable"}
    return made


def test_other_thresholds_lose_no_sample(ward: Ward) -> None:
    after = Ward.after(ward, replace(SETTINGS, interval=0.5, thresholds=Thresholds(fall=5)))
    assert after.targets == ward.targets
    assert after.standings == ward.standings
    assert not list(after.decide(11))
    assert after.active == {V4: "cable"}


def test_a_smaller_window_is_filled_with_what_is_known(ward: Ward) -> None:
    after = Ward.after(ward, replace(SETTINGS, thresholds=Thresholds(window=Window(5, 0.6, 0.5))))
    feed(after, CABLE, [True])
    assert [len(each.window) for each in after.targets[CABLE]] == [5, 5]
    assert after.targets[CABLE][0].loss == 0.4


def test_a_new_target_begins_as_its_uplink_is_and_the_others_go_on(ward: Ward) -> None:
    more = (*TARGETS, Target(ip_address("198.51.100.3")))
    uplinks = tuple(replace(each, targets=more) for each in SETTINGS.uplinks)
    after = Ward.after(ward, replace(SETTINGS, uplinks=uplinks))
    assert after.targets[CABLE][:2] == ward.targets[CABLE]
    assert [each[2].is_up for each in (after.targets[FIBRE], after.targets[CABLE])] == [False, True]
    assert not list(after.decide(11))


@pytest.mark.parametrize(
    "change", [{"gateway": ip_address("10.0.0.9")}, {"interface": "eth9"}, {"source": ip_address("10.0.0.9")}]
)
def test_an_uplink_that_leads_another_way_is_a_new_one(ward: Ward, change: dict[str, object]) -> None:
    uplinks = (replace(SETTINGS.uplinks[0], **change), SETTINGS.uplinks[1])  # type: ignore[arg-type]  # one field of several
    after = Ward.after(ward, replace(SETTINGS, uplinks=uplinks))
    assert after.standings[FIBRE].verdict is Verdict.UNKNOWN
    assert after.targets[FIBRE][0].window == ()
    assert after.targets[CABLE] == ward.targets[CABLE]
    assert not list(after.decide(11)), "nothing is known that would be a reason to switch"


def test_another_table_or_order_is_no_other_way(ward: Ward) -> None:
    uplinks = tuple(replace(each, table=each.table + 50) for each in reversed(SETTINGS.uplinks))
    after = Ward.after(ward, replace(SETTINGS, uplinks=uplinks))
    assert after.targets == ward.targets
    assert not list(after.decide(11))


def test_one_in_use_that_is_gone_is_left_with_that_cause(ward: Ward) -> None:
    after = Ward.after(ward, replace(SETTINGS, uplinks=SETTINGS.uplinks[:1]))
    ((_, decision),) = after.decide(11)
    assert (decision.old, decision.new) == ("cable", "fibre")
    assert decision.cause == "cable is no uplink any more"


def test_events_that_were_not_told_yet_are_told_by_the_next(tmp_path: Path) -> None:
    """The one that was being told is told again: its program was ended."""
    heard = tmp_path / "heard"

    async def run() -> None:
        slow = Runner(("sh", "-c", f'echo "began $1" >>{heard}; sleep 60', "-"), 60, pytest.fail)
        for each in (What.DOWN, What.SWITCH):
            slow.take(Event(each, V4, "fibre", "why"))
        telling = asyncio.ensure_future(slow.run())
        while not heard.exists():  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0.01)
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
        after = Runner(("sh", "-c", f'echo "$1" >>{heard}', "-"), 60, pytest.fail, slow.waiting)
        telling = asyncio.ensure_future(after.run())
        while "switch" not in heard.read_text():  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)

    asyncio.run(asyncio.wait_for(run(), 30))
    assert heard.read_text() == "began down\ndown\nswitch\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make network namespaces")
def test_a_keeper_goes_on_from_the_one_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All is cut: that was said, and is not said again; and a new metric moves the route, and the uplink stays."""
    monkeypatch.setenv("LVSCTL_ROOT", str(tmp_path))
    heard = tmp_path / "heard"

    async def run(isps: Isps) -> tuple[Keeper, Keeper]:
        settings = replace(isps.settings(), run=("sh", "-c", f'echo "$@" >>{heard}', "-"))
        before = Keeper(settings, Files())
        await kept(before, lambda: heard.exists() and "all-down" in heard.read_text() and window(before) > 1)
        known = window(before)
        after = Keeper(replace(settings, metric=60), Files(), before)
        assert window(after) == known
        await kept(after, lambda: "metric 60" in ip("route show default") and window(after) > known)
        return before, after

    with Isps() as isps:
        for each in isps.isps:
            each.is_cut = True
        before, after = asyncio.run(asyncio.wait_for(run(isps), 60))
        routes = ip("route show default")
    assert routes.startswith("default via 10.0.0.1 dev eth0 ")
    assert routes.count("default") == 1
    assert heard.read_text().count("all-down") == 1
    assert heard.read_text().count("switch") == 1
    assert after.ward.choices == before.ward.choices


async def kept(keeper: Keeper, condition: Callable[[], bool]) -> None:
    """Run *keeper* until *condition* holds."""
    stop = asyncio.Event()
    running = asyncio.ensure_future(keeper.run(stop))
    while not condition():  # noqa: ASYNC110 - as above
        await asyncio.sleep(0.02)
    stop.set()
    await running


def window(keeper: Keeper) -> int:
    return min(len(each.window) for healths in keeper.ward.targets.values() for each in healths)
