"""A process that keeps one failover IP with real files and a real clock, to be killed. Run by test_keeper.py.

Its provider is a script: ``elsewhere``, ``here`` or ``processing`` is what looks show, and a POST hangs for ever. Each
call is one line on stdout.
"""

import asyncio
import sys
from ipaddress import IPv4Address

from lvsctl.failover import provider as p
from lvsctl.failover.keeper import Bell, Keeper, file_claim
from lvsctl.failover.ledger import file_ledger
from lvsctl.failover.model import Rules, Truth, Vrrp
from lvsctl.failover.observation import FailoverAddress, Observation, Status, Target
from lvsctl.failover.robot import QUOTAS
from lvsctl.failover.shelf import HostClock

IP = IPv4Address("203.0.113.10")
HERE, THERE = Target("192.0.2.11"), Target("192.0.2.12")
SHOWN = {
    "elsewhere": (THERE, Status.READY),
    "here": (HERE, Status.READY),
    "processing": (HERE, Status.PROCESSING),
}


class Scripted:
    """A provider that says one thing."""

    name = account = "scripted"
    quotas = QUOTAS
    pace = p.Pace(60.0, 180.0)
    lists = False

    def __init__(self, shown: str, clock: HostClock) -> None:
        self.shown = SHOWN[shown]
        self.clock = clock

    async def observe(self, _ip: FailoverAddress, *, spend: p.Spend) -> p.Reading:
        if withheld := spend(p.Call.GET_ONE):
            return withheld
        say("GET")
        return Observation(*self.shown, self.clock.now())

    async def observe_all(self, *, spend: p.Spend) -> p.Readings:
        raise NotImplementedError

    async def assign(self, _ip: FailoverAddress, _target: Target, *, spend: p.Spend) -> p.Answer:
        if withheld := spend(p.Call.POST):
            return withheld
        say("POST")
        await asyncio.sleep(3600)
        raise AssertionError("nobody waits so long")

    async def release(self, _ip: FailoverAddress, *, spend: p.Spend) -> p.Answer:
        raise NotImplementedError

    async def aclose(self) -> None:
        pass


class Master:
    """VRRP, which says MASTER."""

    truth = Truth(Vrrp.MASTER, 1)

    def last(self) -> Truth:
        return self.truth

    async def confirm(self) -> Truth:
        return self.truth


def say(word: str) -> None:
    print(word, flush=True)  # noqa: T201 - stdout is what the test reads


async def main(shown: str) -> None:
    clock = HostClock()
    provider = Scripted(shown, clock)
    keeper = Keeper(
        IP,
        provider,
        Rules(HERE, provider.pace, seed="lb1"),
        claim=file_claim(IP, clock),
        ledger=file_ledger(provider, 2, clock),
        truths=Master(),
        clock=clock,
        hold=lambda: None,
        on_change=lambda report: say(f"{report.claim.phase}"),
    )
    await keeper.keep(Bell(clock))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
