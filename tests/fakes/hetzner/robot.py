"""Robot's failover API as documented, over a :class:`RobotWorld`. Pure: time comes with the request.

The rules R1-R8 are those of the project's notes on the real API; each is marked where it is kept.
"""

import base64
import binascii
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from tests.fakes.hetzner.limits import Windows
from tests.fakes.hetzner.message import Delivery, Reply, Request, Response, as_json
from tests.fakes.hetzner.state import Failover, Move, Profile, RobotWorld, User, canonical

LOGINS_BEFORE_BLOCK = 3

MESSAGES = {
    "UNAUTHORIZED": "Unauthorized",
    "NOT_FOUND": "not found",
    "INVALID_INPUT": "invalid input",
    "RATE_LIMIT_EXCEEDED": "rate limit exceeded",
    "FAILOVER_NEW_SERVER_NOT_FOUND": "The new server was not found",
    "FAILOVER_ALREADY_ROUTED": "The failover ip is already routed to the selected server",
    "FAILOVER_LOCKED": "The failover ip can not be set up due to an active lock.",
    "FAILOVER_FAILED": "Setting the failover routing failed due to an internal error",
    "FAILOVER_NOT_COMPLETE": "Setting the failover routing could not be completed",
    "INTERNAL_ERROR": "internal error",
}


def error(status: int, code: str, *, lock_wait: float = 0.0, **extra: object) -> Response:
    """Answer Robot's error response for *code*."""
    body = {"error": {"status": status, "code": code, "message": MESSAGES[code], **extra}}
    return replace(as_json(status, body, outcome=code), lock_wait=lock_wait)


@dataclass(slots=True)
class RobotState:
    """Robot, whole: what it knows, how it behaves, whom it has counted."""

    world: RobotWorld = field(default_factory=RobotWorld)
    profile: Profile = field(default_factory=Profile)
    windows: Windows = field(default_factory=Windows)
    failures: dict[str, int] = field(default_factory=dict)
    blocked: dict[str, float] = field(default_factory=dict)
    banned_until: float = 0.0

    def handle(self, request: Request, now: float) -> Reply:
        """Answer *request* at *now*. A move that it begins is in ``world.moves``, last."""
        self.settle(now)
        user = self._authenticate(request, now)
        if isinstance(user, Reply):
            return user
        moves = len(self.world.moves)
        response = self._limited(request, user, now) or self._route(request, user, now)
        begun = len(self.world.moves) > moves
        at = self.world.moves[-1].done_at if begun else now
        return Reply(response, at, user.login, begun)

    def settle(self, now: float) -> None:
        """Let everything happen that was to happen until *now*."""
        self.world.settle(now, self.profile.stale_s)

    def disconnected(self, move: Move) -> None:
        """R6: the client that asked for *move* has gone before the answer."""
        if self.profile.disconnect == "abandons":
            self.world.abandon(move)

    # Who are you (R1) comes before everything else.

    def _authenticate(self, request: Request, now: float) -> User | Reply:
        if now < self.blocked.get(request.source, 0.0):
            return self._blocked(now)
        login, password = _credentials(request.headers.get("authorization", ""))
        user = self.world.users.get(login)
        if user is not None and user.password == password:
            self.failures.pop(request.source, None)
            return user
        self.failures[request.source] = self.failures.get(request.source, 0) + 1
        if self.failures[request.source] >= LOGINS_BEFORE_BLOCK:
            self.failures.pop(request.source)
            self.blocked[request.source] = now + self.profile.block_s
        return Reply(error(401, "UNAUTHORIZED"), now)

    def _blocked(self, now: float) -> Reply:
        match self.profile.block_form:
            case "401":
                return Reply(replace(error(401, "UNAUTHORIZED"), outcome="BLOCKED"), now)
            case "403":
                return Reply(Response(403, b"<h1>Forbidden</h1>", outcome="BLOCKED"), now)
            case "reset":
                return Reply(Response(401, outcome="BLOCKED"), now, delivery=Delivery.RESET)

    # How often (R2) comes before what for.

    def _limited(self, request: Request, user: User, now: float) -> Response | None:
        if now < self.banned_until:
            return Response(403, b"<html>Forbidden</html>", {"Content-Type": "text/html"}, "BANNED")
        scope = {"account": "", "user": user.login, "source_ip": request.source}[self.profile.scope]
        kind = call_class(request)
        limit = self.profile.limits[kind]
        if self.windows.allows((scope, kind), limit, now):
            return None
        if self.profile.ban_s:
            self.banned_until = now + self.profile.ban_s
        return error(403, "RATE_LIMIT_EXCEEDED", max_request=limit, interval=int(self.windows.window))

    def _route(self, request: Request, user: User, now: float) -> Response:
        path, as_yaml = request.path.removesuffix(".yaml"), request.path.endswith(".yaml")
        if as_yaml and not self.profile.yaml:
            return error(404, "NOT_FOUND")
        response = self._answer(request, path, user, now)
        return _in_yaml(response) if as_yaml else response

    def _answer(self, request: Request, path: str, user: User, now: float) -> Response:
        if path == "/failover" and request.method == "GET":
            return self._list(user, now)
        answers = {"GET": self._get, "POST": self._post, "DELETE": self._delete}
        answer = answers.get(request.method)
        if not path.startswith("/failover/") or answer is None:
            return error(404, "NOT_FOUND")
        if request.method == "POST" and (wrong := _wrong_form(request)):
            return wrong
        failover = self._visible(user).get(_name(path.removeprefix("/failover/")))
        return error(404, "NOT_FOUND") if failover is None else answer(request, failover, now)

    def _visible(self, user: User) -> dict[str, Failover]:
        return {
            ip: each
            for ip, each in self.world.failovers.items()
            if user.server is None or each.owner == user.server
        }

    # Reading is R3.

    def _list(self, user: User, now: float) -> Response:
        found = [{"failover": self.shown(each, now)} for each in self._visible(user).values()]
        return as_json(200, found) if found else error(404, "NOT_FOUND")

    def _get(self, _request: Request, failover: Failover, now: float) -> Response:
        return as_json(200, {"failover": self.shown(failover, now)})

    # Switching is R4 and R5. The response is composed now and leaves when the move is done.

    def _post(self, request: Request, failover: Failover, now: float) -> Response:
        target = self._destination(request.form["active_server_ip"])
        if isinstance(target, Response):
            return target
        checks = [self._locked(failover, now), self._already(failover, target)]
        for refusal in checks if self.profile.locked_first else reversed(checks):
            if refusal is not None:
                return refusal
        self.world.begin(failover.ip, target, request.source, now, self.profile)
        return as_json(200, {"failover": self._object(failover, target, "ready")})

    def _destination(self, text: str) -> str | Response:
        try:
            target = canonical(text)
        except ValueError:
            if ":" in text and "/" not in text and self.profile.host_address != "INVALID_INPUT":
                return error(404, "FAILOVER_NEW_SERVER_NOT_FOUND")
            return error(400, "INVALID_INPUT", missing=None, invalid=["active_server_ip"])
        if "/" in text:
            return error(400, "INVALID_INPUT", missing=None, invalid=["active_server_ip"])
        known = {each.ip for each in self.world.servers.values()} | {
            each.net for each in self.world.servers.values()
        }
        return target if target in known else error(404, "FAILOVER_NEW_SERVER_NOT_FOUND")

    def _locked(self, failover: Failover, now: float) -> Response | None:
        move = failover.move
        return None if move is None else error(409, "FAILOVER_LOCKED", lock_wait=move.done_at - now)

    def _already(self, failover: Failover, target: str | None) -> Response | None:
        heading = failover.move.target if failover.move else failover.active
        if heading != target:
            return None
        return error(self.profile.already_status, "FAILOVER_ALREADY_ROUTED")

    # Unrouting is R7.

    def _delete(self, request: Request, failover: Failover, now: float) -> Response:
        if locked := self._locked(failover, now):
            return locked
        if failover.active is not None:
            self.world.begin(failover.ip, None, request.source, now, self.profile)
        return as_json(200, {"failover": self._object(failover, None, "ready")})

    # What a failover IP looks like is R8.

    def shown(self, failover: Failover, now: float) -> dict[str, Any]:
        """Answer what a GET at *now* shows of *failover*."""
        return self._object(failover, *failover.shown(now, self.profile.visibility))

    def _object(self, failover: Failover, active: str | None, status: str) -> dict[str, Any]:
        owner = self.world.servers[failover.owner]
        shown: dict[str, Any] = {
            "ip": failover.ip,
            "netmask": failover.netmask,
            "server_ip": owner.ip,
            "server_number": owner.number,
            "active_server_ip": active,
            "not_in_the_documentation": [1, {"two": 3}],
        }
        if self.profile.server_ipv6_net:
            shown["server_ipv6_net"] = owner.net
        if self.profile.status_field:
            shown["status"] = status
        return shown


def call_class(request: Request) -> str:
    """Answer the class of *request* that Robot counts it in."""
    if request.method == "GET":
        return "get-list" if request.path.removesuffix(".yaml") == "/failover" else "get-one"
    return "delete" if request.method == "DELETE" else "post"


def _credentials(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    login, _, password = text.partition(":")
    return login, password


def _wrong_form(request: Request) -> Response | None:
    value = request.form.get("active_server_ip")
    if value is None:
        return error(400, "INVALID_INPUT", missing=["active_server_ip"], invalid=None)
    return None if value else error(400, "INVALID_INPUT", missing=None, invalid=["active_server_ip"])


def _name(text: str) -> str:
    try:
        return canonical(text)
    except ValueError:
        return text


def _in_yaml(response: Response) -> Response:
    body = yaml.safe_dump(yaml.safe_load(response.body)).encode()
    return replace(response, body=body, headers={"Content-Type": "text/yaml"})
