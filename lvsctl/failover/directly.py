"""One failover IP handled by a command line, with no agent in between: looked at, taken, given up.

It keeps the agent's own files (claim, ledger, hold) under the agent's own locks, so whoever comes next, agent or
command line, goes on where this ended. What VRRP says is the caller's to know.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from lvsctl.failover.budget import TRIAL, Purpose
from lvsctl.failover.claim import Claim, Phase, decide
from lvsctl.failover.hold import held, hold
from lvsctl.failover.keeper import Keeper, Report, Truths, file_claim
from lvsctl.failover.ledger import Ledger, file_ledger
from lvsctl.failover.model import Action, Looked, Nothing, Ordered, Rules, Truth, Vrrp
from lvsctl.failover.observation import FailoverAddress, Observation, Target
from lvsctl.failover.opening import Providers
from lvsctl.failover.provider import Answer, Call, Provider, Reading, Withheld
from lvsctl.failover.remembered import report_of
from lvsctl.failover.shelf import HostClock, Shelf
from lvsctl.failover.transitions import advance
from lvsctl.spec.failover_ips import FailoverIp

TURN: Final = 0.1
TURNS: Final = 30
"""How often a look that has to wait for another one's outcome is tried again, and how many seconds apart."""


class Declared:
    """The caller answers for it that this node is the master: an operator, or Pacemaker."""

    def last(self) -> Truth:
        """Answer that it is."""
        return Truth(Vrrp.MASTER)

    async def confirm(self) -> Truth:
        """Answer that it is."""
        return self.last()


class Outcome(StrEnum):
    """How an attempt to take an address ended."""

    HERE = "here"
    FORBIDDEN = "forbidden"
    """A hold, VRRP, the provider or somebody else's claim stands against it; waiting changes nothing."""
    OPEN = "open"
    """It may yet come: a move is under way, the provider is locked or silent, or calls are spent."""


class Taken(NamedTuple):
    """What became of an attempt, and what is known after it."""

    outcome: Outcome
    why: str
    report: Report | None


@dataclass(frozen=True)
class Subject:
    """One failover IP, seen from one node."""

    entry: FailoverIp
    provider: Provider
    ledger: Ledger
    rules: Rules
    claim: Shelf[Claim]
    clock: HostClock

    @property
    def ip(self) -> FailoverAddress:
        """The address."""
        return self.entry.ip


def opened(entry: FailoverIp, node: str, nodes: int, providers: Providers, clock: HostClock) -> Subject:
    """Open what is needed for *entry* on *node*, one of *nodes* that share the provider's account.

    Raises as :meth:`Providers.of` and :meth:`Providers.here` do.
    """
    provider = providers.of(entry)
    return subject_of(entry, provider, providers.here(entry), f"{node} {entry.ip}", nodes, clock)


def subject_of(
    entry: FailoverIp, provider: Provider, target: Target, seed: str, nodes: int, clock: HostClock
) -> Subject:
    """Answer *entry* with its *provider*, for who knows already which that is; *seed* as in :class:`Rules`."""
    rules = Rules(target, provider.pace, seed, provider.lists)
    ledger = file_ledger(provider, nodes, clock)
    return Subject(entry, provider, ledger, rules, file_claim(entry.ip, clock), clock)


async def look(subject: Subject, *, fresh: bool) -> Report:
    """Ask where the address points: one call, which the ledger pays for *fresh* as an operator's, else as routine.

    What it does not pay for, or the provider does not answer, is in ``report.claim.why``; the address is unknown
    then, whatever was seen before. Raises Busy, Denied or Unavailable when the claim cannot be read.
    """
    subject.claim.read()  # who could not write down what he sees spends no call
    claim, answered = await _observe(subject, Purpose.OPERATOR if fresh else Purpose.ROUTINE)
    report = report_of(subject.ip, claim, subject.rules.target, subject.clock)
    return report if answered else report._replace(holds=None)


def plan(subject: Subject, truth: Truth) -> Action:
    """Answer what :func:`take` would begin with, and change nothing. Raises Busy, Denied or Unavailable."""
    now = subject.clock.now()
    claim = advance(subject.claim.read(), truth, now=now, rules=subject.rules)
    claim = advance(claim, Ordered(), now=now, rules=subject.rules)
    stopped = held(subject.ip)
    return decide(claim, truth, subject.ledger.budget(), hold=stopped, now=now, rules=subject.rules)


async def take(subject: Subject, truths: Truths, *, patience: float, tell: Callable[[Report], None]) -> Taken:
    """Have the address point here. *patience* are the seconds to wait when nothing can be done at once.

    *tell* hears what is going on. Raises Busy, Denied or Unavailable when the order cannot be written down.
    """
    attempt = _Attempt(subject, truths, tell)
    deadline = subject.clock.now() + patience
    attempt.keeper.order()
    while True:
        due = await attempt.keeper.step()
        now = subject.clock.now()
        ended = attempt.verdict(due, now)
        if ended is not None:
            return ended
        if due is None or due <= now:
            continue
        if now >= deadline or patience <= 0:
            return Taken(Outcome.OPEN, attempt.doing, attempt.report)
        await asyncio.sleep(min(due, deadline) - now)


async def give_up(subject: Subject, reason: str) -> Answer:
    """Hold the address, so that nothing takes it back, and have it point nowhere: one DELETE.

    Raises Denied or Unavailable when the hold cannot be written down; nothing is asked for then.
    """
    hold(subject.ip, reason)
    spend = subject.ledger.spender(Purpose.OPERATOR)
    answer = await subject.provider.release(subject.ip, spend=spend)
    if spend.last:
        subject.ledger.answered(spend.last, answer)
    await _observe(subject, Purpose.OPERATOR)
    return answer


class _Attempt:
    """One attempt: a keeper, and what it said last."""

    def __init__(self, subject: Subject, truths: Truths, tell: Callable[[Report], None]) -> None:
        self.report: Report | None = None
        self._subject = subject
        self._tell = tell
        self.keeper = Keeper(
            subject.ip,
            subject.provider,
            subject.rules,
            claim=subject.claim,
            ledger=subject.ledger,
            truths=truths,
            clock=subject.clock,
            hold=lambda: held(subject.ip),
            on_change=self._note,
        )

    @property
    def doing(self) -> str:
        """What it is waiting for."""
        if self.report is None:
            return "the claim's files are in use"
        return self.report.alarm or str(getattr(self.report.action, "why", "")) or self.report.claim.phase

    def verdict(self, due: float | None, now: float) -> Taken | None:
        """Answer how it ended, or None when it goes on."""
        report = self.report
        if report is None or (due is not None and due <= now):
            return None  # a step that made a call reports with the next one
        if report.holds and report.claim.phase is Phase.HELD:  # seen since the order
            return Taken(Outcome.HERE, "", report)
        if isinstance(report.action, Nothing):
            return Taken(Outcome.FORBIDDEN, report.action.why, report)
        if report.claim.phase in {Phase.REFUSED, Phase.YIELDED} or self._is_locked_out(now):
            return Taken(Outcome.FORBIDDEN, self.doing, report)
        return None

    def _is_locked_out(self, now: float) -> bool:
        bar = self._subject.ledger.budget().barred_until(Call.POST, now)
        return bar is not None and bar.login

    def _note(self, report: Report) -> None:
        self.report = report
        self._tell(report)


async def _observe(subject: Subject, purpose: Purpose) -> tuple[Claim, bool]:
    """Ask where the address points; answer the claim after that, and whether there was an answer."""
    reading = await _asked(subject, purpose)
    for _ in range(TURNS):
        if not isinstance(reading, Withheld) or not 0 < reading.wait <= TRIAL:
            break
        await asyncio.sleep(TURN)  # another address of the same account tries the credentials
        reading = await _asked(subject, purpose)
    now = subject.clock.now()

    def record(claim: Claim) -> tuple[Claim, Claim]:
        after = advance(claim, Looked(reading), now=now, rules=subject.rules)
        return after, after

    return subject.claim.change(record), isinstance(reading, Observation)


async def _asked(subject: Subject, purpose: Purpose) -> Reading:
    spend = subject.ledger.spender(purpose)
    reading = await subject.provider.observe(subject.ip, spend=spend)
    if spend.last:
        subject.ledger.answered(spend.last, reading)
    return reading
