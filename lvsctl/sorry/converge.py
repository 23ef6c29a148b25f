"""Take the steps of a swap so that no visitor meets a service without a destination, and see that they held.

What to do is planned anew from each reading of the table; that there is nothing left to do is the proof.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import Final

from lvsctl.ipvs.applying import NotAsApplied
from lvsctl.ipvs.backend import Ipvs
from lvsctl.ipvs.errors import Refusal, StepsRefused
from lvsctl.ipvs.model import Table
from lvsctl.ipvs.steps import DeleteDest, EditDest, Step, undo
from lvsctl.vocabulary import ServiceKey

Plan = Callable[[Table], Mapping[ServiceKey, Sequence[Step]]]
"""What is left to do to each service of a table; nothing: it is as wanted."""

_ATTEMPTS: Final = 3
"""A health checker may change a weight between the reading and the change; one that goes on is reported."""


def read(ipvs: Ipvs, keys: Sequence[ServiceKey]) -> Table:
    """Read those of the services *keys* that there are, in their order."""
    found = ipvs.table(keys)
    return {key: found[key] for key in keys if key in found}


def converge(ipvs: Ipvs, table: Table, plan: Plan) -> Table:
    """Bring *table*, as it was just read, to where *plan* finds nothing to do; answer it as it was read at the end.

    What cannot be done is taken back: raises StepsRefused with every refusal, or NotAsApplied when somebody else
    changes these services at the same time.
    """
    before, taken = table, list[Step]()
    refusals: tuple[Refusal, ...] = ()
    for _ in range(_ATTEMPTS):
        todo = plan(table)
        if not any(todo.values()):
            return table
        refusals, done = _send(ipvs, list(todo.values()))
        taken += done
        table = read(ipvs, list(before))
    if not any((todo := plan(table)).values()):
        return table
    stuck = ipvs.send(undo(taken, before))
    if refusals:
        raise StepsRefused([*refusals, *stuck], taken, reversed_=not stuck)
    raise NotAsApplied([key for key, steps in todo.items() if steps])


def _send(ipvs: Ipvs, todo: Sequence[Sequence[Step]]) -> tuple[tuple[Refusal, ...], list[Step]]:
    """Send what adds capacity, and only when the kernel took all of it, what takes capacity away."""
    done: list[Step] = []
    coming = [list(takewhile(lambda step: not _takes_away(step), steps)) for steps in todo]
    going = [list(steps[len(first) :]) for steps, first in zip(todo, coming, strict=True)]
    for part in (coming, going):
        steps = [step for some in part for step in some]
        refusals = ipvs.send(steps) if steps else ()
        refused = {id(refusal.step) for refusal in refusals}
        done += [step for step in steps if id(step) not in refused]
        if refusals:
            return refusals, done
    return (), done


def _takes_away(step: Step) -> bool:
    return isinstance(step, DeleteDest) or (isinstance(step, EditDest) and not step.dest.weight)
