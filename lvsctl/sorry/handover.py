"""What lvsctl changes around a swap that keepalived makes, so that nobody is refused while it does. Pure.

keepalived takes the real servers out one by one before it lets the sorry server in, and the other way round on the way
back: for some milliseconds nobody serves. So whoever comes next is raised in the kernel first. keepalived never
looks there: it finds what it wanted to make already made (EEXIST, which it takes for success), with the weight that
it has.

Two things follow. A real server is only raised when keepalived itself would raise it. And in the plain form nothing may
stay at weight 0 once keepalived has been told: it would "add" it, and nobody would be served.

In the plain form keepalived deletes, and with a destination its connections. So there lvsctl makes the whole swap first
(:func:`go_over`, :func:`come_back`), and keepalived is told when nobody is connected any more to what it will delete.
"""

from collections.abc import Iterator, Mapping

from lvsctl.ipvs.model import Dest, DestKey, Service, VirtualServer
from lvsctl.ipvs.steps import AddDest, DeleteDest, EditDest, EditService, Step
from lvsctl.sorry import liveness
from lvsctl.sorry.course import FALLBACK
from lvsctl.sorry.model import Removal, Snapshot, Target
from lvsctl.sorry.plan import during_service, settled_service
from lvsctl.vocabulary import Scheduler, ServiceKey

Dests = Mapping[DestKey, Dest]


def raise_sorry(server: VirtualServer, target: Target) -> Iterator[Step]:
    """Yield what makes visitors reach the sorry: nothing when they do."""
    present = server.dests.get(target.dest_key)
    if present is None:
        yield AddDest(target.key, target.dest_key, target.dest)
    elif present.weight < target.dest.weight:
        yield EditDest(target.key, target.dest_key, present._replace(weight=target.dest.weight))


def lower(key: ServiceKey, server: VirtualServer, dest_key: DestKey, removal: Removal) -> Iterator[Step]:
    """Yield what sends nobody new to a destination, as the form of the service wants it."""
    present = server.dests.get(dest_key)
    if present is not None and removal is Removal.DELETE:
        yield DeleteDest(key, dest_key)
    elif present is not None and present.weight > 0:
        yield EditDest(key, dest_key, present._replace(weight=0))


def others_up(server: VirtualServer, sorry: DestKey) -> tuple[DestKey, ...]:
    """Answer the destinations besides the sorry that get new visitors."""
    return tuple(key for key, dest in server.dests.items() if key != sorry and dest.weight > 0)


def is_on(server: VirtualServer, sorry: DestKey) -> bool:
    """Answer whether every new visitor gets the sorry."""
    present = server.dests.get(sorry)
    return present is not None and present.weight > 0 and not others_up(server, sorry)


def reassert(server: VirtualServer, target: Target, removal: Removal) -> Iterator[Step]:
    """Yield what makes every new visitor get the sorry again: it first, then the others out."""
    yield from raise_sorry(server, target)
    for dest_key in others_up(server, target.dest_key):
        yield from lower(target.key, server, dest_key, removal)


def keep_settings(server: VirtualServer, snapshot: Snapshot) -> Iterator[Step]:
    """Yield what gives the service the settings that it has for the time of its sorry."""
    if snapshot.service != snapshot.before.service:
        yield from _settings(server, snapshot, during_service(server.service, snapshot))


def restore_settings(server: VirtualServer, snapshot: Snapshot) -> Iterator[Step]:
    """Yield what gives the service its own settings back, and keeps what others set meanwhile."""
    yield from _settings(server, snapshot, settled_service(server.service, snapshot))


def _settings(server: VirtualServer, snapshot: Snapshot, wanted: Service) -> Iterator[Step]:
    if wanted != server.service:
        yield EditService(snapshot.key, wanted)


def go_over(server: VirtualServer, snapshot: Snapshot) -> Iterator[Step]:
    """Yield what sends every new visitor to the sorry while the real servers finish what they have, at weight 0."""
    yield from keep_settings(server, snapshot)
    yield from reassert(server, snapshot.target, Removal.WEIGHT)


def come_back(
    server: VirtualServer,
    snapshot: Snapshot,
    held: liveness.VirtualServer,
    coming: tuple[liveness.RealServer, ...],
) -> Iterator[Step]:
    """Yield what sends every new visitor to the real servers *coming*, while the sorry finishes what it has, at weight 0.

    Whoever died since the last time goes out, as keepalived would do: it does not look, while its file says 1.
    """
    key, sorry = snapshot.key, snapshot.target.dest_key
    yield from raise_reals(key, server, snapshot.before, coming)
    yield from _leave_sorry(server, snapshot)
    stay = {each.in_table(key) for each in coming} | {sorry}
    for dest_key in {each.in_table(key): None for each in held.real_servers}:
        if dest_key not in stay:
            yield from lower(key, server, dest_key, Removal.DELETE)


def _leave_sorry(server: VirtualServer, snapshot: Snapshot) -> Iterator[Step]:
    # Its own persistence at once, so that clients come back to where they were. The scheduler and the fallback flag make
    # weight 0 harmless: they stay for as long as the sorry does.
    during, wanted = snapshot.service, settled_service(server.service, snapshot)
    flags = wanted.flags | (during.flags & FALLBACK)
    yield from _settings(server, snapshot, wanted._replace(scheduler=during.scheduler, flags=flags))
    present = server.dests.get(snapshot.target.dest_key)
    if present is not None and present.weight > 1 and during.scheduler == Scheduler.MH:
        # mh shares its table out by the last weights above 0: at 0 directly, a heavy sorry would keep its part.
        yield EditDest(snapshot.key, snapshot.target.dest_key, present._replace(weight=1))
    yield from lower(snapshot.key, server, snapshot.target.dest_key, Removal.WEIGHT)


def leftovers(server: VirtualServer, target: Target) -> Iterator[Step]:
    """Yield what deletes whatever is there besides the sorry."""
    for dest_key in server.dests:
        if dest_key != target.dest_key:
            yield DeleteDest(target.key, dest_key)


def coming_back(held: liveness.VirtualServer, track_file: str) -> tuple[liveness.RealServer, ...]:
    """Answer the real servers that keepalived will bring back as soon as the maintenance file says 0.

    None when they are too few for its quorum: then the sorry server stays.
    """
    waiting = tuple(each for each in held.real_servers if each.alive or each.waits_only_for(track_file))
    return waiting if sum(each.dest.weight for each in waiting) >= held.enough else ()


def raise_reals(
    key: ServiceKey, server: VirtualServer, before: VirtualServer, coming: tuple[liveness.RealServer, ...]
) -> Iterator[Step]:
    """Yield what makes the real servers *coming* reachable, in the order in which they were *before*.

    The order decides where sh and dh send a client.
    """
    dests = {each.in_table(key): each.dest for each in coming if each.dest.weight > 0}
    place = {dest_key: index for index, dest_key in enumerate(before.dests)}
    for dest_key in sorted(dests, key=lambda each: place.get(each, len(place))):
        yield from _as_it_should(key, server, dest_key, dests[dest_key])


def corrections(
    server: VirtualServer, target: Target, removal: Removal, held: liveness.VirtualServer
) -> Iterator[Step]:
    """Yield what makes the table say what keepalived holds true, after a swap back.

    A real server that died meanwhile goes out again, one that keepalived "added" where it stood at weight 0 gets its
    weight, and the sorry stays for as long as there is no quorum. Others' destinations are left alone.
    """
    key, sorry = target.key, target.dest_key
    reals = {each.in_table(key): each for each in held.real_servers}
    reals.pop(sorry, None)
    if held.quorum_up:
        for dest_key, real in reals.items():
            if real.alive and real.dest.weight > 0:
                yield from _as_it_should(key, server, dest_key, real.dest)
        yield from lower(key, server, sorry, removal)
    else:
        yield from raise_sorry(server, target)
    for dest_key, real in reals.items():
        if not (real.alive and held.quorum_up):
            yield from _out(key, server, dest_key, removal)


def strangers_back(
    server: VirtualServer, before: VirtualServer, held: liveness.VirtualServer | None, target: Target
) -> Iterator[Step]:
    """Yield what brings back the destinations that are not keepalived's, as they were *before*.

    Without keepalived's word (*held* is None) nobody is known to be a stranger.
    """
    if held is None:
        return
    known = {each.in_table(target.key) for each in held.real_servers} | {target.dest_key}
    for dest_key, dest in before.dests.items():
        if dest_key not in known and dest.weight > 0:
            yield from _as_it_should(target.key, server, dest_key, dest)


def _as_it_should(key: ServiceKey, server: VirtualServer, dest_key: DestKey, dest: Dest) -> Iterator[Step]:
    present = server.dests.get(dest_key)
    if present is None:
        yield AddDest(key, dest_key, dest)
    elif present.weight != dest.weight:
        yield EditDest(key, dest_key, present._replace(weight=dest.weight))


def _out(key: ServiceKey, server: VirtualServer, dest_key: DestKey, removal: Removal) -> Iterator[Step]:
    """Yield what takes out a real server that gets visitors; in the resident form keepalived keeps it at weight 0."""
    if removal is Removal.DELETE or server.dests.get(dest_key, Dest(weight=0)).weight > 0:
        yield from lower(key, server, dest_key, removal)
