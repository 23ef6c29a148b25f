"""Rules about what the two directors have to agree on. LVS080 to LVS099."""

from collections.abc import Callable, Hashable, Iterator

from lvsctl.compose.rules.effective import IPV6, bare, version_of, vrrp_family
from lvsctl.compose.rules.priorities import sides
from lvsctl.compose.rules.rule import ERROR, WARNING, Broken, Pair, Path, of_pair
from lvsctl.spec.spec import Spec
from lvsctl.spec.vrrp_instance import VrrpInstance

Found = Iterator[tuple[str, Broken]]
Value = Callable[[VrrpInstance, Spec], Hashable]


def _differs(pair: Pair, field: str, value: Value, says: str) -> Found:
    """Yield each node on which *value* is another than on the first that has the instance."""
    for name, instances in sides(pair):
        first, reference = instances[0]
        expected = value(reference, pair.specs[first])
        for node, instance in instances[1:]:
            found = value(instance, pair.specs[node])
            if found != expected:
                path: Path = ("vrrp_instances", name, field)
                yield node, Broken(path, says.format(here=found, node=node, there=expected, other=first))


@of_pair(
    "LVS080",
    WARNING,
    "An instance on one node only",
    reason="When that node dies nobody takes its addresses over.",
    remedy="Declare the instance for both nodes: outside of per_node.",
)
def missing_instance(pair: Pair) -> Found:
    """A node can lack an instance through `per_node` only."""
    for name, instances in sides(pair):
        node = instances[0][0]
        for other in pair.specs.keys() - {node for node, _ in instances}:
            yield (
                node,
                Broken(("vrrp_instances", name), f"{other} has no {name}: nobody takes over from {node}"),
            )


@of_pair(
    "LVS081",
    ERROR,
    "Different virtual_router_id",
    reason="The nodes do not hear each other's adverts (RFC 5798, 7.1): both become master, and both answer for the addresses.",
    remedy="Write the same virtual_router_id for both nodes.",
)
def vrid_differs(pair: Pair) -> Found:
    """Compared per instance name."""
    yield from _differs(
        pair,
        "virtual_router_id",
        lambda i, _: i.virtual_router_id,
        "{here} on {node}, but {there} on {other}: both would be master",
    )


@of_pair(
    "LVS082",
    ERROR,
    "Different advert_int",
    reason="A VRRPv2 router drops adverts with another interval than its own (RFC 3768, 7.1): both nodes become master.",
    remedy="Write the same advert_int for both nodes.",
)
def interval_differs(pair: Pair) -> Found:
    """In VRRPv3 a backup takes the master's interval, so there it only changes how fast each node is noticed."""
    for node, broken in _differs(
        pair, "advert_int", lambda i, _: i.advert_int or 1, "{here} s on {node}, but {there} s on {other}"
    ):
        spec = pair.specs[node]
        if version_of(spec.vrrp_instances[str(broken.path[1])], spec) == 2:  # noqa: PLR2004 - VRRP versions are their own names
            yield node, broken


@of_pair(
    "LVS083",
    ERROR,
    "Different versions of VRRP",
    reason="A router drops adverts of another version (RFC 5798, 7.1): both nodes become master.",
    remedy="Write the same version for both nodes, or vrrp_version in global_defs.",
)
def version_differs(pair: Pair) -> Found:
    """The version may also come from `global_defs`."""
    yield from _differs(
        pair,
        "version",
        version_of,
        "VRRPv{here} on {node}, but VRRPv{there} on {other}: both would be master",
    )


@of_pair(
    "LVS084",
    ERROR,
    "Different authentication",
    reason="A router drops adverts with another password or none (RFC 2338, 7.1): both nodes become master.",
    remedy="Write the same authentication for both nodes. Passwords in files are not compared here.",
)
def authentication_differs(pair: Pair) -> Found:
    """The password itself is never shown."""
    for name, instances in sides(pair):
        first, reference = instances[0]
        for node, instance in instances[1:]:
            if (what := _authentication_difference(reference, instance)) is not None:
                path = ("vrrp_instances", name, "authentication")
                yield node, Broken(path, f"{node} and {first} have different {what}: both would be master")


def _authentication_difference(one: VrrpInstance, other: VrrpInstance) -> str | None:
    first, second = one.authentication, other.authentication
    if first is None or second is None:
        return None if first is second else "authentication (one has none)"
    if first.auth_type != second.auth_type:
        return f"auth_type ({second.auth_type} and {first.auth_type})"
    literal = first.has_literal_secret and second.has_literal_secret
    return "passwords" if literal and first.auth_pass != second.auth_pass else None


@of_pair(
    "LVS085",
    ERROR,
    "Different addresses",
    reason="A backup drops adverts whose addresses are not its own list: 'ip address associated with VRID not present' — and becomes master as well.",
    remedy="Write the same virtual_ipaddress for both nodes; what differs belongs in virtual_ipaddress_excluded.",
)
def addresses_differ(pair: Pair) -> Found:
    """Compared are the addresses, not the interfaces they are on."""
    for name, instances in sides(pair):
        first, reference = instances[0]
        expected = _listed(reference)
        for node, instance in instances[1:]:
            if differing := _listed(instance) ^ expected:
                one = min(map(str, differing))
                path = ("vrrp_instances", name, "virtual_ipaddress")
                yield (
                    node,
                    Broken(path, f"{one} is listed on only one of {first} and {node}: both would be master"),
                )


def _listed(instance: VrrpInstance) -> set[object]:
    return {bare(line.address) for line in instance.virtual_ipaddress}


@of_pair(
    "LVS086",
    WARNING,
    "Different excluded addresses, routes or rules",
    reason="They are in no advert, so nobody notices: until the failover, when some addresses answer and others do not.",
    remedy="Write the same list for both nodes.",
)
def excluded_differ(pair: Pair) -> Found:
    """Compared is how many there are, and which addresses."""
    for name, instances in sides(pair):
        first, reference = instances[0]
        for node, instance in instances[1:]:
            path = ("vrrp_instances", name, "virtual_ipaddress_excluded")
            mine, theirs = (
                {bare(line.address) for line in each.virtual_ipaddress_excluded}
                for each in (instance, reference)
            )
            if mine != theirs:
                yield (
                    node,
                    Broken(
                        path,
                        f"{first} and {node} have different ones: {min(map(str, mine ^ theirs))} is on one only",
                    ),
                )
            for field in ("virtual_routes", "virtual_rules"):
                if (here := len(getattr(instance, field))) != (there := len(getattr(reference, field))):
                    yield (
                        node,
                        Broken(("vrrp_instances", name, field), f"{here} on {node}, but {there} on {first}"),
                    )


@of_pair(
    "LVS087",
    ERROR,
    "Peers that do not find each other",
    reason="Unicast adverts reach only those that are listed: a node that is missing from the other's list hears nothing and becomes master as well (keepalived issues 2370 and 2649).",
    remedy="Write unicast: true, which takes both directions from nodes. By hand: each node's unicast_src_ip is in the other's unicast_peer.",
)
def asymmetric_peers(pair: Pair) -> Found:
    """A peer list with the node's own address is found by LVS089."""
    for name, instances in sides(pair):
        for node, instance in instances:
            for other, peer in instances:
                if node != other and (why := _unheard(instance, peer, node, other)):
                    yield (
                        node,
                        Broken(("vrrp_instances", name, "unicast_peer"), f"{why}: both would be master"),
                    )


def _unheard(instance: VrrpInstance, peer: VrrpInstance, node: str, other: str) -> str | None:
    if bool(instance.unicast_peer) != bool(peer.unicast_peer):
        return None if instance.unicast_peer else f"{node} uses multicast, but {other} unicast"
    source = peer.unicast_src_ip
    if not instance.unicast_peer or source is None:
        return None
    listed = {each.address for each in instance.unicast_peer}
    return None if source in listed else f"{other} sends from {source}, which is no peer of {node}"


@of_pair(
    "LVS088",
    ERROR,
    "unicast: true that cannot be expanded",
    reason="Without the address of every node the peers are unknown, and keepalived would use multicast: in a cloud both nodes become master.",
    remedy="Give every node an address of the instance's family under nodes, as a list when it has two.",
)
def unexpanded_unicast(pair: Pair) -> Found:
    """The family is that of the instance's addresses."""
    for node, spec in pair.specs.items():
        for name, instance in spec.vrrp_instances.items():
            if instance.unicast and not instance.unicast_peer:
                yield node, Broken(("vrrp_instances", name, "unicast"), _lacks(spec, vrrp_family(instance)))


def _lacks(spec: Spec, version: int) -> str:
    lacking = [name for name, node in spec.nodes.items() if node.address_of(version) is None]
    if lacking:
        example = "fd00::11" if version == IPV6 else "10.0.0.11"
        return f"{' and '.join(lacking)} lacks an IPv{version} address under nodes: write address: {example}"
    return "nodes names no other director" if spec.nodes else "there are no nodes to take addresses from"


@of_pair(
    "LVS089",
    ERROR,
    "A node that is its own peer",
    reason="A list copied from the other node has this node's address and lacks the other's: adverts go to nobody, and both are master. `keepalived -t` says nothing.",
    remedy="List the other nodes only, or write unicast: true.",
)
def self_peer(pair: Pair) -> Found:
    """Its own address is `unicast_src_ip`, or the node's under `nodes`."""
    for node, spec in pair.specs.items():
        own = set(spec.nodes[node].address) if node in spec.nodes else set()
        for name, instance in spec.vrrp_instances.items():
            for index, peer in enumerate(instance.unicast_peer):
                if peer.address == instance.unicast_src_ip or peer.address in own:
                    path = ("vrrp_instances", name, "unicast_peer", index)
                    yield node, Broken(path, f"{peer.address} is {node or 'its own'} itself")


@of_pair(
    "LVS090",
    WARNING,
    "Different timers",
    reason="The nodes then judge the master's silence differently: after a short hiccup one takes over while the other sees no reason.",
    remedy="Write the same down_timer_adverts for both nodes.",
)
def timers_differ(pair: Pair) -> Found:
    """Without down_timer_adverts it is 3 adverts."""
    default = (
        next((s.global_defs.vrrp_down_timer_adverts for s in pair.specs.values() if s.global_defs), None) or 3
    )
    yield from _differs(
        pair,
        "down_timer_adverts",
        lambda i, _: i.down_timer_adverts or default,
        "{here} on {node}, but {there} on {other}",
    )


@of_pair(
    "LVS091",
    ERROR,
    "Different families or multicast groups",
    reason="Adverts to another multicast group or of another family are not heard: both nodes become master.",
    remedy="Write the same for both nodes.",
)
def network_differs(pair: Pair) -> Found:
    """`mcast_dst_ip`, and IPv4 or IPv6 by the addresses."""
    group = "{here} on {node}, but {there} on {other}: both would be master"
    yield from _differs(pair, "mcast_dst_ip", lambda instance, _: instance.mcast_dst_ip, group)
    family = "IPv{here} on {node}, but IPv{there} on {other}"
    yield from _differs(pair, "virtual_ipaddress", lambda instance, _: vrrp_family(instance), family)


@of_pair(
    "LVS092",
    WARNING,
    "Services on one node only",
    reason="After a failover the address answers, but the service on it does not.",
    remedy="Declare virtual_servers for both nodes: outside of per_node.",
)
def services_differ(pair: Pair) -> Found:
    """Compared by name; `per_node` can change what they are."""
    everywhere = set[str]().union(*(spec.virtual_servers for spec in pair.specs.values()))
    for node, spec in pair.specs.items():
        for name in sorted(everywhere - spec.virtual_servers.keys()):
            yield (
                node,
                Broken(
                    ("virtual_servers", name),
                    f"{node} has no {name}: after a failover it answers nobody there",
                ),
            )


@of_pair(
    "LVS093",
    WARNING,
    "Connection sync that does not match",
    reason="A backup takes connections of its own syncid only, from a daemon that is there: else every connection is gone after a failover.",
    remedy="Write lvs_sync_daemon with the same id, port and group for both nodes.",
)
def sync_differs(pair: Pair) -> Found:
    """The interface may differ between the nodes."""
    found = {node: _sync(spec) for node, spec in pair.specs.items()}
    first, expected = next(iter(found.items()))
    for node, here in found.items():
        if here != expected:
            yield node, Broken(("global_defs", "lvs_sync_daemon"), f"not the same on {first} and {node}")


def _sync(spec: Spec) -> Hashable:
    daemon = spec.global_defs.lvs_sync_daemon if spec.global_defs else None
    return None if daemon is None else (daemon.inst, daemon.id, daemon.port, daemon.group)
