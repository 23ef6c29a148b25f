"""The scenarios every failover tool has to pass (S1-S10, S12-S14), judged by Robot's journal and its books.

Each runs the real keeper and the real client against the fake in made-up time. What the main ones cost is in CALLS, so
that a change is seen.
"""

import asyncio
import itertools
import traceback
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from ipaddress import IPv6Network
from typing import Any

import pytest

from lvsctl.failover.claim import Phase
from lvsctl.failover.model import Truth, Vrrp
from tests.support.failover_stage import FAR, PASSWORD, WRONG, Director, Stage, later, play

CALLS = {
    "test_a_plain_failover_takes_two_looks_and_one_post": (2, 1),
    "test_an_address_that_is_here_already_is_only_looked_at": (1, 0),
    "test_s1_of_two_masters_the_first_wins_and_the_second_stops": (49, 2),  # in two hours
    "test_s2_an_api_that_is_down_for_ten_minutes_moves_nothing_and_is_asked_rarely": (19, 1),
    "test_s2_nobody_moves_when_the_api_fails_under_the_master": (36, 0),  # in an hour
    "test_s3_an_hour_of_flapping_every_second_stays_within_quota_and_ends_right": (106, 10),  # and one more
    "test_s4_master_backup_master_within_one_lock_is_one_post": (4, 1),
    "test_s4_backup_in_the_end_is_no_second_post": (9, 2),
    "test_s6_a_wrong_password_is_tried_once_and_again_after_ten_minutes": (6, 0),  # in four hours
    "test_s6_three_addresses_of_one_account_try_a_wrong_password_once": (1, 0),
    "test_s7_lower_adverts_every_second_cost_one_look_a_minute": (7, 0),
    "test_s7_an_address_that_a_lower_peer_took_is_taken_back_once": (18, 1),  # and yields at the second time
    "test_s8_an_ipv6_network_moves_as_a_whole": (2, 1),
    "test_s9_an_address_that_points_nowhere_is_taken": (2, 1),
    "test_s10_processing_for_ever_is_looked_at_rarely_alarms_and_is_never_done": (56, 1),  # in three hours
    "test_when_single_looks_are_barred_the_list_is_asked": (3, 1),
}
"""GETs and POSTs of both nodes together. Time and jitter are made up, so these are exact."""

Scene = Callable[[], Coroutine[Any, Any, None]]


def scene(script: Scene) -> Callable[[], None]:
    """Make a test of a coroutine: it is played in made-up time, and its calls are compared with CALLS."""

    def test() -> None:
        play(script)
        assert Stage.last.calls() == CALLS.get(script.__name__, Stage.last.calls()), "GETs, POSTs"

    test.__name__ = script.__name__
    test.__doc__ = script.__doc__
    return test


def gaps(times: list[float]) -> Iterator[float]:
    return (after - before for before, after in itertools.pairwise(times))


@scene
async def test_a_plain_failover_takes_two_looks_and_one_post() -> None:
    stage = Stage()
    lb1, _lb2 = stage.pair()
    lb1.master()
    await later(60)
    assert stage.active == lb1.target
    assert lb1.holds() is True
    assert stage.calls() == (2, 1), stage.journal.text()


@scene
async def test_an_address_that_is_here_already_is_only_looked_at() -> None:
    stage = Stage(active="192.0.2.11")
    lb1, _lb2 = stage.pair()
    lb1.master()
    await later(60)
    assert lb1.phase() is Phase.HELD
    assert stage.calls() == (1, 0)


@scene
async def test_the_first_byte_leaves_at_once() -> None:
    stage = Stage()
    lb1, _lb2 = stage.pair()
    await later(100)
    begun = asyncio.get_running_loop().time()
    lb1.master()
    await later(5)
    assert [round(entry.t - begun, 2) for entry in stage.journal] == [0.05, 0.2], (
        "a look, a confirmation, the POST"
    )


@scene
async def test_s1_of_two_masters_the_first_wins_and_the_second_stops() -> None:
    stage = Stage()
    lb1, lb2 = stage.pair()
    lb1.master()
    lb2.master()
    await later(2 * 3600)
    assert len(stage.journal.begun()) == 1, stage.journal.text()
    winner, loser = (lb1, lb2) if stage.active == lb1.target else (lb2, lb1)
    assert winner.phase() is Phase.HELD
    assert [entry.outcome for entry in loser.posts] == ["FAILOVER_LOCKED"]
    assert loser.phase() is Phase.YIELDED
    assert loser.report.alarm
    assert winner.report.alarm is None


@scene
async def test_s1_the_loser_that_vrrp_sends_back_stops_without_another_call() -> None:
    stage = Stage()
    lb1, lb2 = stage.pair()
    lb1.master()
    lb2.master()
    await later(5)
    loser = lb1 if lb1.phase() is Phase.LOCKED else lb2
    loser.backup()
    before = len(loser.gets) + len(loser.posts)
    await later(3600)
    assert len(loser.gets) + len(loser.posts) == before
    assert len(stage.journal.begun()) == 1


@scene
async def test_no_post_within_two_minutes_of_a_lock() -> None:
    stage = Stage()
    lb1, _lb2 = stage.pair()
    stage.front.faults.add("locked", method="POST", count=3)
    lb1.master()
    await later(3600)
    times = [entry.t for entry in lb1.posts]
    assert stage.active == lb1.target
    assert len(times) == 4
    assert min(gaps(times)) >= 120


@scene
async def test_s2_an_api_that_is_down_for_ten_minutes_moves_nothing_and_is_asked_rarely() -> None:
    stage = Stage(active="192.0.2.11")
    lb1, lb2 = stage.pair()
    lb1.master()
    await later(400)
    stage.front.faults.add("html-502", **stage.during(600))
    lb1.backup()
    lb2.master(elected=True)
    await later(590)
    assert lb2.posts == []
    assert len(lb2.gets) <= 20, stage.journal.text()
    assert lb2.holds() is None, "unknown is not no"
    assert stage.active == "192.0.2.11"
    await later(600)
    assert stage.active == lb2.target
    assert len(stage.journal.begun()) == 1


@scene
async def test_s2_nobody_moves_when_the_api_fails_under_the_master() -> None:
    stage = Stage(active="192.0.2.11")
    lb1, _lb2 = stage.pair()
    lb1.master()
    await later(10)
    stage.front.faults.add("maintenance", **stage.during(3600))
    await later(3500)
    assert stage.journal.posts() == []
    assert lb1.phase() is Phase.SEEKING
    assert lb1.holds() is None
    assert lb1.report.alarm
    assert "unknown" in lb1.report.alarm
    await later(600)
    assert lb1.holds() is True
    assert stage.journal.posts() == []


@scene
async def test_s3_an_hour_of_flapping_every_second_stays_within_quota_and_ends_right() -> None:
    stage = Stage(active="192.0.2.11")
    lb1, lb2 = stage.pair()
    for second in range(3600):
        up, down = (lb1, lb2) if second % 2 else (lb2, lb1)
        down.backup()
        up.master(elected=True)
        await later(1)
    assert len(stage.journal.posts()) < 50
    assert len(stage.journal.where(method="GET")) < 100
    await later(3600)
    assert stage.active == lb1.target, stage.journal.text()
    assert lb1.phase() is Phase.HELD
    assert not stage.journal.where(outcome="RATE_LIMIT_EXCEEDED")


@scene
async def test_s4_master_backup_master_within_one_lock_is_one_post() -> None:
    stage = Stage()
    lb1, _lb2 = stage.pair()
    lb1.master()
    await later(5)
    lb1.backup()
    await later(5)
    lb1.master(elected=True)
    await later(600)
    assert stage.active == lb1.target
    assert len(lb1.posts) == 1
    assert lb1.phase() is Phase.HELD


@scene
async def test_s4_backup_in_the_end_is_no_second_post() -> None:
    stage = Stage()
    lb1, lb2 = stage.pair()
    lb1.master()
    await later(5)
    lb1.backup()
    lb2.master(elected=True)
    await later(900)
    assert stage.active == lb2.target, stage.journal.text()
    assert len(lb1.posts) == 1


@pytest.mark.parametrize(
    "fault", ["reset", "cut", "html-502", "not-complete", "empty-200", "truncated", "hang"]
)
def test_s5_a_post_that_was_applied_and_whose_answer_was_lost_is_not_repeated(fault: str) -> None:
    async def script() -> None:
        stage = Stage()
        lb1, _lb2 = stage.pair()
        stage.front.faults.add(fault, method="POST", count=1, applied=True)
        lb1.master()
        await later(900)
        assert stage.active == lb1.target
        assert len(lb1.posts) == 1, stage.journal.text()
        assert lb1.holds() is True

    play(script)


@pytest.mark.parametrize("fault", ["reset", "html-503", "failed", "hang", "conflict-without-body"])
def test_s5_a_post_that_came_to_nothing_is_repeated_after_the_lock_window_and_no_earlier(fault: str) -> None:
    async def script() -> None:
        stage = Stage()
        lb1, _lb2 = stage.pair()
        stage.front.faults.add(fault, method="POST", count=1)
        lb1.master()
        await later(900)
        assert stage.active == lb1.target, stage.journal.text()
        first, second = (entry.t for entry in lb1.posts)
        assert second - first >= 120

    play(script)


@scene
async def test_s6_a_wrong_password_is_tried_once_and_again_after_ten_minutes() -> None:
    stage = Stage()
    lb1 = Director(stage, "lb1", "192.0.2.11", password=WRONG)
    lb1.master()
    await later(590)
    assert len(stage.journal) == 1
    assert lb1.report.alarm
    assert "credentials" in lb1.report.alarm
    lb1.backup()
    lb1.master(elected=True)
    await later(1)
    assert len(stage.journal) == 1, "a new mastership does not reopen the breaker"
    await later(4 * 3600)
    times = [entry.t for entry in stage.journal]
    assert list(gaps(times))[:3] == pytest.approx([600, 1200, 2400], abs=5)
    assert not stage.journal.where(outcome="BLOCKED"), "no call ever meets Robot's own lock-out"


@scene
async def test_s6_three_addresses_of_one_account_try_a_wrong_password_once() -> None:
    stage = Stage()
    nodes = [Director(stage, f"lb1-{n}", "192.0.2.11", password=WRONG) for n in range(3)]
    for node in nodes[1:]:
        node.account = nodes[0].account
        await node.stop()
        node.start()
    for node in nodes:
        node.master()
    await later(590)
    assert len(stage.journal) == 1


@scene
async def test_s7_lower_adverts_every_second_cost_one_look_a_minute() -> None:
    stage = Stage(active="192.0.2.11")
    lb1, _lb2 = stage.pair()
    lb1.master()
    await later(200)
    before = len(lb1.gets)
    for _ in range(300):
        lb1.hears_lower()
        await later(1)
    assert len(lb1.gets) - before <= 6
    assert lb1.posts == []


@scene
async def test_s7_an_address_that_a_lower_peer_took_is_taken_back_once() -> None:
    stage = Stage(active="192.0.2.11")
    lb1, _lb2 = stage.pair()
    lb1.master()
    await later(200)
    stage.failover.active = "192.0.2.12"
    for _ in range(300):
        lb1.hears_lower()
        await later(1)
    assert len(lb1.posts) == 1
    assert stage.active == lb1.target
    await later(200)
    stage.failover.active = "192.0.2.12"
    for _ in range(600):
        lb1.hears_lower()
        await later(1)
    assert len(lb1.posts) == 1, "taken again in the same mastership: yield"
    assert lb1.phase() is Phase.YIELDED
    assert lb1.report.alarm


@scene
async def test_stolen_without_a_sign_of_a_lower_peer_yields_until_there_is_one() -> None:
    stage = Stage(active="192.0.2.11")
    lb1, _lb2 = stage.pair()
    lb1.master()
    await later(200)
    stage.failover.active = "192.0.2.12"
    await later(3600)
    assert lb1.posts == []
    assert lb1.phase() is Phase.YIELDED
    lb1.hears_lower()
    await later(300)
    assert stage.active == lb1.target
    assert len(lb1.posts) == 1


@scene
async def test_an_operators_order_ends_a_yield() -> None:
    stage = Stage(active="192.0.2.11")
    lb1, _lb2 = stage.pair()
    lb1.master()
    await later(200)
    stage.failover.active = "192.0.2.12"
    await later(400)
    lb1.keeper.order()
    lb1.bell.ring()
    await later(60)
    assert stage.active == lb1.target


@scene
async def test_s8_an_ipv6_network_moves_as_a_whole() -> None:
    stage = Stage(ip=IPv6Network("2001:db8:f::/64"), active="2001:db8:99::")
    lb1 = Director(stage, "lb1", "2001:db8:1::/64")
    lb1.master()
    await later(60)
    assert stage.active == "2001:db8:1::"
    assert [dict(entry.form) for entry in stage.journal.posts()] == [{"active_server_ip": "2001:db8:1::"}]
    assert lb1.holds() is True


@scene
async def test_s9_an_address_that_points_nowhere_is_taken() -> None:
    stage = Stage(active=None)
    lb1, _lb2 = stage.pair()
    lb1.master()
    await later(60)
    assert stage.active == lb1.target
    assert stage.calls() == (2, 1)


@scene
async def test_s10_processing_for_ever_is_looked_at_rarely_alarms_and_is_never_done() -> None:
    stage = Stage()
    lb1, _lb2 = stage.pair()
    stage.robot.profile.switch_s = 10**9
    lb1.master()
    await later(3 * 3600)
    assert len(lb1.posts) == 1
    assert lb1.holds() is None
    assert lb1.report.alarm
    hours = [
        sum(start <= entry.t - lb1.posts[0].t < start + 3600 for entry in lb1.gets)
        for start in (0, 3600, 7200)
    ]
    assert hours[0] <= 40
    assert max(hours[1:]) <= 13


@pytest.mark.parametrize("visibility", ["early", "late"])
@pytest.mark.parametrize("status_field", [True, False])
def test_s12_stopped_at_any_second_of_a_move_the_next_run_converges(
    visibility: str, status_field: bool
) -> None:
    for second in (0.06, 0.12, 0.17, 0.22, 0.3, 5.0, 29.0, 30.3, 31.0):

        async def script(second: float = second) -> None:
            stage = Stage()
            stage.robot.profile.visibility = visibility  # type: ignore[assignment] # parametrised by its two values
            stage.robot.profile.status_field = status_field
            lb1, _lb2 = stage.pair()
            lb1.master()
            await later(second)
            begun = asyncio.get_running_loop().time()
            await lb1.stop()
            assert asyncio.get_running_loop().time() - begun < 1, "it stops within a second"
            await later(1)
            lb1.start()
            await later(900)
            assert stage.active == lb1.target
            assert len(stage.journal.begun()) == 1, stage.journal.text()
            assert lb1.holds() is True

        play(script)


@scene
async def test_s13_two_nodes_with_skewed_clocks_never_exceed_the_quota_together() -> None:
    stage = Stage()
    stage.robot.windows.form = "fixed"
    lb1 = Director(stage, "lb1", "192.0.2.11", skew=86_400.0)
    lb2 = Director(stage, "lb2", "192.0.2.12", skew=-1_750.0)
    for second in range(0, 3 * 3600, 5):
        (lb1 if second % 10 else lb2).master(elected=True)
        (lb2 if second % 10 else lb1).backup()
        stage.failover.active = FAR
        await later(5)
    assert not stage.journal.where(outcome="RATE_LIMIT_EXCEEDED")
    assert len(stage.journal.posts()) <= 100


@scene
async def test_s14_the_secret_is_in_no_report_file_or_traceback() -> None:
    stage = Stage()
    lb1, _lb2 = stage.pair()
    stage.front.faults.add("error-is-a-string", count=2)
    lb1.master()
    await later(100)
    texts = [repr(lb1.reports), repr(lb1.claim.value), repr(lb1.account.value), stage.journal.text()]
    lb1.task.cancel()
    try:
        await lb1.task
    except asyncio.CancelledError as error:
        shown = traceback.TracebackException.from_exception(error, capture_locals=True)
        texts.append("".join(shown.format()))
    assert not [text for text in texts if PASSWORD in text]


@scene
async def test_a_master_that_keepalived_does_not_confirm_posts_nothing() -> None:
    stage = Stage()
    lb1, _lb2 = stage.pair()
    lb1.given.confirmed = Truth(Vrrp.UNKNOWN)
    lb1.master()
    await later(600)
    assert lb1.posts == []
    lb1.given.confirmed = replace(lb1.given.truth, state=Vrrp.BACKUP)
    await later(10)
    lb1.given.confirmed = None
    assert lb1.posts == []
    await later(200)
    assert stage.active == lb1.target


@scene
async def test_when_single_looks_are_barred_the_list_is_asked() -> None:
    stage = Stage()
    lb1, _lb2 = stage.pair()
    stage.front.faults.add("rate-limit", method="GET", path="/failover/")
    lb1.master()
    await later(900)
    assert stage.active == lb1.target, stage.journal.text()
    assert [entry.path for entry in lb1.gets].count("/failover/203.0.113.10") == 1


@scene
async def test_one_address_whose_provider_hangs_delays_no_other() -> None:
    slow, quick = Stage(), Stage()
    slow.front.faults.add("hang")
    one, two = Director(slow, "lb1", "192.0.2.11"), Director(quick, "lb1", "192.0.2.11")
    one.master()
    two.master()
    await later(31)
    assert quick.active == two.target
    assert one.holds() is None


@scene
async def test_a_hold_freezes_and_its_end_thaws() -> None:
    stage = Stage()
    lb1, _lb2 = stage.pair()
    lb1.hold = "incident 12"
    lb1.master()
    await later(3600)
    assert len(stage.journal) == 0
    assert lb1.report.hold == "incident 12"
    lb1.hold = None
    await later(60)
    assert stage.active == lb1.target


@scene
async def test_delete_never_happens() -> None:
    stage = Stage()
    lb1, lb2 = stage.pair()
    for _ in range(5):
        lb1.master()
        await later(300)
        lb1.backup()
        lb2.master(elected=True)
        await later(300)
        lb2.says(Vrrp.FAULT)
    assert stage.journal.where(method="DELETE") == []
