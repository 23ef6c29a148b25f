"""Made-up time and Robot in it: what the hand-driven coroutines of :mod:`tests.support.failover_sim` await and call.

Robot's state is the fake's; only HTTP is left out, because what an answer means is tested elsewhere.
"""

import heapq
import itertools
import random
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Final, NamedTuple

from lvsctl.failover import provider as p
from lvsctl.failover.observation import Target
from tests.fakes.hetzner.limits import Windows
from tests.fakes.hetzner.state import Profile, RobotWorld

IP: Final = IPv4Address("203.0.113.10")
TARGETS: Final = (Target("192.0.2.11"), Target("192.0.2.12"))
START: Final = 10_000.0


class LawBroken(BaseException):
    """Something that must never happen did. No Exception, so that the keeper's net for defects lets it through."""


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
