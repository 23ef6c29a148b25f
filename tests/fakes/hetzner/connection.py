"""One connection to the fake: TLS that may be wrong, requests, and clients that go away while they wait."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.fakes.hetzner import wire
from tests.fakes.hetzner.clock import Clock
from tests.fakes.hetzner.faults import Fault
from tests.fakes.hetzner.front import Front
from tests.fakes.hetzner.message import Delivery, Reply, Request, Response
from tests.fakes.hetzner.tls import Tls

GONE = (OSError, asyncio.IncompleteReadError)
"""What reading and writing raise when the client is not there any more; TLS errors are OSErrors too."""


@dataclass(slots=True)
class Waiting:
    """Waits for moments of a clock that somebody else may advance."""

    clock: Clock
    tick: asyncio.Event = field(default_factory=asyncio.Event)

    def tock(self) -> None:
        """Wake whoever waits, to look at the clock again."""
        tick, self.tick = self.tick, asyncio.Event()
        tick.set()

    async def until(self, moment: float) -> None:
        """Wait until it is *moment*."""
        if self.clock.jumps:
            self.clock.jump_to(moment)
        while (left := moment - self.clock.now()) > 0:
            tick = self.tick
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left / self.clock.rate if self.clock.rate else None):
                    await tick.wait()


@dataclass(slots=True)
class ApiServer:
    """Serves one API's connections."""

    front: Front
    tls: Tls
    waiting: Waiting

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        source = writer.get_extra_info("peername")[0]
        fault = self.front.faults.pick_connection(source, self.now())
        if fault is not None:
            self._write(fault, source)
        if fault is not None and fault.kind == "refuse":
            wire.reset(writer)
        elif fault is not None and fault.kind == "hang-on-accept":
            await reader.read()
        else:
            await writer.start_tls(self.tls.contexts[fault.kind if fault else "good"])
            while await self._one(reader, writer, source):
                pass

    def now(self) -> float:
        """Answer the clock's time."""
        return self.waiting.clock.now()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, source: str) -> bool:
        """Answer one request, and whether there may be another."""
        request = await wire.read_request(reader, source)
        if request is None:
            return False
        reply = self.front.handle(request, self.now())
        move = self.front.last_move() if reply.begun else None
        if not await self._holds(reader, reply):
            disconnected = getattr(self.front.api, "disconnected", None)
            if move is not None and disconnected is not None:
                disconnected(move)
            return False
        again = await wire.deliver(writer, reply, self.now())
        return again and request.headers.get("connection") != "close"

    async def _holds(self, reader: asyncio.StreamReader, reply: Reply) -> bool:
        """Wait until *reply* may leave, and answer whether the client has waited as well."""
        if reply.delivery is Delivery.HANG:
            return bool(await reader.read(1))
        if reply.at <= self.now():
            return True
        due = asyncio.ensure_future(self.waiting.until(reply.at))
        gone = asyncio.ensure_future(reader.read(1))
        done, pending = await asyncio.wait({due, gone}, return_when=asyncio.FIRST_COMPLETED)
        for each in pending:
            each.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        return due in done

    def _write(self, fault: Fault, source: str) -> None:
        self.front.journal.add(
            t=self.now(),
            api="connection",
            source=source,
            method="",
            path="",
            form={},
            user="",
            status=0,
            outcome=fault.kind.upper(),
            begun=False,
            lock_wait=0.0,
            fault=fault.kind,
            at=self.now(),
        )


@dataclass(slots=True)
class PlainServer:
    """Serves plain HTTP from a function."""

    answer: Callable[[Request], Response]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        source = writer.get_extra_info("peername")[0]
        while request := await wire.read_request(reader, source):
            await wire.deliver(writer, Reply(self.answer(request), 0.0), 0.0)
            if request.headers.get("connection") == "close":
                return


@dataclass(slots=True)
class Connections:
    """All connections there are, so that they can be ended."""

    tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    def accepting(
        self, serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
    ) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
        """Answer the callback for ``asyncio.start_server``."""

        async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self.tasks.add(task)
            plain = writer.transport  # once TLS is on top and closing, only this one can still be cut
            try:
                with contextlib.suppress(*GONE):
                    await serve(reader, writer)
            finally:
                self.tasks.discard(task)
                await _closed(writer, plain)

        return accepted

    async def end(self) -> None:
        """End them all."""
        tasks = tuple(self.tasks)
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.01)  # what was cut is closed in the loop's next round


async def _closed(writer: asyncio.StreamWriter, plain: asyncio.WriteTransport) -> None:
    writer.close()
    try:
        with contextlib.suppress(*GONE, TimeoutError):
            async with asyncio.timeout(0.2):  # a client that is gone does not say goodbye
                await writer.wait_closed()
    finally:
        plain.abort()
