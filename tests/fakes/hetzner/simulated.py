"""The fake without sockets and without waiting: an httpx transport, and an event loop whose time is made up.

In a :func:`run` nothing ever sleeps: when every task waits, time jumps to the next timer. ``asyncio.timeout``,
``asyncio.sleep`` and the fake all share that time, so an hour of failover takes as long as its computation.
"""

import asyncio
import base64
import json
import selectors
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

import httpx

from lvsctl.failover.asking import Heard
from lvsctl.failover.credentials import Login, Token
from lvsctl.failover.provider import Unknown, Unreachable
from lvsctl.failover.transport import MAX_BODY, Link
from tests.fakes.hetzner.front import Front
from tests.fakes.hetzner.message import Delivery, Reply, Request, Response

Result = TypeVar("Result")
FOREVER = 10**9


class _NoWait(selectors.SelectSelector):
    """A selector that lets time jump instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise RuntimeError("every task waits for something that no timer will bring")
        self.passed += max(0.0, timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only when there is nothing to do."""

    def __init__(self, start: float = 1_000_000.0) -> None:
        self._skipping = _NoWait()
        self._start = start
        super().__init__(self._skipping)

    def time(self) -> float:
        return self._start + self._skipping.passed


def run(main: Coroutine[Any, Any, Result], *, start: float = 1_000_000.0) -> Result:
    """Run *main* to its end in made-up time that begins at *start*."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(start)) as runner:
        return runner.run(main)


class SimulatedTransport(httpx.AsyncBaseTransport):
    """Carries requests to a :class:`Front` in the running loop's time, as if from *source*."""

    def __init__(self, front: Front, source: str = "192.0.2.11", latency: float = 0.0) -> None:
        self.front = front
        self.source = source
        self.latency = latency

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await _trace(request, "connection.connect_tcp.started")
        try:
            await connected(self.front, self.source)
        except ConnectionRefusedError as error:
            raise httpx.ConnectError(str(error)) from None
        await _trace(request, "http11.send_request_headers.started")
        headers = {name.lower(): value for name, value in request.headers.items()}
        target = request.url.raw_path.decode()
        arrived = Request(request.method, target, headers, await request.aread(), self.source)
        return await _delivered(await answered(self.front, arrived, self.latency))


class SimulatedClient:
    """Like :class:`SimulatedTransport`, one layer above: what a provider asks, without httpx. Ten times as fast."""

    def __init__(
        self, front: Front, credentials: Login | Token, source: str = "192.0.2.11", latency: float = 0.0
    ) -> None:
        """Ask *front* as if from *source*, each way taking *latency* seconds."""
        self.front = front
        self.link = Link()
        self._source = source
        self._latency = latency
        self._headers = {"authorization": _authorization(credentials)}

    async def prepare(self) -> None:
        """Do nothing: simulated connections take no time."""

    async def read(
        self, path: str, params: Mapping[str, str | int] | None = None
    ) -> Heard | Unreachable | Unknown:
        """GET *path*."""
        target = f"{path}?{urlencode(params)}" if params else path
        return await self._within(self.link.read, Request("GET", target, self._headers, source=self._source))

    async def change(
        self,
        method: str,
        path: str,
        *,
        form: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        within: float | None = None,
    ) -> Heard | Unreachable | Unknown:
        """Send a request that changes something."""
        headers, data = self._headers, b""
        if form is not None:
            headers = {**headers, "content-type": "application/x-www-form-urlencoded"}
            data = urlencode(form).encode()
        elif body is not None:
            data = json.dumps(body).encode()
        request = Request(method, path, headers, data, self._source)
        return await self._within(within or self.link.change, request)

    async def aclose(self) -> None:
        """Do nothing."""

    async def _within(self, seconds: float, request: Request) -> Heard | Unreachable | Unknown:
        sent = False
        try:
            async with asyncio.timeout(seconds):
                await connected(self.front, self._source)
                sent = True
                reply = await answered(self.front, request, self._latency)
                if reply.delivery is Delivery.WHOLE:
                    return heard(reply.response)
                if reply.delivery in (Delivery.HANG, Delivery.SLOW):
                    await asyncio.sleep(FOREVER)
                return Unknown(cut=True, why=reply.delivery)
        except TimeoutError:
            return Unknown(cut=True, why="no answer") if sent else Unreachable("no answer")
        except ConnectionRefusedError:
            return Unreachable("refused")


def heard(response: Response) -> Heard | Unknown:
    """Answer *response* as the real client hears it."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    if len(response.body) > MAX_BODY or "content-encoding" in headers:
        return Unknown(cut=False, why="too long")
    try:
        value = json.loads(response.body)
    except (ValueError, RecursionError):
        value = None
    return Heard(response.status, headers, value)


async def connected(front: Front, source: str) -> None:
    """Connect, as well as *front* lets *source*. ConnectionRefusedError when it does not."""
    fault = front.faults.pick_connection(source, asyncio.get_running_loop().time())
    if fault is not None and fault.kind == "hang-on-accept":
        await asyncio.sleep(FOREVER)
    if fault is not None:
        raise ConnectionRefusedError(fault.kind)


async def answered(front: Front, request: Request, latency: float) -> Reply:
    """Answer what *front* answers, when it does; whoever is cancelled meanwhile has disconnected."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(latency)
    reply = front.handle(request, loop.time())
    move = front.last_move() if reply.begun else None
    try:
        await asyncio.sleep(max(0.0, reply.at - loop.time()) + latency)
    except asyncio.CancelledError:
        disconnected = getattr(front.api, "disconnected", None)
        if move is not None and disconnected is not None:
            disconnected(move)
        raise
    return reply


def _authorization(credentials: Login | Token) -> str:
    match credentials:
        case Login(user, password):
            return "Basic " + base64.b64encode(f"{user}:{password.reveal()}".encode()).decode()
        case Token(token):
            return f"Bearer {token.reveal()}"


async def _trace(request: httpx.Request, event: str) -> None:
    """Tell *request*'s trace what httpcore would tell it."""
    if trace := request.extensions.get("trace"):
        await trace(event, {})


async def _delivered(reply: Reply) -> httpx.Response:
    match reply.delivery:
        case Delivery.WHOLE:
            response = reply.response
            return httpx.Response(
                response.status, headers=dict(response.headers), stream=httpx.ByteStream(response.body)
            )
        case Delivery.RESET | Delivery.HALF:
            raise httpx.ReadError("reset")
        case Delivery.CUT | Delivery.CLOSED:
            raise httpx.RemoteProtocolError("closed")
        case Delivery.HANG | Delivery.SLOW:
            await asyncio.sleep(FOREVER)
            raise AssertionError("nobody waits so long")
