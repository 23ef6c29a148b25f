"""Requests to a fake's pure core, in as few words as a test wants."""

import base64
import json
from typing import Any, Protocol
from urllib.parse import urlencode

from tests.fakes.hetzner.message import Reply, Request
from tests.fakes.hetzner.worlds import PASSWORD, TOKEN, USER

T0 = 1_000_000.0


class Handles(Protocol):
    """A state, or a state behind its front."""

    def handle(self, request: Request, now: float) -> Reply:
        """Answer *request* at *now*."""


def basic(user: str = USER, password: str = PASSWORD) -> str:
    """Answer the header that lets *user* in."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def ask_robot(
    api: Handles,
    method: str = "GET",
    path: str = "/failover/203.0.113.10",
    *,
    now: float = T0,
    to: str | None = None,
    source: str = "192.0.2.11",
    auth: str | None = None,
) -> Reply:
    """Send Robot one request; *to* is the target of a POST."""
    headers = {"authorization": basic() if auth is None else auth}
    body = b""
    if to is not None:
        headers["content-type"] = "application/x-www-form-urlencoded"
        body = urlencode({"active_server_ip": to}).encode()
    return api.handle(Request(method, path, headers, body, source), now)


def ask_cloud(
    api: Handles, method: str, path: str, *, now: float = T0, body: object = None, bearer: str = TOKEN
) -> Reply:
    """Send Cloud one request."""
    data = b"" if body is None else json.dumps(body).encode()
    return api.handle(Request(method, f"/v1{path}", {"authorization": f"Bearer {bearer}"}, data), now)


def said(reply: Reply) -> Any:
    """Answer what *reply* says, as JSON."""
    return json.loads(reply.response.body)


def active(reply: Reply) -> Any:
    """Answer where the failover IP of *reply* points."""
    return said(reply)["failover"]["active_server_ip"]
