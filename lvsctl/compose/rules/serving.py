"""Rules about services that run, but not as they seem: addresses, weights, who serves. LVS111 to LVS129."""

from collections.abc import Iterator

from lvsctl.compose.rules.effective import Address, all_held, method, node_addresses, weights
from lvsctl.compose.rules.rule import ERROR, NOTE, WARNING, Broken, of_spec
from lvsctl.compose.rules.services import at
from lvsctl.spec.spec import Spec
from lvsctl.vocabulary import endpoint

IGNORE_WEIGHTS = frozenset({"rr", "lc", "dh"})
"""Schedulers that look at a weight only to see whether it is 0 (net/netfilter/ipvs)."""


@of_spec(
    "LVS111",
    NOTE,
    "A service on an address that no director takes",
    reason="IPVS only sees packets to addresses that are the director's own, or marked. Nothing in the spec brings this one there.",
    remedy="Add it to an instance's virtual_ipaddress or to static_ipaddress; nothing to do when the system configures it.",
)
def foreign_address(spec: Spec) -> Iterator[Broken]:
    """Known are virtual and static addresses, the nodes' own and failover IPs. Without any VRRP instance it says nothing."""
    if not spec.vrrp_instances:
        return
    known = {each.address for each in all_held(spec)} | node_addresses(spec).keys()
    routed = [address.ip for address in spec.failover_ips]
    for name, service in spec.virtual_servers.items():
        address = service.address
        if address is not None and address not in known and not any(_is_in(address, each) for each in routed):
            yield Broken(at(name, "address"), f"no instance, static_ipaddress or node has {address}")


def _is_in(address: Address, routed: object) -> bool:
    return address == routed or (hasattr(routed, "network_address") and address in routed)  # type: ignore[operator]  # it is a network


@of_spec(
    "LVS112",
    WARNING,
    "lvs_flush with services of lvsctl",
    reason="lvs_flush empties the whole table whenever keepalived starts, lvs_flush_on_stop when it stops: services that lvsctl owns are gone until the next `lvsctl ipvs apply`.",
    remedy="Remove lvs_flush; write lvs_flush_on_stop: VS, which removes keepalived's own.",
)
def flushes_foreign(spec: Spec) -> Iterator[Broken]:
    """Only when some `owner` is lvsctl."""
    owned = [name for name, service in spec.virtual_servers.items() if service.owner == "lvsctl"]
    if not owned or spec.global_defs is None:
        return
    on_stop = spec.global_defs.lvs_flush_on_stop
    for field, empties in (
        ("lvs_flush", spec.global_defs.lvs_flush),
        ("lvs_flush_on_stop", on_stop and not on_stop.vs),
    ):
        if empties:
            yield Broken(("global_defs", field), f"{field} removes {owned[0]} and whatever else lvsctl owns")


@of_spec(
    "LVS113",
    NOTE,
    "Weights that the scheduler ignores",
    reason="rr, lc and dh look at a weight only to see whether it is 0 (net/netfilter/ipvs): the small machine gets as much as the large one.",
    remedy="Use wrr or wlc, or leave the weights out.",
)
def ignored_weights(spec: Spec) -> Iterator[Broken]:
    """Different weights above 0 under `lvs_sched` rr, lc or dh."""
    for name, service in spec.virtual_servers.items():
        if service.lvs_sched in IGNORE_WEIGHTS and len(different := set(weights(service)) - {0}) > 1:
            said = " and ".join(map(str, sorted(different)))
            yield Broken(
                at(name, "lvs_sched"),
                f"{service.lvs_sched} ignores weights ({said}): use w{service.lvs_sched.removeprefix('d')}"
                if service.lvs_sched != "dh"
                else f"dh ignores weights ({said})",
            )


@of_spec(
    "LVS114",
    WARNING,
    "A director that serves itself",
    reason="With the other director as a real server under DR, the backup balances what the master sent it and may send it back: packets go round until their TTL ends (keepalived issues 657 and 2389).",
    remedy="Run the real server elsewhere, or use ha_suspend and firewall marks as in the LVS howto for local nodes.",
)
def director_serves(spec: Spec) -> Iterator[Broken]:
    """A real server with the address of a node, under DR or TUN."""
    own = node_addresses(spec)
    if not own:
        return
    for name, service in spec.virtual_servers.items():
        if method(service.lvs_method) == "NAT":
            continue
        for index, server in enumerate(service.real_servers):
            if server.address in own:
                path = at(name, "real_servers", index, "address")
                yield Broken(
                    path,
                    f"{server.address} is {own[server.address]}: as backup it would balance this service again",
                )


@of_spec(
    "LVS115",
    ERROR,
    "A service that sends to itself",
    reason="The real server is the service: the director answers with itself, and no client gets through.",
    remedy="Write the address of the machine that does the work.",
)
def serves_itself(spec: Spec) -> Iterator[Broken]:
    """Same address and port as the service."""
    for name, service in spec.virtual_servers.items():
        address, port = service.address, service.port
        for index, server in enumerate(service.real_servers) if address is not None else ():
            if server.address == address and (server.port or port) == port:
                yield Broken(
                    at(name, "real_servers", index, "address"),
                    f"{endpoint(address, port or 0)} is the service itself",
                )


@of_spec(
    "LVS116",
    NOTE,
    "thresholds on some real servers only",
    reason="When the servers with uthreshold are full the others take everything that comes, without any limit.",
    remedy="Set uthreshold on all real servers of the service, or on none.",
)
def uneven_thresholds(spec: Spec) -> Iterator[Broken]:
    """`uthreshold` above 0 counts as set."""
    for name, service in spec.virtual_servers.items():
        limited = sum(bool(server.uthreshold) for server in service.real_servers)
        if 0 < limited < (count := len(service.real_servers)):
            yield Broken(
                at(name, "real_servers"), f"{limited} have an uthreshold, {count - limited} have none"
            )
