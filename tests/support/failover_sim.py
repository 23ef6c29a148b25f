"""Two directors, one failover IP and Robot, in made-up time: thousands of runs of the real keeper in seconds.

The keeper, the claim and the ledger are the product's. VRRP elects the alive node with the highest priority whenever
the two hear each other. Coroutines are driven by hand: no event loop, no file, no sleep.
"""

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from lvsctl.failover import provider as p
from lvsctl.failover.budget import Account
from lvsctl.failover.claim import Claim
from lvsctl.failover.keeper import Keeper, Report
from lvsctl.failover.ledger import Ledger
from lvsctl.failover.model import Rules, Truth, Vrrp
from lvsctl.failover.observation import Observation, Status, Target
from lvsctl.failover.robot import QUOTAS
from lvsctl.failover.shelf import MemoryShelf
from tests.support.failover_robot import PACE, SimRobot
from tests.support.failover_world import IP, TARGETS, Call, LawBroken, Until, World

if TYPE_CHECKING:
    from collections.abc import Coroutine

ELECTION: Final = 3.5
"""Seconds until a node that hears nobody makes itself MASTER."""


class Audit:
    """Watches one node from outside, and knows the law without looking into the claim."""

    def __init__(self, node: "Node") -> None:
        self.node = node
        self.look: Observation | None = None
        """The last thing heard from Robot, if it was an observation."""
        self.quiet_until = 0.0
        self.open_until: float | None = None
        """Set while a POST's outcome is open: looks sent earlier prove nothing."""

    def law(self, kept: bool, broken: str) -> None:
        if not kept:
            raise LawBroken(f"{self.node.name} {broken}")

    def asks(self, now: float) -> None:
        self.law(now >= self.quiet_until, "calls too early after a 401")

    def looked(self, reading: p.Reading, now: float) -> None:
        self.look = reading if isinstance(reading, Observation) else None
        if self.look and self.look.is_settled_on(self.node.rules.target):
            self.open_until = None
        self._refused(reading, now)

    def moves(self, target: Target) -> None:
        """Judge a POST that leaves now."""
        node, look = self.node, self.look
        self.law(node.truth.state is Vrrp.MASTER, f"moves while {node.truth.state}")
        self.law(not node.blind, "moves while keepalived cannot be asked")
        self.law(node.hold is None, "moves while on hold")
        if look is None:
            raise LawBroken(f"{node.name} moves on unknown")
        self.law(look.status is not Status.PROCESSING, "moves while a move is under way")
        self.law(look.active != target, "moves what is there already")
        self.law(node.now() - look.at <= 20, f"moves on a look {node.now() - look.at:.0f} s old")
        self.law(self.open_until is None or look.at >= self.open_until, "moves while a POST is open")
        self.open_until = node.now() + PACE.lock  # until an answer says more: this process may die now

    def moved(self, answer: p.Answer, now: float) -> None:
        self.look = None
        if answer.certain:
            self.open_until = None
        self._refused(answer, now)

    def _refused(self, result: object, now: float) -> None:
        if isinstance(result, p.Auth):
            self.quiet_until = now + 600


class Node:
    """A director: VRRP's state, a disk, and the process that keeps the address while it runs."""

    def __init__(self, world: World, number: int) -> None:
        self.world = world
        self.number = number
        self.name = f"lb{number + 1}"
        self.claim = MemoryShelf(Claim())
        self.account = MemoryShelf(Account())
        self.rules = Rules(TARGETS[number], PACE, seed=f"{self.name} {IP}")
        self.truth = Truth(Vrrp.BACKUP, 0)
        self.hold: str | None = None
        self.report: Report | None = None
        self.blind = False
        """Whether keepalived cannot be asked."""
        self.audit = Audit(self)
        self.awaits = 0
        """How many times the process has awaited something."""
        self.kill_at = -1
        self._task: Coroutine[Until, None, None] | None = None
        self._ticket = 0
        self._sleeping = False

    def now(self) -> float:
        """Answer the time: a node is its own clock."""
        return self.world.now

    def last(self) -> Truth:
        """Answer what VRRP said last."""
        return self.truth

    async def confirm(self) -> Truth:
        """Ask keepalived."""
        await Until(self.world.now + 0.02)
        return Truth(Vrrp.UNKNOWN) if self.blind else self.truth

    def start(self) -> None:
        """Start the process, unless it runs."""
        if self._task is not None:
            return
        keeper = Keeper(
            IP,
            SimRobot(self.world, self.number, self.name, self.audit),
            self.rules,
            claim=self.claim,
            ledger=Ledger(self.account, QUOTAS, 2, self),
            truths=self,
            clock=self,
            hold=lambda: self.hold,
            on_change=self._hear,
        )
        self.keeper = keeper
        self._task = keeper.keep(lambda at: Until(at, wakes=True))
        self._resume(self._ticket)

    def kill(self) -> None:
        """End the process as SIGKILL does: nothing of it runs any more."""
        task, self._task = self._task, None
        self._ticket += 1
        if task is not None:
            task.close()

    @property
    def running(self) -> bool:
        """Whether the process runs."""
        return self._task is not None

    def ring(self) -> None:
        """Tell the process that something changed."""
        if self._task is not None and self._sleeping:
            self._ticket += 1
            self._sleeping = False
            ticket = self._ticket
            self.world.at(self.world.now + 0.01, lambda: self._resume(ticket))

    def vrrp(self, truth: Truth) -> None:
        """VRRP says something new."""
        self.truth = truth
        self.ring()

    def _hear(self, report: Report) -> None:
        self.report = report
        if report.alarm and "defect" in report.alarm:
            raise LawBroken(report.alarm)

    def _resume(self, ticket: int) -> None:
        if self._task is None or ticket != self._ticket:
            return
        wanted = self._task.send(None)
        self.awaits += 1
        if self.awaits == self.kill_at:
            self.kill()
            return
        self._ticket += 1
        self._sleeping = wanted.wakes
        if wanted.at is not None:
            ticket = self._ticket
            self.world.at(wanted.at, lambda: self._resume(ticket))


class Pair:
    """Both directors, and the wire between them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.nodes = (Node(world, 0), Node(world, 1))
        self.up = [True, True]
        self.link = True
        self._heard = [False, False]

    def boot(self) -> None:
        """Start both; lb1 has the higher priority."""
        for node in self.nodes:
            node.start()
        self.elect()

    def power(self, number: int, *, on: bool) -> None:
        """Switch a whole host on or off, unless it is."""
        if self.up[number] is on:
            return
        self.up[number] = on
        node = self.nodes[number]
        if on:
            node.truth = Truth(Vrrp.BACKUP, node.truth.generation + 1)
            self._heard[number] = False
            node.start()
        else:
            node.kill()
        self.elect()

    def wire(self, *, on: bool) -> None:
        """Cut or mend what carries the adverts, unless it is."""
        if self.link is on:
            return
        self.link = on
        self.elect()

    def masters(self) -> list[Node]:
        """Answer who is MASTER."""
        return [node for node in self.nodes if self.up[node.number] and node.truth.state is Vrrp.MASTER]

    def elect(self) -> None:
        """Let VRRP do what it does: the lower one yields at once, a lonely one waits."""
        up = [node for node in self.nodes if self.up[node.number]]
        if self.link and len(up) == 2:
            self._together(*up)
        for node in up:
            if node.truth.state is not Vrrp.MASTER and (not self.link or len(up) == 1 or node is up[0]):
                self.world.at(self.world.now + ELECTION, lambda node=node: self._alone(node))  # type: ignore[misc] # mypy cannot type a lambda's default

    def _together(self, high: Node, low: Node) -> None:
        both = high.truth.state is Vrrp.MASTER and low.truth.state is Vrrp.MASTER
        if both:
            high.vrrp(replace(high.truth, lower_heard=self.world.now))
            low.vrrp(Truth(Vrrp.BACKUP, low.truth.generation + 1))
        for node in (high, low):
            other = low if node is high else high
            if node.truth.state is not Vrrp.MASTER and other.truth.state is Vrrp.MASTER:
                self._heard[node.number] = True

    def _alone(self, node: Node) -> None:
        """The master down timer of *node* has run out."""
        other = self.nodes[1 - node.number]
        peer = self.up[other.number] and self.link and other.truth.state is Vrrp.MASTER
        if (
            not self.up[node.number]
            or node.truth.state is Vrrp.MASTER
            or (peer and other.number < node.number)
        ):
            return
        elected, self._heard[node.number] = self._heard[node.number], False
        node.vrrp(Truth(Vrrp.MASTER, node.truth.generation + 1, elected=elected))
        self.elect()


def over_quota(calls: list[Call]) -> list[str]:
    """Answer each window of an hour in which both nodes together called more often than Robot allows."""
    wrong = []
    for kind, limit in ((p.Call.GET_ONE, 100), (p.Call.POST, 50)):
        times = [call.t for call in calls if call.kind is kind]
        wrong += [
            f"{limit + 1} × {kind} between {times[i]:.0f} and {times[i + limit]:.0f}"
            for i in range(len(times) - limit)
            if times[i + limit] - times[i] < 3600
        ]
    return wrong


def too_close(moves: list[tuple[float, int]]) -> list[str]:
    """Answer each pair of applied moves of one node within one lock window."""
    wrong = []
    for number in (0, 1):
        times = [t for t, node in moves if node == number]
        wrong += [
            f"lb{number + 1} at {a:.0f} and {b:.0f}"
            for a, b in itertools.pairwise(times)
            if b - a < PACE.lock
        ]
    return wrong
