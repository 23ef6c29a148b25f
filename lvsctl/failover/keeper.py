"""The loop that keeps one failover IP where VRRP says: the effectful half of the claim.

One step is: take in what VRRP says, decide, and make at most one call. The claim is read and written under the
address's lock, which is never held while anything is awaited. A POST is written down before it leaves, so at
whichever *await* the process dies, the next one finds the intent and looks before it moves. Run one keeper per
address, all at once: none waits for another. Which process runs it (agent, ``failover assign``) makes no difference.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from traceback import format_tb
from typing import Any, NamedTuple, Protocol

from lvsctl.errors import LvsctlError
from lvsctl.failover.budget import Budget
from lvsctl.failover.claim import Claim, Phase, Sent, alarm, decide, holds
from lvsctl.failover.hold import file_name
from lvsctl.failover.ledger import Ledger
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
    Wait,
)
from lvsctl.failover.observation import FailoverAddress
from lvsctl.failover.provider import Call, Provider, Reading, Readings, Unknown
from lvsctl.failover.saved import claim_from, claim_to
from lvsctl.failover.shelf import Clock, FileShelf, Form, HostClock, Shelf
from lvsctl.failover.transitions import advance

_log = logging.getLogger(__name__)

RETRY = 1.0
"""Seconds until a step is tried again that could not read or write its files."""

RECHECK = 5.0
"""Seconds until the operator's hold is looked for again: it is a file, and whoever removes it may not tell us."""

TROUBLE = 60.0
"""Seconds until a step is tried again that failed in a way nobody foresaw."""


def _back(doc: dict[str, Any], shift: float) -> Claim:
    """Answer the claim in *doc*. What another boot was master of is over; what it sent is not."""
    claim = claim_from(doc, shift)
    return claim if shift == 0 else claim._replace(phase=Phase.IDLE, cause="start")


CLAIM_FORM = Form(
    claim_to, _back, Claim, lambda now: Claim(sent=Sent(now), why="the claim's file was unreadable")
)
"""A claim that cannot be read may have a POST under way: it has to look for a whole lock window first."""


class Truths(Protocol):
    """What VRRP says about the instance of one failover IP."""

    def last(self) -> Truth:
        """Answer what is known without asking: cheap, and good enough for looking."""

    async def confirm(self) -> Truth:
        """Ask keepalived itself, or answer UNKNOWN: before each call that changes something."""


Pause = Callable[[float | None], Awaitable[None]]
"""Returns at the given time, on the keeper's clock, or earlier when something changed; None: only then."""


class Report(NamedTuple):
    """What a keeper knows, for status, metrics and the alert command."""

    ip: FailoverAddress
    claim: Claim
    truth: Truth
    action: Action
    """What comes next."""
    holds: bool | None
    """Whether the address points here; None when unknown."""
    alarm: str | None
    hold: str | None
    at: float


class Keeper:
    """Keeps one failover IP. Nothing here raises but cancellation: what goes wrong is in the report."""

    def __init__(
        self,
        ip: FailoverAddress,
        provider: Provider,
        rules: Rules,
        *,
        claim: Shelf[Claim],
        ledger: Ledger,
        truths: Truths,
        clock: Clock,
        hold: Callable[[], str | None],
        on_change: Callable[[Report], None] = lambda _report: None,
    ) -> None:
        self.ip = ip
        self._provider = provider
        self._rules = rules
        self._claim = claim
        self._ledger = ledger
        self._truths = truths
        self._clock = clock
        self._hold = hold
        self._on_change = on_change
        self._told: Report | None = None

    async def keep(self, pause: Pause) -> None:
        """Keep the address for ever. Cancel it at any time; what it was doing is written down."""
        while True:
            await pause(await self.step())

    async def step(self) -> float | None:
        """Make at most one call; answer when the next step is due, or None when only a change makes one due."""
        try:
            return await self._step()
        except LvsctlError as error:
            self._tell_trouble(error.message)
            return self._clock.now() + RETRY
        except Exception as error:  # noqa: BLE001 - what is wrong with one address must not stop the others
            self._tell_trouble(f"a defect of lvsctl: {type(error).__name__}")
            # Where it happened, and not what was said: messages quote, and some of what passes here is secret.
            _log.error("%s: %s\n%s", self.ip, type(error).__name__, "".join(format_tb(error.__traceback__)))
            return self._clock.now() + TROUBLE

    def order(self) -> None:
        """Take an operator's order to have the address here. Raises Busy, Denied or Unavailable."""
        self._record(Ordered())

    def plan(self) -> Action:
        """Answer what :meth:`step` would do now, and do nothing. Raises Busy, Denied or Unavailable."""
        truth, now = self._truths.last(), self._clock.now()
        claim = advance(self._claim.read(), truth, now=now, rules=self._rules)
        return decide(claim, truth, self._ledger.budget(), hold=self._hold(), now=now, rules=self._rules)

    async def _step(self) -> float | None:
        action = self._next(self._truths.last())
        match action:
            case Observe():
                await self._observe(action)
            case Post():
                return await self._post()
            case Wait(until=until):
                return None if until == float("inf") else until
            case Nothing():
                return self._clock.now() + RECHECK if self._hold() else None
        return self._clock.now()

    def _next(self, truth: Truth) -> Action:
        """Tell the claim what VRRP says, and answer what follows."""
        claim, budget = self._record(truth), self._ledger.budget()
        return self._tell(claim, truth, budget)

    async def _observe(self, action: Observe) -> None:
        spend = self._ledger.spender(action.purpose)
        if action.call is Call.GET_LIST:
            reading = _one_of(await self._provider.observe_all(spend=spend), self.ip)
        else:
            reading = await self._provider.observe(self.ip, spend=spend)
        if spend.last:
            self._ledger.answered(spend.last, reading)
        self._record(Looked(reading))

    async def _post(self) -> float:
        """Move the address: confirm, decide again, write the intent down, send. Nothing is awaited in between."""
        truth = await self._truths.confirm()
        action = self._next(truth)
        sent = self._intend(truth) if isinstance(action, Post) else None
        if sent is None or not isinstance(action, Post):
            return self._clock.now() + RETRY
        spend = self._ledger.spender(action.purpose)
        answer = await self._provider.assign(self.ip, action.target, spend=spend)
        if spend.last:
            self._ledger.answered(spend.last, answer)
        self._record(Answered(answer, sent))
        return self._clock.now()

    def _intend(self, truth: Truth) -> float | None:
        """Write down that a POST leaves now; None when another process of this node came first."""
        budget, hold, now = self._ledger.budget(), self._hold(), self._clock.now()

        def intend(claim: Claim) -> tuple[Claim, float | None]:
            action = decide(claim, truth, budget, hold=hold, now=now, rules=self._rules)
            if not isinstance(action, Post):
                return claim, None
            return advance(claim, Sending(), now=now, rules=self._rules), now

        return self._claim.change(intend)

    def _record(self, event: Event) -> Claim:
        now = self._clock.now()

        def record(claim: Claim) -> tuple[Claim, Claim]:
            after = advance(claim, event, now=now, rules=self._rules)
            return (claim, claim) if after == claim else (after, after)

        # What was seen can be seen again. What was done, or ordered, has to be known after a loss of power, too.
        return self._claim.change(record, durable=isinstance(event, Answered | Ordered))

    def _tell(self, claim: Claim, truth: Truth, budget: Budget) -> Action:
        hold, now = self._hold(), self._clock.now()
        action = decide(claim, truth, budget, hold=hold, now=now, rules=self._rules)
        here = holds(claim, self._rules.target, now)
        trouble = alarm(claim, truth, budget, now=now, rules=self._rules)
        self._told = Report(self.ip, claim, truth, action, here, trouble, hold, now)
        self._on_change(self._told)
        return action

    def _tell_trouble(self, what: str) -> None:
        if self._told is not None:
            self._told = self._told._replace(alarm=what, at=self._clock.now())
            self._on_change(self._told)


def _one_of(readings: Readings, ip: FailoverAddress) -> Reading:
    """Answer what a list says about *ip*. Not being in it is no proof that it does not exist."""
    if not isinstance(readings, Mapping):
        return readings
    return readings.get(ip) or Unknown(cut=False, why=f"{ip} is not in the list of failover IPs")


class Bell:
    """A :data:`Pause` for asyncio that somebody can cut short."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Something changed: end the pause that runs, or the next one."""
        self._rung.set()

    async def __call__(self, until: float | None) -> None:
        """Return at *until*, or when rung."""
        left = None if until is None else max(0.0, until - self._clock.now())
        with suppress(TimeoutError):
            # wait_for would swallow a cancellation that comes together with a ring (CPython gh-86296).
            async with asyncio.timeout(left):
                await self._rung.wait()
        self._rung.clear()


def file_claim(ip: FailoverAddress, clock: HostClock) -> Shelf[Claim]:
    """Answer the claim on *ip* that everything on this node shares."""
    return FileShelf(f"claim-{file_name(ip)}", CLAIM_FORM, clock)
