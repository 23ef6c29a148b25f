"""What goes in and out of the fake's APIs, apart from any socket: requests, responses, and how those are delivered."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True)
class Request:
    """One HTTP request as it arrived."""

    method: str
    target: str
    """Path and query, as on the request line."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    body: bytes = b""
    source: str = "192.0.2.11"
    """The client's address."""

    @cached_property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path)

    @cached_property
    def query(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.target).query).items()}

    @cached_property
    def form(self) -> dict[str, str]:
        if "application/x-www-form-urlencoded" not in self.headers.get("content-type", ""):
            return {}
        parsed = parse_qs(self.body.decode(errors="replace"), keep_blank_values=True)
        return {name: values[-1] for name, values in parsed.items()}

    @cached_property
    def json(self) -> dict[str, Any]:
        try:
            found = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response, before anything spoils it."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    outcome: str = "OK"
    """The API's error code, or OK, or what a fault is called."""
    lock_wait: float = 0.0
    """For a refusal by a lock: how long that lock still lasts."""


class Delivery(StrEnum):
    """What becomes of a response on its way to the client."""

    WHOLE = "whole"
    RESET = "reset"  # the connection is reset instead
    HALF = "half"  # half of the headers, then reset
    CUT = "cut"  # headers and half of the body, then the connection ends
    CLOSED = "closed"  # the connection ends in silence, as on a keep-alive timeout
    HANG = "hang"  # nothing, ever
    SLOW = "slow"  # one byte a second


@dataclass(frozen=True, slots=True)
class Reply:
    """A response, and when and how it leaves."""

    response: Response
    at: float
    user: str = ""
    begun: bool = False
    """This request began a change of routing."""
    delivery: Delivery = Delivery.WHOLE


def as_json(status: int, value: object, *, outcome: str = "OK", **headers: str) -> Response:
    """Answer the response that says *value* in JSON; header names take ``_`` for ``-``."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    body = json.dumps(value).encode()
    return Response(status, body, {"Content-Type": "application/json", **named}, outcome)
