"""The fake without sockets and without waiting: an httpx transport, and an event loop whose time is made up.

In a :func:`run` nothing ever sleeps: when every task waits, time jumps to the next timer. ``asyncio.timeout``,
``asyncio.sleep`` and the fake all share that time, so an hour of failover takes as long as its computation.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

import httpx

from tests.fakes.hetzner.front import Front
from tests.fakes.hetzner.message import Delivery, Reply, Request

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
        loop = asyncio.get_running_loop()
        await _trace(request, "connection.connect_tcp.started")
        await self._connect(loop.time())
        await asyncio.sleep(self.latency)
        await _trace(request, "http11.send_request_headers.started")
        headers = {name.lower(): value for name, value in request.headers.items()}
        target = request.url.raw_path.decode()
        arrived = Request(request.method, target, headers, await request.aread(), self.source)
        reply = self.front.handle(arrived, loop.time())
        move = self.front.last_move() if reply.begun else None
        try:
            await asyncio.sleep(max(0.0, reply.at - loop.time()) + self.latency)
        except asyncio.CancelledError:
            disconnected = getattr(self.front.api, "disconnected", None)
            if move is not None and disconnected is not None:
                disconnected(move)
            raise
        return await _delivered(reply)

    async def _connect(self, now: float) -> None:
        fault = self.front.faults.pick_connection(self.source, now)
        if fault is not None and fault.kind == "hang-on-accept":
            await asyncio.sleep(FOREVER)
        if fault is not None:
            raise httpx.ConnectError(fault.kind)


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
