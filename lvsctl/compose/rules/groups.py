"""Rules about groups of instances: sync groups, track groups, GARP groups, connection sync. LVS060 to LVS069."""

from collections.abc import Iterator

from lvsctl.compose.rules.effective import OWNER, priority_of
from lvsctl.compose.rules.rule import ERROR, NOTE, WARNING, Broken, Pair, of_pair, of_spec
from lvsctl.compose.rules.tracking import unknown
from lvsctl.spec.spec import Spec


@of_spec(
    "LVS060",
    ERROR,
    "An unknown member of a group",
    reason="keepalived ignores a member that does not exist and runs on: the instance that was meant moves alone, or a group without members is removed (vrrp_sync.c).",
    remedy="Correct the name, or declare the instance under vrrp_instances.",
)
def unknown_member(spec: Spec) -> Iterator[Broken]:
    """Members of `vrrp_sync_groups` and `track_groups` are VRRP instances."""
    for field in ("vrrp_sync_groups", "track_groups"):
        for name, group in getattr(spec, field).items():
            for index, member in enumerate(group.group):
                if member not in spec.vrrp_instances:
                    message = unknown(member, spec.vrrp_instances, "vrrp_instances")
                    yield Broken((field, name, "group", index), message)


@of_spec(
    "LVS061",
    ERROR,
    "An instance in two sync groups",
    reason="keepalived ignores the second group for it ('cannot exist in more than one sync group'): members of that group move without it.",
    remedy="Join the groups, or take the instance out of one.",
)
def member_twice(spec: Spec) -> Iterator[Broken]:
    """An instance can follow one group only."""
    seen: dict[str, str] = {}
    for name, group in spec.vrrp_sync_groups.items():
        for index, member in enumerate(group.group):
            if member in seen:
                yield Broken(
                    ("vrrp_sync_groups", name, "group", index), f"{member} is in {seen[member]} already"
                )
            seen.setdefault(member, name)


@of_spec(
    "LVS062",
    WARNING,
    "A sync group of one",
    reason="There is nothing to keep in step; keepalived calls the file wrong for it ('this probably isn't what you want').",
    remedy="Add the other members, or remove the group.",
)
def lonely_member(spec: Spec) -> Iterator[Broken]:
    """Members that do not exist are not counted."""
    for name, group in spec.vrrp_sync_groups.items():
        if len({member for member in group.group if member in spec.vrrp_instances}) == 1:
            yield Broken(
                ("vrrp_sync_groups", name, "group"), "only one member: there is nothing to keep in step"
            )


@of_spec(
    "LVS063",
    ERROR,
    "Owners and others in one sync group",
    reason="An owner (priority 255) never yields, the others do: the group can agree on no state (vrrp_sync.c: 'This won't work').",
    remedy="Use priorities up to 254 for all members.",
)
def mixed_owners(spec: Spec) -> Iterator[Broken]:
    """The priority may come from `nodes`."""
    for name, group in spec.vrrp_sync_groups.items():
        members = [spec.vrrp_instances[member] for member in group.group if member in spec.vrrp_instances]
        owners = sum(member.priority == OWNER for member in members)
        if 0 < owners < len(members):
            yield Broken(
                ("vrrp_sync_groups", name, "group"), f"{owners} of {len(members)} members have priority 255"
            )


@of_pair(
    "LVS064",
    WARNING,
    "A sync group whose members prefer different masters",
    reason="The group moves as one, so one member pulls it to the first node and another to the second: it flaps, or stays where it started, whatever the priorities say.",
    remedy="Give all members the same order of priorities; simplest is to write them under nodes only.",
)
def torn_group(pair: Pair) -> Iterator[tuple[str, Broken]]:
    """Compared is which node has the highest priority in each member."""
    node, spec = next(iter(pair.specs.items()))
    for name, group in spec.vrrp_sync_groups.items():
        tops = {member: top for member in group.group if (top := _preferred(pair, member))}
        if len(set(tops.values())) > 1:
            said = ", ".join(f"{member} prefers {top}" for member, top in tops.items())
            yield node, Broken(("vrrp_sync_groups", name, "group"), said)


def _preferred(pair: Pair, instance: str) -> str | None:
    priorities = {
        node: priority_of(spec.vrrp_instances[instance])
        for node, spec in pair.specs.items()
        if instance in spec.vrrp_instances
    }
    top = max(priorities.values(), default=0)
    best = [node for node, priority in priorities.items() if priority == top]
    return best[0] if len(best) == 1 and len(priorities) > 1 else None


@of_spec(
    "LVS065",
    ERROR,
    "An unknown track_group",
    reason="keepalived drops the link between the static address, route or rule and the instances: its loss moves nothing.",
    remedy="Declare the group under track_groups, or correct the name.",
)
def unknown_track_group(spec: Spec) -> Iterator[Broken]:
    """`track_group` of `static_ipaddress`, `static_routes` and `static_rules`."""
    for field in ("static_ipaddress", "static_routes", "static_rules"):
        for index, line in enumerate(getattr(spec, field)):
            name = line.track_group
            if name is not None and name not in spec.track_groups:
                yield Broken((field, index), unknown(name, spec.track_groups, "track_groups"))


@of_spec(
    "LVS066",
    WARNING,
    "An interface in two GARP groups",
    reason="Only one pace can hold for an interface: keepalived ignores the second group for it.",
    remedy="Leave the interface in one garp_group.",
)
def garp_interface_twice(spec: Spec) -> Iterator[Broken]:
    """Both `interface` and `interfaces` count."""
    seen: dict[str, int] = {}
    for index, group in enumerate(spec.garp_groups):
        for interface in (*group.interfaces, *filter(None, (group.interface,))):
            if interface in seen:
                yield Broken(
                    ("garp_groups", index), f"{interface} is in garp_groups[{seen[interface]}] already"
                )
            seen.setdefault(interface, index)


@of_spec(
    "LVS067",
    ERROR,
    "lvs_sync_daemon follows an unknown instance",
    reason="`keepalived -t` says nothing, and the daemon never starts: after a failover every connection is gone.",
    remedy="Correct the name after inst, or leave it out: then both directors send and receive.",
)
def unknown_sync_instance(spec: Spec) -> Iterator[Broken]:
    """The master of that instance sends, its backup receives."""
    daemon = spec.global_defs.lvs_sync_daemon if spec.global_defs else None
    if daemon is not None and daemon.inst is not None and daemon.inst not in spec.vrrp_instances:
        message = unknown(daemon.inst, spec.vrrp_instances, "vrrp_instances")
        yield Broken(("global_defs", "lvs_sync_daemon"), message)


@of_spec(
    "LVS068",
    NOTE,
    "A GARP group for interfaces that no instance uses",
    reason="Its pace then slows nothing down.",
    remedy="Correct the interface, or remove the group.",
)
def idle_garp_group(spec: Spec) -> Iterator[Broken]:
    """Interfaces of instances and of addresses with `dev` count as used."""
    used = {instance.interface for instance in spec.vrrp_instances.values()}
    for instance in spec.vrrp_instances.values():
        used |= {line.dev for line in (*instance.virtual_ipaddress, *instance.virtual_ipaddress_excluded)}
    for index, group in enumerate(spec.garp_groups):
        named = {*group.interfaces, *filter(None, (group.interface,))}
        if not named & used:
            yield Broken(("garp_groups", index), f"no instance uses {', '.join(sorted(named))}")
