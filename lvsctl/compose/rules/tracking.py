"""Rules about what instances and groups watch: names that exist, weights that count. LVS040 to LVS049."""

from collections.abc import Iterator

from lvsctl.compose.rules.effective import OWNER
from lvsctl.compose.rules.rule import ERROR, NOTE, WARNING, Broken, Path, of_spec
from lvsctl.compose.rules.shared_checks import asked
from lvsctl.compose.rules.tracked import DECLARATIONS, blocks, everything, groups_of, tracked
from lvsctl.spec.spec import Spec
from lvsctl.spec.suggest import suggest


def unknown(name: str, declared: object, where: str) -> str:
    """Say that *name* is not among *declared*, which stands at *where*, and what was probably meant."""
    names = list(declared) if isinstance(declared, (dict, frozenset, tuple)) else []
    near = suggest(name, names)
    hint = (
        f"did you mean {near!r}?"
        if near
        else f"expected one of {', '.join(names[:8])}"
        if names
        else "there are none"
    )
    return f"there is no {name!r} in {where}: {hint}"


@of_spec(
    "LVS040",
    ERROR,
    "Tracking something that is not declared",
    reason="keepalived 2.2.7 says 'not found, ignoring' and runs on without it: the failure it was to notice moves nothing.",
    remedy="Declare it (vrrp_scripts, track_files, vrrp_track_processes, bfd_instances), or correct the name.",
)
def unknown_tracked(spec: Spec) -> Iterator[Broken]:
    """`track_script`, `track_file`, `track_process` and `track_bfd`, of instances and sync groups."""
    for path, block in blocks(spec):
        for each in tracked(block, path, spec):
            if not each.is_declared:
                field = DECLARATIONS[each.kind][0]
                yield Broken(each.path, unknown(each.name, getattr(spec, field), field))


@of_spec(
    "LVS041",
    ERROR,
    "Tracked twice",
    reason="keepalived ignores the second entry of a list ('duplicate track_script'), and its weight with it.",
    remedy="Keep the entry with the weight that is meant; what the sync group tracks its members need not.",
)
def tracked_twice(spec: Spec) -> Iterator[Broken]:
    """In one list; and an interface in an instance and in its sync group."""
    for path, block in blocks(spec):
        seen = set()
        for each in tracked(block, path, spec):
            if (each.kind, each.name) in seen:
                yield Broken(each.path, f"{each.name} is tracked already: keepalived ignores this entry")
            seen.add((each.kind, each.name))
    for name, instance in spec.vrrp_instances.items():
        own = {line.interface for line in instance.track_interface}
        for group_name, group in groups_of(name, spec):
            for index, line in enumerate(group.track_interface):
                if line.interface in own:
                    path = ("vrrp_sync_groups", group_name, "track_interface", index)
                    yield Broken(path, f"{name} tracks {line.interface}, too: track it in one of the two")


@of_spec(
    "LVS042",
    ERROR,
    "An instance that tracks its own interface",
    reason="It does so anyway: keepalived ignores the entry, in its sync group too, and calls the file wrong. With a weight it would not do what it says, either: the own interface down is always FAULT.",
    remedy="Remove the entry.",
)
def own_interface(spec: Spec) -> Iterator[Broken]:
    """Unless `dont_track_primary` is set the interface of an instance has to be up; a group may then track it."""
    for name, instance in spec.vrrp_instances.items():
        path: Path = ("vrrp_instances", name, "track_interface")
        for index, line in enumerate(instance.track_interface):
            if line.interface == instance.interface:
                yield Broken((*path, index), f"{line.interface} is its own interface, which it tracks anyway")
        for group_name, group in groups_of(name, spec):
            path = ("vrrp_sync_groups", group_name, "track_interface")
            for index, line in enumerate(group.track_interface):
                if line.interface == instance.interface and not instance.dont_track_primary:
                    said = f"{line.interface} is the own interface of {name}, which tracks it anyway"
                    yield Broken((*path, index), said)


@of_spec(
    "LVS043",
    ERROR,
    "A weight in a sync group",
    reason="Members of a sync group move together, so keepalived drops weighted scripts of a member ('ignoring tracked script with weights due to SYNC group'): a failing one then moves nothing.",
    remedy="Write weight 0, so that failure is FAULT and moves the group; or sync_group_tracking_weight: true with the same weights on all members.",
)
def weight_in_sync_group(spec: Spec) -> Iterator[Broken]:
    """A `track_file` has the weight 1 unless it says otherwise."""
    for name, instance in spec.vrrp_instances.items():
        groups = [group for group, block in groups_of(name, spec) if not block.sync_group_tracking_weight]
        if not groups:
            continue
        for each in tracked(instance, ("vrrp_instances", name), spec):
            if each.weight and each.is_declared and each.kind != "track_process":
                yield Broken(
                    each.path,
                    f"{each.name} has weight {each.weight}, which sync group {groups[0]} ignores: write weight 0",
                )


@of_spec(
    "LVS044",
    ERROR,
    "A weight at priority 255",
    reason="The owner of the addresses keeps its priority: keepalived drops weighted tracking at 255, so a failing script moves nothing (vrrp.c).",
    remedy="Use a priority up to 254, or weight 0: then failure is FAULT.",
)
def weight_of_owner(spec: Spec) -> Iterator[Broken]:
    """The priority may come from `nodes`."""
    for name, instance in spec.vrrp_instances.items():
        if instance.priority != OWNER:
            continue
        for each in everything(name, instance, spec):
            if each.weight and each.is_declared:
                yield Broken(
                    each.path,
                    f"{each.name} has weight {each.weight}, but {name} has priority 255, which nothing changes",
                )


@of_spec(
    "LVS045",
    WARNING,
    "Weights with nopreempt",
    reason="A failing script lowers the master's priority, but the other node has nopreempt and leaves a living master alone: the addresses stay on the node with the fault (keepalived issues 1577 and 2485).",
    remedy="Write weight 0: failure is then FAULT, which moves the addresses in spite of nopreempt.",
)
def weight_without_preemption(spec: Spec) -> Iterator[Broken]:
    """Only FAULT, or the end of adverts, moves a master away when nobody preempts."""
    for name, instance in spec.vrrp_instances.items():
        if not instance.nopreempt:
            continue
        for each in everything(name, instance, spec):
            if each.weight and each.is_declared and each.states_weight:
                yield Broken(
                    each.path,
                    f"{each.name} has weight {each.weight}, which moves no master while {name} has nopreempt: write weight 0",
                )


@of_spec(
    "LVS046",
    WARNING,
    "A script that nothing tracks",
    reason="keepalived drops it when it starts ('script is not used', only in its log): probably something was to track it.",
    remedy="Track it in an instance or sync group, or remove it.",
)
def unused_script(spec: Spec) -> Iterator[Broken]:
    """Only `vrrp_scripts`; of the other things that can be tracked, LVS047 speaks."""
    used = {line.name for _, block in blocks(spec) for line in block.track_script}
    for name in spec.vrrp_scripts.keys() - used:
        yield Broken(("vrrp_scripts", name), f"no instance or sync group tracks {name}")


@of_spec(
    "LVS047",
    NOTE,
    "Declared, but watched by nobody",
    reason="keepalived follows it without anybody caring: probably something was to track it.",
    remedy="Track it, or remove it.",
)
def unused_tracked(spec: Spec) -> Iterator[Broken]:
    """`track_files`, `vrrp_track_processes` and `bfd_instances`; real servers follow files and BFD sessions, too."""
    checks = [each.check for each in asked(spec)]
    used = {
        "track_files": {each.FILE_CHECK.track_file for each in checks if each.FILE_CHECK},
        "bfd_instances": {each.BFD_CHECK.name for each in checks if each.BFD_CHECK},
    }
    for kind, (field, _) in list(DECLARATIONS.items())[1:]:
        names = {line.name for _, block in blocks(spec) for line in getattr(block, kind)}
        for name in getattr(spec, field).keys() - names - used.get(field, set()):
            yield Broken((field, name), f"nothing tracks {name}")


@of_spec(
    "LVS048",
    ERROR,
    "A BFD session that does not tell the VRRP process",
    reason="With only the word checker the VRRP process does not know the session: keepalived says 'not found, ignoring', and the session going down moves nothing.",
    remedy="Write vrrp: true beside checker: true, or neither of them, which tells both.",
)
def bfd_not_for_vrrp(spec: Spec) -> Iterator[Broken]:
    """Without either word both processes are told."""
    for path, block in blocks(spec):
        for index, line in enumerate(block.track_bfd):
            session = spec.bfd_instances.get(line.name)
            if session is not None and session.checker and not session.vrrp:
                yield Broken((*path, "track_bfd", index), f"{line.name} tells the checker process only")
