"""Whether targets and uplinks are good, by the samples so far. Pure.

A target is judged by two things at once. *Answers in a row*: ``fall`` missing ones make it bad, which finds a cut.
The *window*: loss and mean round trip time over the last samples make it bad from one threshold on, which finds a
line that is up and of no use, where rise and fall alone never agree. Bad becomes good again by both: ``rise`` answers
in a row, and a whole window since the fall that is below the lower threshold. So one bad minute costs one fall, not
one per burst, and nothing that stays between the two thresholds changes anything.

An uplink is good while ``quorum`` of its targets are: a target that died by itself says nothing about the way to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lvsctl.uplink.model import Sample, Standing, Thresholds, Verdict, Window


@dataclass(frozen=True, slots=True)
class TargetHealth:
    """What is known of one target over one uplink."""

    is_up: bool | None = None
    """None: not known yet."""
    run: int = 0
    """Answers in a row up to now; below zero: missing ones in a row."""
    window: tuple[float | None, ...] = ()
    """Round trip times of the last samples, oldest first; None where no answer came."""
    reason: str = ""
    """Why it is bad, or why the last sample failed."""

    @property
    def loss(self) -> float:
        """The part of the window's samples that failed, from 0 to 1."""
        return self.window.count(None) / len(self.window) if self.window else 0.0

    @property
    def rtt(self) -> float | None:
        """The mean round trip time of the window's answers, in seconds."""
        answers = [each for each in self.window if each is not None]
        return sum(answers) / len(answers) if answers else None


def judged(health: TargetHealth, sample: Sample, limits: Thresholds) -> TargetHealth:
    """Answer what is known after *sample*."""
    run = max(health.run, 0) + 1 if sample.is_good else min(health.run, 0) - 1
    window = (*health.window, sample.rtt)[-limits.window.size :]
    after = TargetHealth(health.is_up, run, window, sample.reason or health.reason)
    if health.is_up is False:
        return _risen(after) if _is_sound(after, limits) else after
    if run <= -limits.fall:
        return _fallen(after, sample.reason)
    if why := _is_poor(after, limits.window):
        return _fallen(after, why)
    if health.is_up is None and run >= limits.rise:
        return replace(after, is_up=True, reason="")
    return after


def cut(health: TargetHealth, limits: Thresholds, reason: str) -> TargetHealth:
    """Answer what is known of a target whose uplink certainly leads nowhere: its cable is out."""
    return TargetHealth(is_up=False, run=min(health.run, -limits.fall), reason=reason)


def _fallen(health: TargetHealth, reason: str) -> TargetHealth:
    # What was before the fall has had its effect; recovery is about what comes after.
    return TargetHealth(is_up=False, run=health.run, reason=reason)


def _risen(health: TargetHealth) -> TargetHealth:
    return replace(health, is_up=True, reason="")


def _is_poor(health: TargetHealth, window: Window) -> str:
    """Answer why the last samples are too bad, or nothing."""
    lost = health.window.count(None)
    if lost >= window.loss_down * window.size:
        return f"{lost} of {len(health.window)} samples lost"
    if window.rtt_down is not None and 2 * (len(health.window) - lost) >= window.size:
        mean = health.rtt
        if mean is not None and mean >= window.rtt_down:
            return f"answers take {mean * 1000:.0f} ms"
    return ""


def _is_sound(health: TargetHealth, limits: Thresholds) -> bool:
    """Answer whether a bad target is good again."""
    window = limits.window
    if health.run < limits.rise or len(health.window) < window.size:
        return False
    if health.window.count(None) > window.loss_up * window.size:
        return False
    if window.rtt_down is None:
        return True
    limit = window.rtt_down / 2 if window.rtt_up is None else window.rtt_up
    return health.rtt is not None and health.rtt <= limit


def standing(
    before: Standing, targets: Sequence[TargetHealth], quorum: int, limits: Thresholds, now: float
) -> Standing:
    """Answer how an uplink is whose *targets* are so."""
    up = sum(each.is_up is True for each in targets)
    unknown = sum(each.is_up is None for each in targets)
    answering = sum(each.is_up is True or each.run >= limits.rise for each in targets)
    silent = sum(each.run > -limits.fall for each in targets) < quorum
    if up >= quorum:
        verdict = Verdict.UP
    elif up + unknown >= quorum:
        verdict = Verdict.UNKNOWN
    elif answering >= quorum:
        verdict = Verdict.RISING
    else:
        verdict = Verdict.DOWN
    reason = "" if verdict in (Verdict.UP, Verdict.UNKNOWN) else _reasons(targets)
    since = before.since if before.verdict is verdict else now
    return Standing(verdict, since, silent, sum(each.run > 0 for each in targets) >= quorum, reason)


def _reasons(targets: Sequence[TargetHealth]) -> str:
    """Answer why the bad ones are bad, each reason once."""
    return "; ".join(dict.fromkeys(each.reason for each in targets if each.reason and not each.is_up))
