"""Which uplink is used, and that no change is without a cause."""

from hypothesis import given
from hypothesis import strategies as st

from lvsctl.uplink.choice import Choice, Decision, Forced, decide
from lvsctl.uplink.model import Damping, Standing, Verdict

ORDER = ("fibre", "cable", "lte")
DAMPING = Damping(hold=30, min_time_on_backup=60)
UP = Standing(Verdict.UP)
DOWN = Standing(Verdict.DOWN, is_silent=True, reason="no answer")
LOSSY = Standing(Verdict.DOWN, reason="lossy")
RISING = Standing(Verdict.RISING, reason="lossy")
UNKNOWN = Standing()
USING_FIBRE, USING_CABLE = Choice("fibre"), Choice("cable")


def new(choice: Choice, *standings: Standing, now: float = 1000.0) -> str:
    return decide(choice, ORDER, dict(zip(ORDER, standings, strict=True)), DAMPING, now)[0].active


def test_it_begins_with_the_first_that_nothing_is_known_against() -> None:
    assert new(Choice(), UNKNOWN, UNKNOWN, UNKNOWN) == "fibre"
    assert new(Choice(), DOWN, UNKNOWN, UNKNOWN) == "cable"
    assert new(Choice(), UNKNOWN, UP, UNKNOWN) == "cable"
    assert new(Choice(), DOWN, DOWN, DOWN) == "fibre"


def test_the_next_good_one_is_used_at_once_when_the_one_in_use_is_down() -> None:
    assert new(USING_FIBRE, DOWN, UP, UP) == "cable"
    assert new(USING_FIBRE, LOSSY, DOWN, UP) == "lte"
    assert new(USING_FIBRE, RISING, UP, UP) == "cable"


def test_nobody_changes_over_to_one_that_is_just_failing() -> None:
    failing = UP._replace(answers=False)
    assert new(USING_FIBRE, DOWN, failing, UP) == "lte"
    assert new(USING_FIBRE, DOWN, failing, failing) == "fibre"


def test_it_says_why() -> None:
    _, decision = decide(USING_FIBRE, ORDER, dict(zip(ORDER, (DOWN, UP, UP), strict=True)), DAMPING, 5.0)
    assert decision == Decision("fibre", "cable", "fibre is down: no answer")


def test_all_down_stays() -> None:
    assert new(USING_CABLE, DOWN, DOWN, DOWN) == "cable"
    assert new(USING_CABLE, DOWN, LOSSY, RISING) == "cable", "who answers at all loses nothing by staying"
    assert new(USING_CABLE, UNKNOWN, DOWN, UNKNOWN) == "cable", "nothing is known for the others"


def test_one_that_answers_again_is_better_than_one_that_is_silent() -> None:
    assert new(USING_CABLE, RISING, DOWN, DOWN) == "fibre"


def test_a_preferred_one_is_used_again_after_its_hold_and_the_backups_minimum() -> None:
    back = Standing(Verdict.UP, since=1000)
    assert new(USING_CABLE._replace(since=900), back, UP, UP, now=1029) == "cable"
    assert new(USING_CABLE._replace(since=900), back, UP, UP, now=1030) == "fibre"
    assert new(USING_CABLE._replace(since=990), back, UP, UP, now=1049) == "cable"
    assert new(USING_CABLE._replace(since=990), back, UP, UP, now=1050) == "fibre"


def test_a_less_preferred_one_is_never_used_without_need() -> None:
    assert new(USING_CABLE, DOWN, UP, UP) == "cable"
    assert new(USING_CABLE, DOWN, UNKNOWN, UP) == "cable"


def test_an_operators_word_counts_whatever_the_health() -> None:
    assert new(USING_FIBRE._replace(forced=Forced("lte")), UP, UP, DOWN) == "lte"


def test_an_operators_word_ends_with_its_time() -> None:
    forced = Choice("lte", since=0, forced=Forced("lte", until=500))
    assert new(forced, UP, UP, UP, now=499) == "lte"
    assert new(forced, UP, UP, UP, now=500) == "fibre"


def test_a_word_about_an_uplink_that_is_gone_is_forgotten() -> None:
    choice, _ = decide(Choice("fibre", forced=Forced("dsl")), ORDER, dict.fromkeys(ORDER, UP), DAMPING, 1.0)
    assert choice == Choice("fibre")
    assert new(Choice("dsl"), UP, UP, UP) == "fibre"


STANDINGS = st.builds(
    Standing,
    st.sampled_from(Verdict),
    st.floats(0, 1000),
    st.booleans(),
)


@given(
    st.sampled_from(ORDER),
    st.tuples(STANDINGS, STANDINGS, STANDINGS),
    st.floats(0, 1000),
    st.floats(1000, 2000),
)
def test_every_change_has_a_cause_and_leads_to_something_better(
    active: str, standings: tuple[Standing, ...], since: float, now: float
) -> None:
    named = dict(zip(ORDER, standings, strict=True))
    choice, decision = decide(Choice(active, since), ORDER, named, DAMPING, now)
    if decision is None:
        assert choice == Choice(active, since)
        return
    assert decision.cause
    assert choice == Choice(decision.new, now)
    assert named[decision.new].verdict in (Verdict.UP, Verdict.RISING)
    is_preferred = ORDER.index(decision.new) < ORDER.index(active)
    assert named[active].verdict in (Verdict.DOWN, Verdict.RISING) or is_preferred
    assert decide(choice, ORDER, named, DAMPING, now)[1] is None, "and then it is calm"
