"""Rules about failover IPs and return paths: that somebody moves them, to a place that exists. LVS500 to LVS519."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from lvsctl.compose.return_paths import intended
from lvsctl.compose.rules.effective import all_held, held, node_addresses
from lvsctl.compose.rules.rule import ERROR, NOTE, WARNING, Broken, Path, of_spec
from lvsctl.compose.rules.tracking import unknown
from lvsctl.spec.failover_ips import FailoverIp
from lvsctl.spec.return_paths import FIRST_TABLE, LAST_TABLE
from lvsctl.spec.spec import Spec

Address = IPv4Address | IPv6Address
Failover = IPv4Address | IPv6Network

WANT_TARGETS = frozenset({"hetzner-robot", "hetzner-cloud"})
ANYWHERE = 128


def at(index: int, *more: str | int) -> Path:
    """Answer the path of a failover IP, or of something in it."""
    return ("failover_ips", index, *more)


@of_spec(
    "LVS500",
    ERROR,
    "A failover IP of an unknown instance",
    reason="The master of that instance is who gets the address; without the instance nobody ever moves it.",
    remedy="Correct vrrp_instance, or declare the instance.",
)
def unknown_instance(spec: Spec) -> Iterator[Broken]:
    """`vrrp_instance` of an entry of `failover_ips`."""
    for index, each in enumerate(spec.failover_ips):
        if each.vrrp_instance not in spec.vrrp_instances:
            message = unknown(each.vrrp_instance, spec.vrrp_instances, "vrrp_instances")
            yield Broken(at(index, "vrrp_instance"), message)


@of_spec(
    "LVS501",
    ERROR,
    "A failover IP without a target for a node",
    reason="When that node becomes master there is nowhere to point the address at: it stays with the node that died.",
    remedy="Write under targets what the provider calls the place, for every node.",
)
def missing_target(spec: Spec) -> Iterator[Broken]:
    """For the providers with an API; for a `command` when it has targets at all."""
    for index, each in enumerate(spec.failover_ips):
        if each.provider in WANT_TARGETS or (each.provider == "command" and each.targets):
            lacking = [name for name in spec.nodes if name not in each.targets]
            if lacking or not spec.nodes:
                who = f"for {' and '.join(lacking)}" if lacking else "because there are no nodes"
                yield Broken(
                    at(index, "targets"), f"there is no target {who}: {each.ip} could not move there"
                )


@of_spec(
    "LVS502",
    ERROR,
    "A target of an unknown node",
    reason="The node that was meant has no target then, and the address stays with the node that died.",
    remedy="Use the names under nodes.",
)
def unknown_target(spec: Spec) -> Iterator[Broken]:
    """The keys of `targets` are the names of the nodes."""
    for index, each in enumerate(spec.failover_ips):
        for name in each.targets:
            if name not in spec.nodes:
                yield Broken(at(index, "targets", name), unknown(name, spec.nodes, "nodes"))


@of_spec(
    "LVS503",
    ERROR,
    "One target for two nodes",
    reason="The address would point at the same machine whoever is master.",
    remedy="Write each node's own target.",
)
def same_target(spec: Spec) -> Iterator[Broken]:
    """Compared as written."""
    for index, each in enumerate(spec.failover_ips):
        seen: dict[str, str] = {}
        for name, target in each.targets.items():
            if target in seen:
                yield Broken(at(index, "targets", name), f"{target} is the target of {seen[target]}, too")
            seen.setdefault(target, name)


@of_spec(
    "LVS504",
    ERROR,
    "A target of another family",
    reason="Robot routes an IPv4 address to a server's main IPv4 address, and a /64 to a server's IPv6 network; it refuses anything else with 422, at the moment of the failover.",
    remedy="Write the server's main IPv4 address for IPv4, its /64 network for IPv6.",
)
def other_target_family(spec: Spec) -> Iterator[Broken]:
    """For provider hetzner-robot."""
    for index, each in enumerate(spec.failover_ips):
        for name, target in each.targets.items() if each.provider == "hetzner-robot" else ():
            if not _is_robot_target(target, each.ip.version):
                wanted = "an IPv4 address" if each.ip.version == 4 else "an IPv6 /64 network"  # noqa: PLR2004 - the family
                yield Broken(
                    at(index, "targets", name), f"expected {wanted} to point {each.ip} at, not {target!r}"
                )


def _is_robot_target(target: str, version: int) -> bool:
    try:
        found = ip_network(target, strict=False) if "/" in target else ip_address(target)
    except ValueError:
        return False
    return found.version == version


@of_spec(
    "LVS505",
    WARNING,
    "A failover IP that nothing here uses",
    reason="It moves, but no instance, static address or service has it: the new master drops its packets.",
    remedy="Add it to static_ipaddress with preferred_lft 0, and to a virtual server.",
)
def unused_failover(spec: Spec) -> Iterator[Broken]:
    """An address of an instance or service; of a /64 any address in it."""
    used: set[Address] = {each.address for each in all_held(spec)}
    used |= {service.address for service in spec.virtual_servers.values() if service.address is not None}
    for entries in spec.virtual_server_groups.values():
        used |= {entry.address.first for entry in entries if entry.address is not None}
    for index, each in enumerate(spec.failover_ips):
        if not any(_covers(each.ip, address) for address in used):
            yield Broken(at(index, "ip"), f"no instance, static_ipaddress or virtual server has {each.ip}")


def _covers(routed: Failover, address: Address) -> bool:
    return address in routed if isinstance(routed, (IPv4Network, IPv6Network)) else address == routed


@of_spec(
    "LVS506",
    ERROR,
    "One failover IP twice",
    reason="Two entries would move it to two places, each undoing the other at a minute per move.",
    remedy="Keep one entry.",
)
def failover_twice(spec: Spec) -> Iterator[Broken]:
    """By address."""
    seen: dict[Failover, int] = {}
    for index, each in enumerate(spec.failover_ips):
        if each.ip in seen:
            yield Broken(at(index, "ip"), f"{each.ip} is failover_ips[{seen[each.ip]}] already")
        seen.setdefault(each.ip, index)


@of_spec(
    "LVS507",
    WARNING,
    "A failover IP that nobody moves",
    reason="The address moves when the hooks say failover on becoming master; without them it stays with the node that died until a person moves it.",
    remedy="Leave notify out, or have notify.master begin with failover; provider: none says that nobody is to move it.",
)
def nobody_moves(spec: Spec) -> Iterator[Broken]:
    """`notify: none`, or a `notify.master` without `failover`."""
    notify = spec.notify
    if notify is None or (not notify.off and any(action.verb == "failover" for action in notify.master)):
        return
    for index, each in enumerate(spec.failover_ips):
        if each.provider != "none":
            why = "notify is none" if notify.off else "notify.master has no failover"
            yield Broken(at(index), f"{why}: nobody moves {each.ip} to the new master")


@of_spec(
    "LVS508",
    NOTE,
    "A failover IP that leaves the old master too early",
    reason="As a virtual address it is removed the moment the node stops being master, but the provider needs up to a minute to route it elsewhere: until then packets arrive where nobody takes them.",
    remedy="Write it under static_ipaddress with preferred_lft 0 on both nodes, and leave the instance an address of its own.",
)
def leaves_early(spec: Spec) -> Iterator[Broken]:
    """A failover IP among the virtual addresses of its own instance."""
    for index, each in enumerate(spec.failover_ips):
        if each.provider == "none" or (instance := spec.vrrp_instances.get(each.vrrp_instance)) is None:
            continue
        if any(_covers(each.ip, own.address) for own in held(each.vrrp_instance, instance)):
            yield Broken(
                at(index, "ip"),
                f"{each.vrrp_instance} takes {each.ip} off the old master before the provider has moved it: write static_ipaddress: [{_first(each)} dev {instance.interface or 'IFACE'} preferred_lft 0]",
            )


def _first(each: FailoverIp) -> str:
    return f"{each.ip}/32" if isinstance(each.ip, IPv4Address) else f"{each.ip[1]}/{ANYWHERE}"


@of_spec(
    "LVS510",
    WARNING,
    "A return path for an address that is not here",
    reason="Its rule and route are never used: probably another address answers through the wrong gateway.",
    remedy="Correct the address, or remove the entry.",
)
def foreign_return_path(spec: Spec) -> Iterator[Broken]:
    """Known are virtual and static addresses, services, failover IPs and the nodes' own."""
    known = {each.address for each in all_held(spec)} | node_addresses(spec).keys()
    known |= {service.address for service in spec.virtual_servers.values() if service.address is not None}
    for address in spec.return_paths:
        if address not in known and not any(_covers(each.ip, address) for each in spec.failover_ips):
            yield Broken(("return_paths", str(address)), f"nothing here has {address}")


@of_spec(
    "LVS511",
    ERROR,
    "A gateway that cannot be one",
    reason="The kernel refuses a gateway of another family, and the address itself cannot be its own: answers leave by the default route, where the provider drops them.",
    remedy="Write the router's address on that interface.",
)
def impossible_gateway(spec: Spec) -> Iterator[Broken]:
    """`gateway` of an entry of `return_paths`."""
    for address, path in spec.return_paths.items():
        if path.gateway == address or path.gateway.version != address.version:
            yield Broken(
                ("return_paths", str(address), "gateway"),
                f"{path.gateway} cannot be the gateway of {address}",
            )


@of_spec(
    "LVS512",
    ERROR,
    "More ways than routing tables",
    reason=f"Return paths have the routing tables {FIRST_TABLE} to {LAST_TABLE}: what is beyond is neither recognised as lvsctl's nor taken away again.",
    remedy="Give addresses with the same way the same `table`, or return_paths only where the main table is wrong.",
)
def too_many_ways(spec: Spec) -> Iterator[Broken]:
    """Each gateway on an interface needs a table; so it does again in each VRRP instance. Tables that other routes of the spec name are taken."""
    paths = intended(spec).paths if spec.return_paths else ()
    beyond = [str(path.address) for path in paths if path.table > LAST_TABLE]
    if beyond:
        yield Broken(
            ("return_paths", beyond[0]),
            f"no routing table is left: {LAST_TABLE - FIRST_TABLE + 1} ways have one, and {len(beyond)} addresses none",
        )
