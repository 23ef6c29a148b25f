"""What a machine has to do with the services of the spec. Pure; it judges nothing."""

from collections.abc import Iterator
from ipaddress import ip_interface
from typing import NamedTuple

from lvsctl.compose.claims import method_of
from lvsctl.doctor.model import Machine, Role
from lvsctl.net.model import HostAddress, Interface
from lvsctl.spec.spec import Spec
from lvsctl.spec.virtual_server import VirtualServer
from lvsctl.vocabulary import Address, Family, ForwardingMethod, family_of

MOST_ADDRESSES = 256
"""Addresses of one range in a group that are looked at."""

WITHOUT_ARP = frozenset({"dummy", "ipip", "sit", "ip6tnl", "gre"})
"""Kinds of interfaces that a real server keeps the virtual address on, besides lo."""


class Served(NamedTuple):
    """A virtual address that a real server answers for."""

    service: str
    """Its name; empty when only the machine's own addresses tell."""
    address: Address
    method: ForwardingMethod


def vips_of(service: VirtualServer, spec: Spec) -> Iterator[Address]:
    """Yield the addresses of *service*; of a range the first MOST_ADDRESSES, of a firewall mark none."""
    if service.address is not None:
        yield service.address
    for entry in spec.virtual_server_groups.get(service.group or "", ()):
        if entry.address is not None:
            first, last = int(entry.address.first), int(entry.address.last)
            for number in range(first, min(last, first + MOST_ADDRESSES - 1) + 1):
                yield type(entry.address.first)(number)


def methods(machine: Machine, family: Family) -> frozenset[ForwardingMethod]:
    """Answer how a director sends packets of *family* on, sorry servers left out."""
    return frozenset(
        ForwardingMethod(method_of(server, service).method)
        for service in machine.spec.virtual_servers.values()
        for server in service.real_servers
        if family_of(server.address) is family
    )


def served(machine: Machine) -> tuple[Served, ...]:
    """Answer the virtual addresses that this real server answers for.

    By the spec they are those of services with a real server of this machine's address. Without one they are what lies
    on lo, or on another interface that nobody reaches directly: that is how real servers have them for DR and TUN.
    """
    addresses = machine.host.addresses()
    if machine.declared is None:
        return tuple(
            Served(
                "",
                each.address,
                ForwardingMethod.TUN if _is_tunnel(machine, each.dev) else ForwardingMethod.DR,
            )
            for each in addresses
            if is_hidden(machine, each)
        )
    own = {each.address for each in addresses}
    return tuple(
        dict.fromkeys(
            Served(name, vip, ForwardingMethod(method_of(server, service).method))
            for name, service in machine.spec.virtual_servers.items()
            for server in service.real_servers
            if server.address in own
            for vip in vips_of(service, machine.spec)
        )
    )


def hidden(machine: Machine) -> tuple[Served, ...]:
    """Answer those of :func:`served` that are the machine's own address without being told to the network: DR and TUN."""
    if machine.role is not Role.REALSERVER:
        return ()
    return tuple(
        each for each in served(machine) if each.method in {ForwardingMethod.DR, ForwardingMethod.TUN}
    )


def is_hidden(machine: Machine, address: HostAddress) -> bool:
    """Answer whether *address* lies where a real server keeps a virtual address."""
    link = machine.host.links().get(address.dev)
    if link is None or address.address.is_loopback or address.address.is_link_local:
        return False
    return link.is_loopback or link.kind in WITHOUT_ARP


def _is_tunnel(machine: Machine, dev: str) -> bool:
    link = machine.host.links().get(dev)
    return link is not None and not link.is_loopback and link.kind != "dummy"


def interfaces(machine: Machine) -> tuple[str, ...]:
    """Answer the interfaces that packets of others come in by: up, and neither lo nor one that leads nowhere."""
    return tuple(
        sorted(
            link.name
            for link in machine.host.links().values()
            if link.is_up and not link.is_loopback and link.kind not in WITHOUT_ARP
        )
    )


class VirtualAddress(NamedTuple):
    """An address that VRRP moves, and the interface it is put on."""

    interface: Interface
    dev: str
    instance: str


def virtual_addresses(spec: Spec) -> Iterator[VirtualAddress]:
    """Yield the addresses of every VRRP instance of the resolved *spec*."""
    for name, instance in spec.vrrp_instances.items():
        for line in (*instance.virtual_ipaddress, *instance.virtual_ipaddress_excluded):
            yield VirtualAddress(ip_interface(line.address), line.dev or instance.interface or "", name)
