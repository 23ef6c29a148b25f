"""Expand the shorthands of a spec for one node, so that what is left is what keepalived is told.

A pure function of (spec, node): whatever follows from `nodes` (router_id, priorities, unicast peers, where the
local sorry backend is) and from a virtual server's `checks` is written out as if the operator had typed it. What
the operator did type always wins. What cannot be expanded stays as it is; the rules say why. The way back, from a
resolved value to where it was typed, is in :mod:`lvsctl.spec.typed`.
"""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from lvsctl.spec.global_defs import GlobalDefs
from lvsctl.spec.lvs_method import LvsMethod
from lvsctl.spec.nodes import Node
from lvsctl.spec.real_server import RealServer
from lvsctl.spec.server_group import VirtualServerGroup
from lvsctl.spec.sorry import Sorry
from lvsctl.spec.spec import Spec
from lvsctl.spec.tracking import UnicastPeer
from lvsctl.spec.virtual_server import SorryServer, VirtualServer
from lvsctl.spec.vrrp_instance import VrrpInstance

NAT = LvsMethod(method="NAT")


def resolve(spec: Spec, node: str) -> Spec:
    """Answer *spec* as it is on *node*, with every shorthand written out.

    *node* is a name in ``spec.nodes``; with an empty ``nodes`` it is not looked at.
    """
    changes: dict[str, Any] = {
        "vrrp_instances": {
            name: _instance(instance, node, spec.nodes) for name, instance in spec.vrrp_instances.items()
        },
        "virtual_servers": {
            name: _virtual_server(service, spec.nodes.get(node), spec)
            for name, service in spec.virtual_servers.items()
        },
    }
    if node in spec.nodes:
        changes["global_defs"] = _global_defs(spec.global_defs, node, spec.nodes[node])
    return spec.model_copy(update={name: value for name, value in changes.items() if value})


def family_of(service: VirtualServer) -> int | None:
    """Answer the address family (4 or 6) that clients of *service* use, where the spec tells."""
    if service.address is not None:
        return service.address.version
    if service.ip_family is not None:
        return 6 if service.ip_family == "inet6" else 4
    return next((server.address.version for server in service.real_servers), None)


def _global_defs(given: GlobalDefs | None, name: str, node: Node) -> GlobalDefs:
    block = given or GlobalDefs()
    if "router_id" in block.model_fields_set:
        return block
    return block.model_copy(update={"router_id": node.router_id or name})


def _instance(instance: VrrpInstance, node: str, nodes: Mapping[str, Node]) -> VrrpInstance:
    changes: dict[str, Any] = {}
    here = nodes.get(node)
    if here is not None and instance.priority is None and here.priority is not None:
        changes["priority"] = here.priority
    if here is not None and instance.unicast:
        changes |= _unicast(instance, here, [other for name, other in nodes.items() if name != node])
    return instance.model_copy(update=changes) if changes else instance


def _unicast(instance: VrrpInstance, here: Node, others: list[Node]) -> dict[str, Any]:
    version = instance.family or 4
    source = here.address_of(version)
    peers = tuple(address for other in others if (address := other.address_of(version)))
    if source is None or len(peers) < len(others) or not others:
        return {}
    changes: dict[str, Any] = {}
    if instance.unicast_src_ip is None:
        changes["unicast_src_ip"] = source
    if not instance.unicast_peer:
        changes["unicast_peer"] = tuple(UnicastPeer(address=peer) for peer in peers)
    return changes


def _virtual_server(service: VirtualServer, here: Node | None, spec: Spec) -> VirtualServer:
    changes: dict[str, Any] = {
        **_defaults(service, spec.virtual_server_groups),
        **dict(_local_sorry(service, here, spec.sorry or Sorry())),
    }
    if service.checks:
        changes["real_servers"] = tuple(_checked(server, service) for server in service.real_servers)
    return service.model_copy(update=changes) if changes else service


def _defaults(service: VirtualServer, groups: Mapping[str, VirtualServerGroup]) -> dict[str, Any]:
    """Answer what 2.2.7 assumes and complains about when it is not written; UDP, its guess, nobody means."""
    changes: dict[str, Any] = {}
    if service.lvs_sched is None:
        changes["lvs_sched"] = "wlc"
    if service.lvs_method is None:
        changes["lvs_method"] = NAT
    if service.protocol is None and _has_addresses(service, groups):
        changes["protocol"] = "TCP"
    return changes


def _has_addresses(service: VirtualServer, groups: Mapping[str, VirtualServerGroup]) -> bool:
    """Answer whether clients reach *service* by an address; a firewall mark takes no protocol."""
    entries = groups.get(service.group or "", ())
    return service.address is not None or any(entry.address is not None for entry in entries)


def _checked(server: RealServer, service: VirtualServer) -> RealServer:
    return server.model_copy(update={"checks": service.checks + server.checks})


def _local_sorry(service: VirtualServer, here: Node | None, sorry: Sorry) -> Iterator[tuple[str, Any]]:
    if service.sorry_server is None or not service.sorry_server.is_local or here is None:
        return
    address = here.address_of(family_of(service) or 4)
    if address is None:
        return
    yield "sorry_server", _sorry_server(address, sorry.port)
    method = service.lvs_method.method if service.lvs_method else "NAT"
    # Routed or tunnelled to this node itself, the kernel ignores the port (ip_vs_xmit.c): only NAT reaches the backend.
    if method != "NAT" and service.sorry_server_lvs_method is None:
        yield "sorry_server_lvs_method", NAT


def _sorry_server(address: IPv4Address | IPv6Address, port: int) -> SorryServer:
    return SorryServer(address=address, port=port)
