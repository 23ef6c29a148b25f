"""The kernel way: switch the sorry of services on and off where lvsctl, or nobody, owns them.

Each verb takes several services, because one batch for all of them is what makes the swap short. The table's lock is
held from reading to verifying, and never while requests are waited for. Every effect is one call of the
:class:`~lvsctl.sorry.node.Node`, in an order that can be cut anywhere: the snapshot, the table, the sysctls back, the
snapshot away. Whatever was cut off, the next ``on`` or ``off`` converges (tests/unit/sorry/test_crash.py).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from lvsctl.errors import Busy, LvsctlError
from lvsctl.ipvs.lock import table_lock
from lvsctl.ipvs.model import Table
from lvsctl.ipvs.steps import Step
from lvsctl.sorry.beginning import Begun, Circumstances, begin, of_this_boot
from lvsctl.sorry.converge import converge, read
from lvsctl.sorry.course import NODEST, TEMPLATES
from lvsctl.sorry.errors import NoSuchService
from lvsctl.sorry.holding import held, released
from lvsctl.sorry.lingering import await_end, dismiss, finish
from lvsctl.sorry.model import Hold, Holder, Outcome, Phase, Removal, Snapshot, SwapPlan, Target, Way
from lvsctl.sorry.node import Node
from lvsctl.sorry.plan import lingers, off_plan, on_plan
from lvsctl.sorry.sysctl import lasting
from lvsctl.vocabulary import ServiceKey

NOTHING: Final = SwapPlan((), (), Removal.WEIGHT)
PATIENCE: Final = 10.0
"""Seconds to wait for another lvsctl that changes the table."""

_TOGETHER: Final = 100
"""Services that are repaired in one batch: few enough that the first need not wait for the last of a thousand."""

Snapshots = dict[ServiceKey, Snapshot]


def on(
    node: Node,
    targets: Sequence[Target],
    holder: Holder,
    hold: Hold,
    *,
    cut: bool = False,
    dry_run: bool = False,
    patience: float = PATIENCE,
) -> tuple[Outcome, ...]:
    """Send the visitors of the services of *targets* to their sorries, and note that *holder* wants it so.

    On already: notes the holder, and repairs what others changed. All or none: what is refused is taken back, for
    every service. Raises NoSuchService, AnotherSorry, AnotherWay, StepsRefused, NotAsApplied, Busy, the errors of the
    snapshots, and Denied or Unavailable when one cannot be written: nothing has been changed then.
    """
    if holder is Holder.OVERLOAD:
        raise ValueError("overload's sorry stands beside the real servers: it is no swap")
    if dry_run:
        return _begun_outcomes(*_begin(node, targets, holder, hold, cut=cut))
    with table_lock(timeout=patience):
        table, begun = _begin(node, targets, holder, hold, cut=cut)
        outcomes = _begun_outcomes(table, begun)
        old = {key: node.journal.read(key) for key in begun}
        snapshots = {key: _unfinished(each.snapshot, table) for key, each in begun.items()}
        node.journal.write(new for key, new in snapshots.items() if new != old[key])
        claim_sysctls(node, snapshots.values())
        try:
            converge(node.ipvs, table, lambda now: _plan_on(node, now, snapshots))
        except LvsctlError:
            _retreat(node, snapshots, old)
            raise
        _settle_on(node, snapshots)
        return outcomes


def off(
    node: Node,
    keys: Sequence[ServiceKey],
    holder: Holder,
    *,
    force: bool = False,
    dry_run: bool = False,
    wait: float = 5.0,
    enough: Callable[[], bool] = lambda: False,
    patience: float = PATIENCE,
) -> tuple[Outcome, ...]:
    """Note that *holder* wants no sorry for these services any more; where nobody does, bring back the real servers.

    What others did meanwhile stays, and is told as drift. With *force* nobody's hold counts, and the service becomes
    exactly what it was. The sorry goes when its last request is answered: that is waited for, at most *wait* seconds
    and until *enough* says yes; after that it is left to :func:`lvsctl.sorry.lingering.reap`. Raises what :func:`on` raises.
    """
    if dry_run:
        return tuple(_off_outcome(node, each, force=force) for each in _due(node, keys, holder, force=force))
    with table_lock(timeout=patience):
        outcomes = _off(node, _due(node, keys, holder, force=force), force=force)
    return await_end(node, outcomes, wait=wait, enough=enough, force=force, patience=patience)


def reassert(
    node: Node, keys: Sequence[ServiceKey] | None = None, *, patience: float = PATIENCE
) -> tuple[Outcome, ...]:
    """Repair the sorries that are on (all of them without *keys*) where others put real servers back.

    Answers only those where something had to be done, and needs the lock only then. A swap that was cut off half way
    on is completed; after a reboot, services that are in the table again get their sorry again.
    """
    on_now = [
        snapshot
        for snapshot in node.journal.all(keys).snapshots.values()
        if snapshot.way is Way.KERNEL
        and snapshot.phase in (Phase.ON, Phase.SWITCHING_ON)
        and snapshot.holders
        and Holder.OVERLOAD not in snapshot.holders
    ]
    table = read(node.ipvs, [snapshot.key for snapshot in on_now])
    broken = [snapshot for snapshot in on_now if snapshot.key in table and _is_broken(node, snapshot, table)]
    # As the same holder with the same hold: nobody is added.
    alike: dict[tuple[Holder, Hold], list[Target]] = {}
    for snapshot in broken:
        alike.setdefault(next(iter(snapshot.holders.items())), []).append(snapshot.target)
    outcomes: list[Outcome] = []
    failures: list[LvsctlError] = []
    for (holder, hold), targets in alike.items():
        for start in range(0, len(targets), _TOGETHER):
            some = targets[start : start + _TOGETHER]
            outcomes += _again(node, some, holder, hold, patience, failures)
    if failures:
        raise failures[0]
    return tuple(outcomes)


def _again(
    node: Node,
    targets: Sequence[Target],
    holder: Holder,
    hold: Hold,
    patience: float,
    failures: list[LvsctlError],
) -> list[Outcome]:
    """Switch on together what was on; one that cannot be repaired keeps nobody from repairing the others."""
    try:
        return list(on(node, targets, holder, hold, patience=patience))
    except LvsctlError as error:
        if len(targets) == 1 or isinstance(error, Busy):
            failures.append(error)
            return []
    return [each for target in targets for each in _again(node, [target], holder, hold, patience, failures)]


def _is_broken(node: Node, snapshot: Snapshot, table: Table) -> bool:
    steps, _ = on_plan(table[snapshot.key], snapshot)
    return bool(steps) or snapshot.phase is not Phase.ON or snapshot.boot_id != node.boot_id


def _begin(
    node: Node, targets: Sequence[Target], holder: Holder, hold: Hold, *, cut: bool
) -> tuple[Table, dict[ServiceKey, Begun]]:
    table = read(node.ipvs, [target.key for target in targets])
    if missing := [target.key for target in targets if target.key not in table]:
        raise NoSuchService(*missing)
    at = Circumstances(node.boot_id, node.now(), lasting_sysctls(node), cut)
    begun = {}
    for target in targets:
        present = node.journal.read(target.key)
        holders = held(present.holders if present else {}, holder, hold)
        begun[target.key] = begin(target, table[target.key], present, holders, at)
    return table, begun


def _begun_outcomes(table: Table, begun: Mapping[ServiceKey, Begun]) -> tuple[Outcome, ...]:
    outcomes = []
    for key, (snapshot, reasons) in begun.items():
        steps, _ = on_plan(table[key], snapshot)
        plan = SwapPlan(steps, reasons, snapshot.removal, sysctls=dict.fromkeys(snapshot.sysctls, 1))
        outcomes.append(Outcome(key, snapshot.name, Phase.ON, plan, snapshot.holders))
    return tuple(outcomes)


def _unfinished(snapshot: Snapshot, table: Table) -> Snapshot:
    # One that is on, and stays on, was never half way.
    steps, _ = on_plan(table[snapshot.key], snapshot)
    return (
        snapshot if snapshot.phase is Phase.ON and not steps else snapshot._replace(phase=Phase.SWITCHING_ON)
    )


def _plan_on(node: Node, table: Table, snapshots: Snapshots) -> dict[ServiceKey, Sequence[Step]]:
    todo: dict[ServiceKey, Sequence[Step]] = {}
    changed = []
    for key, snapshot in snapshots.items():
        if key not in table:
            raise NoSuchService(key)
        todo[key], meanwhile = on_plan(table[key], snapshot)
        if meanwhile != snapshot.meanwhile:
            snapshots[key] = snapshot._replace(meanwhile=meanwhile)
            changed.append(snapshots[key])
    node.journal.write(changed)
    return todo


def _settle_on(node: Node, snapshots: Snapshots) -> None:
    now = node.now()
    node.journal.write(
        snapshot._replace(phase=Phase.ON, since=now)
        for snapshot in snapshots.values()
        if snapshot.phase is not Phase.ON
    )


def _retreat(node: Node, snapshots: Snapshots, old: Mapping[ServiceKey, Snapshot | None]) -> None:
    """After a failed ``on``: forget the snapshots of services that are as they were; the others still need theirs."""
    table = read(node.ipvs, list(snapshots))
    node.journal.write(
        snapshot
        for key, snapshot in old.items()
        if snapshot is not None and not (key in table and on_plan(table[key], snapshot)[0])
    )
    finish(
        node,
        [
            snapshot
            for key, snapshot in snapshots.items()
            if old[key] is None and not (key in table and off_plan(table[key], snapshot).steps)
        ],
    )


def lasting_sysctls(node: Node) -> dict[str, int]:
    """Answer the sysctls that decide how a service goes over, as they are when no swap has changed them."""
    values = {name: node.sysctls.get(name) for name in (TEMPLATES, NODEST)}
    if not any(values.values()):
        return values
    others = [each for each in node.journal.all().snapshots.values() if each.boot_id == node.boot_id]
    return {name: lasting(node.sysctls, name, others) for name in values}


def claim_sysctls(node: Node, snapshots: Iterable[Snapshot]) -> None:
    """Set the sysctls that *snapshots* need for their time. Raises Denied or Unavailable."""
    for name in {name for snapshot in snapshots for name in snapshot.sysctls}:
        if node.sysctls.get(name) != 1:
            node.sysctls.set(name, 1)


class _Due(NamedTuple):
    key: ServiceKey
    table: Table
    """Its entry of the table, or none."""
    present: Snapshot | None
    snapshot: Snapshot | None
    """With the holders that are left."""


def _due(node: Node, keys: Sequence[ServiceKey], holder: Holder, *, force: bool) -> list[_Due]:
    table = read(node.ipvs, keys)
    due = []
    for key in dict.fromkeys(keys):
        present = node.journal.read(key)
        left = present and present._replace(holders=released(present.holders, holder, force=force))
        due.append(_Due(key, {key: table[key]} if key in table else {}, present, left))
    return due


def _off(node: Node, due: Sequence[_Due], *, force: bool) -> tuple[Outcome, ...]:
    outcomes = tuple(_off_outcome(node, each, force=force) for each in due)
    _let_go(node, [each.snapshot for each in due if each.snapshot and each.snapshot.holders])
    finish(node, [each.snapshot for each in due if each.snapshot and _is_moot(node, each)])
    back = {
        each.key: each.snapshot._replace(
            phase=Phase.SWITCHING_OFF, since=node.now(), forced=force or each.snapshot.forced
        )
        for each in due
        if each.snapshot and _goes_back(node, each)
    }
    if not back:
        return outcomes
    old = {each.key: each.present for each in due if each.present}
    first = {key: server for each in due for key, server in each.table.items() if key in back}
    planned = {each.key: each.plan.steps for each in outcomes}
    node.journal.write(back.values())
    try:
        now = converge(
            node.ipvs,
            first,
            lambda now: {
                key: planned[key]
                if now[key] is first[key]
                else off_plan(now[key], snapshot, force=force).steps
                for key, snapshot in back.items()
                if key in now
            },
        )
    except LvsctlError:
        node.journal.write(old[key] for key in back)
        raise
    gone = _settle_off(node, back, now, force=force)
    return tuple(_with_end(each, gone[each.key]) if each.key in gone else each for each in outcomes)


def _settle_off(
    node: Node, back: Mapping[ServiceKey, Snapshot], table: Table, *, force: bool
) -> Mapping[ServiceKey, SwapPlan]:
    """End what can be ended at once, note what lingers; answer how the sorries went that nobody was waiting for."""
    now = node.now()
    lingering = {
        key: snapshot._replace(phase=Phase.LINGERING, since=now)
        for key, snapshot in back.items()
        if key in table and lingers(table[key], snapshot)
    }
    gone: Mapping[ServiceKey, SwapPlan] = {}
    try:
        gone = dismiss(node, lingering, table, force=force)
    finally:
        node.journal.write(each for key, each in lingering.items() if key not in gone)
    finish(node, [snapshot for key, snapshot in back.items() if key in gone or key not in lingering])
    return gone


def _with_end(outcome: Outcome, end: SwapPlan) -> Outcome:
    plan = outcome.plan._replace(steps=(*outcome.plan.steps, *end.steps))
    return outcome._replace(phase=None, plan=plan)


def _let_go(node: Node, kept: Sequence[Snapshot]) -> None:
    node.journal.write(each for each in kept if each != node.journal.read(each.key))


def _is_moot(node: Node, each: _Due) -> bool:
    """Answer whether nothing in the table is left to undo: the service is gone, or the table a new one."""
    if each.snapshot is None or each.snapshot.holders:
        return False
    return each.key not in each.table or not of_this_boot(each.snapshot, each.table[each.key], node.boot_id)


def _goes_back(node: Node, each: _Due) -> bool:
    if each.snapshot is None or each.snapshot.holders or each.snapshot.phase is Phase.LINGERING:
        return False
    return not _is_moot(node, each)


def _off_outcome(node: Node, each: _Due, *, force: bool) -> Outcome:
    key, snapshot = each.key, each.snapshot
    if snapshot is None:
        return Outcome(key, str(key), None, NOTHING)
    if snapshot.holders:
        return Outcome(key, snapshot.name, snapshot.phase, NOTHING, snapshot.holders)
    if _is_moot(node, each):
        gone = "the service is gone" if key not in each.table else "the table is a new one since the reboot"
        plan = NOTHING._replace(reasons=(f"{gone}: there is nothing to bring back",))
        return Outcome(key, snapshot.name, None, plan)
    if snapshot.phase is Phase.LINGERING:
        return Outcome(key, snapshot.name, Phase.LINGERING, NOTHING)
    plan = off_plan(each.table[key], snapshot, force=force)
    phase = Phase.LINGERING if lingers(each.table[key], snapshot) else None
    return Outcome(key, snapshot.name, phase, plan)
