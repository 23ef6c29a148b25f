"""The way back of a sorry that was raised behind keepalived's back, where its configuration has no maintenance file.

On, it is the kernel's way, and the guard keeps it so. But what the table was before says nothing of who is alive by
now: keepalived knows, and has perhaps counted a real server as failed that the snapshot would bring back.
"""

from collections.abc import Callable, Sequence

from lvsctl.errors import LvsctlError
from lvsctl.ipvs.applying import apply
from lvsctl.ipvs.lock import table_lock
from lvsctl.sorry import handover, liveness, swap
from lvsctl.sorry.converge import read
from lvsctl.sorry.model import Holder, Outcome, Removal, Snapshot
from lvsctl.sorry.node import Node
from lvsctl.sorry.owner import Keepalived
from lvsctl.sorry.switch import Switch, Word, ask, held
from lvsctl.vocabulary import ServiceKey


class NoWord(LvsctlError):
    """keepalived does not say who is alive, and without that nobody is brought back."""

    def __init__(self, keys: Sequence[ServiceKey]) -> None:
        super().__init__(
            f"{', '.join(map(str, keys))}: keepalived does not say which real servers are alive",
            hint="its dump goes to /tmp (or TMPDIR): is there room? --force brings back all of them",
        )


def off(
    node: Node,
    owners: Sequence[tuple[ServiceKey, Keepalived]],
    holder: Holder,
    *,
    force: bool = False,
    dry_run: bool = False,
    wait: float = 0.0,
    enough: Callable[[], bool] = lambda: False,
) -> tuple[Outcome, ...]:
    """Release *holder*'s hold of services that keepalived owns and lvsctl has switched in the kernel.

    The sorry has *wait* seconds to answer its last requests, or until *enough* says yes; keepalived would not get it in
    again from weight 0, so then it goes. Real servers that keepalived holds dead stay out. Raises NoWord, unless *force*,
    and what swap.off raises.
    """
    keys = [key for key, _ in owners]
    if dry_run:
        return swap.off(node, keys, holder, force=force, dry_run=True)
    snapshots = {key: snapshot for key in keys if (snapshot := node.journal.read(key))}
    switches = [Switch(snapshots[key].target, owner) for key, owner in owners if key in snapshots]
    word = ask(switches)
    silent = [each.target.key for each in switches if held(each, word) is None]
    if silent and not force:
        raise NoWord(silent)
    with table_lock():
        node.journal.write(
            without_the_dead(snapshots[each.target.key], told, each.removal)
            for each in switches
            if (told := held(each, word))
        )
    outcomes = swap.off(node, keys, holder, force=force, wait=wait, enough=enough)
    off_now = {each.key for each in outcomes if not each.held_by}
    _put_right(node, [each for each in switches if each.target.key in off_now], ask(switches))
    return outcomes


def without_the_dead(snapshot: Snapshot, told: liveness.VirtualServer, removal: Removal) -> Snapshot:
    """Answer *snapshot* so that ``off`` brings back none of the real servers that keepalived holds dead.

    *removal* is how keepalived keeps them: at weight 0, or not at all.
    """
    dead = {each.in_table(snapshot.key) for each in told.real_servers if not each.alive}

    def left(dests: handover.Dests) -> handover.Dests:
        if removal is Removal.WEIGHT:
            return {key: dest._replace(weight=0) if key in dead else dest for key, dest in dests.items()}
        return {key: dest for key, dest in dests.items() if key not in dead}

    return snapshot._replace(
        before=snapshot.before._replace(dests=left(snapshot.before.dests)), meanwhile=left(snapshot.meanwhile)
    )


def _put_right(node: Node, switches: Sequence[Switch], word: Word) -> None:
    """Make the table say what keepalived holds true: it goes on from there."""
    with table_lock():
        table = read(node.ipvs, [each.target.key for each in switches])
        steps = [
            step
            for each in switches
            if (told := held(each, word)) and each.target.key in table
            for step in handover.corrections(table[each.target.key], each.target, each.removal, told)
        ]
        apply(node.ipvs, steps, table, verify=False)
