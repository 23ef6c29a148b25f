"""What the agent knows: VRRP instances and quorums, and who said so.

Pure, and only nouns: how they change is in :mod:`lvsctl.agent.reduce`. Times are seconds since boot (CLOCK_BOOTTIME).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from lvsctl.failover.model import Truth, Vrrp
from lvsctl.notify.event import Event


class Source(StrEnum):
    """Who said it. The FIFO's order is certain; hooks come in any; keepalived's own account is the truth."""

    NOBODY = "nobody"
    HOOK = "hook"
    FIFO = "fifo"
    KEEPALIVED = "keepalived"


class Instance(NamedTuple):
    """One VRRP instance of the spec."""

    state: Vrrp = Vrrp.UNKNOWN
    generation: int = 0
    """Goes up with every change of state, and never down, whatever restarts."""
    since: float = 0.0
    """When this generation was first heard of."""
    by: Source = Source.NOBODY
    priority: int | None = None
    """The effective one; None when nobody said."""
    lower_heard: float | None = None
    """When ``master_rx_lower_pri`` last came in this generation."""
    elected: bool = False
    """See :class:`lvsctl.failover.model.Truth`."""
    transition: str = ""
    """When keepalived says that it began; empty when it was not asked in this generation."""
    done: int = 0
    """The last generation whose steps were all begun."""

    @property
    def truth(self) -> Truth:
        """What the claim on a failover IP is told."""
        return Truth(self.state, self.generation, self.lower_heard, self.elected)


class Quorum(NamedTuple):
    """What was last heard of the quorum of one virtual server."""

    up: bool
    at: float


class Memory(NamedTuple):
    """Everything that outlives the process."""

    instances: Mapping[str, Instance] = {}
    quorums: Mapping[str, Quorum] = {}
    """By the name of the service in the spec."""


class Word(NamedTuple):
    """One thing that somebody said."""

    event: Event
    source: Source
    at: float


class Interest(NamedTuple):
    """What the spec makes the agent listen for; everything else is not remembered, whoever says it."""

    instances: Mapping[str, float] = {}
    """By name: seconds that a BACKUP which hears no adverts stays BACKUP at most (the master down interval)."""
    groups: Mapping[str, tuple[str, ...]] = {}
    """Sync groups and their instances."""
    services: frozenset[str] = frozenset()


class Standing(NamedTuple):
    """What keepalived's own account says of one instance."""

    state: Vrrp
    transition: str
    """Its last change of state, as keepalived writes the time."""


class Account(NamedTuple):
    """An answer to the question how all instances are."""

    standings: Mapping[str, Standing] | None
    """None: no answer. Empty: no keepalived, or one without instances."""
    why: str = ""
    """Why there is no answer."""
