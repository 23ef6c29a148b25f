"""Carries one request over one connection of its own, opened for it and closed after it. What HTTP is, h11 knows.

httpx's own transport does the same with a pool, and with a second layer of asynchronous I/O and its locks; all that
takes about twice as long until the request leaves, and a failover waits for it. It still is what carries
requests through a proxy.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from ipaddress import ip_address

import h11
import httpx

HTTPS = 443

TURNS = 8
"""Turns of the event loop in which a connection to somebody near gets as far as its first byte."""

FRESH = 1.0
"""Seconds for which a connection that was opened ahead of its request may be used: servers wait longer than that."""

HEAD_START = 0.25
"""Seconds that one address of a name gets before the next one is tried beside it (RFC 8305, section 5)."""

CHUNK = 65536
"""Bytes of one read, and of the longest answer's head."""

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Direct(httpx.AsyncBaseTransport):
    """Carries requests to the server of *url*, wherever else they may want to go, each over its own TLS connection.

    It trusts whom *context* trusts, connects from *local_address* when there is one, and *within* so many seconds.
    """

    def __init__(
        self, url: httpx.URL, context: ssl.SSLContext, *, local_address: str | None, within: float
    ) -> None:
        context.set_alpn_protocols(["http/1.1"])
        self._url = url
        self._context = context
        self._local = (local_address, 0) if local_address else None
        self._host = url.raw_host.decode("ascii")
        self._head_start = None if _is_address(self._host) else HEAD_START
        self._within = within
        self._prepared: list[asyncio.Task[Streams]] = []

    async def prepare(self) -> None:
        """Begin to open the connection of a GET that follows within FRESH seconds, and give it a head start."""
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._connected())
        self._prepared.append(task)
        loop.call_later(FRESH, self._forget, task)
        for _ in range(TURNS):
            await asyncio.sleep(0)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request*, and answer as soon as the head of the response is there.

        Raises httpx.ConnectError, ConnectTimeout or LocalProtocolError when no byte of it left, otherwise
        RemoteProtocolError or OSError. Tells the request's ``trace`` what httpcore would tell it.
        """
        tell = request.extensions["trace"]
        await tell("connection.connect_tcp.started", {})
        # A request that changes something gets a connection that the server cannot have tired of.
        is_prepared = self._prepared and request.method == "GET"
        exchange = _Exchange(*await (_taken(self._prepared.pop()) if is_prepared else self._connected()))
        try:
            data = exchange.written(request)
            await tell("http11.send_request_headers.started", {})
            await exchange.send(data)
            return await exchange.response()
        except BaseException:
            exchange.close()
            raise

    async def aclose(self) -> None:
        """Close what was opened and not used."""
        for task in tuple(self._prepared):
            self._forget(task)

    async def _connected(self) -> Streams:
        if self._url.scheme != "https":
            raise httpx.UnsupportedProtocol("expected https")
        try:
            async with asyncio.timeout(self._within):
                return await asyncio.open_connection(
                    self._host,
                    self._url.port or HTTPS,
                    ssl=self._context,
                    local_addr=self._local,
                    happy_eyeballs_delay=self._head_start,
                )
        except TimeoutError as error:
            raise httpx.ConnectTimeout("no connection in time") from error
        except (OSError, UnicodeError) as error:  # the latter of a name that DNS cannot have
            raise httpx.ConnectError(str(error)) from error

    def _forget(self, task: "asyncio.Task[Streams]") -> None:
        if task in self._prepared:
            self._prepared.remove(task)
            _given_up(task)


async def _taken(task: "asyncio.Task[Streams]") -> Streams:
    try:
        return await task
    except asyncio.CancelledError:
        _given_up(task)
        raise


def _given_up(task: "asyncio.Task[Streams]") -> None:
    """Have the connection closed that *task* opens; what keeps it from that concerns nobody any more."""
    task.cancel()
    task.add_done_callback(_closed)


def _closed(task: "asyncio.Task[Streams]") -> None:
    if not task.cancelled() and task.exception() is None:
        task.result()[1].transport.abort()


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class _Exchange:
    """One request and its response over an open connection. Nobody waits here; the caller minds the time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=CHUNK)

    def written(self, request: httpx.Request) -> bytes:
        """Answer *request* as bytes. Raises httpx.LocalProtocolError; its message may quote what is secret."""
        try:
            head = h11.Request(
                method=request.method, target=request.url.raw_path, headers=request.headers.raw
            )
            parts = (head, h11.Data(request.content), h11.EndOfMessage())
            return b"".join(self._http.send(part) or b"" for part in parts)
        except h11.LocalProtocolError as error:
            raise httpx.LocalProtocolError(str(error)) from error

    async def send(self, data: bytes) -> None:
        """Send *data*. Who does not want to hear all of it may have said why, so that is read all the same."""
        with suppress(OSError):
            self._writer.write(data)
            await self._writer.drain()

    async def response(self) -> httpx.Response:
        """Answer the response, its body still to be read. Raises httpx.RemoteProtocolError or OSError."""
        while isinstance(event := await self._next(), h11.InformationalResponse):
            pass
        if not isinstance(event, h11.Response):
            raise httpx.RemoteProtocolError("something else than a response")
        return httpx.Response(event.status_code, headers=event.headers.raw_items(), stream=_Body(self))

    async def body(self) -> AsyncIterator[bytes]:
        """Answer the parts of the body as they come. Raises as :meth:`response`."""
        while isinstance(event := await self._next(), h11.Data):
            yield bytes(event.data)

    def close(self) -> None:
        """Close the connection now: who closes it has heard all there is, or wants no more."""
        self._writer.transport.abort()

    async def _next(self) -> object:
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                data = await self._reader.read(CHUNK)
                if not data and self._http.their_state is h11.SEND_RESPONSE:
                    raise httpx.RemoteProtocolError("the server closed the connection and did not answer")
                self._http.receive_data(data)
        except h11.RemoteProtocolError as error:
            raise httpx.RemoteProtocolError(str(error)) from error
        return event


class _Body(httpx.AsyncByteStream):
    """The body of a response, as httpx wants it."""

    def __init__(self, exchange: _Exchange) -> None:
        self._exchange = exchange

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._exchange.body()

    async def aclose(self) -> None:
        """Close the connection."""
        self._exchange.close()
