"""The Internet behind the uplinks of :mod:`tests.support.isps`: one thread that plays every provider, frame by frame.

It writes down what it did with each numbered packet, so that a test tells what was lost on the way there from what a
provider lost on purpose. It also knows its own faults: what its sockets had no room for, and how late it was.
"""

import heapq
import select
import socket
import struct
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from random import Random

from lvsctl.uplink.model import Target, Uplink
from lvsctl.uplink.packets import checksum
from lvsctl.vocabulary import Address, Family
from tests.support import netns

TARGETS = ("198.51.100.1", "198.51.100.2")
TARGETS6 = ("2001:db8:ffff::1", "2001:db8:ffff::2")
FAR, FAR6 = "198.51.100.77", "2001:db8:ffff::77"
"""Whom the traffic of a test is for."""
ECHO = 7
NUMBER = struct.Struct("!I")
"""What an echo packet of a test begins with."""
SOL_PACKET = 263


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
    swallowed: set[int] = field(default_factory=set)
    """Numbers of the packets that came and were not answered, for whatever reason."""
    dice: dict[Address, Random] = field(default_factory=dict)
    """For each target its own: which of its packets are lost does not depend on who else was asked in between."""

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

    def loses(self, target: Address) -> bool:
        """Answer whether a packet to *target* is lost there, or its answer on the way back."""
        dice = self.dice.setdefault(target, Random(f"{self.number} {target}"))
        there, back = dice.random(), dice.random()
        return self.is_cut or min(there, back) < self.loss

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


class Internet:
    """The thread. Every :class:`Isp` has one end of a cable, ``farNUMBER``, in the namespace that *path* names."""

    def __init__(self, isps: Sequence[Isp], path: str) -> None:
        self._isps, self._path = isps, path
        self._stopped = threading.Event()
        self._later: list[tuple[float, int, socket.socket, bytes]] = []
        self._serial = 0
        self._thread = threading.Thread(target=self._play, daemon=True)
        self.overflowed = 0
        """Frames that there was no room for: lost by this harness, and by nobody else."""
        self.latest = 0.0
        """How long a frame has waited for the thread, at most, in seconds."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopped.set()
        self._thread.join(10)

    def _play(self) -> None:
        with netns.inside(self._path), ExitStack() as stack:
            ends: dict[int, tuple[socket.socket, Isp]] = {}
            for isp in self._isps:
                end = stack.enter_context(_end(isp))
                ends[end.fileno()] = (end, isp)
            poll = select.poll()
            for number in ends:
                poll.register(number, select.POLLIN)
            while not self._stopped.is_set():
                for number, _ in poll.poll(self._wait()):
                    self._receive(*ends[number])
                self._send_due()
            self.overflowed = sum(_overflowed(end) for end, _ in ends.values())

    def _wait(self) -> float:
        return max(0.0, min(50.0, 1000 * (self._later[0][0] - time.monotonic()))) if self._later else 50.0

    def _send_due(self) -> None:
        while self._later and self._later[0][0] <= time.monotonic():
            _, _, end, frame = heapq.heappop(self._later)
            _send(end, frame)

    def _receive(self, end: socket.socket, isp: Isp) -> None:
        try:
            frame, said, _, sender = end.recvmsg(2048, 64)
        except OSError:  # the link is down
            return
        if sender[2] == socket.PACKET_OUTGOING:
            return
        for _, _, stamp in said:
            seconds, nanoseconds = struct.unpack("=qq", stamp)
            self.latest = max(self.latest, time.time() - seconds - nanoseconds / 1e9)
        if (answer := _neighbour(frame, isp)) is not None:
            _send(end, answer)
        elif (answer := _answer(frame, isp)) is not None:
            self._serial += 1
            heapq.heappush(self._later, (time.monotonic() + isp.delay, self._serial, end, answer))


def _end(isp: Isp) -> socket.socket:
    """Open the provider's end of its cable, with room for all that a test sends in half a minute."""
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    end.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)  # SO_RCVBUFFORCE
    end.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS
    end.setsockopt(SOL_PACKET, 23, 1)  # PACKET_IGNORE_OUTGOING
    end.bind((f"far{isp.number}", 0x0003))
    return end


def _overflowed(end: socket.socket) -> int:
    _, dropped = struct.unpack("=II", end.getsockopt(SOL_PACKET, 6, 8))  # PACKET_STATISTICS
    return int(dropped)


def _send(end: socket.socket, frame: bytes) -> None:
    with suppress(OSError):  # the link is down
        end.send(frame)


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
    if frame[12:14] not in (b"\x08\x00", b"\x86\xdd"):
        return None
    v4 = frame[12:14] == b"\x08\x00"
    start = 14 + ((frame[14] & 0xF) * 4 if v4 else 40)
    end = (
        14 + struct.unpack_from("!H", frame, 16)[0] if v4 else start + struct.unpack_from("!H", frame, 18)[0]
    )
    protocol = frame[23] if v4 else frame[20]
    source, target = (frame[26:30], frame[30:34]) if v4 else (frame[22:38], frame[38:54])
    passes = _passes(frame[:6], ip_address(source), ip_address(target), isp)
    body = _echoed(frame[start:end], protocol, v4=v4)
    if body is None:
        return None
    if not passes:
        if protocol == socket.IPPROTO_UDP:
            isp.swallowed.add(NUMBER.unpack_from(body, 8)[0])
        return None
    if protocol == socket.IPPROTO_UDP:
        isp.echoed += 1
    head = frame[6:12] + isp.mac
    if v4:
        return head + _ipv4(target, source, protocol, body)
    return head + _ipv6(target, source, protocol, 64, _checked6(target, source, body, protocol))


def _passes(mac: bytes, source: Address, target: Address, isp: Isp) -> bool:
    """Answer whether a packet gets to whom it is for, and its answer back."""
    if mac != isp.mac:
        return False
    if not isp.is_own(source):
        isp.foreign += 1
        return False
    return not (isp.loses(target) or str(target) in isp.dead)


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
