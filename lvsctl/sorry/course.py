"""How one service has to be swapped, by its scheduler, its persistence and what the kernel is set to. Pure.

The rules are found by experiment on Linux 6.1 with real traffic; why each is as it is: docs/explanation/sorry-swap.md.
What steps follow from them is :mod:`~lvsctl.sorry.plan`'s.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from lvsctl.ipvs.model import Dest, Service
from lvsctl.sorry.form import SKIP_WEIGHT_0, WITH_FALLBACK, passes_over_weight_0
from lvsctl.sorry.model import Removal, Target
from lvsctl.vocabulary import Scheduler, SchedulerFlag, ServiceKey

TEMPLATES: Final = "expire_quiescent_template"
"""1: persistent clients leave a destination of weight 0."""

NODEST: Final = "expire_nodest_conn"
"""1: connections of deleted destinations end, with a reset."""

FALLBACK: Final = SchedulerFlag.SH_FALLBACK
"""sh and mh: clients of a destination of weight 0 go to another one. The bit is the same for both."""

_SKIPS: Final = SKIP_WEIGHT_0 | {Scheduler.TWOS}

_PLAIN: Final = Scheduler.RR
"""The scheduler of the simplest kind, in every kernel that has IPVS."""

_HEAVY: Final = 65535
"""The largest weight that ipvsadm can write."""


class Course(NamedTuple):
    """How a service goes over to its sorry."""

    removal: Removal
    service: Service
    """Its settings while the sorry is on."""
    sysctls: Mapping[str, int]
    reasons: tuple[str, ...]


def course(
    key: ServiceKey,
    service: Service,
    target: Target,
    *,
    templates_expire: bool,
    expire_nodest: bool,
    cut: bool,
) -> Course:
    """Decide how *service* goes over to *target*, given the two sysctls of its namespace.

    With *cut* its connections shall end, too.
    """
    sysctls: dict[str, int] = {}
    reasons: list[str] = []
    during = _without_persistence(key, _minding_weights(service, reasons), reasons)
    removal = Removal.WEIGHT
    if cut:
        removal = Removal.DELETE
        reasons.append(_cut(sysctls, expire_nodest=expire_nodest, may_set=target.set_sysctl))
    elif during.persistence and not templates_expire:
        removal = _sticky(sysctls, reasons, may_set=target.set_sysctl)
    else:
        reasons.append("the real servers stay at weight 0: what they answer now, they finish")
    return Course(removal, during, sysctls, tuple(reasons))


def skips_weight_0(service: Service) -> bool:
    """Answer whether *service* sends no new connection to a destination of weight 0, whoever asks."""
    fallback = bool(service.flags & FALLBACK)
    return service.scheduler in _SKIPS or passes_over_weight_0(service.scheduler, fallback=fallback)


def heavy_enough(sorry: Dest, service: Service, others: Iterable[Dest]) -> Dest:
    """Answer *sorry* with the weight at which it can take every visitor of *service*.

    ovf gives a destination no more connections than its weight: at weight 1, 300 of 325 visitors were refused. mh's
    fallback tries one place of its table after the other until it meets the sorry: as heavy as all the others
    together, it is met at the second try.
    """
    if service.scheduler == Scheduler.OVF:
        return sorry._replace(weight=max(sorry.weight, _HEAVY))
    if service.scheduler == Scheduler.MH:
        weights = sum(dest.weight for dest in others)
        return sorry._replace(weight=max(sorry.weight, min(weights, _HEAVY)))
    return sorry


def _minding_weights(service: Service, reasons: list[str]) -> Service:
    """Answer *service* so that it sends nobody to a destination of weight 0."""
    if skips_weight_0(service):
        return service
    if service.scheduler in WITH_FALLBACK:
        reasons.append(
            f"{service.scheduler} gets its fallback flag for the time: without it, it refuses clients"
        )
        return service._replace(flags=service.flags | FALLBACK)
    # Deleting the real servers instead would lose every connection that they have. The kernel lets go of the one
    # scheduler, waits for its processors, and takes the other: on one processor no visitor comes in between.
    reasons.append(
        f"{service.scheduler} does not look at weights: the scheduler is {_PLAIN} for the time "
        "(each change of it can refuse new connections for some milliseconds where there are several processors)"
    )
    return service._replace(scheduler=_PLAIN)


def _without_persistence(key: ServiceKey, service: Service, reasons: list[str]) -> Service:
    # While persistence is off, nobody is bound to the sorry, and who was bound to a real server stays so.
    if service.persistence is None or service.engine or not (key.port or key.mark):
        return service
    reasons.append(
        "persistence is off for the time: clients then leave at once, and come back to where they were"
    )
    return service._replace(persistence=None)


def _sticky(sysctls: dict[str, int], reasons: list[str], *, may_set: bool) -> Removal:
    why = (
        "persistent clients stay on destinations of weight 0, and this service cannot do without persistence"
    )
    if may_set:
        sysctls[TEMPLATES] = 1
        reasons.append(f"{why}: net.ipv4.vs.{TEMPLATES} is 1 for the time")
        return Removal.WEIGHT
    reasons.append(
        f"{why}: the real servers are deleted, and their connections with them "
        f"(--set-sysctl sets net.ipv4.vs.{TEMPLATES} for the time instead)"
    )
    return Removal.DELETE


def _cut(sysctls: dict[str, int], *, expire_nodest: bool, may_set: bool) -> str:
    if expire_nodest or may_set:
        if not expire_nodest:
            sysctls[NODEST] = 1
        return "the real servers are deleted: their connections are reset with the next packet"
    return (
        f"the real servers are deleted: their connections stall, because net.ipv4.vs.{NODEST} is 0 "
        "(--set-sysctl sets it for the time, which resets them instead)"
    )
