"""The nouns of the swap: whom visitors are sent to, who wants it so, and what it was like before.

Plain values, all frozen. What to change is decided in :mod:`~lvsctl.sorry.plan`, kept in :mod:`~lvsctl.sorry.journal`
and done in :mod:`~lvsctl.sorry.swap`; who owns a service, and what the spec says, is not known here.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from lvsctl.ipvs.model import Dest, DestKey, Service, VirtualServer
from lvsctl.ipvs.steps import Step
from lvsctl.vocabulary import ServiceKey


class Way(StrEnum):
    """Whose hands make the swap."""

    KERNEL = "kernel"
    """Ours: lvsctl or nobody owns the service, so its table entry is changed."""
    KEEPALIVED = "keepalived"
    """keepalived's: it owns the service, and is told by the maintenance file."""


class Holder(StrEnum):
    """Who may want a sorry; each holds on its own, and the swap back waits for the last of them."""

    OPERATOR = "operator"
    TIMER = "timer"
    QUORUM = "quorum"
    NOTIFY = "notify"
    OVERLOAD = "overload"


class Hold(NamedTuple):
    """Why a holder wants the sorry, and who it was."""

    since: float
    """Seconds since the epoch."""
    reason: str = ""
    until: float | None = None
    """When it ends by itself, in seconds since the epoch; whoever keeps time has to call ``off``."""
    user: str = ""
    pid: int = 0


class Removal(StrEnum):
    """How the real servers are out of the way while the sorry is on."""

    WEIGHT = "weight"
    """At weight 0: their connections go on (keepalived: the resident form)."""
    DELETE = "delete"
    """Deleted: their connections stall, or end at once where expire_nodest_conn is 1 (keepalived: the plain form)."""


class Phase(StrEnum):
    """How far a swap got. What a crash leaves is told apart by it."""

    SWITCHING_ON = "switching-on"
    ON = "on"
    SWITCHING_OFF = "switching-off"
    LINGERING = "lingering"
    """Off: the real servers are back. The sorry stays at weight 0 until its last request has been answered."""


class Target(NamedTuple):
    """The sorry of one service."""

    key: ServiceKey
    name: str
    """What the spec calls the service; ``str(key)`` without a spec."""
    dest_key: DestKey
    dest: Dest
    """How it stands in the table while on (weight 1 or more). The plan raises the weight where a scheduler needs more."""
    set_sysctl: bool = False
    """Whether sysctls of the namespace may be changed for the time of the swap."""


class Snapshot(NamedTuple):
    """What is known of one service's sorry: enough to undo it from every point where it may have been interrupted."""

    key: ServiceKey
    name: str
    way: Way
    phase: Phase
    target: Target
    removal: Removal
    before: VirtualServer
    """The service as it was: every field, and the order of the destinations."""
    service: Service
    """The service's own settings while on: with the fallback flag, without persistence."""
    holders: Mapping[Holder, Hold]
    boot_id: str
    """/proc/sys/kernel/random/boot_id when it was written: another one's table is another table."""
    meanwhile: Mapping[DestKey, Dest] = {}
    """Real servers as others set them while on, after which the guard took them out again: ``off`` puts these back."""
    sysctls: Mapping[str, int] = {}
    """Sysctls that were changed for the swap, and their values before it."""
    since: float = 0.0
    """When this phase began, in seconds since the epoch."""
    forced: bool = False
    """An ``off --force`` has begun: whoever completes it, restores the service exactly."""


class SwapPlan(NamedTuple):
    """What a swap does to one service."""

    steps: tuple[Step, ...]
    reasons: tuple[str, ...]
    """Why it is done this way: lines for the operator."""
    removal: Removal
    drift: tuple[str, ...] = ()
    """``off`` only: what others changed while the sorry was on, and what becomes of it."""
    sysctls: Mapping[str, int] = {}
    """Sysctls to set before the steps."""


class Outcome(NamedTuple):
    """What a verb did to one service."""

    key: ServiceKey
    name: str
    phase: Phase | None
    """How it is now; None: off, nothing left to do."""
    plan: SwapPlan
    """What was done, or would be (dry run). No steps: nothing had to be."""
    held_by: Mapping[Holder, Hold] = {}
    """Who wants the sorry now; after ``off``, whoever keeps it on."""
    lingering: int = 0
    """Connections that are waited for when the verb has ended: of the sorry after ``off``, of the real servers after ``on``."""
