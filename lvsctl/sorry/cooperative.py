"""The swap of services that keepalived owns: keepalived makes it, and lvsctl sees to it that nobody is refused meanwhile.

``on`` raises the sorry in the kernel and writes 1 to the maintenance file; ``off`` raises those real servers that
keepalived will bring back, writes 0, and puts right what changed meanwhile. The effects are
:mod:`~lvsctl.sorry.swapping`'s; here are holders, snapshots, and the way back from an error.

Each verb runs to the same end from wherever the last one was cut off. One runs at a time (``sorry.lock``).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from lvsctl.errors import LvsctlError
from lvsctl.host.lock import locked
from lvsctl.host.paths import run_folder
from lvsctl.ipvs.lock import table_lock
from lvsctl.ipvs.model import Table, VirtualServer
from lvsctl.ipvs.steps import Step
from lvsctl.sorry import handover, maintenance, swapping
from lvsctl.sorry.converge import read
from lvsctl.sorry.errors import AnotherSorry, AnotherWay, NoSuchService
from lvsctl.sorry.holding import held, released
from lvsctl.sorry.model import Hold, Holder, Outcome, Phase, Snapshot, SwapPlan, Way
from lvsctl.sorry.node import Node
from lvsctl.sorry.overload import without_sorry
from lvsctl.sorry.swapping import PATIENCE
from lvsctl.sorry.switch import Switch, ask, check_sorry, coming, heavy, with_siblings
from lvsctl.vocabulary import ServiceKey

Snapshots = dict[ServiceKey, Snapshot]


def on(
    node: Node,
    switches: Sequence[Switch],
    holder: Holder,
    hold: Hold,
    *,
    dry_run: bool = False,
    patience: float = 2 * PATIENCE,
) -> tuple[Outcome, ...]:
    """Send the visitors of these services to their sorry, and note that *holder* wants it so.

    The services that share a virtual_server_group go together: they have one file. On already: notes the holder, and
    repairs what others changed. Raises NoSuchService, AnotherSorry, AnotherWay, WrongSorry, Busy and the errors of the
    snapshots: nothing has been changed then; NotSwapped, and what kernel and files refuse: everything is taken back.
    """
    with _one_at_a_time(patience, dry_run=dry_run):
        table = node.ipvs.table()
        everyone = [heavy(each, table) for each in with_siblings(switches, table)]
        old = _read(node, everyone)
        snapshots = _begun(node, everyone, table, old, holder, hold)
        if dry_run:
            return tuple(_outcome(each, snapshots, _steps_on(node, each), Phase.ON) for each in everyone)
        with table_lock(timeout=patience):
            node.journal.write(snapshots.values())
        try:
            done = swapping.swap_out(node.ipvs, everyone)
            _note(node, snapshots, Phase.ON)
        except BaseException:
            _take_back(node, everyone, snapshots, old)
            raise
        return tuple(_outcome(each, snapshots, done.get(each.target.key, ()), Phase.ON) for each in everyone)


def off(
    node: Node,
    switches: Sequence[Switch],
    holder: Holder,
    *,
    force: bool = False,
    dry_run: bool = False,
    patience: float = 2 * PATIENCE,
) -> tuple[Outcome, ...]:
    """Note that *holder* wants no sorry any more; where nobody does, have keepalived bring the real servers back.

    With *force* nobody's hold counts. A service without a snapshot whose file says 1 is switched back, too: the file
    outlives everything. Raises AnotherWay, Busy and the errors of the snapshots: nothing has been changed then; what
    kernel and files refuse: the sorry is on again.
    """
    with _one_at_a_time(patience, dry_run=dry_run):
        everyone = with_siblings(switches, node.ipvs.table())
        old = {key: each for key, each in _read(node, everyone).items() if each is not None}
        left = {
            key: each._replace(holders=released(each.holders, holder, force=force))
            for key, each in old.items()
        }
        stay = {key: each for key, each in left.items() if each.holders}
        go = [each for each in everyone if each.target.key not in stay and _is_out(each, left)]
        if dry_run:
            return tuple(_off_outcome(each, stay, _steps_off(node, go, each)) for each in everyone)
        going = {key: left[key] for key in (each.target.key for each in go) if key in left}
        with table_lock(timeout=patience):
            node.journal.write(stay.values())
        _note(node, going, Phase.SWITCHING_OFF)
        try:
            done = swapping.swap_back(node.ipvs, go, {key: each.before for key, each in old.items()})
        except BaseException:
            _put_back(node, go, old)
            raise
        with table_lock(timeout=patience):
            node.journal.remove(each.target.key for each in go)
        return tuple(_off_outcome(each, stay, done.get(each.target.key, ())) for each in everyone)


def reassert(node: Node, keys: Sequence[ServiceKey]) -> tuple[Outcome, ...]:
    """Repair those of these services whose sorry is on, and answer where something had to be done.

    keepalived is not asked: it may be starting, or be the one that is to be corrected. Raises Busy when a verb runs
    right now, and what the kernel refuses.
    """
    with _one_at_a_time(0, dry_run=False), table_lock(timeout=0):
        found = [node.journal.read(key) for key in keys]
        on_now = [each for each in found if each and each.phase is Phase.ON and _is_ours(each)]
        done = swapping.reassert(node.ipvs, on_now)
        return tuple(
            Outcome(each.key, each.name, each.phase, SwapPlan(done[each.key], (), each.removal), each.holders)
            for each in on_now
            if done.get(each.key)
        )


def complete(node: Node, switches: Sequence[Switch]) -> tuple[Outcome, ...]:
    """Bring to an end what was cut off: half way on it goes on, half way off it goes off.

    A file that somebody set to 0 while the sorry is held on says 1 again. Answers where something had to be done.
    Raises Busy when a verb runs right now, and what kernel and files refuse.
    """
    with _one_at_a_time(0, dry_run=False):
        snapshots = {key: each for key, each in _read(node, switches).items() if each and _is_ours(each)}
        here = [each for each in switches if each.target.key in snapshots]
        back = [each for each in here if snapshots[each.target.key].phase is Phase.SWITCHING_OFF]
        forth = [
            each
            for each in here
            if snapshots[each.target.key].phase is Phase.SWITCHING_ON
            or (each not in back and not maintenance.read(each.file))
        ]
        done = swapping.swap_back(node.ipvs, back, {key: each.before for key, each in snapshots.items()})
        with table_lock():
            node.journal.remove(each.target.key for each in back)
        if forth:
            done |= swapping.swap_out(node.ipvs, forth)
            _note(node, {each.target.key: snapshots[each.target.key] for each in forth}, Phase.ON)
        return tuple(
            _outcome(each, snapshots, done.get(each.target.key, ()), None if each in back else Phase.ON)
            for each in (*back, *forth)
        )


def _is_ours(snapshot: Snapshot) -> bool:
    """Answer whether keepalived has been told of it; of overload's sorry, beside the real servers, it is not."""
    return snapshot.way is Way.KEEPALIVED and set(snapshot.holders) != {Holder.OVERLOAD}


@contextmanager
def _one_at_a_time(patience: float, *, dry_run: bool) -> Iterator[None]:
    if dry_run:
        yield
    else:
        with locked(run_folder() / "sorry.lock", timeout=patience):
            yield


def _read(node: Node, switches: Sequence[Switch]) -> dict[ServiceKey, Snapshot | None]:
    found = {each.target.key: node.journal.read(each.target.key) for each in switches}
    for snapshot in found.values():
        if (
            snapshot is not None
            and snapshot.way is not Way.KEEPALIVED
            and snapshot.phase is not Phase.LINGERING
        ):
            raise AnotherWay(snapshot.key, snapshot.way)
    return found


def _begun(
    node: Node,
    switches: Sequence[Switch],
    table: Table,
    old: Mapping[ServiceKey, Snapshot | None],
    holder: Holder,
    hold: Hold,
) -> Snapshots:
    """Answer the snapshots to work from: those that are there, or new ones of the *table* as it is."""
    if missing := [each.target.key for each in switches if each.target.key not in table]:
        raise NoSuchService(*missing)
    begun = {}
    for each in switches:
        check_sorry(each)
        key = each.target.key
        begun[key] = _snapshot(node, each, table[key], old[key], holder, hold)
    return begun


def _snapshot(
    node: Node, switch: Switch, server: VirtualServer, old: Snapshot | None, holder: Holder, hold: Hold
) -> Snapshot:
    target = switch.target
    if old is not None and old.target.dest_key != target.dest_key:
        raise AnotherSorry(target.key, old.target.dest_key, target.dest_key)
    holders = held(old.holders if old else {}, holder, hold)
    if old is not None and Holder.OVERLOAD in old.holders:
        server, old = without_sorry(server, old), None
    if old is not None and old.boot_id == node.boot_id and old.way is Way.KEEPALIVED:
        phase = old.phase if old.phase is Phase.ON else Phase.SWITCHING_ON
        return old._replace(phase=phase, holders=holders)
    return Snapshot(
        key=target.key,
        name=target.name,
        way=Way.KEEPALIVED,
        phase=Phase.SWITCHING_ON,
        target=target,
        removal=switch.removal,
        before=server,
        service=server.service,
        holders=holders,
        boot_id=node.boot_id,
        since=node.now(),
    )


def _is_out(switch: Switch, snapshots: Snapshots) -> bool:
    return switch.target.key in snapshots or maintenance.read(switch.file)


def _note(node: Node, snapshots: Snapshots, phase: Phase) -> None:
    now = node.now()
    changed = [
        each._replace(phase=phase, since=now) for each in snapshots.values() if each.phase is not phase
    ]
    with table_lock():
        node.journal.write(changed)


def _take_back(
    node: Node,
    switches: Sequence[Switch],
    snapshots: Snapshots,
    old: Mapping[ServiceKey, Snapshot | None],
) -> None:
    """Undo an ``on`` that failed, as far as that goes: its own error is the one to tell."""
    were_on = {key: each for key, each in old.items() if each is not None}
    fresh = [each for each in switches if each.target.key not in were_on]
    with suppress(LvsctlError):
        with table_lock():
            node.journal.write(were_on.values())
        swapping.swap_back(node.ipvs, fresh, {key: each.before for key, each in snapshots.items()})
        with table_lock():
            node.journal.remove(each.target.key for each in fresh)


def _put_back(node: Node, switches: Sequence[Switch], old: Snapshots) -> None:
    """Switch on again what could not be switched off, as far as that goes."""
    with suppress(LvsctlError):
        swapping.swap_out(node.ipvs, switches)
        with table_lock():
            node.journal.write(old[each.target.key] for each in switches if each.target.key in old)


def _steps_on(node: Node, switch: Switch) -> tuple[Step, ...]:
    server = read(node.ipvs, [switch.target.key])[switch.target.key]
    return tuple(handover.raise_sorry(server, switch.target))


def _steps_off(node: Node, go: Sequence[Switch], switch: Switch) -> tuple[Step, ...]:
    key = switch.target.key
    server = read(node.ipvs, [key]).get(key)
    if switch not in go or server is None:
        return ()
    return tuple(handover.raise_reals(key, server, server, coming(switch, ask([switch]))))


def _outcome(switch: Switch, snapshots: Snapshots, steps: tuple[Step, ...], phase: Phase | None) -> Outcome:
    snapshot = snapshots.get(switch.target.key)
    return Outcome(
        switch.target.key,
        switch.target.name,
        phase,
        SwapPlan(steps, _reasons(switch, on=phase is not None), switch.removal),
        snapshot.holders if snapshot and phase is not None else {},
    )


def _off_outcome(switch: Switch, stay: Snapshots, steps: tuple[Step, ...]) -> Outcome:
    return _outcome(switch, stay, steps, Phase.ON if switch.target.key in stay else None)


def _reasons(switch: Switch, *, on: bool) -> tuple[str, ...]:
    pid, form = switch.owner.daemon.parent.pid, switch.owner.server.form
    file = switch.owner.maintenance.file if switch.owner.maintenance else ""
    who = f"keepalived (process {pid}) owns it and makes the swap, in the {form} form: {file} says {int(on)}"
    if on:
        return (who, "keepalived runs notify_down and sends its mail for every real server")
    return (who, "only real servers that pass their other checks come back")
