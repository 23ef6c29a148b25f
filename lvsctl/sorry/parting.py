"""Before keepalived is told to swap a service in the plain form: wait until nobody is connected to what it will delete.

It deletes the real servers when the sorry comes, and the sorry when they come back, and with a destination goes every
request that is under way to it. So lvsctl makes the swap in the kernel first, at weight 0, and writes the maintenance
file when the destinations that go have no connection any more, or when their time is over.

Where a service stands is in its snapshot: with the phase ON and the removal WEIGHT, keepalived is yet to be told of
the sorry; with the phase SWITCHING_OFF, of its end. Whoever comes next goes on from there: a verb, or the guard.
Hold ``sorry.lock``.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Final, NamedTuple

from lvsctl.host.lock import locked
from lvsctl.host.paths import run_folder
from lvsctl.ipvs.lock import table_lock
from lvsctl.ipvs.model import Connections, Observation
from lvsctl.sorry import swapping
from lvsctl.sorry.course import TEMPLATES, skips_weight_0
from lvsctl.sorry.lingering import SETTLE, finish
from lvsctl.sorry.model import Holder, Phase, Removal, Snapshot, Way
from lvsctl.sorry.node import Node
from lvsctl.sorry.status import open_connections
from lvsctl.sorry.swapping import Done
from lvsctl.sorry.switch import Switch, ask, coming
from lvsctl.vocabulary import ServiceKey

GRACE: Final = 20.0
"""Seconds that connections have to end. Our sorry backend keeps one on which visitors ask and wait for 19 at most."""

LOOK_AFTER: Final = 1.0
"""Seconds between two looks after the real servers while the sorry's last requests are waited for."""

_POLL: Final = 0.05
"""Seconds between two looks at connections, at least."""

_SHARE: Final = 5
"""How many times as long as a look takes nobody looks."""


def _never() -> bool:
    return False


class Grace(NamedTuple):
    """How long to wait for connections to end."""

    seconds: float = GRACE
    guarded: bool = False
    """Whether the guard goes on when the time is over. Otherwise keepalived is told then, and what is left is cut."""
    progress: Callable[[int, float], None] | None = None
    """Told now and then how many are left, and after how many seconds."""
    enough: Callable[[], bool] = _never
    """Asked now and then whether to wait no longer: then keepalived is told at once, guard or not."""


LATER: Final = Grace(0, guarded=True)
"""For whoever has no time: the guard sees to the rest."""


class Parting(NamedTuple):
    """A service that has been swapped in the kernel, and of which keepalived is yet to be told."""

    switch: Switch
    snapshot: Snapshot


class Told(NamedTuple):
    """What became of several."""

    done: Done
    """The steps that were ours, of those that keepalived was told of now."""
    left: Mapping[ServiceKey, int]
    """The open connections of the others."""
    cut: Mapping[ServiceKey, int]
    """Connections that were still open when keepalived was told."""


class Seen(NamedTuple):
    """How it ended when connections were waited for."""

    done: Done
    left: Mapping[ServiceKey, int]
    """Connections that the guard goes on waiting for."""
    cut: Mapping[ServiceKey, int]
    waited: float = 0.0
    """Seconds."""


NOTHING_SEEN: Final = Seen({}, {}, {})


@contextmanager
def one_at_a_time(patience: float, *, dry_run: bool = False) -> Iterator[None]:
    """Hold ``sorry.lock``, but not for a dry run. Raises Busy."""
    if dry_run:
        yield
    else:
        with locked(run_folder() / "sorry.lock", timeout=patience):
            yield


def keys_of(switches: Iterable[Switch]) -> list[ServiceKey]:
    """Answer their services."""
    return [each.target.key for each in switches]


def is_ours(snapshot: Snapshot) -> bool:
    """Answer whether keepalived is told of it; of overload's sorry, beside the real servers, it is not."""
    return snapshot.way is Way.KEEPALIVED and set(snapshot.holders) != {Holder.OVERLOAD}


def is_plain(switch: Switch) -> bool:
    """Answer whether keepalived deletes what it takes out."""
    return switch.removal is Removal.DELETE


def is_pending(switch: Switch, snapshot: Snapshot) -> bool:
    """Answer whether keepalived is yet to be told of a service that is swapped already."""
    untold = snapshot.phase is Phase.ON and snapshot.removal is Removal.WEIGHT
    return is_plain(switch) and (untold or snapshot.phase is Phase.SWITCHING_OFF)


def together(partings: Sequence[Parting], slow: Callable[[Parting], bool]) -> list[Parting]:
    """Answer those whose file is only of such as *slow* is true of: keepalived is told of all of a file at once."""
    by_file: dict[str, list[Parting]] = {}
    for each in partings:
        by_file.setdefault(str(each.switch.file), []).append(each)
    return list(chain.from_iterable(some for some in by_file.values() if all(map(slow, some))))


def leaves(node: Node, snapshot: Snapshot) -> bool:
    """Answer whether weight 0 sends nobody new to a destination, as the service is set for the time of its sorry."""
    service = snapshot.service
    return skips_weight_0(service) and (not service.persistence or node.sysctls.get(TEMPLATES) == 1)


def go(node: Node, switches: Sequence[Switch], snapshots: Mapping[ServiceKey, Snapshot]) -> Done:
    """Send new visitors to the sorry: in the kernel where keepalived would delete, else by its own hands."""
    slow = {
        each.target.key: snapshots[each.target.key]
        for each in switches
        if is_plain(each) and snapshots[each.target.key].removal is Removal.WEIGHT
    }
    at_once = [each for each in switches if each.target.key not in slow]
    done = swapping.go_over(node.ipvs, slow) if slow else {}
    if at_once:
        done |= swapping.swap_out(node.ipvs, at_once)
    return done


def give_back(node: Node, switches: Sequence[Switch], snapshots: Mapping[ServiceKey, Snapshot]) -> Done:
    """Send new visitors to the real servers: in the kernel where keepalived would delete, else by its own hands.

    A second time it looks after them: one that died goes out, and when too few are left, keepalived is told at once.
    """
    plain = [
        Parting(each, snapshots[each.target.key])
        for each in switches
        if is_plain(each) and each.target.key in snapshots
    ]
    word = ask(each.switch for each in plain)
    slow = [
        each.switch
        for each in together(
            plain, lambda each: leaves(node, each.snapshot) and bool(coming(each.switch, word))
        )
    ]
    at_once = [each for each in switches if each not in slow]
    done = swapping.come_back(node.ipvs, slow, snapshots, word) if slow else {}
    if at_once:
        done |= swapping.swap_back(node.ipvs, at_once, snapshots)
        with table_lock():
            finish(node, [snapshots[key] for key in keys_of(at_once) if key in snapshots])
    return done


def see_through(node: Node, switches: Sequence[Switch], phase: Phase, grace: Grace, patience: float) -> Seen:
    """Wait until keepalived has been told of all, as long as *grace* says; then tell it, or leave it to the guard.

    Whoever is not in *phase* any more has been switched by another verb, which sees to that.
    """
    seen = NOTHING_SEEN
    if not any(map(is_plain, switches)):
        return seen
    begun = looked_after = time.monotonic()
    while True:
        looked, enough = time.monotonic(), grace.enough()
        passed = looked - begun
        over = enough or passed >= grace.seconds
        with one_at_a_time(patience):
            if looked - looked_after >= LOOK_AFTER:
                looked_after = looked
                if phase is Phase.SWITCHING_OFF:
                    _look_after(node, pending(node, switches, phase))
            hurry = enough or (over and not grace.guarded)
            told = advance(node, pending(node, switches, phase), hurry=hurry)
        waited = min(passed, grace.seconds)
        seen = Seen(swapping.joined(seen.done, told.done), told.left, {**seen.cut, **told.cut}, waited)
        if over or not told.left:
            return seen
        if grace.progress and passed >= LOOK_AFTER and any(told.left.values()):
            grace.progress(sum(told.left.values()), passed)
        time.sleep(max(_POLL, _SHARE * (time.monotonic() - looked)))


def pending(node: Node, switches: Sequence[Switch], phase: Phase | None = None) -> list[Parting]:
    """Answer those of *switches*, in *phase* if one is given, of which keepalived is yet to be told."""
    found = [(each, node.journal.read(each.target.key)) for each in switches if is_plain(each)]
    return [
        Parting(each, snapshot)
        for each, snapshot in found
        if snapshot and is_ours(snapshot) and is_pending(each, snapshot) and phase in (None, snapshot.phase)
    ]


def _look_after(node: Node, back: Sequence[Parting]) -> None:
    if back:
        give_back(node, [each.switch for each in back], {each.snapshot.key: each.snapshot for each in back})


def advance(node: Node, partings: Sequence[Parting], *, hurry: bool = False, limit: float = math.inf) -> Told:
    """Tell keepalived of those that nobody is connected to any more; in a *hurry*, of all.

    Also of those that have been on their way back for *limit* seconds: keepalived has to look after them. Raises
    NotSwapped, and what the kernel, the file and the snapshots refuse.
    """
    if not partings:
        return Told({}, {}, {})
    seen = node.ipvs.observe([each.snapshot.key for each in partings])
    loads = {each.snapshot.key: _load(each.snapshot, seen) for each in partings}
    open_now = {key: open_connections(key, load) for key, load in loads.items()}
    now = node.now()

    def is_due(each: Parting) -> bool:
        since = now - each.snapshot.since
        overdue = each.snapshot.phase is Phase.SWITCHING_OFF and abs(since) >= limit
        return hurry or overdue or _is_idle(each.snapshot, loads[each.snapshot.key], since)

    ready = [each.snapshot.key for each in together(partings, is_due)]
    done = _tell(node, [each for each in partings if each.snapshot.key in ready])
    return Told(
        done,
        {key: count for key, count in open_now.items() if key not in ready},
        {key: open_now[key] for key in ready if open_now[key]},
    )


def _tell(node: Node, ready: Sequence[Parting]) -> Done:
    forth = [each for each in ready if each.snapshot.phase is Phase.ON]
    back = [each for each in ready if each.snapshot.phase is not Phase.ON]
    done: Done = {}
    if forth:
        done |= swapping.swap_out(node.ipvs, [each.switch for each in forth])
        with table_lock():
            node.journal.write(each.snapshot._replace(removal=Removal.DELETE) for each in forth)
    if back:
        done |= swapping.swap_back(node.ipvs, [each.switch for each in back], _snapshots(back))
        with table_lock():
            finish(node, [each.snapshot for each in back])
    return done


def _snapshots(partings: Iterable[Parting]) -> dict[ServiceKey, Snapshot]:
    return {each.snapshot.key: each.snapshot for each in partings}


def _load(snapshot: Snapshot, seen: Observation) -> Connections:
    """Answer the connections of what keepalived will delete: the sorry at the end, before that everybody else."""
    key, sorry = snapshot.key, snapshot.target.dest_key
    server = seen.table.get(key)
    going = snapshot.phase is Phase.SWITCHING_OFF
    have = [
        seen.dests[key, dest_key].connections
        for dest_key in (server.dests if server else ())
        if (dest_key == sorry) is going and (key, dest_key) in seen.dests
    ]
    return Connections(sum(each.active for each in have), sum(each.inactive for each in have))


def _is_idle(snapshot: Snapshot, load: Connections, since: float) -> bool:
    # A handshake under way counts as inactive, and so does what has ended. A clock that was set back waits for nobody.
    settled = not 0 <= since < SETTLE
    return not open_connections(snapshot.key, load) and (settled or not load.inactive)
