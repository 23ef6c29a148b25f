"""The scenarios every failover tool has to pass, in which the API is the trouble (S2, S5, S6, S10, S13, S14)."""

import asyncio
import traceback

import pytest

from lvsctl.failover.claim import Phase
from tests.support.failover_scenes import gaps, scene
from tests.support.failover_stage import FAR, PASSWORD, WRONG, Director, Stage, later, play


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
