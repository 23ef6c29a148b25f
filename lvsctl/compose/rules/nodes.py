"""Rules about the two directors themselves. LVS001 to LVS009."""

from collections.abc import Iterator

from lvsctl.compose.rules.effective import all_held
from lvsctl.compose.rules.rule import ERROR, NOTE, WARNING, Broken, Pair, of_pair, of_spec
from lvsctl.spec.spec import Spec

PAIR = 2


@of_spec(
    "LVS001",
    NOTE,
    "Not a pair",
    reason="What two directors have to agree on (VRID, advert_int, addresses, priorities) can only be compared when the spec describes both.",
    remedy="Name both directors under nodes, each with its address and priority.",
)
def not_a_pair(spec: Spec) -> Iterator[Broken]:
    """A spec without nodes, or with one, is checked as it stands; more than two work, but hooks think in pairs."""
    if len(spec.nodes) != PAIR:
        found = f"nodes names {len(spec.nodes)}" if spec.nodes else "there are no nodes"
        yield Broken(
            ("nodes",), f"{found}, expected two: what directors have to agree on is compared between two"
        )


@of_spec(
    "LVS002",
    ERROR,
    "Two nodes with one address",
    reason="A node's address is the source of its unicast adverts; with one address for both, each would talk to itself and both would be master.",
    remedy="Give each node the address that the other director reaches it at.",
)
def shared_address(spec: Spec) -> Iterator[Broken]:
    """Addresses in `nodes` are the directors' own, never shared ones."""
    seen: dict[object, str] = {}
    for name, node in spec.nodes.items():
        for address in node.address:
            if address in seen:
                yield Broken(("nodes", name, "address"), f"{address} is the address of {seen[address]}, too")
            seen.setdefault(address, name)


@of_spec(
    "LVS003",
    ERROR,
    "A node's own address that VRRP moves",
    reason="When VRRP takes the address away, the node loses the source of its own adverts and the place of its sorry backend.",
    remedy="Use an address in nodes that stays on the node, whoever is master.",
)
def moving_node_address(spec: Spec) -> Iterator[Broken]:
    """The address of a node must not be among the addresses of a VRRP instance."""
    moving = {each.address for each in all_held(spec) if each.path[0] == "vrrp_instances"}
    for name, node in spec.nodes.items():
        for address in node.address:
            if address in moving:
                yield Broken(
                    ("nodes", name, "address"), f"{address} is a virtual address: it moves with the master"
                )


@of_pair(
    "LVS004",
    WARNING,
    "Both directors call themselves the same",
    reason="router_id is how mails and SNMP say which director speaks; at night two identical senders cost the minutes that count.",
    remedy="Leave router_id out: it is then the node's name. Or write it per node.",
)
def same_router_id(pair: Pair) -> Iterator[tuple[str, Broken]]:
    """`router_id` in `global_defs` is common to all nodes unless `per_node` says otherwise."""
    seen: dict[str, str] = {}
    for node, spec in pair.specs.items():
        name = spec.global_defs.router_id if spec.global_defs else None
        if name is not None and name in seen:
            yield (
                node,
                Broken(("global_defs", "router_id"), f"{node} and {seen[name]} are both called {name!r}"),
            )
        seen.setdefault(name or "", node)
