"""Rules about who becomes master, and whether anybody else ever can. LVS050 to LVS059."""

from collections.abc import Iterator
from itertools import pairwise

from lvsctl.compose.rules.effective import DEFAULT_PRIORITY, OWNER, TOP_PRIORITY, priority_of
from lvsctl.compose.rules.rule import ERROR, WARNING, Broken, Pair, of_pair, of_spec
from lvsctl.compose.rules.tracked import Tracked, everything
from lvsctl.spec.spec import Spec
from lvsctl.spec.vrrp_instance import VrrpInstance

Side = tuple[str, VrrpInstance]


def sides(pair: Pair) -> Iterator[tuple[str, list[Side]]]:
    """Yield the name of every instance with the nodes that have it, and what it is there."""
    for name in dict.fromkeys(name for spec in pair.specs.values() for name in spec.vrrp_instances):
        yield (
            name,
            [
                (node, spec.vrrp_instances[name])
                for node, spec in pair.specs.items()
                if name in spec.vrrp_instances
            ],
        )


@of_pair(
    "LVS050",
    WARNING,
    "Equal priorities",
    reason="Both may be master for a moment until the higher IP address wins (RFC 5798, 6.4.3), and which one that is nobody remembers at night.",
    remedy="Give the nodes different priorities under nodes, such as 150 and 100.",
)
def equal_priorities(pair: Pair) -> Iterator[tuple[str, Broken]]:
    """A node without any priority has 100."""
    for name, instances in sides(pair):
        for (one, first), (other, second) in pairwise(instances):
            if priority_of(first) == priority_of(second) != OWNER:
                said = "" if second.priority else f" (nothing is written, so {DEFAULT_PRIORITY})"
                path = ("vrrp_instances", name, "priority")
                yield (
                    other,
                    Broken(path, f"{one} and {other} have the same priority {priority_of(second)}{said}"),
                )


@of_pair(
    "LVS051",
    ERROR,
    "Two owners",
    reason="255 claims to own the addresses, and an owner answers for them whatever the other says (RFC 5798, 6.4.3): both nodes are master for ever.",
    remedy="Give 255 to at most one node, better to none.",
)
def two_owners(pair: Pair) -> Iterator[tuple[str, Broken]]:
    """`state BACKUP` does not help: an owner takes over from anybody."""
    for name, instances in sides(pair):
        owners = [node for node, instance in instances if instance.priority == OWNER]
        for node in owners[1:]:
            yield (
                node,
                Broken(
                    ("vrrp_instances", name, "priority"),
                    f"{owners[0]} has priority 255, too: both would be master",
                ),
            )


@of_pair(
    "LVS052",
    ERROR,
    "Weights that can never change the master",
    reason="Even when everything that is tracked fails, the node keeps a priority above the other's: scripts run, fail and log, and the addresses stay where the fault is.",
    remedy="Make the weight larger than the difference of the priorities, bring the priorities together, or write weight 0: then failure is FAULT.",
)
def weights_too_small(pair: Pair) -> Iterator[tuple[str, Broken]]:
    """Positive weights count while things are well, negative ones while they fail; the sum stays within 1 to 254.

    A `track_file` can say any number, so a weighted one can always do it.
    """
    for name, instances in sides(pair):
        if len(instances) > 1 and not any(instance.nopreempt for _, instance in instances):
            yield from _never(pair, name, instances)


def _never(pair: Pair, name: str, instances: list[Side]) -> Iterator[tuple[str, Broken]]:
    node, top = max(instances, key=lambda side: priority_of(side[1]))
    weighted = [each for each in everything(name, top, pair.specs[node]) if each.weight and each.is_declared]
    if not weighted or priority_of(top) == OWNER or any(each.kind == "track_file" for each in weighted):
        return
    worst = _clamped(priority_of(top) + sum(min(each.weight, 0) for each in weighted))
    others = [
        (_best(instance, everything(name, instance, pair.specs[other])), other)
        for other, instance in instances
        if other != node
    ]
    best, other = max(others)
    if worst >= best:
        yield (
            node,
            Broken(
                weighted[0].path,
                f"when all of it fails, {node} still has priority {worst}, and {other} has {best} at best: "
                f"{node} stays master; write weight 0, or make up {worst - best + 1} more",
            ),
        )


def _best(instance: VrrpInstance, tracks: list[Tracked]) -> int:
    gain = sum(max(each.weight, 0) for each in tracks if each.is_declared)
    return _clamped(priority_of(instance) + gain)


def _clamped(priority: int) -> int:
    return max(1, min(TOP_PRIORITY, priority))


@of_spec(
    "LVS053",
    WARNING,
    "A failover IP on an instance that preempts at once",
    reason="A provider takes about a minute to move a failover IP. When the better node comes back, the address moves a second time within one night, for nothing; and if the node flaps, each time.",
    remedy="Write nopreempt: true, or a preempt_delay of some minutes.",
)
def failover_preempts(spec: Spec) -> Iterator[Broken]:
    """Priority 255 preempts in any case."""
    for address in spec.failover_ips:
        instance = spec.vrrp_instances.get(address.vrrp_instance)
        if instance is not None and not instance.nopreempt and not instance.preempt_delay:
            yield Broken(
                ("vrrp_instances", address.vrrp_instance),
                f"{address.ip} moves again as soon as the better node is back: write nopreempt: true, or preempt_delay: 300",
            )


@of_pair(
    "LVS054",
    WARNING,
    "nopreempt where it does nothing",
    reason="nopreempt keeps a node from taking over. On the node with the lower priority it changes nothing: the other one still takes the addresses back when it returns.",
    remedy="Write nopreempt for the instance, not under per_node; or at least on the node with the highest priority.",
)
def nopreempt_on_the_wrong_node(pair: Pair) -> Iterator[tuple[str, Broken]]:
    """On the node with the highest priority alone it is enough, though harder to explain."""
    for name, instances in sides(pair):
        top, preempts = max(
            ((node, not instance.nopreempt) for node, instance in instances),
            key=lambda each: priority_of(pair.specs[each[0]].vrrp_instances[name]),
        )
        for node, instance in instances:
            if instance.nopreempt and preempts and node != top:
                path = ("vrrp_instances", name, "nopreempt")
                yield (
                    node,
                    Broken(
                        path,
                        f"only {node} has nopreempt, but {top} has the higher priority and takes the addresses back",
                    ),
                )
