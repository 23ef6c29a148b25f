"""The effects of a swap that keepalived makes: raise who comes, write the file, wait, put right what is left.

What is raised is decided in :mod:`~lvsctl.sorry.handover`. The table's lock is held while the table is changed, never
while keepalived is waited for. Nothing here changes snapshots or knows holders; whether to make the swap in the kernel
first (:func:`go_over`, :func:`come_back`) is decided by :mod:`~lvsctl.sorry.parting`.
"""

import math
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol, TypeVar

from lvsctl.errors import LvsctlError
from lvsctl.ipvs.applying import apply
from lvsctl.ipvs.backend import Ipvs
from lvsctl.ipvs.lock import table_lock
from lvsctl.ipvs.model import Table, VirtualServer
from lvsctl.ipvs.steps import Step, undo
from lvsctl.sorry import handover, maintenance
from lvsctl.sorry.converge import converge, read
from lvsctl.sorry.model import Removal, Snapshot, Target
from lvsctl.sorry.switch import Switch, Word, ask, coming, files, held
from lvsctl.vocabulary import ServiceKey

PATIENCE: Final = 10.0
"""Seconds that keepalived has for a swap; it takes milliseconds."""

_SOON: Final = 1.0
"""Seconds after which keepalived is asked whether it has read the file, where the table does not show it."""

_POLL: Final = 0.005
"""Seconds between two looks at the table while keepalived swaps."""

_ASKED: Final = 3
"""How often keepalived is asked until it has read the file: it may look at our signal first."""

Done = dict[ServiceKey, tuple[Step, ...]]


class NotSwapped(LvsctlError):
    """keepalived did not take the real servers out, though the maintenance file says so."""

    def __init__(self, switches: Sequence[Switch]) -> None:
        pids = ", ".join(str(pid) for pid in {each.owner.daemon.parent.pid: None for each in switches})
        super().__init__(
            f"{', '.join(each.target.name for each in switches)}: keepalived (process {pids}) did not take the "
            f"real servers out within {PATIENCE:g} s",
            hint="is it stopped or busy? its log tells what it did",
        )


def swap_out(ipvs: Ipvs, switches: Sequence[Switch]) -> Done:
    """Have keepalived let the sorry in and take the real servers out; answer the steps that were ours.

    Raises NotSwapped: what was done then is for :func:`swap_back`; and what kernel and files refuse: nothing is done then.
    """
    with table_lock():
        table = read(ipvs, [each.target.key for each in switches])
        done = _apply(ipvs, switches, lambda each, server: handover.raise_sorry(server, each.target))
    told = _tell_or_undo(ipvs, switches, done, table, out=True)
    if late := _not_taken(ipvs, switches, told):
        raise NotSwapped(late)
    with table_lock():
        return joined(done, _apply(ipvs, switches, _only_the_sorry))


def go_over(ipvs: Ipvs, snapshots: Mapping[ServiceKey, Snapshot]) -> Done:
    """Send new visitors to the sorry without keepalived's help, and see that they go there; answer the steps.

    The settings go first, then the sorry, and only when the kernel took both, the real servers. Raises StepsRefused or
    NotAsApplied; nothing has been changed then.
    """

    def plan(now: Table) -> Done:
        return {key: tuple(handover.go_over(now[key], snapshots[key])) for key in now}

    with table_lock():
        table = read(ipvs, list(snapshots))
        planned = plan(table)
        converge(ipvs, table, plan)
    return planned


def come_back(
    ipvs: Ipvs, switches: Sequence[Switch], snapshots: Mapping[ServiceKey, Snapshot], word: Word
) -> Done:
    """Send new visitors to the real servers that keepalived will bring back, before it is told; answer the steps.

    Where it did not give its *word*, nothing is done. Raises StepsRefused.
    """

    def steps(each: Switch, server: VirtualServer) -> Iterator[Step]:
        told = held(each, word)
        if told is not None:
            yield from handover.come_back(server, snapshots[each.target.key], told, coming(each, word))

    with table_lock():
        return _apply(ipvs, switches, steps)


def swap_back(ipvs: Ipvs, switches: Sequence[Switch], snapshots: Mapping[ServiceKey, Snapshot]) -> Done:
    """Have keepalived bring the real servers back; answer the steps that were ours. *snapshots* have their order.

    Never one that keepalived holds dead. Without its word nobody is raised, and some visitors may be refused for the
    milliseconds that its own swap takes. Raises what kernel and files refuse.
    """
    if not switches:
        return {}
    word = ask(switches)
    expected = {each.target.key: coming(each, word) for each in switches}

    def raised(each: Switch, server: VirtualServer) -> Iterator[Step]:
        key = each.target.key
        before = snapshots[key].before if key in snapshots else server
        return handover.raise_reals(key, server, before, expected[key])

    with table_lock():
        table = ipvs.table()
        done = _apply(ipvs, switches, raised)
    told = _tell_or_undo(ipvs, switches, done, table, out=False)
    _await_sorry(ipvs, [each for each in switches if expected[each.target.key] or not held(each, word)], told)
    word = _word_after(switches)

    def rest(each: Switch, server: VirtualServer) -> Iterator[Step]:
        return _rest(each, server, word, snapshots.get(each.target.key))

    with table_lock():
        return joined(done, _apply(ipvs, switches, rest))


class Swapped(Protocol):
    """A service whose sorry is on: a Switch or a Snapshot."""

    @property
    def target(self) -> Target:
        """Its sorry."""


def reassert(ipvs: Ipvs, services: Sequence[Snapshot]) -> Done:
    """Send every new visitor to the sorry, whatever keepalived or others raised; answer the steps.

    Hold :func:`lvsctl.ipvs.lock.table_lock`. Raises StepsRefused.
    """

    def steps(each: Snapshot, server: VirtualServer) -> Iterator[Step]:
        yield from handover.keep_settings(server, each)
        yield from handover.reassert(server, each.target, each.removal)

    return _apply(ipvs, services, steps)


def _only_the_sorry(switch: Switch, server: VirtualServer) -> Iterator[Step]:
    """Yield what is left to do when keepalived has swapped: whoever is not its own is ours to take out."""
    if switch.removal is Removal.WEIGHT:
        yield from handover.reassert(server, switch.target, switch.removal)
    else:
        yield from handover.raise_sorry(server, switch.target)
        yield from handover.leftovers(server, switch.target)


def _rest(switch: Switch, server: VirtualServer, word: Word, snapshot: Snapshot | None) -> Iterator[Step]:
    """Yield what is left to do when keepalived has swapped back."""
    key, sorry = switch.target.key, switch.target.dest_key
    told = held(switch, word)
    if told is not None:
        yield from handover.corrections(server, switch.target, switch.removal, told)
        before = snapshot.before if snapshot else server
        yield from handover.strangers_back(server, before, told, switch.target)
    elif handover.others_up(server, sorry):
        # keepalived takes every real server out before it lets the sorry in: where one is up, the sorry is ours.
        yield from handover.lower(key, server, sorry, switch.removal)
    if snapshot is not None:
        yield from handover.restore_settings(server, snapshot)


def _tell(switches: Sequence[Switch], *, out: bool) -> frozenset[ServiceKey]:
    """Write the maintenance files; answer the services of those that said something else."""
    changed = {file for file in files(switches) if maintenance.write(file, out=out)}
    return frozenset(each.target.key for each in switches if each.file in changed)


def _tell_or_undo(
    ipvs: Ipvs, switches: Sequence[Switch], done: Done, table: Table, *, out: bool
) -> frozenset[ServiceKey]:
    """Write the maintenance files; where that fails, take back what was *done* to *table*, and raise."""
    try:
        return _tell(switches, out=out)
    except LvsctlError:
        ipvs.send(undo([step for steps in done.values() for step in steps], table))
        raise


def _not_taken(ipvs: Ipvs, switches: Sequence[Switch], told: Container[ServiceKey]) -> list[Switch]:
    """Wait until keepalived has taken its real servers out; answer the services for which it has not."""
    late = _wait(ipvs, switches, lambda each, server: _reals_are_out(each, server, told), _SOON)
    # Where only some of the real servers have inhibit_on_failure, these stay: then its word counts.
    word = ask(late)
    unsaid = {each.target.key for each in late if not _reads_1(each, word)}
    return _wait(ipvs, late, lambda each, server: _reals_are_out(each, server, unsaid))


def _await_sorry(ipvs: Ipvs, switches: Sequence[Switch], told: Container[ServiceKey]) -> None:
    """Wait until keepalived has taken the sorry out, for as long as it has for that."""
    late = _wait(ipvs, switches, lambda each, server: _sorry_is_out(each, server, told), _SOON)
    _wait(ipvs, late, lambda each, server: _sorry_is_out(each, server, ()))


def _reals_are_out(switch: Switch, server: VirtualServer, told: Container[ServiceKey]) -> bool:
    """Answer whether keepalived's own real servers get no visitors; others' destinations are ours to take out.

    Of services in *told* it deletes them in the plain form: only then it is known that it has heard.
    """
    key, sorry = switch.target.key, switch.target.dest_key
    gone = switch.removal is Removal.DELETE and key in told
    there = tuple(server.dests) if gone else handover.others_up(server, sorry)
    return not any(each != sorry and switch.owner.server.has_real(key, each) for each in there)


def _sorry_is_out(switch: Switch, server: VirtualServer, told: Container[ServiceKey]) -> bool:
    present = server.dests.get(switch.target.dest_key)
    if switch.owner.server.sorry_server is None or present is None:
        return True
    return present.weight == 0 and not (switch.removal is Removal.DELETE and switch.target.key in told)


def _wait(
    ipvs: Ipvs,
    switches: Sequence[Switch],
    condition: Callable[[Switch, VirtualServer], bool],
    patience: float = math.inf,
) -> list[Switch]:
    """Look at the table until *condition* holds for all; answer those for which it does not in time."""
    deadline = time.monotonic() + min(patience, PATIENCE)
    left = list(switches)
    while left:
        table = read(ipvs, [each.target.key for each in left])
        left = [
            each for each in left if (server := table.get(each.target.key)) and not condition(each, server)
        ]
        if time.monotonic() > deadline:
            break
        if left:
            time.sleep(_POLL)
    return left


def _word_after(switches: Sequence[Switch]) -> Word:
    """Ask for what keepalived holds true now that the files say 0, and believe only who has read them."""
    word: Word = {}
    for _ in range(_ASKED):
        word = ask(switches)
        late = {each.owner.daemon for each in switches if _reads_1(each, word)}
        if not late:
            break
        word = {daemon: told for daemon, told in word.items() if daemon not in late}
    return word


def _reads_1(switch: Switch, word: Word) -> bool:
    told = word.get(switch.owner.daemon)
    return told is not None and told.track_files.get(switch.track_file, 0) != 0


S = TypeVar("S", bound=Swapped)


def _apply(ipvs: Ipvs, switches: Sequence[S], steps_of: Callable[[S, VirtualServer], Iterable[Step]]) -> Done:
    """Plan on the table as it is, send everything at once, and answer the steps. Raises StepsRefused."""
    table: Table = read(ipvs, [each.target.key for each in switches])
    planned = {
        each.target.key: tuple(steps_of(each, table[each.target.key]))
        for each in switches
        if each.target.key in table
    }
    # Not verified by reading: keepalived changes the same services meanwhile, and is waited for.
    apply(ipvs, [step for steps in planned.values() for step in steps], table, verify=False)
    return planned


def joined(first: Done, then: Done) -> Done:
    """Answer the steps of both, service by service."""
    return {key: (*first.get(key, ()), *then.get(key, ())) for key in {**first, **then}}
