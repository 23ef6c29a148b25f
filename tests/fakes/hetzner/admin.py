"""The fake's other side, for tests in another process or another host: state, faults, clock, journal. Pure.

Also the metadata service of a Cloud server, which is plain HTTP as well.
"""

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from tests.fakes.hetzner.clock import Clock
from tests.fakes.hetzner.cloud import CloudState
from tests.fakes.hetzner.cloud_state import Token
from tests.fakes.hetzner.faults import Fault
from tests.fakes.hetzner.front import Front
from tests.fakes.hetzner.journal import Journal
from tests.fakes.hetzner.message import Request, Response, as_json
from tests.fakes.hetzner.robot import RobotState

if TYPE_CHECKING:
    from collections.abc import Callable

Answer: TypeAlias = "Callable[[dict[str, Any], float], object]"
METADATA = "/hetzner/v1/metadata/"


@dataclass(slots=True)
class Admin:
    """Answers the admin port."""

    clock: Clock
    journal: Journal
    robot: RobotState
    cloud: CloudState
    fronts: dict[str, Front]
    metadata: dict[str, dict[str, str]] = field(default_factory=dict)
    """For each client address, what the metadata service tells it (``instance-id``)."""

    def handle(self, request: Request, now: float) -> Response:
        """Answer *request* at *now*. Whatever cannot be done is a 400 that says why."""
        if request.path.startswith(METADATA):
            return self._metadata(request)
        answers: dict[tuple[str, str], Answer] = {
            ("GET", "/_fake/journal"): lambda _asked, _now: self.journal.as_json(),
            ("GET", "/_fake/dataplane"): lambda _asked, now: self.dataplane(now),
            ("GET", "/_fake/state"): self._state,
            ("POST", "/_fake/state"): self._set_state,
            ("POST", "/_fake/faults"): self._set_faults,
            ("GET", "/_fake/clock"): lambda _asked, now: {"now": now, "rate": self.clock.rate},
            ("POST", "/_fake/clock"): self._set_clock,
        }
        answer = answers.get((request.method, request.path))
        if answer is None:
            return as_json(404, {"error": "no such page", "there_are": [" ".join(each) for each in answers]})
        try:
            return as_json(200, answer(request.json, now))
        except (KeyError, TypeError, ValueError) as error:
            return as_json(400, {"error": repr(error)})

    def dataplane(self, now: float) -> dict[str, dict[str, str | int | None]]:
        """Answer where packets go, by API and address: Robot's targets, Cloud's server ids."""
        self.robot.settle(now)
        self.cloud.settle(now)
        return {
            "robot": {ip: each.dataplane for ip, each in self.robot.world.failovers.items()},
            "cloud": {each.ip: each.dataplane for each in self.cloud.world.floating_ips.values()},
        }

    def _state(self, _asked: dict[str, Any], now: float) -> object:
        return {
            "dataplane": self.dataplane(now),
            "robot": [asdict(each) for each in self.robot.world.failovers.values()],
            "robot_moves": [asdict(each) for each in self.robot.world.moves],
            "cloud": [asdict(each) for each in self.cloud.world.floating_ips.values()],
            "cloud_actions": [asdict(each) for each in self.cloud.world.moves],
        }

    def _set_state(self, asked: dict[str, Any], _now: float) -> object:
        robot, cloud = asked.get("robot", {}), asked.get("cloud", {})
        for each in robot.get("servers", ()):
            self.robot.world.add_server(**each)
        for each in robot.get("users", ()):
            self.robot.world.add_user(**each)
        for each in robot.get("failovers", ()):
            self.robot.world.add_failover(**each)
        _set_all(self.robot.profile, robot.get("profile", {}))
        for each in cloud.get("servers", ()):
            self.cloud.world.servers[each["id"]] = each["name"]
        for each in cloud.get("tokens", ()):
            self.cloud.world.tokens[each["token"]] = Token(each["name"], each.get("writes", True))
        for each in cloud.get("floating_ips", ()):
            self.cloud.world.add_floating_ip(each["id"], each["name"], each["ip"], each.get("server"))
        _set_all(self.cloud.profile, cloud.get("profile", {}))
        self.metadata.update(asked.get("metadata", {}))
        return {}

    def _set_faults(self, asked: dict[str, Any], _now: float) -> object:
        self.fronts[asked["api"]].faults.due[:] = [Fault(**each) for each in asked["faults"]]
        return {}

    def _set_clock(self, asked: dict[str, Any], _now: float) -> object:
        self.clock.advance(float(asked.get("advance", 0)))
        return {"now": self.clock.now()}

    def _metadata(self, request: Request) -> Response:
        found = self.metadata.get(request.source, {}).get(request.path.removeprefix(METADATA))
        return Response(404, b"not found") if found is None else Response(200, found.encode())


def _set_all(profile: object, values: dict[str, Any]) -> None:
    for name, value in values.items():
        if not hasattr(profile, name):
            raise KeyError(name)
        setattr(profile, name, value)
