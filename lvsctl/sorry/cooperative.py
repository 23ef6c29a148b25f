"""The swap of services that keepalived owns: keepalived makes it, and lvsctl sees to it that nobody is refused meanwhile.

In the resident form ``on`` raises the sorry in the kernel and writes 1 to the maintenance file; ``off`` raises those
real servers that keepalived will bring back, writes 0, and puts right what changed meanwhile. In the plain form
keepalived deletes: there lvsctl makes the swap first, and writes when the connections have ended
(:mod:`~lvsctl.sorry.parting`). The effects are :mod:`~lvsctl.sorry.swapping`'s; here are holders, snapshots, and the way
back from an error.

Each verb runs to the same end from wherever the last one was cut off. One runs at a time (``sorry.lock``); connections
are waited for without the lock.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from lvsctl.errors import LvsctlError
from lvsctl.ipvs.lock import table_lock
from lvsctl.ipvs.model import Table
from lvsctl.ipvs.steps import Step
from lvsctl.sorry import handover, maintenance, parting, swapping
from lvsctl.sorry.beginning import Begun, Circumstances, begin_with_keepalived
from lvsctl.sorry.converge import read
from lvsctl.sorry.errors import AnotherWay, NoSuchService
from lvsctl.sorry.holding import held, released
from lvsctl.sorry.lingering import finish
from lvsctl.sorry.model import Hold, Holder, Outcome, Phase, Removal, Snapshot, SwapPlan, Way
from lvsctl.sorry.node import Node
from lvsctl.sorry.parting import Grace, Parting, Seen
from lvsctl.sorry.swap import claim_sysctls, lasting_sysctls
from lvsctl.sorry.swapping import PATIENCE, Done
from lvsctl.sorry.switch import Switch, ask, check_sorry, coming, files, heavy, with_siblings
from lvsctl.vocabulary import ServiceKey

Snapshots = dict[ServiceKey, Snapshot]


def on(
    node: Node,
    switches: Sequence[Switch],
    holder: Holder,
    hold: Hold,
    *,
    cut: bool = False,
    dry_run: bool = False,
    grace: Grace = Grace(),  # noqa: B008 - immutable
    patience: float = 2 * PATIENCE,
) -> tuple[Outcome, ...]:
    """Send the visitors of these services to their sorry, and note that *holder* wants it so.

    The services that share a virtual_server_group go together: they have one file. On already: notes the holder, and
    repairs what others changed. In the plain form the connections of the real servers have as long as *grace* says to
    end; with *cut*, no time. Raises NoSuchService, AnotherSorry, AnotherWay, WrongSorry, Busy and the errors of the
    snapshots: nothing has been changed then; NotSwapped, and what kernel and files refuse: everything is taken back.
    """
    with parting.one_at_a_time(patience, dry_run=dry_run):
        table = node.ipvs.table()
        everyone = [heavy(each, table) for each in with_siblings(switches, table)]
        old = _read(node, everyone)
        begun = _begun(node, everyone, table, old, (holder, hold), cut=cut)
        snapshots = {key: each.snapshot for key, each in begun.items()}
        if dry_run:
            planned = {each.target.key: _steps_on(node, each, snapshots) for each in everyone}
            return _outcomes_on(everyone, begun, planned, parting.NOTHING_SEEN)
        _make_sure_of_files(everyone)
        with table_lock(timeout=patience):
            node.journal.write(snapshots.values())
        try:
            claim_sysctls(node, snapshots.values())
            done = parting.go(node, everyone, snapshots)
            _note(node, snapshots, Phase.ON)
        except BaseException:
            _take_back(node, everyone, snapshots, old)
            raise
    try:
        seen = parting.see_through(node, everyone, Phase.ON, grace, patience)
    except LvsctlError:
        with parting.one_at_a_time(patience):
            _take_back(node, everyone, snapshots, old)
        raise
    return _outcomes_on(everyone, begun, swapping.joined(done, seen.done), seen)


def off(
    node: Node,
    switches: Sequence[Switch],
    holder: Holder,
    *,
    force: bool = False,
    dry_run: bool = False,
    grace: Grace = Grace(),  # noqa: B008 - immutable
    patience: float = 2 * PATIENCE,
) -> tuple[Outcome, ...]:
    """Note that *holder* wants no sorry any more; where nobody does, have keepalived bring the real servers back.

    With *force* nobody's hold counts. A service without a snapshot whose file says 1 is switched back, too: the file
    outlives everything. In the plain form the connections of the sorry have as long as *grace* says to end. Raises
    AnotherWay, Busy and the errors of the snapshots: nothing has been changed then; what kernel and files refuse: the
    sorry is on again.
    """
    with parting.one_at_a_time(patience, dry_run=dry_run):
        everyone = with_siblings(switches, node.ipvs.table())
        old = {key: each for key, each in _read(node, everyone).items() if each is not None}
        left = {
            key: each._replace(holders=released(each.holders, holder, force=force))
            for key, each in old.items()
        }
        stay = {key: each for key, each in left.items() if each.holders}
        go = [each for each in everyone if each.target.key not in stay and _is_out(each, left)]
        if dry_run:
            planned = {each.target.key: _steps_off(node, go, each) for each in everyone}
            return _outcomes_off(everyone, stay, planned, parting.NOTHING_SEEN)
        _make_sure_of_files(go)
        going = {key: left[key] for key in (each.target.key for each in go) if key in left}
        with table_lock(timeout=patience):
            node.journal.write(stay.values())
        going = _note(node, going, Phase.SWITCHING_OFF)
        try:
            done = parting.give_back(node, go, going)
            _begin_waiting(node, going)
        except BaseException:
            _put_back(node, go, old)
            raise
    try:
        seen = parting.see_through(node, go, Phase.SWITCHING_OFF, grace, patience)
    except LvsctlError:
        with parting.one_at_a_time(patience):
            _put_back(node, go, old)
        raise
    return _outcomes_off(everyone, stay, swapping.joined(done, seen.done), seen)


def reassert(node: Node, keys: Sequence[ServiceKey]) -> tuple[Outcome, ...]:
    """Repair those of these services whose sorry is on, and answer where something had to be done.

    keepalived is not asked: it may be starting, or be the one that is to be corrected. Raises Busy when a verb runs
    right now, and what the kernel refuses.
    """
    with parting.one_at_a_time(0), table_lock(timeout=0):
        found = [node.journal.read(key) for key in keys]
        on_now = [each for each in found if each and each.phase is Phase.ON and parting.is_ours(each)]
        done = swapping.reassert(node.ipvs, on_now)
        return tuple(
            Outcome(each.key, each.name, each.phase, SwapPlan(done[each.key], (), each.removal), each.holders)
            for each in on_now
            if done.get(each.key)
        )


def is_due(switch: Switch, snapshot: Snapshot) -> bool:
    """Answer whether there is something to :func:`complete`: half way, or keepalived has been told something else."""
    return (
        snapshot.phase is not Phase.ON
        or parting.is_pending(switch, snapshot)
        or not maintenance.read(switch.file)
    )


def complete(node: Node, switches: Sequence[Switch]) -> tuple[Outcome, ...]:
    """Bring to an end what was cut off or waits for connections: half way on it goes on, half way off it goes off.

    A file that somebody set to 0 while the sorry is held on says 1 again. Answers where something had to be done, with
    the reason. Raises Busy when a verb runs right now, and what kernel and files refuse.
    """
    with parting.one_at_a_time(0):
        snapshots = {
            key: each for key, each in _read(node, switches).items() if each and parting.is_ours(each)
        }
        here = [each for each in switches if each.target.key in snapshots]
        forth = [each for each in here if _has_to_go(each, snapshots[each.target.key])]
        if forth:
            again = {each.target.key: _anew(node, each, snapshots[each.target.key]) for each in forth}
            done = parting.go(node, forth, again)
            _note(node, again, Phase.ON)
        back = [each for each in here if snapshots[each.target.key].phase is Phase.SWITCHING_OFF]
        if back:
            parting.give_back(node, back, snapshots)
        told = parting.advance(node, parting.pending(node, here), limit=parting.GRACE)
        outcomes = []
        for each in here:
            key = each.target.key
            now = node.journal.read(key)
            if each in forth or key in told.done or now is None:
                steps = (*(done.get(key, ()) if forth else ()), *told.done.get(key, ()))
                reason = _COMPLETED if now is None or each in forth else _TOLD
                plan = SwapPlan(steps, (reason.format("off" if now is None else "on"),), each.removal)
                outcomes.append(
                    Outcome(key, each.target.name, now and now.phase, plan, now.holders if now else {})
                )
        return tuple(outcomes)


_COMPLETED = "a swap was cut off, or its file changed: the sorry is {} now"
_TOLD = "the real servers have no connections any more: keepalived has been told of the sorry"


def _has_to_go(switch: Switch, snapshot: Snapshot) -> bool:
    if snapshot.phase is not Phase.ON:
        return snapshot.phase is Phase.SWITCHING_ON
    return not parting.is_pending(switch, snapshot) and not maintenance.read(switch.file)


def _anew(node: Node, switch: Switch, snapshot: Snapshot) -> Snapshot:
    """Answer *snapshot* for a service that keepalived may have given its real servers back meanwhile."""
    if snapshot.phase is Phase.ON and parting.is_plain(switch) and parting.leaves(node, snapshot):
        return snapshot._replace(removal=Removal.WEIGHT, phase=Phase.SWITCHING_ON)
    return snapshot


def _make_sure_of_files(switches: Sequence[Switch]) -> None:
    """Raise what writing the maintenance files would raise: neither a swap nor its way back works without."""
    for file in files(switches):
        maintenance.ready(file)


def _read(node: Node, switches: Sequence[Switch]) -> dict[ServiceKey, Snapshot | None]:
    found = {key: node.journal.read(key) for key in parting.keys_of(switches)}
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
    who: tuple[Holder, Hold],
    *,
    cut: bool,
) -> dict[ServiceKey, Begun]:
    """Answer the snapshots to work from: those that are there, or new ones of the *table* as it is."""
    if missing := [key for key in parting.keys_of(switches) if key not in table]:
        raise NoSuchService(*missing)
    at = Circumstances(node.boot_id, node.now(), lasting_sysctls(node), cut)
    begun = {}
    for each in switches:
        check_sorry(each)
        key, present = each.target.key, old[each.target.key]
        holders = held(present.holders if present else {}, *who)
        begun[key] = begin_with_keepalived(each, table[key], present, holders, at)
    # Who shares a file with one that cannot be waited for goes at once, too.
    plain = [Parting(each, begun[each.target.key].snapshot) for each in switches if parting.is_plain(each)]
    slow = parting.together(plain, lambda each: each.snapshot.removal is Removal.WEIGHT)
    for hasty in plain:
        if hasty not in slow:
            begun[hasty.snapshot.key] = begun[hasty.snapshot.key].at_once()
    return begun


def _is_out(switch: Switch, snapshots: Snapshots) -> bool:
    return switch.target.key in snapshots or maintenance.read(switch.file)


def _note(node: Node, snapshots: Mapping[ServiceKey, Snapshot], phase: Phase) -> Snapshots:
    """Write down that these services are in *phase* now; answer what is written."""
    now = node.now()
    noted = {
        key: each if each.phase is phase else each._replace(phase=phase, since=now)
        for key, each in snapshots.items()
    }
    with table_lock():
        node.journal.write(each for key, each in noted.items() if each is not snapshots[key])
    return noted


def _begin_waiting(node: Node, going: Mapping[ServiceKey, Snapshot]) -> None:
    """Let the time count from now for those whose last requests are waited for: keepalived may have been slow to answer."""
    now = node.now()
    left = [each for each in map(node.journal.read, going) if each and each.phase is Phase.SWITCHING_OFF]
    with table_lock():
        node.journal.write(each._replace(since=now) for each in left)


def _take_back(
    node: Node,
    switches: Sequence[Switch],
    snapshots: Mapping[ServiceKey, Snapshot],
    old: Mapping[ServiceKey, Snapshot | None],
) -> None:
    """Undo an ``on`` that failed, as far as that goes: its own error is the one to tell."""
    were_on = {key: each for key, each in old.items() if each is not None}
    new = [each for each in switches if each.target.key not in were_on]
    with suppress(LvsctlError):
        with table_lock():
            node.journal.write(were_on.values())
        swapping.swap_back(node.ipvs, new, snapshots)
        with table_lock():
            finish(node, [snapshots[key] for key in parting.keys_of(new)])


def _put_back(node: Node, switches: Sequence[Switch], old: Snapshots) -> None:
    """Switch on again what could not be switched off, as far as that goes."""
    with suppress(LvsctlError):
        known = [each for each in switches if each.target.key in old]
        parting.go(node, known, old)
        if unknown := [each for each in switches if each not in known]:
            swapping.swap_out(node.ipvs, unknown)
        with table_lock():
            node.journal.write(old[key] for key in parting.keys_of(known))


def _steps_on(node: Node, switch: Switch, snapshots: Snapshots) -> tuple[Step, ...]:
    snapshot = snapshots[switch.target.key]
    server = read(node.ipvs, [switch.target.key])[switch.target.key]
    if parting.is_plain(switch) and snapshot.removal is Removal.WEIGHT:
        return tuple(handover.go_over(server, snapshot))
    return tuple(handover.raise_sorry(server, switch.target))


def _steps_off(node: Node, go: Sequence[Switch], switch: Switch) -> tuple[Step, ...]:
    key = switch.target.key
    server = read(node.ipvs, [key]).get(key)
    if switch not in go or server is None:
        return ()
    return tuple(handover.raise_reals(key, server, server, coming(switch, ask([switch]))))


def _outcomes_on(
    switches: Sequence[Switch], begun: Mapping[ServiceKey, Begun], steps: Done, seen: Seen
) -> tuple[Outcome, ...]:
    outcomes = []
    for each in switches:
        key, (snapshot, reasons) = each.target.key, begun[each.target.key]
        told = (*reasons, *_reasons(each, seen, on=True))
        plan = SwapPlan(steps.get(key, ()), told, each.removal, sysctls=dict.fromkeys(snapshot.sysctls, 1))
        left = seen.left.get(key, 0)
        outcomes.append(Outcome(key, each.target.name, Phase.ON, plan, snapshot.holders, left))
    return tuple(outcomes)


def _outcomes_off(
    switches: Sequence[Switch], stay: Snapshots, steps: Done, seen: Seen
) -> tuple[Outcome, ...]:
    outcomes = []
    for each in switches:
        key, kept = each.target.key, stay.get(each.target.key)
        plan = SwapPlan(steps.get(key, ()), tuple(_reasons(each, seen, on=kept is not None)), each.removal)
        phase = Phase.ON if kept else Phase.SWITCHING_OFF if key in seen.left else None
        holders = kept.holders if kept else {}
        outcomes.append(Outcome(key, each.target.name, phase, plan, holders, seen.left.get(key, 0)))
    return tuple(outcomes)


def _reasons(switch: Switch, seen: Seen, *, on: bool) -> Iterator[str]:
    key, pid, form = switch.target.key, switch.owner.daemon.parent.pid, switch.owner.server.form
    file = switch.owner.maintenance.file if switch.owner.maintenance else ""
    who = "the real servers" if on else "the sorry"
    if key in seen.left:
        yield (
            f"keepalived (process {pid}) owns it, and will be told when the last connection of {who} has ended "
            f"({seen.left[key]} now): the guard sees to it"
        )
    else:
        yield f"keepalived (process {pid}) owns it and makes the swap, in the {form} form: {file} says {int(on)}"
    if key in seen.cut:
        yield f"{seen.cut[key]} connections of {who} had not ended after {round(seen.waited, 1):g} s, and were cut"
    if on:
        yield "keepalived runs notify_down and sends its mail for every real server"
    else:
        yield "only real servers that pass their other checks come back"
