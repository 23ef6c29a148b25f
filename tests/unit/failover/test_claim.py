"""The rules of a claim, one at a time: what follows from a state, an event and a time."""

from dataclasses import replace

import pytest

from lvsctl.failover import provider as p
from lvsctl.failover.budget import Account, Budget, Purpose, Spent
from lvsctl.failover.claim import Claim, Phase, Sent, alarm, decide, hold_off, holds
from lvsctl.failover.model import (
    Action,
    Answered,
    Event,
    Looked,
    Nothing,
    Observe,
    Ordered,
    Post,
    Rules,
    Sending,
    Truth,
    Vrrp,
    Wait,
)
from lvsctl.failover.observation import Observation, Status, Target
from lvsctl.failover.provider import Call
from lvsctl.failover.robot import QUOTAS
from lvsctl.failover.transitions import advance

HERE, THERE, BEYOND = Target("192.0.2.11"), Target("192.0.2.12"), Target("192.0.2.99")
RULES = Rules(HERE, p.Pace(60.0, 180.0), seed="lb1 203.0.113.10")
RICH = Budget(Account(), ())
MASTER = Truth(Vrrp.MASTER, 1)
NOW = 10_000.0


def story(*events: tuple[float, Event], claim: Claim | None = None) -> Claim:
    """Answer the claim after *events*, each so many seconds after NOW."""
    told = claim or Claim()
    for at, event in events:
        told = advance(told, event, now=NOW + at, rules=RULES)
    return told


def shows(active: Target | None, at: float, status: Status | None = Status.READY) -> Looked:
    return Looked(Observation(active, status, NOW + at))


def does(
    claim: Claim, at: float, truth: Truth = MASTER, *, budget: Budget = RICH, hold: str | None = None
) -> Action:
    return decide(claim, truth, budget, hold=hold, now=NOW + at, rules=RULES)


AWAY = story((0, MASTER), (1, shows(THERE, 1)))
HELD = story((0, MASTER), (1, shows(HERE, 1)))
SENT = story((0, MASTER), (1, shows(THERE, 1)), (2, Sending()))


class TestWhatMayMove:
    def test_the_master_that_sees_it_elsewhere_moves_it(self) -> None:
        assert does(AWAY, 1) == Post(HERE, Purpose.CLAIM)

    @pytest.mark.parametrize("state", set(Vrrp) - {Vrrp.MASTER})
    def test_nobody_but_a_master_does_anything(self, state: Vrrp) -> None:
        assert isinstance(does(AWAY, 1, replace(MASTER, state=state)), Nothing)

    def test_a_newer_mastership_looks_first(self) -> None:
        newer = replace(MASTER, generation=2)
        assert isinstance(does(AWAY, 1, newer), Nothing)
        assert does(story((2, newer), claim=AWAY), 2, newer) == Observe(Purpose.CLAIM, Call.GET_ONE)

    def test_an_old_look_is_looked_at_again(self) -> None:
        assert does(AWAY, 16.5) == Observe(Purpose.CLAIM, Call.GET_ONE)

    def test_on_hold_nothing_is_even_asked(self) -> None:
        assert does(AWAY, 1, hold="incident") == Nothing("on hold: incident")

    def test_an_empty_budget_waits_and_does_not_look_meanwhile(self) -> None:
        poor = Budget(Account(spent=tuple(Spent(Call.POST, NOW) for _ in range(15))), QUOTAS, 2)
        assert isinstance(does(AWAY, 100, budget=poor), Wait)
        assert does(AWAY._replace(ordered=True), 1, budget=poor) == Post(HERE, Purpose.OPERATOR)

    def test_vrrp_unknown_neither_begins_nor_ends_a_mastership(self) -> None:
        unknown = Truth(Vrrp.UNKNOWN, 0)
        assert story((5, unknown), claim=AWAY) == AWAY
        assert story((5, unknown)) == Claim()
        yielded = story((400, shows(THERE, 400)), claim=HELD)
        assert story((401, unknown), (402, MASTER), claim=yielded).phase is Phase.YIELDED


class TestAnOpenPost:
    def test_is_followed_by_looks_only(self) -> None:
        for at in range(3, 900):
            assert not isinstance(does(SENT, at), Post)

    @pytest.mark.parametrize(
        "answer", [p.Unknown(cut=True, why="x"), p.NotComplete("x"), p.Failed("x"), p.Unavailable("x")]
    )
    def test_stays_open_until_a_look_from_after_the_lock_window(self, answer: p.Answer) -> None:
        cut = story((3, Answered(answer, NOW + 2)), claim=SENT)
        early = story((181, shows(THERE, 181)), claim=cut)
        assert (early.phase, early.sent) == (Phase.SENT, Sent(NOW + 2, NOW + 3))
        late = story((183, shows(THERE, 183)), claim=cut)
        assert (late.phase, late.sent) == (Phase.AWAY, None)
        assert does(late, 183) == Post(HERE, Purpose.CLAIM)

    def test_does_not_count_looks_sent_while_it_was_awaited(self) -> None:
        late = story(
            (250, Answered(p.Unknown(cut=True, why="x"), NOW + 2)), (251, shows(THERE, 249)), claim=SENT
        )
        assert late.phase is Phase.SENT

    def test_is_closed_by_seeing_it_here_and_not_by_processing(self) -> None:
        assert story((5, shows(HERE, 5)), claim=SENT).sent is None
        moving = story((5, shows(HERE, 5, Status.PROCESSING)), claim=SENT)
        assert (moving.phase, moving.sent) == (Phase.MOVING, Sent(NOW + 2))

    def test_outlives_the_mastership(self) -> None:
        again = story((3, replace(MASTER, state=Vrrp.BACKUP)), (4, replace(MASTER, generation=3)), claim=SENT)
        seen = story((5, shows(THERE, 5)), claim=again)
        assert (seen.phase, seen.sent) == (Phase.SENT, Sent(NOW + 2))

    def test_whose_answer_comes_after_a_demotion_is_noted_and_nothing_else(self) -> None:
        idle = story((3, replace(MASTER, state=Vrrp.BACKUP)), claim=SENT)
        assert story((4, Answered(p.Locked("x"), NOW + 2)), claim=idle).phase is Phase.IDLE
        assert story((4, Answered(p.Locked("x"), NOW + 2)), claim=idle).locked_until > NOW + 120

    def test_that_somebody_accounted_for_is_not_accounted_for_twice(self) -> None:
        seen = story((5, shows(HERE, 5)), claim=SENT)
        assert story((6, Answered(p.Locked("x"), NOW + 2)), claim=seen) == seen

    def test_that_never_left_costs_no_hold_off_but_a_new_look(self) -> None:
        back = story((3, Answered(p.Unreachable("no route"), NOW + 2)), claim=SENT)
        assert (back.phase, back.sent, back.posts) == (Phase.SEEKING, None, ())


class TestTwoMasters:
    def locked(self, *, elected: bool = False) -> Claim:
        told = Truth(Vrrp.MASTER, 1, elected=elected)
        return story(
            (0, told), (1, shows(BEYOND, 1)), (2, Sending()), (3, Answered(p.Locked("x"), NOW + 2)),
            (190, shows(THERE, 190)),
        )  # fmt: skip

    def test_the_second_stops(self) -> None:
        assert self.locked().phase is Phase.YIELDED

    def test_the_second_goes_on_when_the_election_showed_that_the_first_is_subordinate(self) -> None:
        assert self.locked(elected=True).phase is Phase.AWAY

    def test_a_move_that_came_to_nothing_is_no_other_master(self) -> None:
        told = story(
            (0, MASTER), (1, shows(BEYOND, 1)), (2, Sending()), (3, Answered(p.Locked("x"), NOW + 2)),
            (190, shows(BEYOND, 190)),
        )  # fmt: skip
        assert told.phase is Phase.AWAY

    def test_the_locked_wait_differs_by_node(self) -> None:
        waits = set()
        for name in ("lb1", "lb2"):
            rules = replace(RULES, seed=name)
            claim = advance(SENT, Answered(p.Locked("x"), NOW + 2), now=NOW + 3, rules=rules)
            waits.add(claim.locked_until - NOW - 3)
        assert len(waits) == 2
        assert all(120 <= wait <= 180 for wait in waits)

    def test_no_new_mastership_and_no_order_shortens_a_lock(self) -> None:
        told = story((3, Answered(p.Locked("x"), NOW + 2)), claim=SENT)
        for event in (replace(MASTER, generation=2), Ordered()):
            after = story((4, event), (5, shows(THERE, 5)), claim=told)
            assert hold_off(after, RULES, NOW + 5) >= NOW + 123


class TestStolen:
    def test_old_evidence_is_none(self) -> None:
        told = story((0.5, replace(MASTER, lower_heard=NOW + 0.4)), (300, shows(HERE, 300)), claim=HELD)
        assert story((600, shows(THERE, 600)), claim=told).phase is Phase.YIELDED

    def test_an_election_is_evidence_for_a_while_only(self) -> None:
        told = story((0, replace(MASTER, elected=True)), (1, shows(HERE, 1)))
        assert story((300, shows(THERE, 300)), claim=told).phase is Phase.AWAY
        assert story((800, shows(THERE, 800)), claim=told).phase is Phase.YIELDED

    def test_an_election_is_no_evidence_once_the_address_was_held_past_a_lock_window(self) -> None:
        told = story((0, replace(MASTER, elected=True)), (1, shows(HERE, 1)), (185, shows(HERE, 185)))
        assert story((300, shows(THERE, 300)), claim=told).phase is Phase.YIELDED

    def test_a_look_that_fails_does_not_forget_that_it_was_here(self) -> None:
        told = story((300, Looked(p.Unavailable("503"))), (310, shows(THERE, 310)), claim=HELD)
        assert told.phase is Phase.YIELDED

    def test_an_address_that_points_nowhere_belongs_to_nobody(self) -> None:
        assert story((300, shows(None, 300)), claim=HELD).phase is Phase.AWAY

    def test_a_refusal_does_not_end_a_yield(self) -> None:
        told = story((300, shows(THERE, 300)), (600, Looked(p.NotFound("404"))), claim=HELD)
        assert told.phase is Phase.YIELDED


class TestWaiting:
    def test_retries_come_apart_and_differ_by_node(self) -> None:
        waits: dict[str, list[float]] = {"lb1": [], "lb2": []}
        for name, seen in waits.items():
            claim, now = story((0, MASTER)), NOW
            for _ in range(12):
                claim = advance(claim, Looked(p.Unavailable("503")), now=now, rules=replace(RULES, seed=name))
                seen.append(claim.not_before - now)
                now = claim.not_before
        assert waits["lb1"] != waits["lb2"]
        assert all(1 <= wait <= 181 for wait in waits["lb1"] + waits["lb2"])
        assert sum(waits["lb1"][6:]) > sum(waits["lb1"][:6])

    def test_storms_of_lower_adverts_do_not_defeat_the_backoff(self) -> None:
        failed = story((300, Looked(p.Unavailable("503"))), claim=HELD)
        heard = replace(MASTER, lower_heard=NOW + 300.5)
        assert isinstance(does(story((300.5, heard), claim=failed), 300.6, heard), Wait)

    def test_moves_come_apart_while_a_node_flaps(self) -> None:
        pauses = []
        for n in range(1, 6):
            claim = AWAY._replace(posts=tuple(NOW + i for i in range(n)))
            pauses.append(hold_off(claim, RULES, NOW + 10) - (NOW + n - 1))
        assert pauses == [180, 360, 720, 900, 900]
        ordered = AWAY._replace(posts=(NOW, NOW + 1, NOW + 2), ordered=True)
        assert hold_off(ordered, RULES, NOW + 10) == NOW + 182

    def test_an_order_that_vrrp_does_not_support_is_forgotten(self) -> None:
        assert story((0, Ordered())).ordered
        assert not story((0, Ordered()), (1, replace(MASTER, state=Vrrp.BACKUP))).ordered
        assert story((0, Ordered()), (1, MASTER)).ordered

    def test_a_refused_configuration_is_looked_at_hourly(self) -> None:
        told = story((1, Looked(p.NotFound("404"))), claim=story((0, MASTER)))
        assert does(told, 2) == Wait(NOW + 3601, "404")
        assert story((3, Ordered()), claim=told).phase is Phase.SEEKING


class TestWhatItSays:
    @pytest.mark.parametrize(
        ("claim", "at", "answer"),
        [
            (HELD, 2, True),
            (HELD, 302, None),
            (AWAY, 2, False),
            (SENT, 3, None),
            (Claim(), 0, None),
            (story((5, shows(HERE, 5, Status.PROCESSING)), claim=AWAY), 6, None),
            (story((5, replace(MASTER, state=Vrrp.BACKUP)), claim=HELD), 6, None),
        ],
    )
    def test_unknown_is_not_no(self, claim: Claim, at: float, answer: bool | None) -> None:
        assert holds(claim, HERE, NOW + at) is answer

    def alarm(self, claim: Claim, at: float, truth: Truth = MASTER, budget: Budget = RICH) -> str | None:
        return alarm(claim, truth, budget, now=NOW + at, rules=RULES)

    def test_all_is_quiet_where_all_is_well(self) -> None:
        assert self.alarm(HELD, 2) is None
        assert self.alarm(AWAY, 2) is None
        assert self.alarm(Claim(), 9999, replace(MASTER, state=Vrrp.BACKUP)) is None

    def test_what_needs_a_person_alarms(self) -> None:
        assert "192.0.2.12" in (self.alarm(story((300, shows(THERE, 300)), claim=HELD), 301) or "")
        assert "404" in (self.alarm(story((1, Looked(p.NotFound("404"))), claim=AWAY), 2) or "")
        assert "under way" in (self.alarm(SENT, 700) or "")
        assert "unknown" in (self.alarm(story((0, MASTER)), 700) or "")

    def test_what_time_may_mend_alarms_later(self) -> None:
        assert self.alarm(SENT, 500) is None
        assert self.alarm(story((0, MASTER)), 500) is None
