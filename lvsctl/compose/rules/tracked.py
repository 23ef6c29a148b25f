"""What instances and sync groups track, with the weights that count in the end. It finds no faults.

Weights as keepalived 2.2.7 takes them (vrrp_track.c): where the list says none, that of the declaration.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from lvsctl.compose.rules.rule import Path
from lvsctl.spec.spec import Spec
from lvsctl.spec.sync_group import VrrpSyncGroup
from lvsctl.spec.vrrp_instance import VrrpInstance

DECLARATIONS = {
    "track_script": ("vrrp_scripts", 0),
    "track_file": ("track_files", 1),
    "track_process": ("vrrp_track_processes", 0),
    "track_bfd": ("bfd_instances", 0),
}
"""For each list: where its names are declared, and the weight of a declaration that states none."""


class Tracked(NamedTuple):
    """One entry of a list of tracked things."""

    kind: str
    """The list: ``track_script`` and so on."""
    name: str
    weight: int
    path: Path
    is_declared: bool
    states_weight: bool
    """Whether the weight was written, here or with the declaration."""


def tracked(block: VrrpInstance | VrrpSyncGroup, path: Path, spec: Spec) -> Iterator[Tracked]:
    """Yield what *block* at *path* tracks."""
    for index, line in enumerate(block.track_interface):
        here = (*path, "track_interface", index)
        yield Tracked(
            "track_interface",
            line.interface,
            line.weight or 0,
            here,
            is_declared=True,
            states_weight=line.weight is not None,
        )
    for kind, (field, default) in DECLARATIONS.items():
        declared: Mapping[str, Any] = getattr(spec, field)
        for index, line in enumerate(getattr(block, kind)):
            own = getattr(declared.get(line.name), "weight", None)
            weight = line.weight if line.weight is not None else own.weight if own else default
            stated = line.weight is not None or own is not None
            yield Tracked(kind, line.name, weight, (*path, kind, index), line.name in declared, stated)


def blocks(spec: Spec) -> Iterator[tuple[Path, VrrpInstance | VrrpSyncGroup]]:
    """Yield every instance and sync group with its path."""
    for name, instance in spec.vrrp_instances.items():
        yield ("vrrp_instances", name), instance
    for name, group in spec.vrrp_sync_groups.items():
        yield ("vrrp_sync_groups", name), group


def groups_of(instance: str, spec: Spec) -> Iterator[tuple[str, VrrpSyncGroup]]:
    """Yield the sync groups that *instance* is in."""
    return ((name, group) for name, group in spec.vrrp_sync_groups.items() if instance in group.group)


def everything(name: str, instance: VrrpInstance, spec: Spec) -> list[Tracked]:
    """Answer all that decides about *instance*: what it tracks itself, and through its sync groups."""
    found = list(tracked(instance, ("vrrp_instances", name), spec))
    for group_name, group in groups_of(name, spec):
        found += tracked(group, ("vrrp_sync_groups", group_name), spec)
    return found
