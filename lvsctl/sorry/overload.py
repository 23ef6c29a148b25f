"""When the kernel would refuse visitors because every real server is full, and what lets the sorry in beside them.

The kernel marks a destination as overloaded when a connection takes it to its upper threshold, counting the active
and the inactive ones, and takes the mark back when one that ends leaves fewer than the lower threshold, or than
three quarters of the upper one where there is no lower (ip_vs_core.c and ip_vs_conn.c of Linux 6.1). No scheduler
gives a marked destination a new connection. When all are marked the visitor is refused; a sorry beside them gets
everybody instead, and the connections that the real servers have go on. The mark itself cannot be read.

Pure: it judges looks at the table. Between two looks visitors may come, so the sorry is let in when the room left is
what they may take. A faster burst than that is still refused: nobody told it is coming. Who comes is read off the
numbers of connections, which are exact at any moment; the kernel's counter of connections is brought up to date only
every two seconds (estimation_timer in ip_vs_est.c).
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from lvsctl.ipvs.model import Dest, DestKey, Load, VirtualServer
from lvsctl.ipvs.planning import drain_hazard
from lvsctl.ipvs.steps import AddDest, DeleteDest, EditDest, EditService, Step
from lvsctl.sorry.model import Snapshot, Target
from lvsctl.vocabulary import Scheduler, SchedulerFlag, ServiceKey


class Watch(NamedTuple):
    """What is remembered of one service from one look to the next."""

    overloaded: frozenset[DestKey] = frozenset()
    """Those that reached their upper threshold and were not below the lower one since."""
    totals: Mapping[DestKey, int] = {}
    """The connections that each real server had."""
    coming: float = 0
    """Connections by which they may grow from one look to the next: what a look has seen, and a tenth less in each since."""
    full: bool = False
    """Whether the sorry should be in."""


def can_overload(server: VirtualServer, sorry: DestKey) -> bool:
    """Answer whether every real server that gets visitors has a limit: one without takes them all."""
    serving = list(_serving(server, sorry))
    return bool(serving) and all(dest.upper for _, dest in serving)


def is_of_use(server: VirtualServer) -> bool:
    """Answer whether a sorry beside full real servers gets their visitors: dh sends each to its own, full or not."""
    return server.service.scheduler != Scheduler.DH


def watch(server: VirtualServer, loads: Mapping[DestKey, Load], sorry: DestKey, before: Watch) -> Watch:
    """Answer what is known after a look at *server*, given what was known *before*. Look often: every 50 ms."""
    serving = dict(_serving(server, sorry))
    loaded = {key: loads[key].connections for key in serving if key in loads}
    totals = {key: each.active + each.inactive for key, each in loaded.items()}
    overloaded = frozenset(
        key
        for key, dest in serving.items()
        if _is_overloaded(dest, totals.get(key, 0), key in before.overloaded)
    )
    coming = max(_growth(totals, before.totals), before.coming * FADING)
    known = Watch(overloaded, totals, coming)
    if not can_overload(server, sorry):
        return known
    room = sum(
        max(0, dest.upper - totals.get(key, 0)) for key, dest in serving.items() if key not in overloaded
    )
    scarce = room <= coming * MARGIN
    if before.full:
        # Until one is below its lower threshold, and not only for a moment: the room has to last until the next look.
        return known._replace(full=scarce or not _one_recovered(serving, totals, overloaded))
    return known._replace(full=scarce)


MARGIN = 2
"""Looks that the room must last for. One may be late."""

FADING = 0.9
"""What is left, from one look to the next, of the visitors that are expected: a burst is forgotten within a second or two."""


def _growth(totals: Mapping[DestKey, int], before: Mapping[DestKey, int]) -> int:
    """Answer how many connections more there are; those that ended at another real server made no room at this one."""
    return sum(max(0, total - before.get(key, total)) for key, total in totals.items())


def let_in(key: ServiceKey, server: VirtualServer, target: Target) -> Iterator[Step]:
    """Yield what puts the sorry beside the real servers. sh and mh need their fallback flag for that."""
    service = server.service
    if service.scheduler in _WITH_FALLBACK and not service.flags & SchedulerFlag.SH_FALLBACK:
        yield EditService(key, service._replace(flags=service.flags | SchedulerFlag.SH_FALLBACK))
    present = server.dests.get(target.dest_key)
    if present is None:
        yield AddDest(key, target.dest_key, target.dest)
    elif present.weight < target.dest.weight:
        yield EditDest(key, target.dest_key, present._replace(weight=target.dest.weight))


def take_out(
    key: ServiceKey, server: VirtualServer, before: VirtualServer, target: Target, *, resident: bool
) -> Iterator[Step]:
    """Yield what takes the sorry out again; *resident*: it stays at weight 0, and its connections end in peace.

    *before* is the service as it was without the sorry. The flag goes last: without it sh would refuse those whose
    place in the hash is the sorry's.
    """
    present = server.dests.get(target.dest_key)
    if present is not None and not resident:
        yield DeleteDest(key, target.dest_key)
    elif present is not None and present.weight > 0:
        yield EditDest(key, target.dest_key, present._replace(weight=0))
    if server.service.flags != before.service.flags:
        yield EditService(key, server.service._replace(flags=before.service.flags))


def without_sorry(server: VirtualServer, snapshot: Snapshot) -> VirtualServer:
    """Answer what *server* would be, had overload's sorry, as *snapshot* has it, not been let in."""
    sorry, before = snapshot.target.dest_key, snapshot.before
    dests = {key: dest for key, dest in server.dests.items() if key != sorry or key in before.dests}
    if sorry in dests:
        dests[sorry] = before.dests[sorry]
    return VirtualServer(server.service._replace(flags=before.service.flags), dests)


def may_stay(before: VirtualServer, *, templates_expire: bool) -> bool:
    """Answer whether a sorry at weight 0 hurts nobody in this service."""
    return not drain_hazard(before.service, templates_expire=templates_expire)


_WITH_FALLBACK = (Scheduler.SH, Scheduler.MH)


def _serving(server: VirtualServer, sorry: DestKey) -> Iterator[tuple[DestKey, Dest]]:
    return ((key, dest) for key, dest in server.dests.items() if key != sorry and dest.weight > 0)


def _is_overloaded(dest: Dest, total: int, before: bool) -> bool:  # noqa: FBT001 - what it was, not an option
    if not dest.upper:
        return False
    return total >= dest.upper or (before and not _is_below(dest, total))


def _is_below(dest: Dest, total: int) -> bool:
    return total < dest.lower if dest.lower else total * 4 < dest.upper * 3


def _one_recovered(
    serving: Mapping[DestKey, Dest], totals: Mapping[DestKey, int], overloaded: frozenset[DestKey]
) -> bool:
    return any(key not in overloaded and _is_below(dest, totals.get(key, 0)) for key, dest in serving.items())
