"""From the spec to the way back of its addresses. Pure.

Where a VRRP instance has the address, keepalived makes routes and rules together with it: they are written into the
instance. They carry `no_track`, because losing one is repaired by putting it back, not by a failover. For all other
addresses :mod:`lvsctl.returnpath` does it. Tables are counted per owner, because keepalived takes the routes of an
instance away with its addresses, whoever else uses them.
"""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address, IPv6Network, ip_interface
from typing import Any, NamedTuple

from lvsctl.compose.claims import method_of
from lvsctl.net.model import PROTO, HostAddress, Route, Rule
from lvsctl.returnpath.intent import Intended, ReturnPath, Unstated, routes_of, rules_of
from lvsctl.spec.ip_rules import RuleLine
from lvsctl.spec.return_paths import FIRST_TABLE
from lvsctl.spec.routes import RouteLine
from lvsctl.spec.server_group import VirtualServerGroupEntry
from lvsctl.spec.spec import Spec
from lvsctl.spec.virtual_server import VirtualServer
from lvsctl.spec.vrrp_instance import VrrpInstance
from lvsctl.vocabulary import Address


class _Held(NamedTuple):
    """Where a VRRP instance puts one of its addresses."""

    instance: str
    interface: str


def intended(spec: Spec) -> Intended:
    """Answer what the resolved *spec* of a node says about the way back."""
    held = _held(spec)
    return Intended(tuple(_paths(spec, held)), tuple(_addresses(spec, held)), tuple(_unstated(spec, held)))


def with_return_paths(spec: Spec) -> Spec:
    """Answer the resolved *spec* with routes and rules of the addresses that VRRP has written into the instances."""
    paths = [path for path in intended(spec).paths if not path.is_ours]
    if not paths:
        return spec
    changes = {
        name: _instance(instance, [path for path in paths if path.instance == name])
        for name, instance in spec.vrrp_instances.items()
    }
    return spec.model_copy(update={"vrrp_instances": changes})


def states_own_rule(instance: VrrpInstance, address: Address) -> bool:
    """Answer whether *instance* has a rule of the operator's own for packets from *address*."""
    return any(
        rule.from_ is not None and rule.from_.partition("/")[0] == str(address)
        for rule in instance.virtual_rules
    )


def _instance(instance: VrrpInstance, paths: Iterable[ReturnPath]) -> VrrpInstance:
    mine = [path for path in paths if not states_own_rule(instance, path.address)]
    if not mine:
        return instance
    routes = dict.fromkeys(_text(route) for path in mine for route in routes_of(path))
    rules = dict.fromkeys(_text(rule) for path in mine for rule in rules_of(path, forwarded=path.forwarded))
    changes: dict[str, Any] = {
        "virtual_routes": (*instance.virtual_routes, *map(RouteLine.model_validate, routes)),
        "virtual_rules": (*instance.virtual_rules, *map(RuleLine.model_validate, rules)),
    }
    return instance.model_copy(update=changes)


def _text(each: Route | Rule) -> str:
    """Answer a route or rule in keepalived's words, as its own: routes of lvsctl's are lvsctl's to take away."""
    words = list(each.words())
    start = words.index("proto" if isinstance(each, Route) else "protocol")
    del words[start : start + 2]
    # keepalived takes the family of a default from nothing but its digits.
    return " ".join([str(each.dst) if word == "default" else word for word in words] + ["no_track"])


def _held(spec: Spec) -> dict[Address, _Held]:
    return {
        ip_interface(line.address).ip: _Held(name, line.dev or instance.interface or "")
        for name, instance in spec.vrrp_instances.items()
        for line in (*instance.virtual_ipaddress, *instance.virtual_ipaddress_excluded)
    }


def _paths(spec: Spec, held: Mapping[Address, _Held]) -> Iterator[ReturnPath]:
    tables = _tables(spec, held)
    forwarded = spec.sysctl is not None and spec.sysctl.snat_reroute == 0
    for address, path in spec.return_paths.items():
        owner = held[address].instance if address in held else ""
        yield ReturnPath(
            address,
            path.interface,
            path.gateway,
            path.table or tables[owner, path.interface, path.gateway],
            owner,
            tuple(_real_servers(spec, address)),
            forwarded,
        )


def _tables(spec: Spec, held: Mapping[Address, _Held]) -> dict[tuple[str, str, Address], int]:
    taken = set(_tables_of_others(spec)) | {path.table for path in spec.return_paths.values()}
    found: dict[tuple[str, str, Address], int] = {}
    number = FIRST_TABLE
    for address, path in spec.return_paths.items():
        key = (held[address].instance if address in held else "", path.interface, path.gateway)
        if path.table is None and key not in found:
            while number in taken:
                number += 1
            found[key] = number
            number += 1
    return found


def _tables_of_others(spec: Spec) -> Iterator[int]:
    lines: list[RouteLine | RuleLine] = [*spec.static_routes, *spec.static_rules]
    for instance in spec.vrrp_instances.values():
        lines += [*instance.virtual_routes, *instance.virtual_rules]
    for line in lines:
        if line.table is not None and str(line.table).isdecimal():
            yield int(str(line.table))


def _real_servers(spec: Spec, address: Address) -> Iterator[Address]:
    """Yield the real servers that answer for *address* by NAT, without those that are a director themselves."""
    directors = {each for node in spec.nodes.values() for each in node.address}
    found = dict.fromkeys(
        server.address
        for service in spec.virtual_servers.values()
        if _serves(service, spec.virtual_server_groups.get(service.group or "", ()), address)
        for server in service.real_servers
        if method_of(server, service).method == "NAT"
    )
    return (each for each in found if each not in directors and each.version == address.version)


def _serves(service: VirtualServer, entries: Iterable[VirtualServerGroupEntry], address: Address) -> bool:
    if service.address is not None:
        return service.address == address
    return any(
        each.address is not None
        and each.address.first.version == address.version
        and int(each.address.first) <= int(address) <= int(each.address.last)
        for each in entries
    )


def _addresses(spec: Spec, held: Mapping[Address, _Held]) -> Iterator[HostAddress]:
    """Yield the failover IPs that nobody puts on the host: on both directors, and never a source by themselves.

    Only those whose return path says where: no interface is guessed.
    """
    static = {ip_interface(line.address).ip for line in spec.static_ipaddress}
    # What provider none moves something else may put on the host, too.
    moved = [entry.ip for entry in spec.failover_ips if entry.provider != "none"]
    for address, path in spec.return_paths.items():
        if address not in held and address not in static and any(_is_of(address, each) for each in moved):
            yield HostAddress(ip_interface(address), path.interface, preferred_lft=0, proto=PROTO)


def _is_of(address: Address, failover_ip: IPv4Address | IPv6Network) -> bool:
    return address == failover_ip if isinstance(failover_ip, IPv4Address) else address in failover_ip


def _unstated(spec: Spec, held: Mapping[Address, _Held]) -> Iterator[Unstated]:
    return (
        Unstated(address, each.interface)
        for address, each in held.items()
        if address not in spec.return_paths
    )
