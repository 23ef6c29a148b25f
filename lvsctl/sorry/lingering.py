"""After ``off``: a sorry that waits at weight 0 for its last answer, and then goes.

Deleted earlier, it would leave clients hanging, or reset them. It is short for requests that are answered at once,
and as long as the client likes for connections that it keeps open; so the waiting here is bounded, and whoever comes
next (``off``, ``status``, the guard) finishes it.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from lvsctl.ipvs.lock import table_lock
from lvsctl.ipvs.model import Connections, Table
from lvsctl.ipvs.steps import Step
from lvsctl.sorry.converge import converge, read
from lvsctl.sorry.model import Outcome, Phase, Snapshot, SwapPlan
from lvsctl.sorry.node import Node
from lvsctl.sorry.plan import reap_plan
from lvsctl.sorry.sysctl import restore
from lvsctl.vocabulary import ServiceKey

SETTLE: Final = 1.0
"""Seconds after which no handshake with the sorry is under way any more: the kernel counts those as inactive."""

_LOOK_EVERY: Final = 0.05


def reap(
    node: Node,
    keys: Sequence[ServiceKey] | None = None,
    *,
    force: bool = False,
    patience: float = 10.0,
) -> tuple[Outcome, ...]:
    """Remove the sorries that linger (all of them without *keys*) and have nothing to answer any more.

    With *force* also those that have. Answers all that lingered: gone (phase None), or with how many connections it
    still has. Takes the table's lock only when there is one to remove. Raises what ``off`` raises.
    """
    waiting = _waiting(node, keys)
    have = _connections(node, waiting)
    idle = {key for key, snapshot in waiting.items() if force or _is_idle(node, snapshot, have[key])}
    plans = _remove(node, idle, patience) if idle else {}
    outcomes = []
    for key, snapshot in waiting.items():
        if key in plans:
            outcomes.append(Outcome(key, snapshot.name, None, plans[key]))
        else:
            plan, left = _plan(snapshot, ()), have[key].active
            outcomes.append(Outcome(key, snapshot.name, Phase.LINGERING, plan, lingering=left))
    return tuple(outcomes)


def dismiss(
    node: Node, lingering: Mapping[ServiceKey, Snapshot], table: Table, *, force: bool
) -> dict[ServiceKey, SwapPlan]:
    """Take out those of the sorries that nobody has a request under way to; answer how, and leave the snapshots.

    For ``off``, which holds the table's lock and has just read *table*: what goes at once needs no note that it
    lingers. Raises what ``off`` raises.
    """
    have = _connections(node, lingering)
    idle = {key: each for key, each in lingering.items() if force or _is_idle(node, each, have[key])}
    return _take_out(node, idle, table) if idle else {}


def await_end(
    node: Node,
    outcomes: Sequence[Outcome],
    *,
    wait: float,
    enough: Callable[[], bool],
    force: bool,
    patience: float,
) -> tuple[Outcome, ...]:
    """Give the sorries that linger after ``off`` at most *wait* seconds to go, or until *enough*; answer how it ended."""
    done = {outcome.key: outcome for outcome in outcomes}
    waiting = [key for key, outcome in done.items() if outcome.phase is Phase.LINGERING]
    deadline = time.monotonic() + wait
    while waiting:
        ends = {end.key: end for end in reap(node, waiting, force=force, patience=patience)}
        for key, end in ends.items():
            plan = done[key].plan._replace(steps=(*done[key].plan.steps, *end.plan.steps))
            done[key] = done[key]._replace(phase=end.phase, lingering=end.lingering, plan=plan)
        # One that is not among the ends was switched on again by somebody else.
        waiting = [key for key, end in ends.items() if end.phase is Phase.LINGERING]
        if (left := deadline - time.monotonic()) <= 0 or enough():
            break
        if waiting:
            time.sleep(min(_LOOK_EVERY, left))
    return tuple(done.values())


def finish(node: Node, snapshots: Sequence[Snapshot]) -> None:
    """End swaps whose services are as they were: the sysctls back, then the snapshots away."""
    keys = [snapshot.key for snapshot in snapshots]
    saved = {
        name: value
        for snapshot in snapshots
        if snapshot.boot_id == node.boot_id
        for name, value in snapshot.sysctls.items()
    }
    if saved:
        others = [each for each in node.journal.all().snapshots.values() if each.boot_id == node.boot_id]
        restore(node.sysctls, saved, keys, others)
    node.journal.remove(keys)


def _waiting(node: Node, keys: Sequence[ServiceKey] | None) -> dict[ServiceKey, Snapshot]:
    found = node.journal.all().snapshots if keys is None else {key: node.journal.read(key) for key in keys}
    return {
        key: snapshot for key, snapshot in found.items() if snapshot and snapshot.phase is Phase.LINGERING
    }


def _connections(node: Node, waiting: Mapping[ServiceKey, Snapshot]) -> dict[ServiceKey, Connections]:
    return node.ipvs.connections({key: snapshot.target.dest_key for key, snapshot in waiting.items()})


def _is_idle(node: Node, snapshot: Snapshot, have: Connections) -> bool:
    # A clock that was set back does not make it wait for longer than a settled one.
    settled = not 0 <= node.now() - snapshot.since < SETTLE
    return not have.active and (settled or not have.inactive)


def _remove(node: Node, keys: set[ServiceKey], patience: float) -> dict[ServiceKey, SwapPlan]:
    with table_lock(timeout=patience):
        # Somebody may have switched it on again meanwhile.
        waiting = _waiting(node, list(keys))
        plans = _take_out(node, waiting, read(node.ipvs, list(waiting)))
        finish(node, list(waiting.values()))
    return plans


def _take_out(node: Node, waiting: Mapping[ServiceKey, Snapshot], table: Table) -> dict[ServiceKey, SwapPlan]:
    plans = {key: _plan(snapshot, _left(table, snapshot)) for key, snapshot in waiting.items()}
    converge(
        node.ipvs,
        {key: server for key, server in table.items() if key in waiting},
        lambda now: {key: _left(now, snapshot) for key, snapshot in waiting.items()},
    )
    return plans


def _left(table: Table, snapshot: Snapshot) -> tuple[Step, ...]:
    return reap_plan(table[snapshot.key], snapshot) if snapshot.key in table else ()


def _plan(snapshot: Snapshot, steps: tuple[Step, ...]) -> SwapPlan:
    return SwapPlan(steps, (), snapshot.removal)
