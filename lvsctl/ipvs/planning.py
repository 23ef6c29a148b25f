"""What has to be done to a table: ``(actual, desired) → steps``, and in which order. Pure.

The laws, each held by a test that replays every plan cut off after every step (tests/unit/ipvs/test_plan.py):

- Applying the plan gives the desired table; planning again gives nothing to do.
- Cut off anywhere and planned anew from what is there, it converges to the same table.
- Capacity arrives before it leaves. At every cut, each destination that both tables have has at least the smaller of
  its two weights, and each service that both have at least the smaller of its two sums of weights.
- Services that are not desired are left alone, unless they are named in *prune*.

Why it is like this: docs/explanation/ipvs-plan.md.
"""

from collections.abc import Container, Iterator
from itertools import takewhile

from lvsctl.ipvs.model import (
    Dest,
    DestKey,
    Observation,
    Service,
    Table,
    VirtualServer,
    canonical,
    canonical_dest,
)
from lvsctl.ipvs.steps import (
    AddDest,
    DeleteDest,
    DeleteService,
    EditDest,
    EditService,
    Step,
    create,
)
from lvsctl.vocabulary import Scheduler, SchedulerFlag, ServiceKey


def plan(
    actual: Table,
    desired: Table,
    *,
    prune: Container[ServiceKey] = (),
    keep_weights: Container[ServiceKey] = (),
    drain: Observation | None = None,
    reorder: bool = False,
) -> Iterator[Step]:
    """Yield the steps from *actual* to *desired*, for the services of *desired* and those in *prune*.

    The weights of destinations of services in *keep_weights* belong to somebody else, a health checker perhaps: where
    a destination exists, its weight is neither compared nor changed.

    With *drain*, nothing that carries connections is deleted: it gets weight 0, and is deleted by a later plan whose
    *drain* shows it without any. With *reorder*, destinations in another order than desired are deleted and added
    again one by one, which decides where sh and dh send their clients; otherwise the order is not compared.
    """
    wanted = {key: _canonical(server) for key, server in desired.items()}
    for key in wanted.keys() & actual.keys():
        if key in keep_weights:
            wanted[key] = _keep_weights(wanted[key], actual[key])
    for key, server in wanted.items():
        if key in actual:
            yield from _raise(key, actual[key], server)
        else:
            yield from create(key, server.service, server.dests)
    for key, server in wanted.items():
        if key in actual:
            yield from _lower(key, actual[key], server, drain)
            if reorder:
                yield from _reorder(key, actual[key], server)
    for key, server in actual.items():
        if key not in wanted and key in prune:
            yield from _retire(key, server, drain)


def order_differs(actual: VirtualServer, desired: VirtualServer) -> bool:
    """Answer whether the destinations that both have stand in another order, and the scheduler goes by order."""
    common = [key for key in actual.dests if key in desired.dests]
    return desired.service.scheduler in _BY_ORDER and common != [
        key for key in desired.dests if key in actual.dests
    ]


def drain_hazard(service: Service, *, templates_expire: bool) -> str:
    """Answer why weight 0 does not drain a destination of *service* as one expects, or the empty string.

    *templates_expire* is the sysctl net.ipv4.vs.expire_quiescent_template. Found by experiment on Linux 6.1.
    """
    sticky = (
        service.scheduler in (Scheduler.SH, Scheduler.MH) and not service.flags & SchedulerFlag.SH_FALLBACK
    )
    if sticky or service.scheduler == Scheduler.DH:
        return f"{service.scheduler} goes on choosing destinations of weight 0, and those clients are refused"
    if service.persistence and not templates_expire:
        return "persistent clients stay on a destination of weight 0 (net.ipv4.vs.expire_quiescent_template is 0)"
    return ""


_BY_ORDER = (Scheduler.SH, Scheduler.DH)


def _canonical(server: VirtualServer) -> VirtualServer:
    dests = {key: canonical_dest(dest) for key, dest in server.dests.items()}
    return VirtualServer(canonical(server.service), dests)


def _keep_weights(server: VirtualServer, actual: VirtualServer) -> VirtualServer:
    kept = {
        key: dest._replace(weight=actual.dests[key].weight) if key in actual.dests else dest
        for key, dest in server.dests.items()
    }
    return server._replace(dests=kept)


def _raise(key: ServiceKey, actual: VirtualServer, desired: VirtualServer) -> Iterator[Step]:
    """Yield what adds capacity, or leaves it as it is."""
    if actual.service != desired.service:
        yield EditService(key, desired.service)
    for dest_key, dest in desired.dests.items():
        present = actual.dests.get(dest_key)
        if present is None:
            yield AddDest(key, dest_key, dest)
        elif present != dest and present.weight <= dest.weight:
            yield EditDest(key, dest_key, dest)


def _lower(
    key: ServiceKey, actual: VirtualServer, desired: VirtualServer, drain: Observation | None
) -> Iterator[Step]:
    """Yield what takes capacity away."""
    for dest_key, dest in desired.dests.items():
        present = actual.dests.get(dest_key)
        if present is not None and present.weight > dest.weight:
            yield EditDest(key, dest_key, dest)
    for dest_key, dest in actual.dests.items():
        if dest_key not in desired.dests:
            yield from _release(key, dest_key, dest, drain)


def _release(key: ServiceKey, dest_key: DestKey, dest: Dest, drain: Observation | None) -> Iterator[Step]:
    if drain is None or _is_idle(key, dest_key, dest, drain):
        yield DeleteDest(key, dest_key)
    elif dest.weight:
        yield EditDest(key, dest_key, dest._replace(weight=0))


def _is_idle(key: ServiceKey, dest_key: DestKey, dest: Dest, drain: Observation) -> bool:
    # At any other weight it may get a connection between the observation and the deletion.
    load = drain.dests.get((key, dest_key))
    return dest.weight == 0 and load is not None and not any(load.connections)


def _retire(key: ServiceKey, server: VirtualServer, drain: Observation | None) -> Iterator[Step]:
    if drain is None or all(_is_idle(key, dest_key, dest, drain) for dest_key, dest in server.dests.items()):
        yield DeleteService(key)
        return
    for dest_key, dest in server.dests.items():
        if dest.weight:
            yield EditDest(key, dest_key, dest._replace(weight=0))


def _reorder(key: ServiceKey, actual: VirtualServer, desired: VirtualServer) -> Iterator[Step]:
    """Yield what brings the order of *actual*, after the steps before, to that of *desired*."""
    added = [dest_key for dest_key in desired.dests if dest_key not in actual.dests]
    order = [dest_key for dest_key in actual.dests if dest_key in desired.dests] + added
    current = iter(order)
    in_place = sum(
        1 for _ in takewhile(lambda dest_key: any(dest_key == other for other in current), desired.dests)
    )
    for dest_key in list(desired.dests)[in_place:]:
        yield DeleteDest(key, dest_key)
        yield AddDest(key, dest_key, desired.dests[dest_key])
