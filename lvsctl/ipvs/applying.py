"""Make a table what it should be: send steps, verify by reading again, take back what was done when one is refused.

The decisions are :mod:`~lvsctl.ipvs.planning`'s; this is the order of effects around them.
"""

from collections.abc import Container, Sequence
from typing import NamedTuple

from lvsctl.errors import LvsctlError
from lvsctl.ipvs.backend import Ipvs
from lvsctl.ipvs.errors import StepsRefused
from lvsctl.ipvs.model import Observation, Table, VirtualServer
from lvsctl.ipvs.planning import plan
from lvsctl.ipvs.steps import Flush, Step, Zero, advance, draft, undo
from lvsctl.vocabulary import ServiceKey


class NotAsApplied(LvsctlError):
    """The kernel took every step, but the table that was read afterwards is another one."""

    def __init__(self, keys: Sequence[ServiceKey]) -> None:
        super().__init__(
            f"not as applied: {', '.join(map(str, keys))}",
            hint="somebody else changes these services at the same time; is keepalived configured with them?",
        )
        self.keys = tuple(keys)


class Applied(NamedTuple):
    """What was done, and the table before it."""

    steps: tuple[Step, ...]
    before: Table


def apply(
    ipvs: Ipvs, steps: Sequence[Step], before: Table, *, rollback: bool = True, verify: bool = True
) -> None:
    """Send *steps*, planned from the table *before*, and read the table again to see that they hold.

    When a step is refused, those that were applied are taken back in reverse order, unless *rollback* is false:
    a later step still counts as applied, because the kernel goes on after a refusal. Raises StepsRefused with every
    refusal, or NotAsApplied when the table is not what the steps should have made of it.
    """
    refusals = ipvs.send(steps)
    if refusals:
        refused = {id(refusal.step) for refusal in refusals}
        done = [step for step in steps if id(step) not in refused]
        if not rollback:
            raise StepsRefused(refusals, done)
        stuck = ipvs.send(undo(done, before))
        raise StepsRefused([*refusals, *stuck], done, reversed_=not stuck)
    if verify and steps:
        _verify(steps, before, ipvs.table())


def change(
    ipvs: Ipvs,
    desired: Table,
    *,
    prune: Container[ServiceKey] = (),
    keep_weights: Container[ServiceKey] = (),
    drain: Observation | None = None,
    reorder: bool = False,
    rollback: bool = True,
) -> Applied:
    """Read the table, plan and apply; the options are those of :func:`lvsctl.ipvs.planning.plan` and :func:`apply`.

    Hold :func:`lvsctl.ipvs.lock.table_lock` around it where another lvsctl may run. Raises what :func:`apply` raises.
    """
    before = ipvs.table()
    planned = plan(before, desired, prune=prune, keep_weights=keep_weights, drain=drain, reorder=reorder)
    steps = tuple(planned)
    apply(ipvs, steps, before, rollback=rollback)
    return Applied(steps, before)


def restore(ipvs: Ipvs, table: Table, *, rollback: bool = True) -> Applied:
    """Make the whole table exactly *table*, the order of destinations included: what is not in it is deleted.

    Raises what :func:`apply` raises.
    """
    before = ipvs.table()
    steps = tuple(plan(before, table, prune=before, reorder=True))
    apply(ipvs, steps, before, rollback=rollback)
    return Applied(steps, before)


def _verify(steps: Sequence[Step], before: Table, now: Table) -> None:
    # Only what the steps touched: the rest of the table may change under other hands, and that is fine.
    if any(isinstance(step, Flush) for step in steps):
        if now:
            raise NotAsApplied(list(now))
        return
    expected = draft(before)
    for step in steps:
        advance(expected, step)
    touched = dict.fromkeys(step.key for step in steps if not isinstance(step, Flush | Zero))
    differing = [key for key in touched if _of(now.get(key)) != expected.get(key)]
    if differing:
        raise NotAsApplied(differing)


def _of(server: VirtualServer | None) -> object:
    return None if server is None else (server.service, dict(server.dests))
