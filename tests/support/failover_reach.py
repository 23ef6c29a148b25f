"""Every transition a claim can make: all events, in all orders, until no new kind of claim turns up.

Two claims are of one kind when everything that a rule asks about them is the same; times count only as before or
after. What the product's own :func:`decide` would never send is never sent here.
"""

import itertools
from collections import deque
from collections.abc import Iterator

from lvsctl.failover import provider as p
from lvsctl.failover.budget import Account, Budget
from lvsctl.failover.claim import Claim, Phase, decide
from lvsctl.failover.model import Answered, Event, Looked, Ordered, Post, Rules, Sending, Truth, Vrrp
from lvsctl.failover.observation import Observation, Status, Target
from lvsctl.failover.transitions import advance

HERE, THERE, BEYOND = Target("192.0.2.11"), Target("192.0.2.12"), Target("192.0.2.99")
RULES = Rules(HERE, p.Pace(60.0, 180.0), seed="lb1 203.0.113.10")
RICH = Budget(Account(), ())

Edge = tuple[Phase, str, Phase]

LOOK_FAULTS = (p.Unavailable("503"), p.NotFound("404"), p.Withheld("spent", 5.0))
ANSWERS = (
    p.Accepted(Observation(HERE, Status.READY, 0.0)),
    p.Accepted(Observation(HERE, Status.PROCESSING, 0.0)),
    p.AlreadyThere(),
    p.Locked("lock"),
    p.NewServerNotFound("404"),
    p.Unreachable("no route"),
    p.Withheld("spent", 5.0),
    p.Auth("401"),
    p.NotComplete("500"),
    p.Unknown(cut=True, why="cut"),
)


def edges() -> dict[Edge, Claim]:
    """Answer every transition there is, each with a claim that makes it."""
    found: dict[Edge, Claim] = {}
    start = Claim()
    seen, todo = {_kind(start, 1000.0)}, deque([(start, 1000.0)])
    while todo:
        claim, now = todo.popleft()
        for event, at in _events(claim, now):
            after = advance(claim, event, now=at, rules=RULES)
            if after is not claim and _moved(claim, after, event):
                found.setdefault((claim.phase, after.cause, after.phase), claim)
            if (kind := _kind(after, at)) not in seen:
                seen.add(kind)
                todo.append((after, at))
    return found


def _moved(before: Claim, after: Claim, event: Event) -> bool:
    """Answer whether *event* made a transition, rather than only adding to what is known."""
    if (before.phase, before.cause) != (after.phase, after.cause):
        return True
    if isinstance(event, Looked):
        return before.not_before != after.not_before and not isinstance(event.reading, p.Withheld)
    return isinstance(event, Answered) and before.sent != after.sent and after.phase is not Phase.IDLE


def _events(claim: Claim, now: float) -> Iterator[tuple[Event, float]]:
    truths = itertools.product(Vrrp, (0, 1), (None, now))
    for state, newer, lower in truths:
        yield Truth(state, min(claim.generation + newer, 2), lower, elected=lower is None), now + 1
    looks = itertools.product((HERE, THERE, BEYOND, None), (Status.READY, Status.PROCESSING), (1.0, 300.0))
    for active, status, later in looks:
        yield Looked(Observation(active, status, now + later)), now + later
    yield from ((Looked(fault), now + 1) for fault in LOOK_FAULTS)
    yield Ordered(), now + 1
    if claim.sent:
        yield from ((Answered(answer, claim.sent.at), now + 1) for answer in ANSWERS)
    truth = Truth(Vrrp.MASTER, claim.generation, claim.lower_heard, elected=claim.elected)
    at = max(now, claim.not_before)
    if isinstance(decide(claim, truth, RICH, hold=None, now=at, rules=RULES), Post):
        yield Sending(), at


def _kind(claim: Claim, now: float) -> tuple[object, ...]:
    """Answer what the rules can tell about *claim*."""
    sent = claim.sent and (
        claim.sent.ended is None,
        now - claim.sent.at > RULES.pace.lock,
    )
    heard = claim.lower_heard is not None and claim.lower_heard > (claim.held or claim.promoted)
    young = now - claim.promoted < 4 * RULES.pace.lock
    known = (claim.held is not None, claim.base, claim.retaken, heard, claim.elected and young)
    return (claim.phase, claim.generation, sent, *known, claim.ordered, claim.locked_until > now)
