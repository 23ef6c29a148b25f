"""The nouns of uplinks. Pure.

An *uplink* is one way out for one family: an interface, a router behind it, and a routing table of its own. A
provider of the spec that has a router of each family is two uplinks of one name. Times are seconds of any clock that
only goes forward.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from lvsctl.vocabulary import Address, Family, endpoint


class How(StrEnum):
    """How a target is asked."""

    ICMP = "ICMP"
    TCP = "TCP"
    HTTP = "HTTP"
    HTTPS = "HTTPS"
    DNS = "DNS"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Target:
    """Something beyond an uplink that is asked whether it answers."""

    address: Address | None
    """None for a command."""
    how: How = How.ICMP
    port: int = 0
    host: str = ""
    path: str = "/"
    status: int = 0
    """The only good one; 0: 200 to 399."""
    verify: bool = True
    name: str = "."
    run: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.how is How.COMMAND:
            return f"command {self.run[0]}"
        where = endpoint(self.address, self.port) if self.port else str(self.address)
        return where if self.how is How.ICMP else f"{self.how} {where}"


@dataclass(frozen=True, slots=True)
class Window:
    """When a target that still answers is bad, and when good again. Loss as a fraction, times in seconds."""

    size: int = 60
    loss_down: float = 0.20
    loss_up: float = 0.10
    rtt_down: float | None = None
    rtt_up: float | None = None


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What makes a target good or bad."""

    rise: int = 3
    fall: int = 3
    window: Window = field(default_factory=Window)


@dataclass(frozen=True, slots=True)
class Damping:
    """What keeps the use of uplinks calm."""

    hold: float = 30.0
    """How long a preferred uplink has to have been good before it is used again."""
    min_time_on_backup: float = 60.0
    """How long another than the first stays in use at least, unless it fails."""


@dataclass(frozen=True, slots=True)
class Uplink:
    """One way out, for one family."""

    name: str
    family: Family
    interface: str
    gateway: Address
    table: int
    source: Address | None = None
    """This node's address; None: the interface's first global one."""
    targets: tuple[Target, ...] = ()
    quorum: int = 1
    """How many targets have to be good."""
    track_value: int = 0

    @property
    def key(self) -> "Key":
        """What tells it from every other."""
        return Key(self.family, self.name)

    def __str__(self) -> str:
        return str(self.key)


class Key(NamedTuple):
    """Which uplink: the name of the provider, and the family."""

    family: Family
    name: str

    def __str__(self) -> str:
        return f"{self.name} ({'IPv4' if self.family is Family.INET else 'IPv6'})"


@dataclass(frozen=True, slots=True)
class Sample:
    """What came of asking one target once."""

    rtt: float | None
    """Seconds until the answer; None: there was none in time, or a wrong one."""
    reason: str = ""
    """Why it failed."""

    @property
    def is_good(self) -> bool:
        """Whether there was an answer."""
        return self.rtt is not None


class Verdict(StrEnum):
    """How an uplink is."""

    UNKNOWN = "unknown"
    """Not asked often enough yet."""
    UP = "up"
    RISING = "rising"
    """It was down and answers again, and has not yet done so for a whole window."""
    DOWN = "down"


class Standing(NamedTuple):
    """How an uplink is, in all."""

    verdict: Verdict = Verdict.UNKNOWN
    since: float = 0.0
    """When the verdict became so."""
    is_silent: bool = False
    """Too few targets answer at all: whoever uses it is cut off."""
    answers: bool = True
    """Enough targets have answered when they were asked last: nobody changes over to one that is just failing."""
    reason: str = ""
    """Why it is down."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that is declared about uplinks."""

    uplinks: tuple[Uplink, ...]
    """In order of preference; both families."""
    metric: int = 50
    interval: float = 1.0
    timeout: float = 1.0
    thresholds: Thresholds = field(default_factory=Thresholds)
    damping: Damping = field(default_factory=Damping)
    run: tuple[str, ...] = ()
    run_timeout: float = 10.0
    track_file: str = ""
    track_down: int = 2

    @property
    def families(self) -> tuple[Family, ...]:
        """The families that have uplinks."""
        return tuple(dict.fromkeys(each.family for each in self.uplinks))

    def of(self, family: Family) -> tuple[Uplink, ...]:
        """Answer the uplinks of *family* in order of preference."""
        return tuple(each for each in self.uplinks if each.family is family)
