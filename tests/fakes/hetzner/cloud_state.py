"""What Cloud's fake knows: servers, floating IPs, actions, tokens, and where packets really go. Pure."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

CREATED = "2024-01-01T00:00:00+00:00"


@dataclass(slots=True)
class CloudProfile:
    """How this Cloud behaves where the real one is undocumented. Times are seconds."""

    assign_s: float = 2.0
    dataplane_lag_s: float = 0.0
    visibility: Literal["early", "late"] = "late"
    """What a floating IP shows while its action runs: the new server, or the old one."""
    same_server: Literal[422, 201] = 422
    """Assigning to the server that has it: ``floating_ip_assigned``, or an action that does nothing."""
    readonly_status: Literal[401, 403] = 401
    per_page: int = 25
    actions_fail: int = 0
    """So many actions to come end in an error."""
    actions_hang: bool = False
    """Actions never end."""


@dataclass(frozen=True, slots=True)
class Token:
    """A project's token; *name* stands for it wherever it is shown."""

    name: str
    writes: bool = True


@dataclass(slots=True)
class Action:
    """A change under way, and afterwards its record."""

    id: int
    command: str
    floating_ip: int
    old: int | None
    server: int | None
    source: str
    begun: float
    done_at: float
    dataplane_at: float
    fails: bool = False
    status: str = "running"

    def shown(self, now: float) -> dict[str, Any]:
        """Answer what the API shows of it."""
        span = max(self.done_at - self.begun, 1e-9)
        resources = [{"id": self.floating_ip, "type": "floating_ip"}]
        if self.server is not None:
            resources.append({"id": self.server, "type": "server"})
        return {
            "id": self.id,
            "command": self.command,
            "status": self.status,
            "progress": int(100 * min(1.0, (now - self.begun) / span)),
            "started": _date(self.begun),
            "finished": None if self.status == "running" else _date(self.done_at),
            "resources": resources,
            "error": {"code": "action_failed", "message": "Action failed"}
            if self.status == "error"
            else None,
        }


@dataclass(slots=True)
class FloatingIp:
    """A floating IP. *server* is what the API says, *dataplane* where packets go."""

    id: int
    name: str
    ip: str
    server: int | None = None
    dataplane: int | None = None
    blocked: bool = False
    protected: bool = False
    labels: dict[str, str] = field(default_factory=dict)

    def shown(self, server: int | None) -> dict[str, Any]:
        """Answer what the API shows of it when it shows *server*."""
        return {
            "id": self.id,
            "name": self.name,
            "description": None,
            "ip": self.ip,
            "type": "ipv6" if ":" in self.ip else "ipv4",
            "server": server,
            "dns_ptr": [],
            "home_location": {"id": 1, "name": "fsn1", "network_zone": "eu-central"},
            "blocked": self.blocked,
            "protection": {"delete": self.protected},
            "labels": self.labels,
            "created": CREATED,
        }


@dataclass(slots=True)
class CloudWorld:
    """A project, with all actions that were ever begun."""

    servers: dict[int, str] = field(default_factory=dict)
    """Names by id."""
    floating_ips: dict[int, FloatingIp] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    moves: list[Action] = field(default_factory=list)

    def add_floating_ip(self, number: int, name: str, ip: str, server: int | None = None) -> FloatingIp:
        """Put a floating IP into the project, routed to *server* and so in the data plane."""
        self.floating_ips[number] = FloatingIp(number, name, ip, server, server)
        return self.floating_ips[number]

    def running(self, number: int) -> Action | None:
        """Answer the action that changes floating IP *number* now."""
        for each in reversed(self.moves):
            if each.floating_ip == number and each.status == "running":
                return each
        return None

    def begin(
        self, fip: FloatingIp, server: int | None, source: str, now: float, profile: CloudProfile
    ) -> Action:
        """Begin a change of routing."""
        done = now + (1e12 if profile.actions_hang else profile.assign_s)
        command = "unassign_floating_ip" if server is None else "assign_floating_ip"
        number = 1000 + len(self.moves)
        lag = profile.dataplane_lag_s
        action = Action(number, command, fip.id, fip.server, server, source, now, done, done + lag)
        action.fails = profile.actions_fail > 0
        profile.actions_fail -= action.fails
        self.moves.append(action)
        return action

    def settle(self, now: float) -> None:
        """Let everything happen that was to happen until *now*."""
        for each in self.moves:
            fip = self.floating_ips[each.floating_ip]
            if each.status == "running" and each.done_at <= now:
                each.status = "error" if each.fails else "success"
                if not each.fails:
                    fip.server = each.server
            if each.status == "success" and each.dataplane_at <= now:
                fip.dataplane = each.server


def _date(moment: float) -> str:
    return datetime.fromtimestamp(min(moment, 4e9), UTC).isoformat()
