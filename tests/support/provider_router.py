"""The provider's own router in the lab: it sends the packets for each failover IP where the fake says they go.

What the API says does not matter here, only the fake's data plane (``tests/fakes/hetzner``, which keeps the two apart).
"""

import threading
from types import TracebackType
from typing import Self

from tests.fakes.hetzner.server import HetznerFake
from tests.fakes.hetzner.state import Failover
from tests.support.hosts import Host

LOOK = 0.01
"""Seconds between two looks at the data plane: half the time between two requests of a client."""


def next_hop(failover: Failover, now: float) -> str | None:
    """Answer where packets for *failover* go at *now*, and change nothing: the fake's thread settles its moves."""
    due = [move for move in tuple(failover.following) if move.dataplane_at <= now]
    return due[-1].target if due else failover.dataplane


class ProviderRouter:
    """Routes on *host* as *fake* has it, for the block. Targets are addresses on one of its switches."""

    def __init__(self, host: Host, fake: HetznerFake) -> None:
        self._host = host
        self._fake = fake
        self._routed: dict[str, str | None] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="provider's router")
        self._failure: Exception | None = None

    def __enter__(self) -> Self:
        self._host.sysctl("net.ipv4.ip_forward", 1)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        if self._failure and value is None:
            raise self._failure

    def _follow(self) -> None:
        try:
            while not self._ended.wait(LOOK):
                self._look()
        except Exception as failure:  # noqa: BLE001 - a thread's failure is raised by the block
            self._failure = failure

    def _look(self) -> None:
        now = self._fake.clock.now()
        wanted = {ip: next_hop(each, now) for ip, each in tuple(self._fake.robot.world.failovers.items())}
        changes = [ip for ip, hop in wanted.items() if ip not in self._routed or self._routed[ip] != hop]
        if changes:
            self._host.ip(*(_route(ip, wanted[ip]) for ip in changes))
            self._routed.update((ip, wanted[ip]) for ip in changes)


def _route(ip: str, hop: str | None) -> str:
    return f"route replace {ip}/32 via {hop}" if hop else f"route replace blackhole {ip}/32"
