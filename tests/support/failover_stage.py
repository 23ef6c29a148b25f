"""Two directors on a stage: the real keeper and the real Robot client before the fake API, in made-up time.

VRRP is what the test says. Everything the product does between an event and the wire runs as in the agent, except
files and sockets.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from typing import Any

from lvsctl.failover.budget import Account
from lvsctl.failover.claim import Claim, Phase
from lvsctl.failover.credentials import Login, Secret
from lvsctl.failover.keeper import Bell, Keeper, Report
from lvsctl.failover.ledger import Ledger
from lvsctl.failover.model import Rules, Truth, Vrrp
from lvsctl.failover.observation import FailoverAddress, Target
from lvsctl.failover.robot import HetznerRobot
from lvsctl.failover.shelf import MemoryShelf
from lvsctl.failover.transport import Client
from tests.fakes.hetzner.front import Front
from tests.fakes.hetzner.journal import Entry
from tests.fakes.hetzner.robot import RobotState
from tests.fakes.hetzner.simulated import SimulatedTransport, run

USER, PASSWORD, WRONG = "#ws+stage", "correct horse battery staple", "a wrong one"
IP: FailoverAddress = IPv4Address("203.0.113.10")
FAR = "192.0.2.99"


class LoopClock:
    """A keeper's clock: the running loop's, off by *skew*."""

    def __init__(self, skew: float = 0.0) -> None:
        self.skew = skew

    def now(self) -> float:
        return asyncio.get_running_loop().time() + self.skew


@dataclass
class Given:
    """What VRRP says, and whether it can be confirmed."""

    truth: Truth = field(default_factory=lambda: Truth(Vrrp.BACKUP))
    confirmed: Truth | None = None
    """What a confirmation answers when it differs."""

    def last(self) -> Truth:
        return self.truth

    async def confirm(self) -> Truth:
        await asyncio.sleep(0.05)
        return self.confirmed or self.truth


class Director:
    """One node."""

    def __init__(
        self, stage: "Stage", name: str, target: str, *, skew: float = 0.0, password: str = PASSWORD
    ) -> None:
        self.stage = stage
        self.name = name
        self.target = target
        self.clock = LoopClock(skew)
        self.given = Given()
        self.claim = MemoryShelf(Claim())
        self.account = MemoryShelf(Account())
        self.hold: str | None = None
        self.reports: list[Report] = []
        transport = SimulatedTransport(stage.front, source=target, latency=0.05)
        client = Client("https://robot.test", Login(USER, Secret(password)), transport=transport)
        self.provider = HetznerRobot(client, USER, clock=self.clock.now)
        self.start()

    def start(self) -> None:
        """Start the process."""
        rules = Rules(
            Target(self.target), self.provider.pace, seed=f"{self.name} {self.stage.ip}", lists=True
        )
        self.bell = Bell(self.clock)
        self.keeper = Keeper(
            self.stage.ip,
            self.provider,
            rules,
            claim=self.claim,
            ledger=Ledger(self.account, self.provider.quotas, 2, self.clock),
            truths=self.given,
            clock=self.clock,
            hold=lambda: self.hold,
            on_change=self.reports.append,
        )
        self.task = asyncio.create_task(self.keeper.keep(self.bell))

    async def stop(self) -> None:
        """Stop the process as SIGTERM does."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    def says(self, state: Vrrp, *, elected: bool = False) -> None:
        """VRRP changes."""
        self.given.truth = Truth(state, self.given.truth.generation + 1, elected=elected)
        self.bell.ring()

    def master(self, *, elected: bool = False) -> None:
        """VRRP makes this node MASTER."""
        self.says(Vrrp.MASTER, elected=elected)

    def backup(self) -> None:
        """VRRP makes this node BACKUP."""
        self.says(Vrrp.BACKUP)

    def hears_lower(self) -> None:
        """An advert of lower priority arrives."""
        self.given.truth = replace(self.given.truth, lower_heard=self.clock.now())
        self.bell.ring()

    @property
    def report(self) -> Report:
        return self.reports[-1]

    def phase(self) -> Phase:
        """Answer where its claim stands."""
        return self.report.claim.phase

    def holds(self) -> bool | None:
        """Answer whether it knows the address to be here."""
        return self.report.holds

    @property
    def posts(self) -> list[Entry]:
        return self.stage.front.journal.posts(source=self.target)

    @property
    def gets(self) -> list[Entry]:
        return self.stage.front.journal.where(method="GET", source=self.target)


class Stage:
    """Robot with two servers and one failover IP, which points far away to begin with."""

    last: "Stage"
    """The stage that was built last, for who counts its calls afterwards."""

    def __init__(self, *, active: str | None = FAR, ip: FailoverAddress = IP) -> None:
        Stage.last = self
        self.ip = ip
        self.robot = RobotState()
        self.robot.windows.form = "sliding"
        self.robot.world.add_user(USER, PASSWORD)
        for number, (address, net) in enumerate(
            (("192.0.2.11", "2001:db8:1::"), ("192.0.2.12", "2001:db8:2::"), (FAR, "2001:db8:99::"))
        ):
            self.robot.world.add_server(number, address, net)
        self.failover = self.robot.world.add_failover(str(ip).partition("/")[0], 2, active)
        self.front = Front("robot", self.robot)
        self.journal = self.front.journal

    def pair(self) -> tuple[Director, Director]:
        """Answer lb1 and lb2, running."""
        return Director(self, "lb1", "192.0.2.11"), Director(self, "lb2", "192.0.2.12")

    @property
    def active(self) -> str | None:
        """Where the address points, by Robot's own books."""
        self.robot.settle(asyncio.get_running_loop().time())
        return self.failover.active

    def calls(self) -> tuple[int, int]:
        """Answer how many GETs and POSTs all nodes made."""
        return len(self.journal.where(method="GET")), len(self.journal.posts())

    def during(self, seconds: float) -> dict[str, float]:
        """Answer the time window of a fault that lasts from now for *seconds*."""
        now = asyncio.get_running_loop().time()
        return {"since": now, "until": now + seconds}


async def later(seconds: float) -> None:
    """Let time pass."""
    await asyncio.sleep(seconds)


def play(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run *scene* in made-up time; whatever it leaves running ends with it."""
    run(scene())
