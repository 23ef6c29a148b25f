"""A day of random faults in simulated time: no switch without a cause, none too soon, nothing grows."""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from random import Random

import pytest

from lvsctl.uplink.choice import Decision
from lvsctl.uplink.model import Key, Sample, Settings, Target, Uplink, Verdict
from lvsctl.uplink.ward import Ward
from lvsctl.vocabulary import Family

INTERVAL = 5.0
DAY = 86400.0
TARGETS = tuple(Target(ip_address(f"198.51.100.{each}")) for each in range(3))
UPLINKS = tuple(
    Uplink(
        f"isp{each}",
        Family.INET,
        f"eth{each}",
        ip_address(f"10.{each}.0.1"),
        2001 + each,
        targets=TARGETS,
        quorum=2,
    )
    for each in range(3)
)
SETTINGS = Settings(UPLINKS, interval=INTERVAL)


class Line:
    """An uplink's weather: it is fine most of the time, and then cut, lossy or slow for a while."""

    def __init__(self, dice: Random, calm: float) -> None:
        self.dice, self.calm = dice, calm
        self.loss, self.until = 0.0, 0.0
        self.dead: set[int] = set()

    def samples(self, now: float) -> list[Sample]:
        if now >= self.until:
            if self.loss > 0 or self.calm >= DAY:
                self.loss, self.until = 0.0, now + self.dice.expovariate(1 / self.calm)
            else:
                self.loss, self.until = self.dice.choice((0.03, 0.3, 1.0)), now + self.dice.uniform(10, 1800)
            self.dead = {self.dice.randrange(3)} if self.dice.random() < 0.3 else set()
        return [self._sample(each) for each in range(3)]

    def _sample(self, target: int) -> Sample:
        lost = target in self.dead or self.dice.random() < self.loss
        return Sample(None, "no answer") if lost else Sample(self.dice.uniform(0.005, 0.05))


def live(seed: int, calm: float) -> Iterator[tuple[float, Ward, list[tuple[Family, Decision]]]]:
    dice = Random(seed)
    lines = {each.key: Line(dice, calm) for each in UPLINKS}
    ward = Ward(SETTINGS)
    for beat in range(int(DAY / INTERVAL)):
        now = beat * INTERVAL
        for key, line in lines.items():
            ward.sampled(key, line.samples(now), now)
        yield now, ward, list(ward.decide(now))


@pytest.mark.parametrize("seed", range(2))
def test_a_stormy_day(seed: int) -> None:
    switches: list[tuple[float, Decision]] = []
    active = ""
    for now, ward, decisions in live(seed, calm=3600):
        for _, decision in decisions:
            assert decision.cause
            assert decision.old == active
            if decision.cause.endswith("good again"):
                assert now - switches[-1][0] >= SETTINGS.damping.min_time_on_backup
                standing = ward.standings[Key(Family.INET, decision.new)]
                assert standing.verdict is Verdict.UP
                assert now - standing.since >= SETTINGS.damping.hold
            switches.append((now, decision))
            active = decision.new
        names = [each.name for each in UPLINKS if ward.standings[each.key].verdict is Verdict.UP]
        in_use = ward.standings[Key(Family.INET, active)]
        assert in_use.verdict in (Verdict.UP, Verdict.UNKNOWN) or not names, (
            "a good one is used if there is one"
        )
    assert 3 <= len(switches) <= 200
    assert sum(map(len, (health.window for each in ward.targets.values() for health in each))) <= 9 * 60


def test_a_quiet_day_has_no_switch_but_the_first() -> None:
    assert sum(len(decisions) for _, _, decisions in live(3, calm=DAY)) == 1


def test_a_restart_switches_nothing() -> None:
    for now, ward, decisions in live(1, calm=3600):
        if now > DAY / 10 and not decisions and ward.active[Family.INET] != "isp0":
            again = Ward(SETTINGS, ward.choices, ward.standings)
            assert not list(again.decide(now))
            assert again.active == ward.active
            return
    pytest.fail("the backup was never in use")


def test_a_family_that_has_no_such_uplink_is_not_asked_to_use_it() -> None:
    other = replace(UPLINKS[0], name="six", family=Family.INET6, gateway=ip_address("fe80::1"))
    ward = Ward(replace(SETTINGS, uplinks=(*UPLINKS, other)))
    list(ward.decide(0))
    assert ward.active == {Family.INET: "isp0", Family.INET6: "six"}
