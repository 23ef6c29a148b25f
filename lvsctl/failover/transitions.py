"""What a claim is after something happened: every transition, by name.

Pure. :data:`TRANSITIONS` is what the diagram in docs/explanation/failover-claim.md draws, and what the tests see
happen. An event that has become meaningless (the answer to a POST that somebody else has accounted for) changes
nothing.
"""

from typing import Any, Final

from lvsctl.failover.claim import WINDOW, Claim, Phase, Sent
from lvsctl.failover.model import Answered, Event, Looked, Ordered, Rules, Sending, Truth, Vrrp
from lvsctl.failover.observation import Observation, Status
from lvsctl.failover.provider import (
    Accepted,
    AlreadyThere,
    Answer,
    Fault,
    Locked,
    NewServerNotFound,
    NotFound,
    Reading,
    Refused,
    Unreachable,
    Withheld,
)

OPEN: Final = frozenset({Phase.SENT, Phase.MOVING})

POLLS: Final = (5.0, 10.0, 15.0, 20.0, 30.0)
"""Seconds between looks at a move under way; the last one repeats. Robot needs 28 to 60."""

MASTER: Final = frozenset(Phase) - {Phase.IDLE}
ASKING: Final = MASTER - {Phase.YIELDED}
ANSWERABLE: Final = OPEN | {Phase.SEEKING, Phase.REFUSED}
"""Where the answer to a POST can find a claim: SENT, or where another process of this node brought it meanwhile."""

TRANSITIONS: Final = frozenset(
    (source, cause, to)
    for cause, sources, to in (
        ("promoted", frozenset(Phase), Phase.SEEKING),
        ("demoted", MASTER, Phase.IDLE),
        ("ordered", MASTER - OPEN, Phase.SEEKING),
        ("seen-here", MASTER, Phase.HELD),
        ("seen-processing", ASKING, Phase.MOVING),
        ("seen-elsewhere", MASTER, Phase.AWAY),
        ("seen-elsewhere", {Phase.YIELDED}, Phase.YIELDED),
        ("seen-before-the-lock-ended", {Phase.SEEKING, Phase.SENT, Phase.REFUSED}, Phase.SENT),
        ("seen-before-the-lock-ended", {Phase.MOVING}, Phase.MOVING),
        ("taken", ASKING, Phase.YIELDED),
        ("taken-by-a-lower-peer", MASTER, Phase.AWAY),
        ("look-failed", {Phase.SEEKING, Phase.AWAY, Phase.HELD}, Phase.SEEKING),
        *(("look-failed", {phase}, phase) for phase in MASTER - {Phase.SEEKING, Phase.AWAY, Phase.HELD}),
        ("sending", {Phase.AWAY}, Phase.SENT),
        ("accepted", ANSWERABLE, Phase.MOVING),
        ("already-there", ANSWERABLE, Phase.SEEKING),
        ("locked", ANSWERABLE, Phase.LOCKED),
        ("not-sent", ANSWERABLE, Phase.SEEKING),
        ("outcome-open", ANSWERABLE, Phase.SENT),
        ("refused", ASKING, Phase.REFUSED),
    )
    for source in sources
)
"""(from, cause, to): all there are."""


def advance(claim: Claim, event: Event, *, now: float, rules: Rules) -> Claim:
    """Answer *claim* after *event*."""
    match event:
        case Truth():
            return _vrrp(claim, event, now)
        case Looked(reading=reading):
            return _looked(claim, reading, now, rules)
        case Sending():
            return _sending(claim, now)
        case Answered(answer=answer, sent=sent):
            return _answered(claim, answer, sent, now, rules)
        case Ordered():
            return _ordered(claim, now)


def _go(claim: Claim, phase: Phase, cause: str, now: float, **changes: Any) -> Claim:
    """Answer *claim* in *phase*. The phase's own counters begin anew only when it is another one."""
    if phase is not claim.phase:
        changes = {"since": now, "polls": 0, "not_before": now, **changes}
    return claim._replace(phase=phase, cause=cause, **changes)


def _vrrp(claim: Claim, truth: Truth, now: float) -> Claim:
    """Take in what VRRP says. UNKNOWN changes nothing: it neither begins nor ends a mastership."""
    if truth.state is Vrrp.UNKNOWN:
        return claim
    if truth.state is not Vrrp.MASTER:
        if claim.phase is Phase.IDLE:
            return claim._replace(ordered=False) if claim.ordered else claim
        return _go(claim, Phase.IDLE, "demoted", now, ordered=False)
    if claim.phase is Phase.IDLE or claim.generation != truth.generation:
        return _promoted(claim, truth, now)
    if (claim.lower_heard, claim.elected) == (truth.lower_heard, truth.elected):
        return claim
    return claim._replace(lower_heard=truth.lower_heard, elected=truth.elected)


def _promoted(claim: Claim, truth: Truth, now: float) -> Claim:
    """Begin anew. An open POST, the moves made and the lock outlive a mastership; an order may come before it."""
    return claim._replace(
        phase=Phase.SEEKING,
        cause="promoted",
        why="",
        generation=truth.generation,
        promoted=now,
        lower_heard=truth.lower_heard,
        elected=truth.elected,
        held=None,
        base=None,
        retaken=False,
        not_before=now,
        since=now,
        polls=0,
    )


def _looked(claim: Claim, reading: Reading, now: float, rules: Rules) -> Claim:
    if isinstance(reading, Observation):
        return _seen(claim._replace(seen=reading, tries=0, why=""), reading, now, rules)
    return _blind(claim, reading, now, rules)


def _seen(claim: Claim, seen: Observation, now: float, rules: Rules) -> Claim:
    """Take in a look that gave an answer; *claim* has noted it already."""
    if claim.phase is Phase.IDLE:
        return claim
    if seen.status is Status.PROCESSING:
        return _processing(claim, now, rules)
    if seen.active == rules.target:
        return _here(claim, seen.at, now, rules)
    if claim.sent and seen.at < _settled_at(claim.sent, rules):
        phase = claim.phase if claim.phase in OPEN else Phase.SENT
        return _poll(_go(claim, phase, "seen-before-the-lock-ended", now), now)
    return _elsewhere(claim._replace(sent=None), seen, now, rules)


def _settled_at(sent: Sent, rules: Rules) -> float:
    """Answer from when on a look proves that the POST *sent* came to nothing."""
    return max(sent.at + rules.pace.lock, sent.ended or 0.0)


def _processing(claim: Claim, now: float, rules: Rules) -> Claim:
    """Somebody's move is under way: wait for its end. It never counts as done, whatever target it names."""
    if claim.phase is Phase.YIELDED:
        return _go(claim, Phase.YIELDED, "seen-elsewhere", now, not_before=now + _verify(rules, now))
    claim = _go(claim, Phase.MOVING, "seen-processing", now)
    if now - claim.since > rules.stuck:
        return claim._replace(not_before=now + _verify(rules, now))
    return _poll(claim, now)


def _here(claim: Claim, at: float, now: float, rules: Rules) -> Claim:
    """It is here. A first look may have met an answer of yesterday, or a move not begun: look once more soon."""
    again = _verify(rules, now) if claim.phase is Phase.HELD else rules.pace.lock
    return _go(claim, Phase.HELD, "seen-here", now, held=at, sent=None, ordered=False, not_before=now + again)


def _elsewhere(claim: Claim, seen: Observation, now: float, rules: Rules) -> Claim:
    """It is elsewhere, nothing is under way, and no POST of ours is open."""
    where = seen.active or ""
    stands_back = claim.phase is Phase.YIELDED or claim.held is not None or claim.base not in {None, where}
    if where == "" or not stands_back:
        return _go(claim, Phase.AWAY, "seen-elsewhere", now, base=where, not_before=now)
    if not claim.retaken and _gives_way(claim, now, rules):
        pause = rules.pace.switch * (1 + rules.jitter(now))
        taken = {"base": where, "held": None, "retaken": True, "not_before": now + pause}
        return _go(claim, Phase.AWAY, "taken-by-a-lower-peer", now, **taken)
    cause = "seen-elsewhere" if claim.phase is Phase.YIELDED else "taken"
    return _go(claim, Phase.YIELDED, cause, now, base=where, not_before=now + _verify(rules, now))


def _gives_way(claim: Claim, now: float, rules: Rules) -> bool:
    """Answer whether the peer that took the address is known to be subordinate.

    It advertised a lower priority since we last held the address. Or it lost the election just before, its adverts
    were heard until then, and we have not held the address for longer than a lock window: then what took it is a
    move that the peer began while it was MASTER itself.
    """
    held = claim.promoted if claim.held is None else claim.held
    if claim.lower_heard is not None and claim.lower_heard > held:
        return True
    return (
        claim.elected
        and held - claim.promoted <= rules.pace.lock
        and now - claim.promoted < 4 * rules.pace.lock
    )


def _blind(claim: Claim, fault: Fault, now: float, rules: Rules) -> Claim:
    """A look gave no answer. What is open stays open; what we believed becomes unknown; nothing moves."""
    claim = claim._replace(why=fault.why)
    if claim.phase is Phase.IDLE:
        return claim
    if isinstance(fault, Withheld):
        return _unsent(claim, fault, now, rules)
    if isinstance(fault, NotFound | NewServerNotFound | Refused) and claim.phase is not Phase.YIELDED:
        return _go(claim, Phase.REFUSED, "refused", now, not_before=now + rules.refused)
    phase = Phase.SEEKING if claim.phase in {Phase.AWAY, Phase.HELD} else claim.phase
    return _retry(_go(claim, phase, "look-failed", now), now, rules)


def _sending(claim: Claim, now: float) -> Claim:
    posts = (*(at for at in claim.posts if at > now - WINDOW), now)
    return _go(claim, Phase.SENT, "sending", now, sent=Sent(now), posts=posts)


def _answered(claim: Claim, answer: Answer, sent: float, now: float, rules: Rules) -> Claim:
    """Take in how the POST of *sent* ended. After a demotion only what it leaves open is noted."""
    if claim.sent is None or claim.sent.at != sent:
        return claim
    if answer.certain:
        claim = claim._replace(sent=None, posts=_uncounted(claim.posts, answer))
    else:
        claim = claim._replace(sent=Sent(sent, now))
    if isinstance(answer, Locked):
        until = now + rules.pace.switch * (2 + rules.jitter(sent))
        claim = claim._replace(locked_until=until)
    if isinstance(answer, Accepted | AlreadyThere):
        claim = claim._replace(tries=0, why="")
    else:
        claim = claim._replace(why=answer.why)
    return claim if claim.phase is Phase.IDLE else _after_post(claim, answer, now, rules)


def _after_post(claim: Claim, answer: Answer, now: float, rules: Rules) -> Claim:
    match answer:
        case Accepted(observation=seen):
            moving = _go(claim, Phase.MOVING, "accepted", now)
            return _poll(moving, now) if seen.status is Status.PROCESSING else moving
        case AlreadyThere():
            return _go(claim, Phase.SEEKING, "already-there", now)
        case Locked():
            return _go(claim, Phase.LOCKED, "locked", now, not_before=claim.locked_until)
        case NotFound() | NewServerNotFound() | Refused():
            return _go(claim, Phase.REFUSED, "refused", now, not_before=now + rules.refused)
    if answer.certain:
        return _unsent(_go(claim, Phase.SEEKING, "not-sent", now), answer, now, rules)
    return _poll(_go(claim, Phase.SENT, "outcome-open", now), now)


def _unsent(claim: Claim, fault: Fault, now: float, rules: Rules) -> Claim:
    """Wait for the ledger as long as it says, for anything else a while."""
    if isinstance(fault, Withheld):
        return claim._replace(not_before=now + max(fault.wait, 0.1))
    return _retry(claim, now, rules)


def _uncounted(posts: tuple[float, ...], answer: Answer) -> tuple[float, ...]:
    """Answer *posts* without the last one when it never left this host: no hold-off follows from it."""
    return posts[:-1] if isinstance(answer, Withheld | Unreachable) else posts


def _ordered(claim: Claim, now: float) -> Claim:
    anew: dict[str, Any] = {
        "ordered": True,
        "retaken": False,
        "held": None,
        "base": None,
        "tries": 0,
        "not_before": now,
    }
    if claim.phase in {Phase.IDLE, *OPEN}:
        return claim._replace(**anew)
    return _go(claim, Phase.SEEKING, "ordered", now, **anew)


def _poll(claim: Claim, now: float) -> Claim:
    """Look at a move under way again, less and less often."""
    pause = POLLS[min(claim.polls, len(POLLS) - 1)]
    return claim._replace(polls=claim.polls + 1, not_before=now + pause)


def _retry(claim: Claim, now: float, rules: Rules) -> Claim:
    """Try again after a random part of a time that doubles (full jitter), never at once."""
    most = min(rules.backoff_least * 2 ** min(claim.tries, 16), rules.backoff_most)
    pause = 1.0 + most * rules.jitter(now)
    return claim._replace(tries=claim.tries + 1, not_before=now + pause)


def _verify(rules: Rules, now: float) -> float:
    """Answer how long an address may go unlooked at: up to a tenth more, so that nodes do not march in step."""
    return rules.verify * (1 + rules.jitter(now) / 10)
