"""Robot's failover API without HTTP, as one node of :mod:`tests.support.failover_sim` sees it, with all its troubles."""

from typing import Final, Protocol

from lvsctl.failover import provider as p
from lvsctl.failover.observation import FailoverAddress, Observation, Status, Target
from lvsctl.failover.robot import QUOTAS, HetznerRobot
from tests.fakes.hetzner.state import Move
from tests.support.failover_world import IP, Call, Until, World

PACE: Final = HetznerRobot.pace
LOOK_TROUBLES: Final = ("unreachable", "unavailable", "garbage", "auth", "limited", "banned", "stale")
MOVE_TROUBLES: Final = ("cut-before", "cut-after", "hang", "failed", "not-complete-late", "not-complete")

FAULTS: Final[dict[str, p.Fault]] = {
    "unreachable": p.Unreachable("no route"),
    "unavailable": p.Unavailable("503"),
    "garbage": p.Unknown(cut=False, why="HTML"),
    "auth": p.Auth("401"),
    "limited": p.RateLimited(900.0, banned=False, why="403"),
    "banned": p.RateLimited(600.0, banned=True, why="403 without JSON"),
}


class Witness(Protocol):
    """Whoever judges what a node asks, and does with the answers."""

    def asks(self, now: float) -> None: ...
    def looked(self, reading: p.Reading, now: float) -> None: ...
    def moves(self, target: Target) -> None: ...
    def moved(self, answer: p.Answer, now: float) -> None: ...


class SimRobot:
    """Robot's failover API as one node's provider, without HTTP."""

    name = "hetzner-robot"
    account = "robot-sim"
    quotas = QUOTAS
    pace = PACE
    lists = False

    def __init__(self, world: World, number: int, name: str, witness: Witness) -> None:
        self.world = world
        self.number = number
        self.name_of_node = name
        self.witness = witness

    async def observe(self, _ip: FailoverAddress, *, spend: p.Spend) -> p.Reading:
        if withheld := spend(p.Call.GET_ONE):
            return withheld
        self.witness.asks(self.world.now)
        reading = await self._observe()
        self.witness.looked(reading, self.world.now)
        return reading

    async def _observe(self) -> p.Reading:
        world, at = self.world, self.world.now
        await Until(at + 0.1)
        trouble = world.trouble(self.number, LOOK_TROUBLES)
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
        self.witness.asks(self.world.now)
        self.witness.moves(target)
        answer = await self._assign(target)
        self.witness.moved(answer, self.world.now)
        return answer

    async def _assign(self, target: Target) -> p.Answer:
        world, at = self.world, self.world.now
        try:
            await Until(at + 0.1)
        except GeneratorExit:
            if world.profile.disconnect == "completes":  # the process is dead, its request is on the way
                world.at(at + 0.1, lambda: self._arrives(target))
            raise
        trouble = world.trouble(self.number, LOOK_TROUBLES + MOVE_TROUBLES)
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
        world.robot.begin(str(IP), str(target), self.name_of_node, world.now, world.profile)
        world.moves.append((world.now, self.number))
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
        self.world.calls.append(Call(self.world.now, self.number, call, outcome))


def _spoiled(trouble: str) -> p.Fault:
    if trouble == "failed":
        return p.Failed("FAILOVER_FAILED")
    if trouble.startswith("not-complete"):
        return p.NotComplete("FAILOVER_NOT_COMPLETE")
    return p.Unknown(cut=True, why=trouble)
