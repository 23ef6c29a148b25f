"""The effects of a swap that keepalived makes: raise who comes, write the file, wait, put right what is left.

What is raised is decided in :mod:`~lvsctl.sorry.handover`. The table's lock is held while the table is changed, never
while keepalived is waited for. Nothing here knows snapshots or holders.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol, TypeVar

from lvsctl.errors import LvsctlError
from lvsctl.ipvs.applying import apply
from lvsctl.ipvs.backend import Ipvs
from lvsctl.ipvs.lock import table_lock
from lvsctl.ipvs.model import Table, VirtualServer
from lvsctl.ipvs.steps import Step, undo
from lvsctl.sorry import handover, maintenance
from lvsctl.sorry.converge import read
from lvsctl.sorry.model import Removal, Target
from lvsctl.sorry.switch import Switch, Word, ask, coming, files, held
from lvsctl.vocabulary import ServiceKey

PATIENCE: Final = 10.0
"""Seconds that keepalived has for a swap; it takes milliseconds."""

_POLL: Final = 0.005
"""Seconds between two looks at the table while keepalived swaps."""

_ASKED: Final = 3
"""How often keepalived is asked until it has read the file: it may look at our signal first."""

Done = dict[ServiceKey, tuple[Step, ...]]
Before = Mapping[ServiceKey, VirtualServer]


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

    Raises NotSwapped, and what kernel and files refuse: what was done then is for :func:`swap_back`.
    """
    with table_lock():
        done = _apply(ipvs, switches, lambda each, server: handover.raise_sorry(server, each.target))
    for file in files(switches):
        maintenance.write(file, out=True)
    if late := _wait(ipvs, switches, _reals_are_out):
        raise NotSwapped(late)
    with table_lock():
        return _joined(done, reassert(ipvs, switches))


def swap_back(ipvs: Ipvs, switches: Sequence[Switch], before: Before) -> Done:
    """Have keepalived bring the real servers back; answer the steps that were ours. *before* has their order.

    Never one that keepalived holds dead. Without its word nobody is raised, and some visitors may be refused for the
    milliseconds that its own swap takes. Raises what kernel and files refuse.
    """
    if not switches:
        return {}
    word = ask(switches)
    expected = {each.target.key: coming(each, word) for each in switches}

    def raised(each: Switch, server: VirtualServer) -> Iterator[Step]:
        key = each.target.key
        return handover.raise_reals(key, server, before.get(key, server), expected[key])

    with table_lock():
        table = ipvs.table()
        done = _apply(ipvs, switches, raised)
    try:
        for file in files(switches):
            maintenance.write(file, out=False)
    except LvsctlError:
        ipvs.send(undo([step for steps in done.values() for step in steps], table))
        raise
    _wait(
        ipvs, [each for each in switches if expected[each.target.key] or not held(each, word)], _sorry_is_out
    )
    word = _word_after(switches)
    with table_lock():
        return _joined(done, _apply(ipvs, switches, lambda each, server: _rest(each, server, word, before)))


class Swapped(Protocol):
    """A service whose sorry is on: a Switch or a Snapshot."""

    @property
    def target(self) -> Target:
        """Its sorry."""

    @property
    def removal(self) -> Removal:
        """How the real servers are out."""


def reassert(ipvs: Ipvs, services: Sequence[Swapped]) -> Done:
    """Send every new visitor to the sorry, whatever keepalived or others raised; answer the steps.

    Hold :func:`lvsctl.ipvs.lock.table_lock`. Raises StepsRefused.
    """
    return _apply(ipvs, services, lambda each, server: handover.reassert(server, each.target, each.removal))


def _rest(switch: Switch, server: VirtualServer, word: Word, before: Before) -> Iterator[Step]:
    """Yield what is left to do when keepalived has swapped back."""
    key, sorry = switch.target.key, switch.target.dest_key
    told = held(switch, word)
    if told is not None:
        yield from handover.corrections(server, switch.target, switch.removal, told)
        yield from handover.strangers_back(server, before.get(key, server), told, switch.target)
    elif handover.others_up(server, sorry):
        # keepalived takes every real server out before it lets the sorry in: where one is up, the sorry is ours.
        yield from handover.lower(key, server, sorry, switch.removal)


def _reals_are_out(switch: Switch, server: VirtualServer) -> bool:
    """Answer whether keepalived's own real servers get no visitors; others' destinations are ours to take out."""
    up = handover.others_up(server, switch.target.dest_key)
    return not any(switch.owner.server.has_real(switch.target.key, each) for each in up)


def _sorry_is_out(switch: Switch, server: VirtualServer) -> bool:
    present = server.dests.get(switch.target.dest_key)
    return switch.owner.server.sorry_server is None or present is None or present.weight == 0


def _wait(
    ipvs: Ipvs, switches: Sequence[Switch], condition: Callable[[Switch, VirtualServer], bool]
) -> list[Switch]:
    """Look at the table until *condition* holds for all; answer those for which it does not in time."""
    deadline = time.monotonic() + PATIENCE
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
        late = {each.owner.daemon for each in switches if _still_reads_1(each, word)}
        if not late:
            break
        word = {daemon: told for daemon, told in word.items() if daemon not in late}
    return word


def _still_reads_1(switch: Switch, word: Word) -> bool:
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


def _joined(first: Done, then: Done) -> Done:
    return {key: (*first.get(key, ()), *then.get(key, ())) for key in {**first, **then}}
