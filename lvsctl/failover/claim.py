"""The claim of this node on one failover IP: what it knows, and what it does next.

Pure: no I/O, no clock, no randomness. :func:`decide` answers the next action, :mod:`lvsctl.failover.transitions`
what the claim is after something happened; every transition is drawn in docs/explanation/failover-claim.md.

The law, in the order in which :func:`decide` applies it: nothing moves while an operator holds the claim, while VRRP
is anything but MASTER, or while where the address points is unknown. A move needs a look that is fresh, shows the
address elsewhere with nothing under way, and is younger than the lock window of any earlier move whose outcome is
open. The first of two masters wins; the second sees that and stops.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from lvsctl.failover.budget import Budget, Purpose
from lvsctl.failover.model import Action, Nothing, Observe, Post, Rules, Truth, Vrrp, Wait
from lvsctl.failover.observation import Observation, Status, Target
from lvsctl.failover.provider import Call

WINDOW = 3600.0
"""Seconds in which this node's own moves make its next one wait."""


class Phase(StrEnum):
    """Where a claim stands."""

    IDLE = "idle"
    """This node is not MASTER. Nothing is asked and nothing is moved."""
    SEEKING = "seeking"
    """MASTER, and where the address points is unknown."""
    AWAY = "away"
    """MASTER, the address points elsewhere, and it may be taken as soon as hold-off and budget allow."""
    SENT = "sent"
    """A POST left and its outcome is open: only looking is allowed."""
    MOVING = "moving"
    """A move is under way, ours or another's."""
    LOCKED = "locked"
    """The provider refused ours because another move was under way."""
    HELD = "held"
    """The address points here."""
    YIELDED = "yielded"
    """Somebody else took it during this mastership, and nothing shows that they will give way. Alarms."""
    REFUSED = "refused"
    """The provider says that what we ask for does not exist or is not allowed. Alarms."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A POST that was written down before it left."""

    at: float
    ended: float | None = None
    """When we stopped waiting for its answer; None while we wait, or when we died waiting."""


class Claim(NamedTuple):
    """Everything that has to outlive this process, for one failover IP."""

    phase: Phase = Phase.IDLE
    cause: str = "start"
    """The transition that led here, as the diagram names it."""
    why: str = ""
    """What the provider said last when it was not an observation."""
    generation: int = 0
    """The mastership that this claim is about."""
    promoted: float = 0.0
    """When this mastership was first seen."""
    lower_heard: float | None = None
    elected: bool = False
    """Both from :class:`~lvsctl.failover.model.Truth`."""
    seen: Observation | None = None
    """The last look that gave an answer."""
    held: float | None = None
    """When the address was last seen here, in this mastership."""
    base: str | None = None
    """Where it first was elsewhere, in this mastership; empty for nowhere."""
    retaken: bool = False
    """It was taken from us once in this mastership, and we went for it again."""
    ordered: bool = False
    """An operator asked for it."""
    sent: Sent | None = None
    """The POST whose outcome is open. Survives the mastership."""
    posts: tuple[float, ...] = ()
    """When our moves of the last hour left."""
    locked_until: float = 0.0
    """No POST before this, whatever happens."""
    not_before: float = 0.0
    """No call before this."""
    since: float = 0.0
    """When the phase began."""
    polls: int = 0
    """Looks since then."""
    tries: int = 0
    """Calls in a row that gave no answer."""


def decide(
    claim: Claim, truth: Truth, budget: Budget, *, hold: str | None, now: float, rules: Rules
) -> Action:
    """Answer what to do about *claim* at *now*. *hold* is the operator's reason, or None.

    *truth* has to have been told to the claim before (it is an event too); a claim about another mastership does
    nothing. :class:`Post` is an intent: confirm the truth, decide again, write *Sending* down, then send.
    """
    if hold is not None:
        return Nothing(f"on hold: {hold}")
    if truth.state is not Vrrp.MASTER:
        return Nothing(f"VRRP is {truth.state}")
    if claim.phase is Phase.IDLE or claim.generation != truth.generation:
        return Nothing("a newer mastership began")
    due = _due(claim, truth, rules)
    if due > now:
        return Wait(due, claim.why or claim.phase)
    if claim.phase is Phase.AWAY:
        return _take(claim, budget, now, rules)
    return _look(claim, budget, now, rules)


def purpose(claim: Claim) -> Purpose:
    """Answer which part of the budget the next call of *claim* may spend."""
    if claim.ordered:
        return Purpose.OPERATOR
    return Purpose.ROUTINE if claim.phase in {Phase.HELD, Phase.YIELDED, Phase.REFUSED} else Purpose.CLAIM


def _due(claim: Claim, truth: Truth, rules: Rules) -> float:
    """Answer when the next call is due. A peer that advertises a lower priority brings the next look forward."""
    if claim.seen is None or claim.tries or claim.phase not in {Phase.HELD, Phase.YIELDED}:
        return claim.not_before
    if truth.lower_heard is None or truth.lower_heard <= claim.seen.at:
        return claim.not_before
    return min(claim.not_before, claim.seen.at + rules.recheck)


def _look(claim: Claim, budget: Budget, now: float, rules: Rules) -> Action:
    what = purpose(claim)
    free = budget.free_at(Call.GET_ONE, what, now)
    if free <= now:
        return Observe(what, Call.GET_ONE)
    # For when a claim finds single looks spent or barred. Where they are only paced (no operator's are) it waits.
    gone = what is not Purpose.ROUTINE and budget.free_at(Call.GET_ONE, Purpose.OPERATOR, now) > now
    if gone and rules.lists and budget.free_at(Call.GET_LIST, what, now) <= now:
        return Observe(what, Call.GET_LIST)
    return Wait(min(free, now + rules.verify), _unpaid(budget, Call.GET_ONE, now))


def _take(claim: Claim, budget: Budget, now: float, rules: Rules) -> Action:
    """Answer the move, or what it has to wait for. Looks anew only when nothing else is missing: looks cost too."""
    what = purpose(claim)
    if (off := hold_off(claim, rules, now)) > now:
        return Wait(off, "hold-off")
    if (free := budget.free_at(Call.POST, what, now)) > now:
        return Wait(free, _unpaid(budget, Call.POST, now))
    if claim.seen is None or claim.sent is not None or now - claim.seen.at > rules.fresh:
        return _look(claim, budget, now, rules)
    return Post(rules.target, what)


def hold_off(claim: Claim, rules: Rules, now: float) -> float:
    """Answer when the next move may leave: at once after a calm hour, later and later while this node flaps.

    Never within the lock window of the last one, whoever wants it; an operator waits no longer than that.
    """
    recent = [at for at in claim.posts if at > now - WINDOW]
    if not recent:
        return claim.locked_until
    doubled = 0 if claim.ordered else len(recent) - 1
    pause = min(rules.pace.lock * 2.0**doubled, max(rules.pace.lock, rules.hold_off_most))
    return max(claim.locked_until, recent[-1] + pause)


def _unpaid(budget: Budget, call: Call, now: float) -> str:
    bar = budget.barred_until(call, now)
    return bar.why if bar else f"this node's part of the {call} calls is spent"


def holds(claim: Claim, target: Target, now: float, *, most: float = 300.0) -> bool | None:
    """Answer whether the address points at *target*; None when unknown.

    Unknown is: never seen, seen more than *most* seconds ago, a move is under way, or this node was demoted since:
    the new master takes it, and only a fresh look tells when.
    """
    seen = claim.seen
    if seen is None or (claim.phase is Phase.IDLE and seen.at < claim.since):
        return None
    if now - seen.at > most or claim.sent is not None or seen.status is Status.PROCESSING:
        return None
    return seen.active == target


def alarm(claim: Claim, truth: Truth, budget: Budget, *, now: float, rules: Rules) -> str | None:
    """Answer what a person should look at, or None. On a node that is not MASTER nothing is."""
    if truth.state is not Vrrp.MASTER or claim.phase is Phase.IDLE:
        return None
    if claim.phase is Phase.YIELDED:
        where = claim.base or "nowhere"
        return f"{where} took the address while this node is MASTER, and nothing shows that it will give way"
    if claim.phase is Phase.REFUSED:
        return f"the provider refuses: {claim.why}"
    bar = budget.barred_until(Call.GET_ONE, now) or budget.barred_until(Call.POST, now)
    return bar.why if bar and bar.login else _overdue(claim, now, rules)


def _overdue(claim: Claim, now: float, rules: Rules) -> str | None:
    if claim.phase in {Phase.MOVING, Phase.SENT} and now - claim.since > rules.stuck:
        return f"a move has been under way for {now - claim.since:.0f} s"
    unknown = now - max(claim.promoted, claim.seen.at if claim.seen else 0.0)
    if claim.phase is not Phase.HELD and unknown > rules.patience:
        return f"where the address points is unknown for {unknown:.0f} s: {claim.why}"
    return None
