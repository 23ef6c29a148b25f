"""What a swap does to the table: ``(table, snapshot) → steps``, with the reasons. Pure.

The laws, held by tests/unit/sorry/test_laws.py at every cut of every plan:

- There is always a destination for a new visitor: the sorry is in before the real servers are out, and the reverse.
- ``off`` after ``on`` gives the table as it was, the order of destinations included.
- What others did meanwhile stays: ``off`` puts back only what is as ``on`` left it, and tells the rest as drift.

How each service has to be treated is :mod:`~lvsctl.sorry.course`'s; the steps between two tables and their order are
those of :func:`lvsctl.ipvs.planning.plan`.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from lvsctl.ipvs.model import Dest, DestKey, Service, VirtualServer
from lvsctl.ipvs.planning import plan
from lvsctl.ipvs.steps import DeleteDest, EditDest, EditService, Step
from lvsctl.sorry.course import FALLBACK, skips_weight_0
from lvsctl.sorry.model import Removal, Snapshot, SwapPlan, Target
from lvsctl.vocabulary import Scheduler

Dests = Mapping[DestKey, Dest]


def while_on(dests: Dests, target: Target, removal: Removal) -> dict[DestKey, Dest]:
    """Answer what *dests* are while the sorry is on."""
    out = {
        dest_key: target.dest if dest_key == target.dest_key else dest._replace(weight=0)
        for dest_key, dest in dests.items()
        if removal is Removal.WEIGHT or dest_key == target.dest_key
    }
    out.setdefault(target.dest_key, target.dest)
    return out


def on_plan(actual: VirtualServer, snapshot: Snapshot) -> tuple[tuple[Step, ...], dict[DestKey, Dest]]:
    """Plan how *actual* becomes what it has to be while the sorry is on, for the first time or again.

    The answer also says what real servers others had put back, as they had put them: that belongs into
    ``Snapshot.meanwhile`` before the steps are taken.
    """
    target, removal = snapshot.target, snapshot.removal
    service = during_service(actual.service, snapshot)
    during = VirtualServer(service, while_on(actual.dests, target, removal))
    others = dict(snapshot.meanwhile)
    for dest_key, dest in actual.dests.items():
        known = others.get(dest_key, snapshot.before.dests.get(dest_key))
        if dest_key != target.dest_key and (dest.weight or known is None) and dest != known:
            others[dest_key] = dest
    return tuple(plan({snapshot.key: actual}, {snapshot.key: during})), others


def off_plan(actual: VirtualServer, snapshot: Snapshot, *, force: bool = False) -> SwapPlan:
    """Plan how *actual* becomes again what it was, keeping what others did meanwhile, unless *force*.

    Where requests may be under way to the sorry, it stays at weight 0: :func:`reap_plan` removes it.
    """
    key, sorry, force = snapshot.key, snapshot.target.dest_key, force or snapshot.forced
    merged = Merged(snapshot.before.dests, ()) if force else _merge(actual.dests, snapshot)
    service = snapshot.before.service if force else settled_service(actual.service, snapshot)
    if lingers(actual, snapshot) and not skips_weight_0(service):
        during = snapshot.service
        service = service._replace(
            scheduler=during.scheduler, flags=service.flags | (during.flags & FALLBACK)
        )
    reorder = force or snapshot.removal is Removal.DELETE
    # The sorry last of all: until then, real servers may be put into their order with somebody there to answer.
    wanted = VirtualServer(actual.service, _beside_sorry(actual.dests, merged.dests, snapshot))
    steps = list(plan({key: actual}, {key: wanted}, reorder=reorder))
    if sorry in actual.dests:
        steps += _sorry_leaves(actual, merged.dests.get(sorry), snapshot)
    if service != actual.service:
        steps.append(EditService(key, service))
    drift = merged.drift
    if not force and settled_service(actual.service, snapshot) != snapshot.before.service:
        drift = (*drift, f"{key}: was given other settings meanwhile, which it keeps")
    return SwapPlan(tuple(steps), _reasons(actual, snapshot), snapshot.removal, drift)


def _beside_sorry(actual: Dests, final: Dests, snapshot: Snapshot) -> dict[DestKey, Dest]:
    """Answer the *final* destinations with the sorry as it is now, at the place where it is nobody's way."""
    sorry = snapshot.target.dest_key
    if sorry not in actual or sorry in final:
        return {key: actual.get(key, dest) if key == sorry else dest for key, dest in final.items()}
    if snapshot.removal is Removal.DELETE:
        return {sorry: actual[sorry], **final}
    return {**final, sorry: actual[sorry]}


def _sorry_leaves(actual: VirtualServer, final: Dest | None, snapshot: Snapshot) -> Iterator[Step]:
    key, sorry = snapshot.key, snapshot.target.dest_key
    now = actual.dests[sorry]
    if final is None and not lingers(actual, snapshot):
        yield DeleteDest(key, sorry)
        return
    leaving = now._replace(weight=0) if final is None else final
    # mh shares its table out by the last weights above 0: at 0 directly, a heavy sorry would keep its part.
    if actual.service.scheduler == Scheduler.MH and now.weight > 1 and not leaving.weight:
        yield EditDest(key, sorry, now._replace(weight=1))
    if leaving != now:
        yield EditDest(key, sorry, leaving)


def lingers(actual: VirtualServer, snapshot: Snapshot) -> bool:
    """Answer whether the sorry may stay at weight 0 after ``off`` until its last request has been answered.

    Not where it was there before, and not where destinations of weight 0 would refuse clients.
    """
    sorry = snapshot.target.dest_key
    ours = sorry in actual.dests and sorry not in snapshot.before.dests
    return ours and skips_weight_0(actual.service)


def reap_plan(actual: VirtualServer, snapshot: Snapshot) -> tuple[Step, ...]:
    """Plan the end of a sorry that lingers: it goes, and with it what made its weight 0 harmless."""
    key, wanted = snapshot.key, settled(actual, snapshot)
    steps = list(plan({key: actual}, {key: wanted._replace(service=actual.service)}))
    if wanted.service != actual.service:
        steps.append(EditService(key, wanted.service))
    return tuple(steps)


def settled(actual: VirtualServer, snapshot: Snapshot) -> VirtualServer:
    """Answer what *actual*, in which the sorry lingers, is without it."""
    sorry, dests = snapshot.target.dest_key, dict(actual.dests)
    # At any other weight it is somebody else's by now.
    if sorry in dests and sorry not in snapshot.before.dests and not dests[sorry].weight:
        del dests[sorry]
    return VirtualServer(settled_service(actual.service, snapshot), dests)


class Merged(NamedTuple):
    """What the destinations become at ``off``, and what others did to them meanwhile."""

    dests: Dests
    drift: tuple[str, ...]


def _merge(actual: Dests, snapshot: Snapshot) -> Merged:
    sorry, before, meanwhile = snapshot.target.dest_key, snapshot.before.dests, snapshot.meanwhile
    dests: dict[DestKey, Dest] = {}
    drift: list[str] = []
    # Those that were added meanwhile come last, as they came.
    for dest_key in dict.fromkeys((*before, *meanwhile, *actual)):
        known = meanwhile.get(dest_key, before.get(dest_key))
        if dest_key == sorry:
            # Where we delete, what is not there may be our doing.
            removed = sorry not in actual and snapshot.removal is Removal.WEIGHT
            became = None if removed else before.get(sorry)
        else:
            became = _became(actual.get(dest_key), known, snapshot.removal)
        if became is not None:
            dests[dest_key] = became
        if became != before.get(dest_key):
            drift.append(f"{snapshot.key} -> {dest_key}: {_what_happened(before.get(dest_key), became)}")
    return Merged(dests, tuple(drift))


def _became(actual: Dest | None, known: Dest | None, removal: Removal) -> Dest | None:
    """Answer what a real server becomes, being *actual*, having been *known* when it was last taken out."""
    if actual is None:
        return known if removal is Removal.DELETE else None
    if actual.weight or known is None:
        return actual
    return actual._replace(weight=known.weight)


def _what_happened(before: Dest | None, became: Dest | None) -> str:
    if became is None:
        return "was removed meanwhile, and stays removed"
    if before is None:
        return f"was added meanwhile, and stays, with weight {became.weight}"
    if before.weight != became.weight:
        return f"was given weight {became.weight} meanwhile instead of {before.weight}, and keeps it"
    return "was given other settings meanwhile, and keeps them"


def during_service(service: Service, snapshot: Snapshot) -> Service:
    """Answer *service* with what the swap sets, and what others set."""
    persistence = service.persistence if snapshot.service.persistence else None
    if _same_scheduler(service, snapshot):
        flags = service.flags | (snapshot.service.flags & FALLBACK)
        service = service._replace(scheduler=snapshot.service.scheduler, flags=flags)
    return service._replace(persistence=persistence)


def settled_service(service: Service, snapshot: Snapshot) -> Service:
    """Answer *service* without what the swap set, and with what others set."""
    before, during = snapshot.before.service, snapshot.service
    if service.persistence is None and during.persistence is None:
        service = service._replace(persistence=before.persistence)
    if service.scheduler == during.scheduler:
        service = service._replace(scheduler=before.scheduler)
    if _same_scheduler(service, snapshot) and not before.flags & FALLBACK and during.flags & FALLBACK:
        service = service._replace(flags=service.flags & ~FALLBACK)
    return service


def _same_scheduler(service: Service, snapshot: Snapshot) -> bool:
    return service.scheduler == snapshot.before.service.scheduler


def _reasons(actual: VirtualServer, snapshot: Snapshot) -> tuple[str, ...]:
    sorry = snapshot.target.dest_key
    if sorry in snapshot.before.dests:
        return ("the sorry stays in the table, as it was before",)
    if lingers(actual, snapshot):
        return ("the sorry stays at weight 0 until its last request is answered, and goes then",)
    if sorry in actual.dests:
        return (
            f"{actual.service.scheduler} may refuse clients while the sorry is in the table: it goes at once",
        )
    return ()
