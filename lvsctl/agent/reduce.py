"""What the agent knows after somebody said something. Pure.

Level-triggered: of a thousand words about one instance the last state is left, with a generation that tells it from
the one before. The FIFO's lines are believed in the order in which they come. Hooks are started by keepalived in any
order, so what one says only counts where nobody better has spoken; where it contradicts, keepalived is asked.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from lvsctl.agent.model import Account, Instance, Interest, Memory, Quorum, Source, Word
from lvsctl.failover.model import Vrrp
from lvsctl.notify import event

WORDS: Mapping[str, Vrrp] = {
    "MASTER": Vrrp.MASTER,
    "BACKUP": Vrrp.BACKUP,
    "FAULT": Vrrp.FAULT,
    "STOP": Vrrp.STOP,
    "DELETED": Vrrp.STOP,
}


class Taken(NamedTuple):
    """What became of some words."""

    memory: Memory
    doubts: frozenset[str] = frozenset()
    """Instances of which hooks say something else: ask keepalived."""
    quorums: tuple[str, ...] = ()
    """Services whose quorum changed, in the order of the events."""


def prepared(memory: Memory, interest: Interest, seed: int) -> Memory:
    """Answer *memory* with the instances of *interest*, and no others.

    A new one begins with generation *seed*, seconds since 1970: no earlier one of a memory that was lost is that high.
    """
    new = Instance(generation=seed, done=seed)
    return Memory(
        {name: memory.instances.get(name, new) for name in interest.instances},
        {name: each for name, each in memory.quorums.items() if name in interest.services},
    )


def take(memory: Memory, words: Iterable[Word], interest: Interest) -> Taken:
    """Answer what is known after *words*, in the order in which they are believed."""
    instances, quorums = dict(memory.instances), dict(memory.quorums)
    doubts: set[str] = set()
    changed: list[str] = []
    for word in words:
        match word.event:
            case event.Transition(name=group, state=state, is_group=True):
                doubts.update(_unlike(instances, interest.groups.get(group, ()), WORDS[state]))
            case event.Transition(name=name) if name in interest.instances:
                before = instances.get(name, Instance())
                instances[name], doubted = _transition(before, word.event, word, interest.instances[name])
                if doubted:
                    doubts.add(name)
            case event.LowerPrioritySeen(name=name) if name in instances:
                instances[name] = _lower(instances[name], word.at)
            case event.PriorityChanged(name=name, priority=priority) if name in instances:
                instances[name] = instances[name]._replace(priority=priority)
            case event.Quorum(name=name, up=up) if name in interest.services:
                if _is_news(quorums.get(name), up=up, at=word.at):
                    changed.append(name)
                quorums[name] = _quorum(quorums.get(name), up=up, at=word.at)
    return Taken(Memory(instances, quorums), frozenset(doubts), tuple(dict.fromkeys(changed)))


def confirm(
    memory: Memory, account: Account, interest: Interest, *, at: float, told: Mapping[str, int]
) -> Memory:
    """Answer what is known after keepalived's own *account*, heard at *at*.

    *told* are the generations when it was asked: what the FIFO told meanwhile may be newer than the account.
    """
    if account.standings is None:
        return memory
    instances = dict(memory.instances)
    for name, patience in interest.instances.items():
        before = instances.get(name, Instance())
        standing = account.standings.get(name)
        if before.generation != told.get(name, 0) or (standing and standing.state is Vrrp.UNKNOWN):
            continue
        state = standing.state if standing else Vrrp.STOP
        transition = standing.transition if standing else ""
        is_another = state is before.state and before.transition not in {"", transition}
        after = _in_state(before, state, at, Source.KEEPALIVED, patience, anew=is_another)
        instances[name] = after._replace(transition=transition)
    return memory._replace(instances=instances)


def generations(memory: Memory) -> dict[str, int]:
    """Answer the generation of every instance."""
    return {name: each.generation for name, each in memory.instances.items()}


def after_reboot(memory: Memory) -> Memory:
    """Answer what is left of *memory* in another boot: generations only go on; states and quorums are to be heard."""
    return Memory(
        {
            name: Instance(generation=each.generation, done=each.done)
            for name, each in memory.instances.items()
        }
    )


def _transition(
    before: Instance, said: event.Transition, word: Word, patience: float
) -> tuple[Instance, bool]:
    """Answer the instance after one word about it, and whether keepalived has to be asked."""
    state = WORDS[said.state]
    better = before.by in {Source.FIFO, Source.KEEPALIVED}
    if word.source is Source.HOOK and (better or word.at < before.since):
        return before, better and word.at >= before.since and state is not before.state
    after = _in_state(before, state, word.at, word.source, patience)
    if said.priority is not None:
        after = after._replace(priority=said.priority)
    return after, word.source is Source.HOOK and after.generation != before.generation


def _in_state(
    before: Instance, state: Vrrp, at: float, by: Source, patience: float, *, anew: bool = False
) -> Instance:
    if state is before.state and not anew:
        return before._replace(by=by)
    waited = before.state is Vrrp.BACKUP and at - before.since > patience
    return Instance(
        state,
        before.generation + 1,
        at,
        by,
        before.priority,
        elected=state is Vrrp.MASTER and waited,
        done=before.done,
    )


def _lower(instance: Instance, at: float) -> Instance:
    if instance.state is not Vrrp.MASTER or at < instance.since:
        return instance
    return instance._replace(lower_heard=max(at, instance.lower_heard or at))


def _unlike(instances: Mapping[str, Instance], names: Iterable[str], state: Vrrp) -> list[str]:
    return [name for name in names if instances.get(name, Instance()).state is not state]


def _is_news(before: Quorum | None, *, up: bool, at: float) -> bool:
    """Answer whether this changes anything: what was never down and is up does not."""
    return before.up is not up and at >= before.at if before else not up


def _quorum(before: Quorum | None, *, up: bool, at: float) -> Quorum:
    return before if before and at < before.at else Quorum(up, at)
