"""When a target is good, and when an uplink: the laws, whatever samples come."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from lvsctl.uplink.health import TargetHealth, cut, judged, standing
from lvsctl.uplink.model import Sample, Standing, Thresholds, Verdict, Window

GOOD, LOST = Sample(0.01), Sample(None, "no answer")
LIMITS = Thresholds(rise=3, fall=3, window=Window(size=20, loss_down=0.25, loss_up=0.10))
PERFECT = TargetHealth(is_up=True)


def after(health: TargetHealth, samples: Sequence[Sample], limits: Thresholds = LIMITS) -> TargetHealth:
    for each in samples:
        health = judged(health, each, limits)
    return health


def pattern(text: str) -> list[Sample]:
    return [LOST if each == "x" else GOOD for each in text]


def test_a_new_target_is_good_after_rise_answers_in_a_row() -> None:
    assert after(TargetHealth(), pattern("..")).is_up is None
    assert after(TargetHealth(), pattern("x..")).is_up is None
    assert after(TargetHealth(), pattern("x...")).is_up is True


def test_fall_missing_answers_in_a_row_make_it_bad_and_fewer_do_not() -> None:
    assert after(PERFECT, pattern("xx.xx")).is_up is True
    assert after(PERFECT, pattern("xx.xxx")).is_up is False
    assert after(TargetHealth(), pattern("xxx")).is_up is False


def test_loss_makes_it_bad_where_rise_and_fall_would_never() -> None:
    often = pattern("x..." * 4 + "x")
    assert after(PERFECT, often[:-1]).is_up is True
    health = after(PERFECT, often)
    assert health.is_up is False
    assert health.reason == "5 of 17 samples lost"


def test_it_is_good_again_only_after_a_whole_window_below_the_lower_threshold() -> None:
    down = after(PERFECT, pattern("xxx"))
    assert after(down, pattern("." * 19)).is_up is False
    assert after(down, pattern("." * 20)).is_up is True
    assert after(down, pattern("x." + "." * 18)).is_up is True
    assert after(down, pattern("x..x..x" + "." * 13)).is_up is False, "15 % is between the thresholds"


def test_slow_answers_make_it_bad_and_half_as_slow_ones_good() -> None:
    limits = Thresholds(window=Window(size=10, rtt_down=0.2))
    slow, quick = [Sample(0.25)] * 10, [Sample(0.09)] * 10
    assert after(PERFECT, slow[:4], limits).is_up is True, "one slow answer is none"
    down = after(PERFECT, slow, limits)
    assert down.is_up is False
    assert down.reason == "answers take 250 ms"
    assert after(down, [Sample(0.15)] * 50, limits).is_up is False
    assert after(down, quick, limits).is_up is True


def test_a_cut_cable_is_believed_at_once() -> None:
    assert cut(PERFECT, LIMITS, "eth0 has no carrier") == TargetHealth(
        is_up=False, run=-3, reason="eth0 has no carrier"
    )


SAMPLES = st.lists(st.sampled_from((GOOD, LOST, Sample(1.0))), max_size=120)


@given(SAMPLES)
def test_what_is_remembered_stays_small_and_true(samples: list[Sample]) -> None:
    health = after(TargetHealth(), samples)
    assert len(health.window) <= LIMITS.window.size
    assert health.window == tuple(each.rtt for each in samples[len(samples) - len(health.window) :])
    assert 0.0 <= health.loss <= 1.0
    assert (health.run > 0) == bool(samples and samples[-1].is_good)


@given(st.lists(st.integers(4, 40), min_size=1, max_size=20))
def test_nothing_below_the_thresholds_ever_changes_anything(gaps: list[int]) -> None:
    health = PERFECT
    for gap in gaps:
        # One lost in at least five: never three in a row, never a quarter of the window.
        health = judged(health, LOST, LIMITS)
        assert health.is_up
        for _ in range(gap):
            health = judged(health, GOOD, LIMITS)
            assert health.is_up


@given(SAMPLES)
def test_every_fall_has_a_reason_and_every_rise_a_whole_window(samples: list[Sample]) -> None:
    health, since_fall = PERFECT, 0
    for sample in samples:
        before, health = health, judged(health, sample, LIMITS)
        since_fall = 0 if before.is_up and not health.is_up else since_fall + 1
        if before.is_up and not health.is_up:
            assert health.reason
        if health.is_up and not before.is_up:
            assert since_fall >= LIMITS.window.size
            assert health.loss <= LIMITS.window.loss_up


UP, DOWN, NEW = PERFECT, TargetHealth(is_up=False, run=-3, reason="no answer"), TargetHealth()
ANSWERING = TargetHealth(is_up=False, run=3, reason="lossy")


def verdict(*targets: TargetHealth, quorum: int = 1) -> Verdict:
    return standing(Standing(), targets, quorum, LIMITS, 5.0).verdict


def test_an_uplink_is_good_while_a_quorum_of_its_targets_is() -> None:
    assert verdict(UP, DOWN) is Verdict.UP
    assert verdict(UP, DOWN, quorum=2) is Verdict.DOWN
    assert verdict(UP, UP, DOWN, quorum=2) is Verdict.UP
    assert verdict(NEW, DOWN) is Verdict.UNKNOWN
    assert verdict(ANSWERING, DOWN) is Verdict.RISING


def test_a_verdict_says_since_when_and_why() -> None:
    first = standing(Standing(), [DOWN, DOWN], 1, LIMITS, 5.0)
    assert first == Standing(Verdict.DOWN, 5.0, is_silent=True, answers=False, reason="no answer")
    assert standing(first, [DOWN, DOWN], 1, LIMITS, 9.0).since == 5.0
    assert standing(first, [replace(UP, run=1), DOWN], 1, LIMITS, 9.0) == Standing(Verdict.UP, 9.0)


@given(st.lists(st.sampled_from((UP, DOWN, NEW, ANSWERING)), min_size=1, max_size=6), st.integers(1, 6))
def test_one_more_good_target_never_makes_an_uplink_worse(targets: list[TargetHealth], quorum: int) -> None:
    order = [Verdict.DOWN, Verdict.RISING, Verdict.UNKNOWN, Verdict.UP]
    before = order.index(verdict(*targets, quorum=quorum))
    assert order.index(verdict(*targets, UP, quorum=quorum)) >= before
