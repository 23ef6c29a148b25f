"""A host with two or three uplinks, and providers behind them that can be made to fail in every way.

``with Isps(...) as isps`` is in a fresh network namespace that has ``eth0``, ``eth1`` …; the other end of each cable is
in a namespace where a thread plays router and Internet: it answers ARP and neighbour solicitations for the gateway, and
pings and UDP echo for everybody beyond. So loss, delay, a dead target or a changed MAC are a few lines here and need
neither netem nor nftables. A router refuses packets whose source is not of its network (BCP 38), as providers do, and
counts them.
"""

import asyncio
import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from lvsctl.uplink.model import Damping, Settings, Thresholds, Window
from lvsctl.vocabulary import Family
from tests.support import netns
from tests.support.internet import ECHO, FAR, FAR6, NUMBER, Internet, Isp
from tests.support.veths import ip

INTERVAL = 0.1
PATIENCE = 3.0
"""Seconds that packets are waited for of which nobody knows anything."""


class Isps:
    """The host and its providers."""

    def __init__(self, count: int = 2, *, same_gateway: bool = False) -> None:
        self.isps = [Isp(each, gateway="10.255.0.1" if same_gateway else "") for each in range(count)]
        self._stack = ExitStack()

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
            addresses_are_ready()
            self.internet = Internet(self.isps, f"/proc/self/fd/{self._world}")
            self.internet.start()
            stack.callback(self.internet.stop)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # --- what a test does with it

    async def beyond(self, *lines: str) -> None:
        """Run ``ip`` commands at the other ends of the cables, while everything else goes on."""

        def run() -> None:
            with netns.inside(f"/proc/self/fd/{self._world}"):
                ip(*lines)

        await asyncio.to_thread(run)

    @property
    def swallowed(self) -> set[int]:
        """The numbers of the packets that a provider got and did not answer."""
        return set().union(*(isp.swallowed for isp in self.isps))

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
        return Settings(**(values | more))  # type: ignore[arg-type]  # mypy reads ** as any field's type


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


# --- traffic


class Traffic:
    """Numbered packets to somebody far away, one every *every* seconds, bound to nothing: what the default route is for."""

    def __init__(self, isps: Isps, every: float = 0.01, family: Family = Family.INET) -> None:
        self.sent = 0
        self.refused: set[int] = set()
        """Packets that the kernel had no way for."""
        self.answered: set[int] = set()
        self._isps = isps
        self._every = every
        self._to = (FAR if family is Family.INET else FAR6, ECHO)
        self._socket = socket.socket(
            socket.AF_INET if family is Family.INET else socket.AF_INET6,
            socket.SOCK_DGRAM | socket.SOCK_NONBLOCK,
        )

    def lost(self, first: int = 0, last: int | None = None) -> int:
        """Answer how many of the packets from number *first* up to *last* have no answer."""
        return sum(each not in self.answered for each in range(first, self.sent if last is None else last))

    async def flow(self) -> None:
        """Send until cancelled. What should have been sent while we were not run is not sent."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._socket, self._hear)
        due = loop.time()
        while True:
            try:
                self._socket.sendto(NUMBER.pack(self.sent), self._to)
            except OSError:
                self.refused.add(self.sent)
            self.sent += 1
            due = max(due + self._every, loop.time())
            await asyncio.sleep(due - loop.time())

    async def settled(self) -> int:
        """Wait until it is known what became of every packet so far, and answer how many those are.

        Most are answered, refused, or swallowed by a provider, which knows it at once however late it is. Of the
        others nobody knows anything. They are waited for, and then they are lost like all others.
        """
        sent = self.sent
        for _ in range(int(PATIENCE / 0.02)):
            if self.answered | self.refused | self._isps.swallowed >= set(range(sent)):
                break
            await asyncio.sleep(0.02)
        return sent

    def _hear(self) -> None:
        try:
            while True:
                self.answered.add(NUMBER.unpack(self._socket.recv(64))[0])
        except OSError:
            return

    def close(self) -> None:
        self._socket.close()


def addresses_are_ready() -> None:
    """Wait until IPv6 addresses can be used: the kernel lets them wait until it has noticed that a link is up."""
    for _ in range(500):
        if not ip("address show tentative", family=Family.INET6):
            return
        time.sleep(0.02)
    raise AssertionError("an address is tentative for ever")


def be_impatient_with_neighbours() -> None:
    """Let a changed gateway be found within a test's patience; a late answer is waited for all the same."""
    for family in ("ipv4", "ipv6"):
        for each in Path(f"/proc/sys/net/{family}/neigh").iterdir():
            (each / "base_reachable_time_ms").write_text("300\n")
            (each / "delay_first_probe_time").write_text("0\n")
            (each / "retrans_time_ms").write_text("50\n")
            (each / "mcast_solicit").write_text("100\n")
