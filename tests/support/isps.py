"""A host with two or three uplinks, and providers behind them that can be made to fail in every way.

``with Isps(...) as isps`` is in a fresh network namespace that has ``eth0``, ``eth1`` …; the other end of each cable is
in a namespace where a thread plays router and Internet: it answers ARP and neighbour solicitations for the gateway, and
pings and UDP echo for everybody beyond. So loss, delay, a dead target or a changed MAC are a few lines here and need
neither netem nor nftables. A router refuses packets whose source is not of its network (BCP 38), as providers do, and
counts them.
"""

import asyncio
import heapq
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from random import Random
from typing import Self

from lvsctl.uplink.model import Damping, Settings, Target, Thresholds, Uplink, Window
from lvsctl.uplink.packets import checksum
from lvsctl.vocabulary import Address, Family
from tests.support import netns
from tests.support.veths import ip

TARGETS = ("198.51.100.1", "198.51.100.2")
TARGETS6 = ("2001:db8:ffff::1", "2001:db8:ffff::2")
FAR, FAR6 = "198.51.100.77", "2001:db8:ffff::77"
"""Whom the traffic of a test is for."""
ECHO = 7
INTERVAL = 0.1


@dataclass
class Isp:
    """A provider, as it is now; a test changes it while packets flow."""

    number: int
    gateway: str = ""
    gateway6: str = "fe80::1"
    loss: float = 0.0
    """Each way."""
    delay: float = 0.0
    """Of the whole round trip, in seconds."""
    is_cut: bool = False
    """The upstream; the gateway still answers ARP."""
    dead: set[str] = field(default_factory=set)
    """Addresses that do not answer."""
    mac: bytes = b""
    foreign: int = 0
    """Packets that came with somebody else's source."""
    echoed: int = 0
    dice: Random = field(default_factory=lambda: Random(7))

    def __post_init__(self) -> None:
        self.gateway = self.gateway or f"10.{self.number}.0.1"
        self.mac = self.mac or bytes((2, 0, 0, 0, 1, self.number))

    @property
    def interface(self) -> str:
        return f"eth{self.number}"

    @property
    def address(self) -> str:
        return f"10.{self.number}.0.2"

    @property
    def address6(self) -> str:
        return f"2001:db8:{self.number}::2"

    def is_own(self, source: Address) -> bool:
        network = f"10.{self.number}.0.0/24" if source.version == 4 else f"2001:db8:{self.number}::/64"
        return source in ip_network(network)

    def loses(self) -> bool:
        return self.is_cut or self.dice.random() < self.loss

    def uplink(self, family: Family = Family.INET, targets: Sequence[str] = ()) -> Uplink:
        v4 = family is Family.INET
        asked = targets or (TARGETS if v4 else TARGETS6)
        return Uplink(
            name=f"isp{self.number}",
            family=family,
            interface=self.interface,
            gateway=ip_address(self.gateway if v4 else self.gateway6),
            table=2001 + self.number,
            targets=tuple(Target(ip_address(each)) for each in asked),
            track_value=10 * self.number,
        )


class Isps:
    """The host and its providers."""

    def __init__(self, count: int = 2, *, same_gateway: bool = False) -> None:
        self.isps = [Isp(each, gateway="10.255.0.1" if same_gateway else "") for each in range(count)]
        self._stack = ExitStack()
        self._stopped = threading.Event()
        self._later: list[tuple[float, int, socket.socket, bytes]] = []
        self._serial = 0

    def __getitem__(self, number: int) -> Isp:
        return self.isps[number]

    def __enter__(self) -> Self:
        with self._stack as stack:
            self._world = stack.enter_context(other_namespace())
            stack.enter_context(netns.fresh())
            for each in ("all", "default"):
                netns.sysctl(f"net.ipv6.conf.{each}.accept_dad", 0)
                netns.sysctl(f"net.ipv6.conf.{each}.router_solicitations", 0)
            lines = ["link set lo up"]
            for isp in self.isps:
                lines += [
                    f"link add {isp.interface} type veth peer name far{isp.number} netns /proc/self/fd/{self._world}",
                    f"link set {isp.interface} up",
                    f"address add {isp.address}/24 dev {isp.interface}",
                    f"-6 address add {isp.address6}/64 dev {isp.interface}",
                ]
            _ip(lines, self._world)
            self._thread = threading.Thread(target=self._play, daemon=True)
            self._thread.start()
            stack.callback(self._thread.join, 5)
            stack.callback(self._stopped.set)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # --- what a test does with it

    def settings(self, *families: Family, **more: object) -> Settings:
        """Answer settings for all providers that find a fault within a few hundred milliseconds."""
        values: dict[str, object] = {
            "uplinks": tuple(
                each.uplink(family) for each in self.isps for family in families or (Family.INET,)
            ),
            "interval": INTERVAL,
            "timeout": INTERVAL,
            "thresholds": Thresholds(rise=3, fall=3, window=Window(size=40, loss_down=0.2, loss_up=0.1)),
            "damping": Damping(hold=0.2, min_time_on_backup=0.3),
        }
        return Settings(**(values | more))  # type: ignore[arg-type]

    # --- the Internet

    def _play(self) -> None:
        with netns.inside(f"/proc/self/fd/{self._world}"), ExitStack() as stack:
            ends: dict[int, tuple[socket.socket, Isp]] = {}
            for isp in self.isps:
                end = stack.enter_context(
                    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
                )
                end.bind((f"far{isp.number}", 0x0003))
                ends[end.fileno()] = (end, isp)
            poll = select.poll()
            for number in ends:
                poll.register(number, select.POLLIN)
            while not self._stopped.is_set():
                for number, _ in poll.poll(self._wait()):
                    self._receive(*ends[number])
                self._send_due()

    def _wait(self) -> float:
        return max(0.0, min(50.0, 1000 * (self._later[0][0] - time.monotonic()))) if self._later else 50.0

    def _send_due(self) -> None:
        while self._later and self._later[0][0] <= time.monotonic():
            _, _, end, frame = heapq.heappop(self._later)
            _send(end, frame)

    def _receive(self, end: socket.socket, isp: Isp) -> None:
        try:
            frame, sender = end.recvfrom(2048)
        except OSError:  # the link is down
            return
        if sender[2] == socket.PACKET_OUTGOING:
            return
        if (answer := _neighbour(frame, isp)) is not None:
            _send(end, answer)
        elif (answer := _answer(frame, isp)) is not None:
            self._serial += 1
            heapq.heappush(self._later, (time.monotonic() + isp.delay, self._serial, end, answer))


def _send(end: socket.socket, frame: bytes) -> None:
    try:
        end.send(frame)
    except OSError:
        return


@contextmanager
def other_namespace(*, ipv6: bool = False) -> Iterator[int]:
    """Have another network namespace, and be in the one we are in; answers a file that names it."""
    with netns.fresh():
        for each in ("all", "default"):
            netns.sysctl(f"net.ipv6.conf.{each}.disable_ipv6", int(not ipv6))
        handle = os.open(netns.OWN, os.O_RDONLY)
    try:
        yield handle
    finally:
        os.close(handle)


def _ip(lines: Sequence[str], world: int) -> None:
    """Run ``ip`` commands, the other ends of whose cables are in the namespace *world*."""
    path = f"/proc/{os.getpid()}/fd/{world}"
    ip(*(each.replace(f"/proc/self/fd/{world}", path) for each in lines if not each.startswith("-6 ")))
    ip(*(each[3:] for each in lines if each.startswith("-6 ")), family=Family.INET6)
    with netns.inside(path):
        ip(*(f"link set {word} up" for each in lines for word in each.split() if word.startswith("far")))


def _neighbour(frame: bytes, isp: Isp) -> bytes | None:
    """Answer an ARP request, or a neighbour solicitation, for the gateway."""
    kind = frame[12:14]
    if kind == b"\x08\x06" and frame[20:22] == b"\0\1" and frame[38:42] == IPv4Address(isp.gateway).packed:
        own = isp.mac + frame[38:42]
        return frame[6:12] + isp.mac + frame[12:20] + b"\0\2" + own + frame[22:32]
    if (
        kind == b"\x86\xdd"
        and frame[20] == 58
        and frame[54] == 135
        and frame[62:78] == IPv6Address(isp.gateway6).packed
    ):
        target, asker = frame[62:78], frame[22:38]
        body = b"\x88\0\0\0\x60\0\0\0" + target + b"\2\1" + isp.mac
        body = _checked6(target, asker, body)
        return frame[6:12] + isp.mac + _ipv6(target, asker, 58, 255, body)
    return None


def _answer(frame: bytes, isp: Isp) -> bytes | None:
    """Answer a ping or an echo as whoever it is for."""
    if frame[:6] != isp.mac or frame[12:14] not in (b"\x08\x00", b"\x86\xdd"):
        return None
    v4 = frame[12:14] == b"\x08\x00"
    start = 14 + ((frame[14] & 0xF) * 4 if v4 else 40)
    protocol = frame[23] if v4 else frame[20]
    source, target = (frame[26:30], frame[30:34]) if v4 else (frame[22:38], frame[38:54])
    if not isp.is_own(ip_address(source)):
        isp.foreign += 1
        return None
    if isp.loses() or isp.loses() or str(ip_address(target)) in isp.dead:
        return None
    end = (
        start - 40 + 40 + struct.unpack_from("!H", frame, 18)[0]
        if not v4
        else 14 + struct.unpack_from("!H", frame, 16)[0]
    )
    body = _echoed(frame[start:end], protocol, v4=v4)
    if body is None:
        return None
    if protocol == socket.IPPROTO_UDP:
        isp.echoed += 1
    head = frame[6:12] + isp.mac
    if v4:
        return head + _ipv4(target, source, protocol, body)
    return head + _ipv6(target, source, protocol, 64, _checked6(target, source, body, protocol))


def _echoed(body: bytes, protocol: int, *, v4: bool) -> bytes | None:
    if protocol == (1 if v4 else 58) and body[0] == (8 if v4 else 128):
        answer = bytes((0 if v4 else 129, 0, 0, 0)) + body[4:]
        return answer[:2] + checksum(answer).to_bytes(2, "big") + answer[4:] if v4 else answer
    if protocol == socket.IPPROTO_UDP and struct.unpack_from("!H", body, 2)[0] == ECHO:
        return body[2:4] + body[0:2] + body[4:6] + b"\0\0" + body[8:]
    return None


def _ipv4(source: bytes, target: bytes, protocol: int, body: bytes) -> bytes:
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 0, 0, 64, protocol, 0, source, target)
    return b"\x08\x00" + head[:10] + checksum(head).to_bytes(2, "big") + head[12:] + body


def _ipv6(source: bytes, target: bytes, protocol: int, hops: int, body: bytes) -> bytes:
    return b"\x86\xdd" + struct.pack("!IHBB16s16s", 6 << 28, len(body), protocol, hops, source, target) + body


def _checked6(source: bytes, target: bytes, body: bytes, protocol: int = 58) -> bytes:
    """Fill in the checksum of ICMPv6 or UDP."""
    at = 2 if protocol == 58 else 6
    body = body[:at] + b"\0\0" + body[at + 2 :]
    total = checksum(source + target + struct.pack("!II", len(body), protocol) + body)
    return body[:at] + (total or 0xFFFF).to_bytes(2, "big") + body[at + 2 :]


# --- traffic


class Traffic:
    """Packets to somebody far away, one every *every* seconds, bound to nothing: what the default route is for."""

    def __init__(self, every: float = 0.01, family: Family = Family.INET) -> None:
        self.sent = 0
        self.refused = 0
        """Packets that the kernel had no way for."""
        self.answered: set[int] = set()
        self._every = every
        self._to = (FAR if family is Family.INET else FAR6, ECHO)
        self._socket = socket.socket(
            socket.AF_INET if family is Family.INET else socket.AF_INET6,
            socket.SOCK_DGRAM | socket.SOCK_NONBLOCK,
        )

    @property
    def lost(self) -> int:
        return self.sent - len(self.answered)

    async def flow(self) -> None:
        """Send until cancelled."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._socket, self._hear)
        start, first = loop.time(), self.sent
        while True:
            try:
                self._socket.sendto(struct.pack("!I", self.sent), self._to)
            except OSError:
                self.refused += 1
            self.sent += 1
            await asyncio.sleep(max(0.0, start + (self.sent - first) * self._every - loop.time()))

    def _hear(self) -> None:
        try:
            while True:
                self.answered.add(struct.unpack("!I", self._socket.recv(64))[0])
        except OSError:
            return

    def close(self) -> None:
        self._hear()
        self._socket.close()


def fix_arp_timing() -> None:
    """Let a changed gateway be found within a test's patience."""
    for each in Path("/proc/sys/net/ipv4/neigh").iterdir():
        (each / "base_reachable_time_ms").write_text("300\n")
        (each / "delay_first_probe_time").write_text("0\n")
        (each / "retrans_time_ms").write_text("50\n")
