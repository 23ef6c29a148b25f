"""The nouns around a claim on a failover IP: what VRRP says, what may happen next, what did happen.

Pure, and without a rule in it: which action follows from what is in :mod:`lvsctl.failover.claim`. All times are
seconds on one clock that only goes forward (:class:`lvsctl.failover.shelf.HostClock` carries them over a reboot).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from zlib import crc32

from lvsctl.failover.budget import Purpose
from lvsctl.failover.observation import Target
from lvsctl.failover.provider import Answer, Call, Pace, Reading


class Vrrp(StrEnum):
    """The state of a VRRP instance in keepalived's words; UNKNOWN when nobody could be asked."""

    MASTER = "MASTER"
    BACKUP = "BACKUP"
    FAULT = "FAULT"
    STOP = "STOP"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known about the VRRP instance of a failover IP."""

    state: Vrrp
    generation: int = 0
    """Goes up with every change of state; the same number is the same, uninterrupted mastership."""
    lower_heard: float | None = None
    """When ``master_rx_lower_pri`` last came in this generation: then the peer heard us, and it has to yield."""
    elected: bool = False
    """The peer's adverts were heard until the election that began this generation, so it was no split brain.

    An instance that stays BACKUP longer than the master down interval is kept there by adverts; one that goes from
    its start to MASTER without a pause heard none.
    """


@dataclass(frozen=True, slots=True)
class Rules:
    """What one claim is about, and its intervals in seconds."""

    target: Target
    """What the provider calls this node."""
    pace: Pace
    seed: str
    """Differs by node and address (``lb1 203.0.113.10``), so that two nodes never wait the same time."""
    lists: bool = False
    """The provider counts lists apart, so they can stand in for single looks."""
    verify: float = 300.0
    """Between two looks at an address that is held: two nodes with one IP spend 24 of Robot's 100 an hour."""
    recheck: float = 60.0
    """Between two looks that ``master_rx_lower_pri`` asks for; it comes with every advert."""
    fresh: float = 15.0
    """An observation older than this is no reason to move anything."""
    hold_off_most: float = 900.0
    """The longest pause between two moves by this node, however often it flaps."""
    backoff_least: float = 5.0
    backoff_most: float = 180.0
    """Retries while the API is down wait a random part of this at most: 40 looks an hour on average."""
    stuck: float = 600.0
    """A move that is *processing* for longer alarms, and is looked at every *verify* seconds only."""
    refused: float = 3600.0
    """Between two looks when the provider says that the configuration is wrong."""
    patience: float = 600.0
    """Where the address points may be unknown for this long on the master before that alarms."""

    def jitter(self, salt: float) -> float:
        """Answer a number in [0, 1) that depends on the node, the address and *salt* only."""
        return crc32(f"{self.seed} {salt}".encode()) / 2**32


@dataclass(frozen=True, slots=True)
class Nothing:
    """There is nothing to do until VRRP, the operator or the configuration changes."""

    why: str


@dataclass(frozen=True, slots=True)
class Wait:
    """There will be something to do at *until*."""

    until: float
    why: str


@dataclass(frozen=True, slots=True)
class Observe:
    """Ask the provider where the address points, with GET_ONE or, when those are spent, GET_LIST."""

    purpose: Purpose
    call: Call


@dataclass(frozen=True, slots=True)
class Post:
    """Ask the provider to move the address here. Confirm VRRP and write *Sending* down first."""

    target: Target
    purpose: Purpose


Action = Nothing | Wait | Observe | Post


@dataclass(frozen=True, slots=True)
class Looked:
    """The provider answered, or did not answer, where the address points."""

    reading: Reading


@dataclass(frozen=True, slots=True)
class Sending:
    """A POST is about to leave. Written down before it does: whoever finds it later must look first."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The POST that was written down at *sent* ended like this."""

    answer: Answer
    sent: float


@dataclass(frozen=True, slots=True)
class Ordered:
    """An operator wants the address here: forget that we yielded or were refused; hold off for one lock window at most."""


Event = Truth | Looked | Sending | Answered | Ordered

UNKNOWN: Final = Truth(Vrrp.UNKNOWN)
