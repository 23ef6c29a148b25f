"""Two directors, one failover IP and Robot, in made-up time: thousands of runs of the real keeper in seconds.

The keeper, the claim and the ledger are the product's. Robot's state is the fake's; only HTTP is left out, because
what an answer means is tested elsewhere. VRRP elects the alive node with the highest priority whenever the two hear
each other. Coroutines are driven by hand: no event loop, no file, no sleep.
"""

import heapq
import itertools
import random
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from typing import Final, NamedTuple

from lvsctl.failover import provider as p
from lvsctl.failover.budget import Account
from lvsctl.failover.claim import Claim
from lvsctl.failover.keeper import Keeper, Report
from lvsctl.failover.ledger import Ledger
from lvsctl.failover.model import Rules, Truth, Vrrp
from lvsctl.failover.observation import FailoverAddress, Observation, Status, Target
from lvsctl.failover.robot import QUOTAS, HetznerRobot
from lvsctl.failover.shelf import MemoryShelf
from tests.fakes.hetzner.limits import Windows
from tests.fakes.hetzner.state import Move, Profile, RobotWorld

IP: Final = IPv4Address("203.0.113.10")
TARGETS: Final = (Target("192.0.2.11"), Target("192.0.2.12"))
PACE: Final = HetznerRobot.pace
ELECTION: Final = 3.5
"""Seconds until a node that hears nobody makes itself MASTER."""
START: Final = 10_000.0


class Until:
    """What a hand-driven coroutine awaits: a time, or with *wakes* also a ring of the bell."""

    __slots__ = ("at", "wakes")

    def __init__(self, at: float | None, *, wakes: bool = False) -> None:
        self.at = at
        self.wakes = wakes

    def __await__(self) -> Generator["Until", None, None]:
        yield self


class Trouble(NamedTuple):
    """Something that goes wrong with the API between two moments, for one node or (None) both."""

    kind: str
    since: float
    until: float
    node: int | None = None
    chance: float = 1.0


class Call(NamedTuple):
    """One request as Robot saw it, or would have."""

    t: float
    node: int
    kind: p.Call
    outcome: str


LOOK_TROUBLES: Final = ("unreachable", "unavailable", "garbage", "auth", "limited", "banned", "stale")
MOVE_TROUBLES: Final = ("cut-before", "cut-after", "hang", "failed", "not-complete-late", "not-complete")


@dataclass
class World:
    """Time, Robot, and everything that is wrong with it."""

    dice: random.Random
    now: float = START
    profile: Profile = field(default_factory=Profile)
    troubles: list[Trouble] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    moves: list[tuple[float, int]] = field(default_factory=list)
    orders: int = 0
    """How often a person had to act on an alarm."""

    def __post_init__(self) -> None:
        self.robot = RobotWorld()
        for number, target in enumerate(TARGETS):
            self.robot.add_server(number, str(target))
        self.ip = self.robot.add_failover(str(IP), 0, str(TARGETS[0]))
        self.windows = Windows()
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def at(self, when: float, do: Callable[[], None]) -> None:
        """Have *do* called at *when*."""
        heapq.heappush(self._queue, (max(when, self.now), next(self._order), do))

    def run(self, until: float, done: Callable[[], bool] = lambda: False) -> None:
        """Let time pass up to *until*, or until *done*."""
        queue = self._queue
        while queue and queue[0][0] <= until:
            self.now, _, do = heapq.heappop(queue)
            try:
                do()
            except LawBroken as broken:
                raise AssertionError(str(broken)) from broken
            if done():
                return
        self.now = max(self.now, until)

    def settle(self) -> None:
        """Let Robot do what was to be done by now."""
        self.robot.settle(self.now, self.profile.stale_s)

    def owner(self) -> str | None:
        """Answer where the address points, moves done."""
        self.settle()
        return self.ip.active

    def trouble(self, node: int, kinds: tuple[str, ...]) -> str:
        """Answer what goes wrong now with a call of *node*, of those *kinds*; empty for nothing."""
        for each in self.troubles:
            if (
                each.since <= self.now < each.until
                and each.kind in kinds
                and each.node in {None, node}
                and (each.chance >= 1 or self.dice.random() < each.chance)
            ):
                return each.kind
        return ""


FAULTS: Final[dict[str, p.Fault]] = {
    "unreachable": p.Unreachable("no route"),
    "unavailable": p.Unavailable("503"),
    "garbage": p.Unknown(cut=False, why="HTML"),
    "auth": p.Auth("401"),
    "limited": p.RateLimited(900.0, banned=False, why="403"),
    "banned": p.RateLimited(600.0, banned=True, why="403 without JSON"),
}


class SimRobot:
    """Robot's failover API as one node's provider, without HTTP."""

    name = "hetzner-robot"
    account = "robot-sim"
    quotas = QUOTAS
    pace = PACE
    lists = False

    def __init__(self, world: World, node: "Node") -> None:
        self.world = world
        self.node = node

    async def observe(self, _ip: FailoverAddress, *, spend: p.Spend) -> p.Reading:
        if withheld := spend(p.Call.GET_ONE):
            return withheld
        self.node.audit.asks(self.world.now)
        reading = await self._observe()
        self.node.audit.looked(reading, self.world.now)
        return reading

    async def _observe(self) -> p.Reading:
        world, at = self.world, self.world.now
        await Until(at + 0.1)
        trouble = world.trouble(self.node.number, LOOK_TROUBLES)
        if fault := self._refused(p.Call.GET_ONE, trouble):
            return fault
        world.settle()
        active, status = world.ip.shown(world.now, world.profile.visibility)
        if trouble == "stale" and world.robot.moves:
            active, status = world.robot.moves[-1].old, "ready"
        word = Status(status) if world.profile.status_field else None
        self._count(p.Call.GET_ONE, "OK")
        return Observation(None if active is None else Target(active), word, at)

    async def observe_all(self, *, spend: p.Spend) -> p.Readings:
        raise NotImplementedError

    async def assign(self, _ip: FailoverAddress, target: Target, *, spend: p.Spend) -> p.Answer:
        if withheld := spend(p.Call.POST):
            return withheld
        self.node.audit.asks(self.world.now)
        self.node.audit.moves(target)
        answer = await self._assign(target)
        self.node.audit.moved(answer, self.world.now)
        return answer

    async def _assign(self, target: Target) -> p.Answer:
        world, at = self.world, self.world.now
        try:
            await Until(at + 0.1)
        except GeneratorExit:
            if world.profile.disconnect == "completes":  # the process is dead, its request is on the way
                world.at(at + 0.1, lambda: self._arrives(target))
            raise
        trouble = world.trouble(self.node.number, LOOK_TROUBLES + MOVE_TROUBLES)
        if fault := self._refused(p.Call.POST, trouble):
            return fault
        if trouble in {"cut-before", "failed", "not-complete"}:
            self._count(p.Call.POST, trouble)
            return _spoiled(trouble)
        refusal = self._begin(target)
        if refusal:
            return refusal
        move = world.robot.moves[-1]
        if trouble:
            await self._spoil(trouble, move)
            return _spoiled(trouble)
        await self._switch(move)
        return p.Accepted(Observation(target, Status.READY if world.profile.status_field else None, at))

    async def release(self, ip: FailoverAddress, *, spend: p.Spend) -> p.Answer:
        raise NotImplementedError

    async def aclose(self) -> None:
        pass

    def _refused(self, call: p.Call, trouble: str) -> p.Fault | None:
        fault = FAULTS.get(trouble)
        if fault is None and not self.world.windows.allows(
            call, 100 if call is p.Call.GET_ONE else 50, self.world.now
        ):
            fault = p.RateLimited(3600.0, banned=False, why="over quota")
            trouble = "OVER-QUOTA"
        if fault is not None:
            self._count(call, trouble)
        return fault

    def _begin(self, target: Target) -> p.Fault | p.AlreadyThere | None:
        """Begin the switch, or answer why Robot does not."""
        world = self.world
        world.settle()
        if world.ip.move is not None:
            self._count(p.Call.POST, "LOCKED")
            return p.Locked("active lock")
        if world.ip.active == target:
            self._count(p.Call.POST, "ALREADY")
            return p.AlreadyThere()
        self._count(p.Call.POST, "BEGUN")
        world.robot.begin(str(IP), str(target), self.node.name, world.now, world.profile)
        world.moves.append((world.now, self.node.number))
        return None

    def _arrives(self, target: Target) -> None:
        self._begin(target)

    async def _switch(self, move: Move) -> None:
        try:
            await Until(move.done_at)
        except GeneratorExit:
            if self.world.profile.disconnect == "abandons":
                self.world.robot.abandon(move)
            raise

    async def _spoil(self, trouble: str, move: Move) -> None:
        if trouble == "hang":
            await Until(self.world.now + 180.0)
        elif trouble == "cut-after":
            await Until(self.world.now + 0.5)
            if self.world.profile.disconnect == "abandons":
                self.world.robot.abandon(move)
        elif trouble == "not-complete-late":
            await Until(self.world.now + 1.0)
            self.world.robot.delay(move, 30.0)

    def _count(self, call: p.Call, outcome: str) -> None:
        self.world.calls.append(Call(self.world.now, self.node.number, call, outcome))


def _spoiled(trouble: str) -> p.Fault:
    if trouble == "failed":
        return p.Failed("FAILOVER_FAILED")
    if trouble.startswith("not-complete"):
        return p.NotComplete("FAILOVER_NOT_COMPLETE")
    return p.Unknown(cut=True, why=trouble)


class LawBroken(BaseException):
    """Something that must never happen did. No Exception, so that the keeper's net for defects lets it through."""


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
            SimRobot(self.world, self),
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
