"""What keepalived will make of a spec where it says nothing: defaults that rules have to know. It finds no faults.

Defaults are those of keepalived 2.2.7 (vrrp.c, check_data.c).
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from lvsctl.compose.rules.rule import Path
from lvsctl.spec.lvs_method import LvsMethod
from lvsctl.spec.resolve import family_of
from lvsctl.spec.spec import Spec
from lvsctl.spec.virtual_server import VirtualServer
from lvsctl.spec.vrrp_instance import VrrpInstance

Address = IPv4Address | IPv6Address

OWNER = 255
"""The priority that claims to own the addresses (RFC 5798, 5.2.4)."""
DEFAULT_PRIORITY = 100
TOP_PRIORITY = 254
IPV6 = 6

LIST_FIELDS = ("virtual_ipaddress", "virtual_ipaddress_excluded")


class Held(NamedTuple):
    """An address that a master holds, and where the spec says so."""

    address: Address
    path: Path


def bare(written: str) -> Address:
    """Answer the address of ``10.0.0.1/24``, without its length."""
    return ip_address(written.partition("/")[0])


def held(name: str, instance: VrrpInstance) -> Iterator[Held]:
    """Yield every address of *instance*, the excluded ones too."""
    for field in LIST_FIELDS:
        for index, line in enumerate(getattr(instance, field)):
            yield Held(bare(line.address), ("vrrp_instances", name, field, index))


def all_held(spec: Spec) -> Iterator[Held]:
    """Yield every address that VRRP instances hold, and the static ones."""
    for name, instance in spec.vrrp_instances.items():
        yield from held(name, instance)
    for index, line in enumerate(spec.static_ipaddress):
        yield Held(bare(line.address), ("static_ipaddress", index))


def node_addresses(spec: Spec) -> dict[Address, str]:
    """Answer the own addresses of the directors, each with its node."""
    return {address: name for name, node in spec.nodes.items() for address in node.address}


def priority_of(instance: VrrpInstance) -> int:
    """Answer its priority: without one keepalived takes 100, as `state BACKUP` is what lvsctl writes."""
    return instance.priority or DEFAULT_PRIORITY


def vrrp_family(instance: VrrpInstance) -> int:
    """Answer 4 or 6; an instance that nothing tells about is IPv4."""
    return instance.family or 4


def version_of(instance: VrrpInstance, spec: Spec) -> int:
    """Answer the version of VRRP that *instance* speaks."""
    if vrrp_family(instance) == IPV6:
        return 3 if is_strict(instance, spec) else instance.version or 3
    return instance.version or (spec.global_defs and spec.global_defs.vrrp_version) or 2


def is_strict(instance: VrrpInstance, spec: Spec) -> bool:
    """Answer whether *instance* keeps to the letter of the RFC."""
    if instance.strict_mode is not None:
        return instance.strict_mode
    return spec.global_defs is not None and spec.global_defs.vrrp_strict


def method(chosen: LvsMethod | None, default: LvsMethod | None = None) -> str:
    """Answer the forwarding method in keepalived's word."""
    said = chosen or default
    return said.method if said else "NAT"


def sorry_method(service: VirtualServer) -> str:
    """Answer how packets get to the sorry server of *service*."""
    return method(service.sorry_server_lvs_method, service.lvs_method)


def protocol_of(service: VirtualServer) -> str | None:
    """Answer the protocol of *service*; a firewall mark has none."""
    return None if service.fwmark is not None else service.protocol or "TCP"


def service_family(service: VirtualServer, spec: Spec) -> int | None:
    """Answer 4 or 6, where an address, a family or a group of one family tells; None when nothing does."""
    if service.group is None:
        return None if service.address is None and service.ip_family is None else family_of(service)
    entries = spec.virtual_server_groups.get(service.group, ())
    families = {entry.address.first.version for entry in entries if entry.address is not None}
    return families.pop() if len(families) == 1 else None


def ports(service: VirtualServer, spec: Spec) -> set[int]:
    """Answer the ports of *service*: its own, or those of its group's addresses; none for firewall marks."""
    if service.address is not None:
        return {service.port or 0}
    entries = spec.virtual_server_groups.get(service.group or "", ())
    return {entry.port or 0 for entry in entries if entry.address is not None}


def quorum_of(service: VirtualServer) -> int:
    """Answer the weight that has to be alive."""
    return service.quorum or 1


def weights(service: VirtualServer) -> list[int]:
    """Answer the weight of each real server of *service*."""
    default = service.weight or 1
    return [default if server.weight is None else server.weight for server in service.real_servers]
