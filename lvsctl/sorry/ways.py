"""Switch services on and off, each the way that its owner demands: ours for what lvsctl or nobody owns, else keepalived's.

Who owns a service is looked at anew each time. What the swap itself does is :mod:`~lvsctl.sorry.swap`'s and
:mod:`~lvsctl.sorry.cooperative`'s; what was asked for, and whether the sorry server would be reached, is decided before.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from lvsctl.errors import LvsctlError
from lvsctl.ipvs.lock import table_lock
from lvsctl.sorry import behind, cooperative, maintenance, swap
from lvsctl.sorry.converge import read
from lvsctl.sorry.form import Form
from lvsctl.sorry.heartbeat import agent_is_alive
from lvsctl.sorry.holding import released
from lvsctl.sorry.lingering import finish
from lvsctl.sorry.model import Hold, Holder, Outcome, Snapshot, Target, Way
from lvsctl.sorry.node import Node
from lvsctl.sorry.owner import Keepalived, Owners, as_declared, needs_maintenance
from lvsctl.sorry.parting import LATER, Grace
from lvsctl.sorry.status import open_connections
from lvsctl.sorry.switch import Switch
from lvsctl.vocabulary import ServiceKey


class Wish(NamedTuple):
    """A service that somebody wants to be sorry."""

    target: Target
    owner: str | None
    """Who owns it by the spec: ``keepalived``, ``lvsctl``; None where no spec says."""


class Ways(NamedTuple):
    """Services by the way that they are switched."""

    kernel: tuple[Target, ...]
    keepalived: tuple[Switch, ...]
    unasked: tuple[Keepalived, ...] = ()
    """Owners of services among *kernel* that are switched behind keepalived's back, which takes a guard."""


class CannotCut(LvsctlError):
    """keepalived keeps the real servers in the table, and with them their connections."""


class Several(LvsctlError):
    """More than one service cannot be switched; with every reason."""

    def __init__(self, errors: Sequence[LvsctlError]) -> None:
        hints = dict.fromkeys(each.hint for each in errors if each.hint)
        super().__init__("\n".join(each.message for each in errors), hint="\n  ".join(hints))


def by_owner(wishes: Iterable[Wish], owners: Owners, *, guarded: bool = False, cut: bool = False) -> Ways:
    """Answer which way each service goes.

    *guarded* allows to go behind the back of a keepalived that has no maintenance file for it. Raises
    owner.Refused, CannotCut, or Several of them; nothing has been changed then.
    """
    kernel: list[Target] = []
    keepalived: list[Switch] = []
    unasked: list[Keepalived] = []
    errors: list[LvsctlError] = []
    for target, declared in wishes:
        try:
            owner = as_declared(target.key, owners.of(target.key), declared)
            if isinstance(owner, Keepalived) and owner.maintenance is not None:
                keepalived.append(_switch(target, owner, cut=cut))
                continue
            if isinstance(owner, Keepalived):
                if not guarded:
                    raise needs_maintenance(target.key, owner, maintenance.file_name(target.name))
                unasked.append(owner)
            kernel.append(target)
        except LvsctlError as error:
            errors.append(error)
    if errors:
        raise errors[0] if len(errors) == 1 else Several(errors)
    return Ways(tuple(kernel), tuple(keepalived), tuple(unasked))


def _switch(target: Target, owner: Keepalived, *, cut: bool) -> Switch:
    if cut and owner.server.form is Form.RESIDENT:
        raise CannotCut(
            f"{target.key}: keepalived keeps its real servers in the table, so their connections cannot be ended",
            hint="leave out --cut: new visitors get the sorry; or write maintenance: plain, and reload keepalived",
        )
    return Switch(target, owner)


def on(
    node: Node,
    which: Ways,
    holder: Holder,
    hold: Hold,
    *,
    cut: bool = False,
    dry_run: bool = False,
    grace: Grace | None = None,
) -> tuple[Outcome, ...]:
    """Switch services on, for *holder*. Raises what swap.on and cooperative.on raise.

    All of one way, or none. keepalived's come first: what it refuses has then changed nothing. Without *grace* the
    agent sees to connections that have to end first; where it does not live, they are waited for.
    """
    done: tuple[Outcome, ...] = ()
    if which.keepalived:
        time_left = grace or _grace()
        done = cooperative.on(node, which.keepalived, holder, hold, cut=cut, dry_run=dry_run, grace=time_left)
    if which.kernel:
        done += swap.on(node, which.kernel, holder, hold, cut=cut, dry_run=dry_run)
    return done


def off(
    node: Node,
    keys: Sequence[ServiceKey],
    owners: Owners,
    holder: Holder,
    *,
    targets: Mapping[ServiceKey, Target],
    force: bool = False,
    dry_run: bool = False,
    grace: Grace | None = None,
) -> tuple[Outcome, ...]:
    """Release *holder*'s hold of services, or with *force* everybody's; where nobody holds, bring the real servers back.

    Each goes back the way it came. *targets* are those of the spec, for services without a snapshot; *grace* is as with
    :func:`on`. Raises what swap.off, cooperative.off and behind.off raise.
    """
    grace = grace or _grace()
    switches: list[Switch] = []
    kernel: list[ServiceKey] = []
    hidden: list[tuple[ServiceKey, Keepalived]] = []
    left: list[Snapshot] = []
    for key in keys:
        snapshot, owner = node.journal.read(key), owners.of(key)
        target = snapshot.target if snapshot else targets.get(key)
        if snapshot is not None and snapshot.way is Way.KERNEL and isinstance(owner, Keepalived):
            hidden.append((key, owner))
        elif snapshot is not None and snapshot.way is Way.KERNEL:
            kernel.append(key)
        elif isinstance(owner, Keepalived) and owner.maintenance is not None and target is not None:
            switches.append(Switch(target, owner))
        elif snapshot is not None:
            left.append(snapshot)
        else:
            kernel.append(key)
    done: tuple[Outcome, ...] = ()
    if switches:
        done = cooperative.off(node, switches, holder, force=force, dry_run=dry_run, grace=grace)
    if hidden:
        done += behind.off(
            node, hidden, holder, force=force, dry_run=dry_run, wait=grace.seconds, enough=grace.enough
        )
    if kernel:
        done += swap.off(node, kernel, holder, force=force, dry_run=dry_run, enough=grace.enough)
    return done + tuple(_forsaken(node, each, holder, force=force, dry_run=dry_run) for each in left)


def _grace() -> Grace:
    return LATER if agent_is_alive() else Grace()


class Orphaned(LvsctlError):
    """The keepalived that made the swap is gone, and has left the sorry in the table."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__(
            f"{snapshot.name}: the keepalived that owned it is gone, and its sorry is in the table still: who of the real "
            "servers is alive nobody knows",
            hint="start keepalived, which will know, and do this again; or --force: all of them, as they were",
        )


def _forsaken(node: Node, snapshot: Snapshot, holder: Holder, *, force: bool, dry_run: bool) -> Outcome:
    """Release a service whose keepalived is gone: its file says 0 before the next one starts.

    One that ended in order has taken the service away. Raises Orphaned for one that was killed, unless *force*: then the
    service becomes what it was.
    """
    holders = released(snapshot.holders, holder, force=force)
    left = read(node.ipvs, [snapshot.key])
    if left and not holders and not force:
        raise Orphaned(snapshot)
    if not dry_run and holders:
        node.journal.write([snapshot._replace(holders=holders)])
    elif not dry_run:
        _say_0(maintenance.file_of(snapshot.name))
        if left:
            with table_lock():
                node.journal.write([snapshot._replace(way=Way.KERNEL)])
            (outcome,) = swap.off(node, [snapshot.key], holder, force=True)
            return outcome
        with table_lock():
            finish(node, [snapshot])
    reason = "no keepalived has it any more: its maintenance file says 0 for the next one"
    plan = swap.NOTHING._replace(reasons=() if holders else (reason,))
    return Outcome(snapshot.key, snapshot.name, snapshot.phase if holders else None, plan, holders)


def _say_0(file: Path) -> None:
    if maintenance.read(file):  # one that is not there says nothing
        maintenance.write(file, out=False)


def draining(node: Node, targets: Iterable[Target]) -> int:
    """Answer how many connections the real servers of these services still have open."""
    return sum(
        open_connections(key, load.connections)
        for target in targets
        for (key, dest_key), load in node.ipvs.observe_one(target.key).dests.items()
        if dest_key != target.dest_key
    )
