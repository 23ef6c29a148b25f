"""One request: what it trusts, where it goes out, and what nobody gets to see of it."""

import asyncio
import contextlib
import gc
import io
import logging
import os
import socket
import ssl
import traceback
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from lvsctl.failover.asking import Heard
from lvsctl.failover.credentials import Login, Secret, Token
from lvsctl.failover.observation import Observation
from lvsctl.failover.provider import Auth, Unknown, Unreachable
from lvsctl.failover.transport import Client, Link, system_trust
from tests.fakes.hetzner.probe import basic
from tests.fakes.hetzner.server import HetznerFake
from tests.fakes.hetzner.simulated import VirtualLoop
from tests.fakes.hetzner.worlds import (
    LB2,
    PASSWORD,
    TOKEN,
    VIP,
    cloud_over,
    freely,
    furnished,
    link,
    robot_over,
)


@pytest.fixture(scope="module")
def shared() -> Iterator[HetznerFake]:
    with HetznerFake() as fake:
        yield fake


@pytest.fixture
def fake(shared: HetznerFake) -> HetznerFake:
    for front in shared.fronts.values():
        front.faults.clear()
    shared.robot.failures.clear()
    return furnished(shared)


async def look(fake: HetznerFake, through: Link) -> object:
    return await robot_over(fake, through).observe(VIP, spend=freely)


class TestTrust:
    def test_the_environment_is_not_trusted(
        self, fake: HetznerFake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        keys = tmp_path / "keys"
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        assert isinstance(asyncio.run(look(fake, link(fake))), Observation)
        assert not keys.exists()

    def test_an_authority_from_the_environment_is_none(
        self, fake: HetznerFake, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            monkeypatch.setenv(name, str(fake.tls.ca_file))
        found = asyncio.run(look(fake, Link()))
        assert isinstance(found, Unreachable)
        assert "CERTIFICATE_VERIFY_FAILED" in found.why

    @pytest.mark.parametrize("has", ["folder", "file", "neither"])
    def test_the_systems_authorities_are_found(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fake: HetznerFake, has: str
    ) -> None:
        (tmp_path / "0a1b2c3d.0").write_bytes(fake.tls.ca_file.read_bytes() if has == "folder" else b"")
        paths = ssl.DefaultVerifyPaths(
            "",
            "",
            "SSL_CERT_FILE",
            str(fake.tls.ca_file if has == "file" else tmp_path / "none"),
            "SSL_CERT_DIR",
            str(tmp_path if has == "folder" else tmp_path / "none"),
        )
        monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
        system_trust.cache_clear()
        try:
            counted = system_trust().cert_store_stats()["x509_ca"]
        finally:
            system_trust.cache_clear()
        assert counted > 10 if has == "neither" else counted == (has == "file"), counted

    def test_a_redirect_is_not_followed(self, fake: HetznerFake) -> None:
        fake.fault("robot", "redirect")
        before = len(fake.journal)
        assert isinstance(asyncio.run(look(fake, link(fake))), Unknown)
        assert len(fake.journal) == before + 1


class TestWhereItGoesOut:
    def test_from_the_address_it_is_told(self, fake: HetznerFake) -> None:
        through = Link(verify=fake.client_context(), source_address="127.0.0.77")
        assert isinstance(asyncio.run(look(fake, through)), Observation)
        assert [*fake.journal][-1].source == "127.0.0.77"

    def test_ipv4_only_goes_nowhere_else(self) -> None:
        try:
            fake = HetznerFake(host="::1").__enter__()
        except OSError as error:
            pytest.skip(f"this host has no IPv6 loopback: {error}")
        try:
            furnished(fake)
            assert isinstance(asyncio.run(look(fake, link(fake))), Observation)
            only = Link(verify=fake.client_context(), ipv4_only=True)
            assert isinstance(asyncio.run(look(fake, only)), Unreachable)
        finally:
            fake.__exit__()

    def test_through_a_proxy_that_sees_no_password(self, fake: HetznerFake) -> None:
        async def story() -> tuple[object, bytes]:
            async with proxy() as (address, seen):
                through = Link(verify=fake.client_context(), proxy=address)
                return await look(fake, through), bytes(seen)

        found, seen = asyncio.run(story())
        assert isinstance(found, Observation)
        assert seen.startswith(b"CONNECT 127.0.0.1:")
        assert basic().encode() not in seen

    def test_a_proxy_that_is_not_there_is_unreachable(self, fake: HetznerFake) -> None:
        through = Link(verify=fake.client_context(), proxy="http://127.0.0.1:9")
        assert isinstance(asyncio.run(look(fake, through)), Unreachable)

    def test_a_proxy_does_not_go_with_a_source_address(self) -> None:
        with pytest.raises(ValueError, match="neither"):
            Link(proxy="http://127.0.0.1:9", ipv4_only=True)
        with pytest.raises(ValueError, match="neither"):
            Link(proxy="http://127.0.0.1:9", source_address="127.0.0.2")

    def test_a_name_that_nobody_knows_is_unreachable(
        self, fake: HetznerFake, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def unknown(*_args: object, **_options: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)

        async def story() -> object:
            client = Client("https://robot.invalid", Token(Secret(TOKEN)), link(fake))
            return await client.read("/failover")

        assert isinstance(asyncio.run(story()), Unreachable)

    def test_each_request_has_a_connection_of_its_own(self, fake: HetznerFake) -> None:
        async def story() -> None:
            robot = robot_over(fake)
            for _ in range(2):
                assert isinstance(await robot.observe(VIP, spend=freely), Observation)
                fake.stop_listening("robot")
                assert isinstance(await robot.observe(VIP, spend=freely), Unreachable)
                fake.listen_again("robot")
            await robot.aclose()

        asyncio.run(story())

    def test_it_says_who_it_is(self) -> None:
        seen: list[httpx.Request] = []

        def answer(request: httpx.Request) -> httpx.Response:
            seen.append(request)
            return httpx.Response(200, stream=httpx.ByteStream(b"{}"))

        async def story() -> None:
            client = Client(
                "https://x.example/v1", Token(Secret(TOKEN)), transport=httpx.MockTransport(answer)
            )
            assert await client.read("/things", {"page": 2}) == Heard(200, {}, {})
            await client.aclose()

        asyncio.run(story())
        (request,) = seen
        assert str(request.url) == "https://x.example/v1/things?page=2"
        assert request.headers["user-agent"].startswith("lvsctl/")
        assert request.headers["authorization"] == f"Bearer {TOKEN}"


class TestTheClock:
    @pytest.mark.parametrize("kind", ["hang", "slow"])
    def test_a_change_may_take_three_minutes_and_a_question_ten_seconds(
        self, fake: HetznerFake, kind: str
    ) -> None:
        from tests.fakes.hetzner.simulated import run
        from tests.fakes.hetzner.worlds import simulated_robot

        fake.fault("robot", kind)

        async def taken(verb: str) -> float:
            loop = asyncio.get_running_loop()
            assert isinstance(loop, VirtualLoop)
            robot, begun = simulated_robot(fake.fronts["robot"]), loop.time()
            if verb == "observe":
                found: object = await robot.observe(VIP, spend=freely)
            else:
                found = await robot.assign(VIP, LB2, spend=freely)
            assert isinstance(found, Unknown)
            assert found.cut
            return loop.time() - begun

        assert run(taken("observe")) == pytest.approx(10)
        assert 180 <= run(taken("assign")) <= 240


class TestSecrets:
    def test_no_log_no_message_and_no_traceback_holds_them(
        self, fake: HetznerFake, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        logged = io.StringIO()
        handler = logging.StreamHandler(logged)
        monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
        monkeypatch.setattr(logging.getLogger(), "level", logging.DEBUG)
        said: list[str] = []

        async def story() -> None:
            # On a busy machine asyncio would tell of slow callbacks, by the path of our files.
            asyncio.get_running_loop().slow_callback_duration = float("inf")
            for kind in ("", "reset", "unauthorized", "wrong-name", "truncated"):
                for front in fake.fronts.values():
                    front.faults.clear()
                    if kind:
                        front.faults.add(kind)
                through = link(fake)
                robot, cloud = robot_over(fake, through), cloud_over(fake, through)
                said.extend([repr(await robot.assign(VIP, LB2, spend=freely)), repr(vars(robot))])
                said.extend([repr(await cloud.observe(VIP, spend=freely)), repr(vars(cloud))])
            fake.fronts["robot"].faults.clear()
            fake.fault("robot", "hang")
            task = asyncio.ensure_future(robot_over(fake).assign(VIP, LB2, spend=freely))
            await asyncio.sleep(0.1)
            task.cancel()
            try:
                await task
            except asyncio.CancelledError as error:
                said.append("".join(traceback.format_exception(error)))

        asyncio.run(story(), debug=True)
        everything = "\n".join([logged.getvalue(), *said, repr(fake.journal.as_json())])
        assert "CancelledError" in everything
        for hidden in (PASSWORD, TOKEN, basic(), basic().split()[1]):
            assert hidden not in everything
        assert not [line for line in logged.getvalue().splitlines() if "failover" in line]

    def test_a_header_that_cannot_be_written_is_not_quoted(self, fake: HetznerFake) -> None:
        async def story() -> object:
            client = Client(fake.cloud_url, Token(Secret("hidden\nhidden")), link(fake))
            return await client.read("/floating_ips")

        found = asyncio.run(story())
        assert isinstance(found, Unreachable)
        assert "hidden" not in repr(found)

    def test_letters_beyond_ascii_in_a_password_reach_the_other_side(self, fake: HetznerFake) -> None:
        assert not PASSWORD.isascii()
        assert isinstance(asyncio.run(look(fake, link(fake))), Observation)

        async def with_another() -> object:
            client = Client(fake.robot_url, Login("#ws+lvsctl", Secret("wörng")), link(fake))
            return await client.read("/failover")

        found = asyncio.run(with_another())
        assert isinstance(found, Heard)
        assert found.status == 401

    def test_a_wrong_password_is_sent_once(self, fake: HetznerFake) -> None:
        fake.robot.world.users.clear()
        before = len(fake.journal)
        assert isinstance(asyncio.run(look(fake, link(fake))), Auth)
        assert len(fake.journal) == before + 1

    def test_no_file_is_left_open(self, fake: HetznerFake) -> None:
        def open_files() -> int:
            return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a folder that changes while it is read

        async def story() -> tuple[int, int]:
            before = open_files()
            for kind in ("hang-on-accept", "hang", "wrong-name", "slow"):
                fake.fronts["robot"].faults.clear()
                fake.fault("robot", kind)
                robot = robot_over(fake, link(fake, connect=1, read=0.15))
                for _ in range(2):
                    await robot.observe(VIP, spend=freely)
                await robot.aclose()
            await asyncio.sleep(0.4)  # the other side closes as well
            return before, open_files()

        gc.disable()  # it would close what was forgotten, some time
        try:
            before, after = asyncio.run(story())
        finally:
            gc.enable()
        assert after <= before


@contextlib.asynccontextmanager
async def proxy() -> AsyncIterator[tuple[str, bytearray]]:
    """A proxy for CONNECT, and everything that went through it towards the server."""
    seen = bytearray()
    tasks: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, notes: bytearray) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(4096):
                notes += data
                writer.write(data)
                await writer.drain()
        writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        seen.extend(head)
        host, _, port = head.split()[1].decode().rpartition(":")
        there, back = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(carry(reader, back, seen), carry(there, writer, bytearray()))

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(connected(reader, writer)))

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen
    finally:
        server.close()
        await asyncio.gather(*tasks)
