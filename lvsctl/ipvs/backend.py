"""What a table can do, whoever holds it: the running kernel, or this process's memory.

:mod:`~lvsctl.ipvs.kernel` and :mod:`~lvsctl.ipvs.memory` both do it; one suite of contract tests runs over both.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol, Self

from lvsctl.ipvs.errors import Refusal
from lvsctl.ipvs.model import Connections, DestKey, Info, Observation, Service, SyncDaemon, Table, Timeouts
from lvsctl.ipvs.steps import Step
from lvsctl.vocabulary import ServiceKey, SyncRole


class Ipvs(Protocol):
    """An IPVS table. Whatever cannot be reached raises Unavailable, whatever is forbidden Denied."""

    def __enter__(self) -> Self:
        """Answer itself; the block's end closes it."""

    def __exit__(self, *_: object) -> None:
        """Close it."""

    def close(self) -> None:
        """Let go of what it holds; a second time does nothing."""

    def table(self, only: Collection[ServiceKey] | None = None) -> Table:
        """Answer all settings; with *only*, those of these services that there are."""

    def services(self) -> Mapping[ServiceKey, Service]:
        """Answer the settings of all services, without their destinations: much cheaper than :meth:`table`."""

    def observe(self, only: Collection[ServiceKey] | None = None) -> Observation:
        """Answer all settings, counters and numbers of connections; *only* as in :meth:`table`."""

    def connections(self, of: Mapping[ServiceKey, DestKey]) -> dict[ServiceKey, Connections]:
        """Answer how many connections one destination of each of these services has; none when it is gone."""

    def observe_one(self, key: ServiceKey) -> Observation:
        """Answer one service like :meth:`observe`; an empty Observation when there is no such service."""

    def send(self, steps: Iterable[Step]) -> tuple[Refusal, ...]:
        """Try every step, in order, and answer those that were refused; a refusal does not stop the next step."""

    def timeouts(self) -> Timeouts:
        """Answer how long idle connections live."""

    def set_timeouts(self, timeouts: Timeouts) -> None:
        """Set how long idle connections live; 0 leaves a value as it is."""

    def info(self) -> Info:
        """Answer which IPVS this is."""

    def daemons(self) -> tuple[SyncDaemon, ...]:
        """Answer which connection sync daemons run, master first."""

    def start_daemon(self, daemon: SyncDaemon) -> None:
        """Start a connection sync daemon. Raises RequestRefused."""

    def stop_daemon(self, role: SyncRole) -> None:
        """Stop the connection sync daemon of *role*. Raises RequestRefused when none runs."""
