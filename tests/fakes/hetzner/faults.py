"""Everything that goes wrong between a client and an API, and when. Pure, apart from a seeded dice.

A fault either answers **instead of** the API or spoils **what it said**. With ``applied`` the API handles the request
first in any case: a 502 after the change was made looks like a 502 before it.
"""

import gzip
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from tests.fakes.hetzner import robot
from tests.fakes.hetzner.message import Delivery, Reply, Request, Response, as_json

HUGE = 10_000_000
NEVER = float("inf")


def _html(status: int) -> Response:
    return Response(status, b"<html><h1>nginx</h1></html>", {"Content-Type": "text/html"}, f"HTML_{status}")


@cache
def huge() -> bytes:
    """Answer ten megabytes of correct JSON."""
    return b'{"a":"' + b"x" * HUGE + b'"}'


@cache
def bomb() -> bytes:
    """Answer a gzip stream of twenty kilobytes that unpacks to twenty megabytes."""
    return gzip.compress(b"0" * 20_000_000)


INSTEAD: dict[str, Callable[[], Response]] = {
    "empty-200": lambda: Response(200, b"", outcome="EMPTY"),
    "html-200": lambda: _html(200),
    "html-502": lambda: _html(502),
    "html-503": lambda: _html(503),
    "html-504": lambda: _html(504),
    "maintenance": lambda: Response(503, b"maintenance\n", {"Content-Type": "text/plain"}, "MAINTENANCE"),
    "failed": lambda: robot.error(500, "FAILOVER_FAILED"),
    "not-complete": lambda: robot.error(500, "FAILOVER_NOT_COMPLETE"),
    "internal-error": lambda: robot.error(500, "INTERNAL_ERROR"),
    "unauthorized": lambda: robot.error(401, "UNAUTHORIZED"),
    "rate-limit": lambda: robot.error(403, "RATE_LIMIT_EXCEEDED", max_request=50, interval=3600),
    "ban": lambda: Response(403, b"Forbidden", {"Content-Type": "text/html"}, "BANNED"),
    "locked": lambda: robot.error(409, "FAILOVER_LOCKED"),
    "conflict-without-body": lambda: Response(409, b"", outcome="CONFLICT"),
    "redirect": lambda: Response(301, b"", {"Location": "http://127.0.0.1:9/failover"}, "REDIRECT"),
    "error-is-a-string": lambda: as_json(404, {"error": "NOT_FOUND"}, outcome="ODD_ERROR"),
    "error-in-200": lambda: replace(robot.error(500, "FAILOVER_FAILED"), status=200),
    "active-is-a-list": lambda: as_json(
        200, {"failover": {"active_server_ip": ["192.0.2.1"]}}, outcome="ODD"
    ),
    "failover-is-a-list": lambda: as_json(200, {"failover": []}, outcome="ODD"),
    "null": lambda: as_json(200, None, outcome="ODD"),
    "deep": lambda: Response(200, b"[" * 100_000, outcome="DEEP"),
    "not-utf8": lambda: Response(200, b'{"failover": "\xff\xfe"}', outcome="NOT_UTF8"),
    "huge": lambda: Response(200, huge(), outcome="HUGE"),
    "bomb": lambda: Response(200, bomb(), {"Content-Encoding": "gzip"}, "BOMB"),
    "cloud-locked": lambda: cloud_error(423, "locked"),
    "cloud-conflict": lambda: cloud_error(409, "conflict"),
    "cloud-rate-limit": lambda: cloud_error(429, "rate_limit_exceeded"),
    "cloud-unavailable": lambda: cloud_error(503, "unavailable"),
    "cloud-server-error": lambda: cloud_error(500, "server_error"),
}

DELIVERY = {
    "reset": Delivery.RESET,
    "reset-in-headers": Delivery.HALF,
    "cut": Delivery.CUT,
    "closed": Delivery.CLOSED,
    "hang": Delivery.HANG,
    "slow": Delivery.SLOW,
}

SPOIL: dict[str, Callable[[Response], Response]] = {
    "truncated": lambda response: replace(response, body=response.body[: len(response.body) // 2]),
    "date-skew": lambda response: replace(
        response, headers={**response.headers, "Date": "Thu, 01 Jan 1970 00:00:00 GMT"}
    ),
    "no-content-type": lambda response: replace(response, headers={}),
}

CONNECTION = ("refuse", "hang-on-accept", "wrong-name", "expired", "unknown-ca")
"""Faults of a connection, found before there is a request."""

KINDS = (*INSTEAD, *DELIVERY, *SPOIL, *CONNECTION, "delay")


@dataclass(slots=True)
class Fault:
    """One thing that goes wrong, for what it goes wrong, and how often. Empty conditions match everything."""

    kind: str
    method: str = ""
    path: str = ""
    """Prefix of the path."""
    source: str = ""
    since: float = 0.0
    until: float = NEVER
    count: int = -1
    """So many times; -1: always."""
    probability: float = 1.0
    applied: bool = False
    """The API handles the request all the same; what goes wrong is the answer. Always so for what only spoils."""
    late: float = 0.0
    """Seconds that a change it makes takes longer, or that ``delay`` holds the answer back."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no fault {self.kind!r}; there are {', '.join(KINDS)}")

    def matches(self, method: str, path: str, source: str, now: float) -> bool:
        """Answer whether it is due for such a request."""
        return (
            self.count != 0
            and self.since <= now < self.until
            and method.startswith(self.method)
            and path.startswith(self.path)
            and (not self.source or self.source == source)
        )

    @property
    def goes_first(self) -> bool:
        """It happens before the API sees the request."""
        return not self.applied and (self.kind in INSTEAD or self.kind in DELIVERY)

    def instead(self, now: float) -> Reply:
        """Answer what the client gets when the API never sees its request."""
        if made := INSTEAD.get(self.kind):
            return Reply(made(), now + self.late)
        begun = Response(200, b'{"failover":' + b" " * 200, outcome=self.kind.upper())
        return Reply(begun, now + self.late, delivery=DELIVERY[self.kind])

    def spoil(self, reply: Reply) -> Reply:
        """Answer what becomes of what the API said. Its outcome is kept for the journal."""
        outcome = reply.response.outcome
        if made := INSTEAD.get(self.kind):
            return replace(reply, response=replace(made(), outcome=outcome))
        if self.kind in DELIVERY:
            return replace(reply, delivery=DELIVERY[self.kind])
        if self.kind == "delay":
            return replace(reply, at=reply.at + self.late)
        return replace(reply, response=SPOIL[self.kind](reply.response))


@dataclass(slots=True)
class Faults:
    """The faults there are, in order: the first that matches happens."""

    due: list[Fault] = field(default_factory=list)
    dice: random.Random = field(default_factory=lambda: random.Random(0))

    def add(self, kind: str, **conditions: Any) -> Fault:
        """Let something go wrong from now on."""
        self.due.append(Fault(kind, **conditions))
        return self.due[-1]

    def clear(self) -> None:
        """Let all be well."""
        self.due.clear()

    def pick(self, request: Request, now: float) -> Fault | None:
        """Answer the fault that happens to *request*, and count it."""
        due = [each for each in self.due if each.kind not in CONNECTION]
        return self._first(due, request.method, request.path, request.source, now)

    def pick_connection(self, source: str, now: float) -> Fault | None:
        """Answer the fault that happens to a connection from *source*, and count it."""
        return self._first([each for each in self.due if each.kind in CONNECTION], "", "", source, now)

    def _first(self, due: Sequence[Fault], method: str, path: str, source: str, now: float) -> Fault | None:
        for each in due:
            if each.matches(method, path, source, now) and self.dice.random() < each.probability:
                each.count -= each.count > 0
                return each
        return None


def cloud_error(status: int, code: str, message: str = "", **headers: str) -> Response:
    """Answer Cloud's error response for *code*."""
    body = {"error": {"code": code, "message": message or code.replace("_", " "), "details": None}}
    return as_json(status, body, outcome=code, **headers)
