"""One connection for one request: what comes back over it, and what becomes of one that was opened ahead."""

import asyncio
import gc
import logging
import ssl
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from lvsctl.failover import direct
from lvsctl.failover.asking import Heard
from lvsctl.failover.credentials import Secret, Token
from lvsctl.failover.provider import Unknown, Unreachable
from lvsctl.failover.transport import MAX_BODY, Client, Link
from tests.fakes.hetzner import tls

Answers = Callable[[bytes], bytes | None]
"""From a request to what is sent back before the connection is closed; None says nothing and keeps it open."""

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tls.Tls:
    return tls.make(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def whatever_was_forgotten(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail on a connection, or on an error, that nobody minds."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
        gc.collect()
    assert not [record for record in caplog.get_records("call") if record.levelno >= logging.WARNING]


class Server:
    """Counts connections, keeps requests, and answers each with *answers*."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.opened = self.closed = 0
        self.requests: list[bytes] = []
        self._open: set[asyncio.StreamWriter] = set()

    def hang_up(self) -> None:
        for each in self._open:
            each.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        self._open.add(writer)
        try:
            while data := await reader.read(65536):
                self.requests.append(data)
                answer = self.answers(data)
                if answer is not None:
                    writer.write(answer)
                    await writer.drain()
                    break
        except OSError:
            pass
        finally:
            self.closed += 1
            self._open.discard(writer)
            writer.close()


@asynccontextmanager
async def serving(
    authority: tls.Tls, answers: Answers = lambda _: PLAIN, *, within: float = 2.0
) -> AsyncIterator[tuple[Server, Client]]:
    server = Server(answers)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=authority.contexts["good"])
    port = listening.sockets[0].getsockname()[1]
    client = Client(
        f"https://127.0.0.1:{port}/v1",
        Token(Secret("token")),
        Link(verify=authority.client_context(), read=within, change=within),
    )
    try:
        yield server, client
    finally:
        await client.aclose()
        listening.close()
        await until(lambda: server.closed == server.opened)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for is not made to tell
            await asyncio.sleep(0.01)


def played(
    authority: tls.Tls,
    play: Callable[[Server, Client], Awaitable[None]],
    answers: Answers = lambda _: PLAIN,
    *,
    within: float = 2.0,
) -> None:
    async def all_of_it() -> None:
        async with serving(authority, answers, within=within) as (server, client):
            await play(server, client)

    asyncio.run(all_of_it())


class TestAnswers:
    @pytest.mark.parametrize(
        "raw",
        [
            PLAIN,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
            b"HTTP/1.0 200 OK\r\n\r\n{}",
            b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}",
            b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + PLAIN,
            b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 60_000 + b"\r\nContent-Length: 2\r\n\r\n{}",
            PLAIN + b"HTTP/1.1 500 Nobody asked\r\n\r\n",
        ],
        ids=["length", "chunked", "until-the-end", "close", "early", "long-head", "more-than-asked"],
    )
    def test_a_whole_answer_is_heard_however_it_is_framed(self, authority: tls.Tls, raw: bytes) -> None:
        async def play(_server: Server, client: Client) -> None:
            found = await client.read("/things")
            assert isinstance(found, Heard)
            assert (found.status, found.value) == (200, {})

        played(authority, play, lambda _: raw)

    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"HTTP/1.1 200 OK\r\nContent-Le",
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\n",
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 300_000 + b"\r\n\r\n{}",
            b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (MAX_BODY + 1),
        ],
        ids=[
            "nothing",
            "half-a-head",
            "half-a-body",
            "no-last-chunk",
            "two-lengths",
            "upgrade",
            "only-100",
            "no-http",
            "head-without-end",
            "too-long",
        ],
    )
    @pytest.mark.parametrize("verb", ["read", "change"])
    def test_what_is_no_whole_answer_is_unknown(self, authority: tls.Tls, raw: bytes, verb: str) -> None:
        async def play(_server: Server, client: Client) -> None:
            found = await (
                client.read("/things")
                if verb == "read"
                else client.change("POST", "/things", form={"a": "b"})
            )
            assert isinstance(found, Unknown), found

        played(authority, play, lambda _: raw)

    def test_a_request_leaves_in_one_piece(self, authority: tls.Tls) -> None:
        async def play(server: Server, client: Client) -> None:
            await client.change("POST", "/things", form={"active_server_ip": "192.0.2.11"})
            (request,) = server.requests
            head, _, body = request.partition(b"\r\n\r\n")
            assert head.startswith(b"POST /v1/things HTTP/1.1\r\nHost: 127.0.0.1:")
            assert b"Authorization: Bearer token" in head
            assert b"Content-Length: 27" in head
            assert body == b"active_server_ip=192.0.2.11"

        played(authority, play)


@pytest.mark.usefixtures("whatever_was_forgotten")
class TestAhead:
    def test_a_look_takes_the_connection_that_was_opened_for_it(self, authority: tls.Tls) -> None:
        async def play(server: Server, client: Client) -> None:
            await client.prepare()
            await until(lambda: server.opened)
            assert not server.requests
            assert isinstance(await client.read("/things"), Heard)
            assert (server.opened, len(server.requests)) == (1, 1)
            assert isinstance(await client.read("/things"), Heard)
            assert server.opened == 2

        played(authority, play)

    @pytest.mark.parametrize("method", ["POST", "DELETE"])
    def test_a_change_never_does(self, authority: tls.Tls, method: str) -> None:
        async def play(server: Server, client: Client) -> None:
            await client.prepare()
            await until(lambda: server.opened)
            assert isinstance(await client.change(method, "/things"), Heard)
            assert server.opened == 2

        played(authority, play)

    def test_one_that_nobody_needs_is_closed_soon(
        self, authority: tls.Tls, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(direct, "FRESH", 0.1)

        async def play(server: Server, client: Client) -> None:
            await client.prepare()
            await client.prepare()
            await until(lambda: server.closed == 2)
            assert isinstance(await client.read("/things"), Heard)
            assert server.opened == 3

        played(authority, play)

    def test_the_end_of_the_client_closes_it(self, authority: tls.Tls) -> None:
        async def play(server: Server, client: Client) -> None:
            await client.prepare()
            await until(lambda: server.opened)
            await client.aclose()
            await until(lambda: server.closed)

        played(authority, play)

    def test_one_that_cannot_be_opened_is_unreachable_for_the_look_and_nothing_to_others(
        self, authority: tls.Tls
    ) -> None:
        async def play(_server: Server, client: Client) -> None:
            nobody = Client("https://127.0.0.1:9", Token(Secret("token")), client.link)
            await nobody.prepare()
            assert isinstance(await nobody.read("/things"), Unreachable)
            await nobody.prepare()
            await nobody.aclose()

        played(authority, play)

    def test_one_whose_server_is_not_trusted_is_used_by_nobody(self, authority: tls.Tls) -> None:
        async def play(server: Server, client: Client) -> None:
            stranger = Link(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), read=2)
            port = client._http.base_url.port
            other = Client(f"https://127.0.0.1:{port}", Token(Secret("token")), stranger)
            await other.prepare()
            found = await other.read("/things")
            assert isinstance(found, Unreachable)
            assert "CERTIFICATE_VERIFY_FAILED" in found.why
            assert not server.requests

        played(authority, play)

    def test_one_that_the_server_closed_meanwhile_makes_the_look_unknown_and_no_more(
        self, authority: tls.Tls
    ) -> None:
        async def play(server: Server, client: Client) -> None:
            await client.prepare()
            await until(lambda: server.opened)
            server.hang_up()
            await until(lambda: server.closed)
            assert isinstance(await client.read("/things"), Unknown)
            assert isinstance(await client.change("POST", "/things"), Heard)

        played(authority, play)

    def test_a_look_may_be_cut_off_at_any_time(self, authority: tls.Tls) -> None:
        async def play(_server: Server, client: Client) -> None:
            for turns in range(60):
                if turns % 2:
                    await client.prepare()
                looking = asyncio.ensure_future(client.read("/things"))
                for _ in range(turns):
                    await asyncio.sleep(0)
                looking.cancel()
                await asyncio.wait({looking})

        played(authority, play, lambda _: None)

    def test_a_look_may_be_cut_off_in_the_moment_in_which_its_connection_is_there(
        self, authority: tls.Tls, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(direct, "TURNS", 0)

        async def play(_server: Server, client: Client) -> None:
            await client.prepare()
            assert client._direct is not None
            (opening,) = client._direct._prepared
            assert not opening.done()
            looking = asyncio.ensure_future(client.read("/things"))
            opening.add_done_callback(lambda _: looking.cancel())
            await asyncio.wait({looking})
            assert opening.exception() is None
            assert looking.cancelled()

        played(authority, play)

    def test_who_does_not_answer_has_been_asked_all_the_same(self, authority: tls.Tls) -> None:
        async def play(server: Server, client: Client) -> None:
            await client.prepare()
            found = await client.read("/things")
            assert isinstance(found, Unknown)
            assert found.cut
            assert len(server.requests) == 1

        played(authority, play, lambda _: None, within=0.3)

    def test_a_handshake_that_hangs_is_unreachable(self, authority: tls.Tls) -> None:
        async def story() -> object:
            ended = asyncio.Event()

            async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await reader.read()
                writer.close()
                ended.set()

            listening = await asyncio.start_server(hang, "127.0.0.1", 0)
            port = listening.sockets[0].getsockname()[1]
            through = Link(verify=authority.client_context(), connect=0.2, read=2)
            client = Client(f"https://127.0.0.1:{port}", Token(Secret("token")), through)
            await client.prepare()
            found = await client.read("/things")
            await client.aclose()
            await ended.wait()
            listening.close()
            return found

        assert isinstance(asyncio.run(story()), Unreachable)
