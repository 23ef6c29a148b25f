"""Cloud's API for floating IPs, actions and servers, over a :class:`CloudWorld`. Pure: time comes with the request."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from typing import Any

from tests.fakes.hetzner.cloud_state import CloudProfile, CloudWorld, FloatingIp, Token
from tests.fakes.hetzner.faults import cloud_error
from tests.fakes.hetzner.limits import Bucket
from tests.fakes.hetzner.message import Reply, Request, Response, as_json

MAX_PER_PAGE = 50
NOT_FOUND = cloud_error(404, "not_found")

Handler = Callable[["CloudState", Request, Sequence[int], float], Response]


@dataclass(slots=True)
class CloudState:
    """Cloud, one project: what it knows, how it behaves, what it has counted."""

    world: CloudWorld = field(default_factory=CloudWorld)
    profile: CloudProfile = field(default_factory=CloudProfile)
    bucket: Bucket = field(default_factory=Bucket)
    prefix: str = "/v1"

    def handle(self, request: Request, now: float) -> Reply:
        """Answer *request* at *now*. An action that it begins is in ``world.moves``, last."""
        self.settle(now)
        passes = self.bucket.takes(now)
        moves = len(self.world.moves)
        token = self.world.tokens.get(request.headers.get("authorization", "").removeprefix("Bearer "))
        response = self._refused(request, token, passes=passes) or self._route(request, now)
        limits = {
            "RateLimit-Limit": str(self.bucket.limit),
            "RateLimit-Remaining": str(int(self.bucket.tokens)),
            "RateLimit-Reset": str(int(self.bucket.full_at(now))),
            "Date": formatdate(now, usegmt=True),
            "X-Correlation-Id": f"fake-{int(now)}",
        }
        response = replace(response, headers={**response.headers, **limits})
        return Reply(response, now, token.name if token else "", len(self.world.moves) > moves)

    def settle(self, now: float) -> None:
        """Let everything happen that was to happen until *now*."""
        self.world.settle(now)

    def _refused(self, request: Request, token: Token | None, *, passes: bool) -> Response | None:
        if not passes:
            return cloud_error(429, "rate_limit_exceeded")
        if token is None:
            return cloud_error(401, "unauthorized", "unable to authenticate")
        if request.method != "GET" and not token.writes:
            return cloud_error(self.profile.readonly_status, "token_readonly")
        return None

    def _route(self, request: Request, now: float) -> Response:
        path = request.path.removeprefix(self.prefix)
        for method, pattern, handler in ROUTES:
            if method == request.method and (match := pattern.fullmatch(path)):
                return handler(self, request, [int(each) for each in match.groups()], now)
        return NOT_FOUND

    def _shown(self, fip: FloatingIp) -> dict[str, Any]:
        action = self.world.running(fip.id)
        early = action is not None and self.profile.visibility == "early"
        return fip.shown(action.server if action is not None and early else fip.server)

    def _page(self, request: Request, name: str, found: Sequence[Mapping[str, Any]]) -> Response:
        page = max(1, _number(request.query.get("page"), 1))
        size = min(max(1, _number(request.query.get("per_page"), self.profile.per_page)), MAX_PER_PAGE)
        last = max(1, -(-len(found) // size))
        pagination = {
            "page": page,
            "per_page": size,
            "previous_page": page - 1 if page > 1 else None,
            "next_page": page + 1 if page < last else None,
            "last_page": last,
            "total_entries": len(found),
        }
        shown = found[(page - 1) * size : page * size]
        return as_json(200, {name: shown, "meta": {"pagination": pagination}})

    def floating_ips(self, request: Request, _ids: Sequence[int], _now: float) -> Response:
        name, selector = request.query.get("name"), request.query.get("label_selector")
        found = [
            self._shown(each)
            for each in self.world.floating_ips.values()
            if name in (None, each.name) and _selects(selector, each.labels)
        ]
        return self._page(request, "floating_ips", found)

    def floating_ip(self, _request: Request, ids: Sequence[int], _now: float) -> Response:
        fip = self.world.floating_ips.get(ids[0])
        return as_json(200, {"floating_ip": self._shown(fip)}) if fip else NOT_FOUND

    def assign(self, request: Request, ids: Sequence[int], now: float) -> Response:
        server = request.json.get("server")
        if not isinstance(server, int):
            return cloud_error(422, "invalid_input", "invalid input in field 'server'")
        return self._change(request, ids[0], server, now)

    def unassign(self, request: Request, ids: Sequence[int], now: float) -> Response:
        return self._change(request, ids[0], None, now)

    def _change(self, request: Request, number: int, server: int | None, now: float) -> Response:
        fip = self.world.floating_ips.get(number)
        if fip is None or (server is not None and server not in self.world.servers):
            return NOT_FOUND
        if fip.protected:
            return cloud_error(423, "protected")
        if running := self._locked(fip, server):
            return replace(cloud_error(423, "locked"), lock_wait=running - now)
        if fip.server == server and self.profile.same_server != 201:
            return cloud_error(422, "floating_ip_assigned", "floating IP already assigned")
        action = self.world.begin(fip, server, request.source, now, self.profile)
        return as_json(201, {"action": action.shown(now)})

    def _locked(self, fip: FloatingIp, server: int | None) -> float | None:
        """Answer until when an action holds the floating IP or the server."""
        for each in self.world.moves:
            if each.status == "running" and (
                each.floating_ip == fip.id or (server is not None and each.server == server)
            ):
                return each.done_at
        return None

    def actions(self, request: Request, ids: Sequence[int], now: float) -> Response:
        found = [each.shown(now) for each in self.world.moves if each.floating_ip == ids[0]]
        return self._page(request, "actions", found)

    def action(self, _request: Request, ids: Sequence[int], now: float) -> Response:
        for each in self.world.moves:
            if each.id == ids[-1] and ids[0] in (each.id, each.floating_ip):
                return as_json(200, {"action": each.shown(now)})
        return NOT_FOUND

    def servers(self, request: Request, _ids: Sequence[int], _now: float) -> Response:
        name = request.query.get("name")
        found = [_server(*each) for each in self.world.servers.items() if name in (None, each[1])]
        return self._page(request, "servers", found)

    def server(self, _request: Request, ids: Sequence[int], _now: float) -> Response:
        name = self.world.servers.get(ids[0])
        return NOT_FOUND if name is None else as_json(200, {"server": _server(ids[0], name)})


ROUTES: tuple[tuple[str, re.Pattern[str], Handler], ...] = tuple(
    (method, re.compile(pattern), handler)
    for method, pattern, handler in (
        ("GET", r"/floating_ips", CloudState.floating_ips),
        ("GET", r"/floating_ips/(\d+)", CloudState.floating_ip),
        ("POST", r"/floating_ips/(\d+)/actions/assign", CloudState.assign),
        ("POST", r"/floating_ips/(\d+)/actions/unassign", CloudState.unassign),
        ("GET", r"/floating_ips/(\d+)/actions", CloudState.actions),
        ("GET", r"/floating_ips/(\d+)/actions/(\d+)", CloudState.action),
        ("GET", r"/actions/(\d+)", CloudState.action),
        ("GET", r"/servers", CloudState.servers),
        ("GET", r"/servers/(\d+)", CloudState.server),
    )
)


def _server(number: int, name: str) -> dict[str, Any]:
    return {"id": number, "name": name, "status": "running", "labels": {}, "created": "2024-01-01T00:00:00Z"}


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text is not None and text.isdecimal() else otherwise


def _selects(selector: str | None, labels: Mapping[str, str]) -> bool:
    for each in filter(None, (selector or "").split(",")):
        key, _, value = each.partition("=")
        if labels.get(key) != value.lstrip("="):
            return False
    return True
