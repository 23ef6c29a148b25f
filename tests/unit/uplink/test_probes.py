"""Probes over real sockets: a machine behind a cable answers, well or badly, and nothing is ever raised."""

import asyncio
import os
import ssl
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import cast

import pytest

from lvsctl.uplink import probes
from lvsctl.uplink.model import How, Sample, Target, Uplink
from lvsctl.vocabulary import Address, Family, as_address
from tests.support import netns
from tests.support.certificates import certify
from tests.support.isps import other_namespace
from tests.support.veths import ip

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make network namespaces")

FAR, FAR6, NOBODY = as_address("198.51.100.1"), as_address("2001:db8:ffff::1"), as_address("198.51.100.9")
NOBODY6 = as_address("2001:db8:ffff::9")
OWN: dict[Family, Address] = {Family.INET: as_address("10.0.0.2"), Family.INET6: as_address("2001:db8::2")}
V4 = Uplink("isp0", Family.INET, "eth0", ip_address("10.0.0.1"), 2001)
V6 = Uplink("isp0", Family.INET6, "eth0", ip_address("2001:db8::1"), 2001)
RESPONSES = {
    80: b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    81: b"HTTP/1.1 503 Sorry\r\nContent-Length: 0\r\n\r\n",
    82: b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhello",
    83: b"SSH-2.0-OpenSSH\r\n\r\n",
    84: b"HTTP/1.1 204 No Content\r\n\r\n",
    85: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    86: b"",
}
HANGS = 87


class FarEnd:
    """A loop in a thread in the other namespace that serves all of it."""

    def __init__(self, world: int, folder: Path) -> None:
        self._world, self._folder = world, folder
        self._ready: Future[asyncio.AbstractEventLoop] = Future()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._loop = self._ready.result(10)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    def _run(self) -> None:
        with netns.inside(f"/proc/{os.getpid()}/fd/{self._world}"):
            asyncio.run(self._serve())

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        servers = [
            await asyncio.start_server(partial(self._answer, port), port=port) for port in (*RESPONSES, HANGS)
        ]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certify("www.example.org", self._folder))
        servers.append(await asyncio.start_server(partial(self._answer, 80), port=443, ssl=context))
        names = [(await loop.create_datagram_endpoint(Names, (str(each), 53)))[0] for each in (FAR, FAR6)]
        self._ready.set_result(loop)
        await self._over.wait()
        for server in servers:
            server.close()
        for transport in names:
            transport.close()

    @staticmethod
    async def _answer(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            if port == HANGS:
                await asyncio.sleep(1)
            writer.write(RESPONSES.get(port, b""))
            await writer.drain()
        writer.close()


class Names(asyncio.DatagramProtocol):
    """Knows example.org; refuses others; answers another question first."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, sender: tuple[str, int]) -> None:
        code = 0 if b"example" in data else 5
        answer = data[:2] + struct.pack("!H", 0x8180 | code) + data[4:]
        self._transport.sendto(bytes(2) + answer[2:], sender)
        self._transport.sendto(answer, sender)


@pytest.fixture(scope="module", autouse=True)
def far_end(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with other_namespace(ipv6=True) as world, netns.fresh():
        for each in ("all", "default"):
            netns.sysctl(f"net.ipv6.conf.{each}.accept_dad", 0)
        path = f"/proc/{os.getpid()}/fd/{world}"
        ip("link set lo up", f"link add eth0 type veth peer name far0 netns {path}", "link set eth0 up")
        ip("address add 10.0.0.2/24 dev eth0", "link add eth1 type veth peer name far1", "link set eth1 up")
        ip("address add 2001:db8::2/64 dev eth0 nodad", family=Family.INET6)
        with netns.inside(path):
            ip(
                "link set lo up",
                "link set far0 up",
                f"address add {FAR}/32 dev lo",
                "address add 10.0.0.1/24 dev far0",
            )
            ip(
                "address add 2001:db8::1/64 dev far0 nodad",
                f"address add {FAR6}/128 dev lo nodad",
                family=Family.INET6,
            )
            netns.sysctl("net.ipv4.icmp_ratelimit", 0)
        ip("route add default via 10.0.0.1 dev eth0")
        ip("route add default via 2001:db8::1 dev eth0", family=Family.INET6)
        end = FarEnd(world, tmp_path_factory.mktemp("certificates"))
        try:
            yield
        finally:
            end.close()


def asked(target: Target, uplink: Uplink = V4, timeout: float = 2.0, **more: Address | None) -> Sample:
    source = more.get("source", OWN[uplink.family])

    async def run() -> Sample:
        if target.how is not How.ICMP:
            return await probes.ask(uplink, source, target, timeout)
        pinger = probes.Pinger(uplink)
        try:
            samples = [await pinger.ask(source, target, timeout) for _ in range(2)]
            return samples[-1]
        finally:
            pinger.close()

    return asyncio.run(run())


@pytest.mark.parametrize("groups", ["1 0", "0 2147483647"], ids=["raw socket", "ping socket"])
@pytest.mark.parametrize(
    ("uplink", "address"), [(V4, FAR), (V6, FAR6), (V6, as_address("2001:db8::1"))], ids=str
)
def test_a_ping_is_answered(groups: str, uplink: Uplink, address: Address) -> None:
    netns.sysctl("net.ipv4.ping_group_range", groups)
    assert asked(Target(address), uplink).is_good


GOOD = [
    Target(FAR, How.TCP, 80),
    Target(FAR6, How.TCP, 80),
    Target(FAR, How.HTTP, 80),
    Target(FAR6, How.HTTP, 80, host="www.example.org", path="/x"),
    Target(FAR, How.HTTP, 81, status=503),
    Target(FAR, How.HTTP, 84, status=204),
    Target(FAR, How.HTTP, 85),
    Target(FAR, How.HTTPS, 443, verify=False),
    Target(FAR6, How.HTTPS, 443, verify=False),
    Target(FAR, How.DNS, 53, name="example.org"),
    Target(FAR6, How.DNS, 53, name="example.org"),
]
COMMANDS = {
    V4: "test $LVSCTL_FAMILY/$LVSCTL_UPLINK/$LVSCTL_SOURCE = inet/isp0/10.0.0.2",
    V6: "test $LVSCTL_FAMILY/$LVSCTL_UPLINK/$LVSCTL_SOURCE = inet6/isp0/2001:db8::2",
}


@pytest.mark.parametrize("target", GOOD, ids=str)
def test_a_good_answer_is_good(target: Target) -> None:
    uplink = V6 if target.address == FAR6 else V4
    found = asked(target, uplink)
    assert found.is_good, found.reason


@pytest.mark.parametrize("uplink", COMMANDS, ids=str)
def test_a_command_is_told_what_it_is_about(uplink: Uplink) -> None:
    found = asked(Target(None, How.COMMAND, run=("sh", "-c", COMMANDS[uplink])), uplink)
    assert found.is_good, found.reason


EVERYBODY = [Target(FAR), Target(FAR6), *GOOD]


def all_asked(interface: str, timeout: float, stall: float = 0.0) -> list[str]:
    """Ask everybody at the same time, not being run for a while after that; answer who has answered."""

    async def ask(pingers: Mapping[Uplink, probes.Pinger], target: Target) -> str:
        uplink = next(each for each in pingers if (each.family is V6.family) == (target.address == FAR6))
        source = OWN[uplink.family]
        if target.how is How.ICMP:
            sample = await pingers[uplink].ask(source, target, timeout)
        else:
            sample = await probes.ask(uplink, source, target, timeout)
        return str(target) if sample.is_good else ""

    async def run() -> list[str]:
        uplinks = [replace(each, interface=interface) for each in (V4, V6)]
        pingers = {each: probes.Pinger(each) for each in uplinks}
        asking = [asyncio.ensure_future(ask(pingers, each)) for each in EVERYBODY]
        for _ in range(3):
            await asyncio.sleep(0)
        time.sleep(stall)  # noqa: ASYNC251 - that is what happens to a process that is not run
        answered = await asyncio.gather(*asking)
        for each in pingers.values():
            each.close()
        return answered

    return asyncio.run(run())


def test_a_process_that_was_not_run_does_not_take_that_for_a_loss() -> None:
    """The answer is there when it is run again, and so is the end of its patience."""
    assert all_asked("eth0", 1.0, stall=2.0) == list(map(str, EVERYBODY))


def test_a_probe_leaves_by_its_interface_though_the_route_says_otherwise() -> None:
    """The default route leads to eth0, where the answers are; bound to eth1 there are none."""
    assert all_asked("eth0", 2.0) == list(map(str, EVERYBODY))
    assert all_asked("eth1", 0.3) == [""] * len(EVERYBODY)


BAD = {
    "no answer within 0.2 s": Target(FAR, How.HTTP, HANGS),
    "Connection refused": Target(FAR, How.TCP, 99),
    "status 503": Target(FAR, How.HTTP, 81),
    "HTTP [2001:db8:ffff::1]:81: status 503": Target(FAR6, How.HTTP, 81),
    "status 200": Target(FAR, How.HTTP, 80, status=204),
    "the response broke off": Target(FAR, How.HTTP, 82),
    "no HTTP response": Target(FAR, How.HTTP, 83),
    "certificate: self-signed certificate": Target(FAR, How.HTTPS, 443, host="www.example.org"),
    "HTTPS [2001:db8:ffff::1]:443: certificate: self-signed certificate": Target(
        FAR6, How.HTTPS, 443, host="www.example.org"
    ),
    "DNS response code 5": Target(FAR, How.DNS, 53, name="elsewhere.net"),
    "DNS [2001:db8:ffff::1]:53: DNS response code 5": Target(FAR6, How.DNS, 53, name="elsewhere.net"),
    "status 3: that is why": Target(None, How.COMMAND, run=("sh", "-c", "echo that is why; exit 3")),
    "cannot be started": Target(None, How.COMMAND, run=("/no/such/program",)),
}


@pytest.mark.parametrize("reason", BAD)
def test_a_bad_answer_has_its_reason(reason: str) -> None:
    target = BAD[reason]
    found = asked(target, V6 if target.address == FAR6 else V4, timeout=0.2 if "within" in reason else 5.0)
    assert not found.is_good
    assert reason in found.reason


EVERY_WAY = [
    Target(NOBODY),
    Target(NOBODY, How.TCP, 80),
    Target(NOBODY, How.HTTP, 80),
    Target(NOBODY, How.DNS, 53),
]


@pytest.mark.parametrize("uplink", [V4, V6], ids=str)
@pytest.mark.parametrize("target", EVERY_WAY, ids=str)
def test_whatever_is_wrong_with_an_uplink_is_a_sample(target: Target, uplink: Uplink) -> None:
    v4 = uplink is V4
    target = target if v4 else replace(target, address=NOBODY6)
    assert asked(target, uplink, source=None).reason.endswith(
        f"eth0 has no {'IPv4' if v4 else 'IPv6'} address"
    )
    strange = as_address("10.9.9.9" if v4 else "2001:db8:9::9")
    assert "Cannot assign" in asked(target, uplink, source=strange).reason
    assert "No such device" in asked(target, replace(uplink, interface="eth7")).reason
    assert not asked(target, uplink, timeout=0.2).is_good


def test_a_pinger_outlives_its_interface() -> None:
    async def run() -> list[bool]:
        pinger = probes.Pinger(replace(V4, interface="eth2"))
        found = []
        for line in (
            "link add eth2 type veth peer name far2",
            "link del eth2",
            "link add eth2 type veth peer name far2",
        ):
            ip(line)
            found.append((await pinger.ask(OWN[Family.INET], Target(FAR), 0.05)).is_good)
        ip("link del eth2")
        pinger.close()
        return found

    assert asyncio.run(run()) == [False] * 3


def test_a_command_that_hangs_is_ended() -> None:
    assert (
        "no answer within 0.2 s" in asked(Target(None, How.COMMAND, run=("sleep", "60")), timeout=0.2).reason
    )


def test_nothing_stays_open() -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - their number is enough
    for target in (*EVERY_WAY, *GOOD[:4]):
        asked(target, timeout=0.1)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - Path.iterdir would hold one open itself
