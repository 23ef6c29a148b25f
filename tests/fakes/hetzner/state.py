"""What Robot's fake knows: servers, users, failover IPs, moves under way, and where packets really go.

Pure: no socket, no clock of its own. Moves are settled when somebody looks, at the times that were set for them.
"""

from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_network
from typing import Literal, TypeAlias

OnWire: TypeAlias = str
"""An IPv4 address, or the net address of a /64, as Robot spells it."""


@dataclass(slots=True)
class Profile:
    """How this Robot behaves where the real one is undocumented or differs by age. Times are seconds."""

    switch_s: float = 30.0
    """A move takes so long; the real one says 40-60 and was measured at 28."""
    dataplane_lag_s: float = 0.0
    """Packets follow so long after the API says that the move is done."""
    visibility: Literal["early", "late"] = "early"
    """What a GET shows while a move is under way: the new target, or the old one."""
    status_field: bool = True
    """Responses have ``status``, which the documentation does not mention."""
    server_ipv6_net: bool = True
    """Responses have ``server_ipv6_net``, which those of 2016 had not."""
    stale_s: float = 0.0
    """GETs show the old target for so long after a move is done."""
    disconnect: Literal["completes", "abandons"] = "completes"
    """What a move does whose client has gone."""
    locked_first: bool = True
    """FAILOVER_LOCKED is found before FAILOVER_ALREADY_ROUTED."""
    already_status: int = 409
    host_address: Literal["FAILOVER_NEW_SERVER_NOT_FOUND", "INVALID_INPUT"] = "FAILOVER_NEW_SERVER_NOT_FOUND"
    """The answer to an IPv6 target that is a host address."""
    yaml: bool = True
    scope: Literal["account", "user", "source_ip"] = "account"
    """Who shares a quota."""
    ban_s: float = 0.0
    """Going over a quota is punished with a 403 without JSON for so long; 0: never."""
    limits: dict[str, int] = field(
        default_factory=lambda: {"get-list": 100, "get-one": 100, "post": 50, "delete": 50}
    )
    block_s: float = 600.0
    """Three failed logins block their source for so long."""
    block_form: Literal["401", "403", "reset"] = "401"


@dataclass(frozen=True, slots=True)
class Server:
    """A dedicated server: *ip* and *net* are the names under which it can be a target."""

    number: int
    ip: str
    net: str | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class User:
    """A login. With *server* it sees only the failover IPs that this server owns."""

    login: str
    password: str
    server: int | None = None


@dataclass(slots=True)
class Move:
    """One accepted change of routing."""

    ip: OnWire
    old: OnWire | None
    target: OnWire | None
    source: str
    begun: float
    done_at: float
    dataplane_at: float
    state: Literal["pending", "applied", "abandoned"] = "pending"


@dataclass(slots=True)
class Failover:
    """A failover IP. *active* is what the API says, *dataplane* where packets go."""

    ip: OnWire
    owner: int
    netmask: str = "255.255.255.255"
    active: OnWire | None = None
    dataplane: OnWire | None = None
    move: Move | None = None
    stale: tuple[OnWire | None, float] | None = None
    following: list[Move] = field(default_factory=list)

    def settle(self, now: float, stale_s: float) -> None:
        """Let everything happen that was to happen until *now*."""
        if self.move is not None and self.move.done_at <= now:
            self.stale = (self.active, self.move.done_at + stale_s)
            self.active = self.move.target
            self.move.state = "applied"
            self.move = None
        for move in [each for each in self.following if each.dataplane_at <= now]:
            self.dataplane = move.target
            self.following.remove(move)

    def shown(self, now: float, visibility: str) -> tuple[OnWire | None, str]:
        """Answer what a GET shows at *now*: the target and the status."""
        if self.move is not None:
            return (self.move.target if visibility == "early" else self.active), "processing"
        if self.stale is not None and now < self.stale[1]:
            return self.stale[0], "ready"
        return self.active, "ready"


@dataclass(slots=True)
class RobotWorld:
    """All of it, with the moves that were ever begun."""

    servers: dict[int, Server] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    failovers: dict[OnWire, Failover] = field(default_factory=dict)
    moves: list[Move] = field(default_factory=list)

    def add_server(self, number: int, ip: str, net: str | None = None, name: str = "") -> Server:
        """Put a server into the world."""
        self.servers[number] = Server(number, ip, net and canonical(net), name or f"server{number}")
        return self.servers[number]

    def add_user(self, login: str, password: str, server: int | None = None) -> None:
        """Let somebody in."""
        self.users[login] = User(login, password, server)

    def add_failover(self, ip: str, owner: int, active: str | None = None) -> Failover:
        """Put a failover IP into the world, routed to *active* and so in the data plane."""
        name = canonical(ip)
        active = active and canonical(active)
        mask = "ffff:ffff:ffff:ffff::" if ":" in name else "255.255.255.255"
        self.failovers[name] = Failover(name, owner, mask, active, active)
        return self.failovers[name]

    def settle(self, now: float, stale_s: float) -> None:
        """Let everything happen that was to happen until *now*."""
        for each in self.failovers.values():
            each.settle(now, stale_s)

    def begin(self, ip: OnWire, target: OnWire | None, source: str, now: float, profile: Profile) -> Move:
        """Begin a change of routing."""
        failover = self.failovers[ip]
        done = now + profile.switch_s
        move = Move(ip, failover.active, target, source, now, done, done + profile.dataplane_lag_s)
        failover.move = move
        failover.following.append(move)
        self.moves.append(move)
        return move

    def abandon(self, move: Move) -> None:
        """Undo a move that is still under way."""
        failover = self.failovers[move.ip]
        if failover.move is move:
            failover.move = None
            failover.following.remove(move)
            move.state = "abandoned"

    def delay(self, move: Move, seconds: float) -> None:
        """Let a move that is under way take longer."""
        move.done_at += seconds
        move.dataplane_at += seconds


@cache
def canonical(text: str) -> OnWire:
    """Answer *text* as Robot spells it. ValueError when it is no address or a /64 with host bits."""
    if ":" in text and "/" not in text:
        text += "/64"
    return str(ip_network(text).network_address)
