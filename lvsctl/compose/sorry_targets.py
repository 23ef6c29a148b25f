"""Which services of the spec `lvsctl sorry` can switch on this node, and to what sorry server. Pure.

What comes out agrees with what :mod:`lvsctl.compose.config` renders for the same service, so that both ways of
switching bring in the same server (check_data.c, ipvswrapper.c of 2.2.7; a kernel test compares the two).
"""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple

from lvsctl.compose.rules.effective import node_addresses
from lvsctl.compose.table import keys, size, tunnel
from lvsctl.ipvs.model import Dest, DestKey
from lvsctl.sorry.model import Target
from lvsctl.sorry.preflight import Candidate
from lvsctl.spec.resolve import NAT
from lvsctl.spec.sorry import Sorry
from lvsctl.spec.spec import Spec
from lvsctl.spec.virtual_server import SorryServer, VirtualServer
from lvsctl.vocabulary import ForwardingMethod, ServiceKey

MOST_KEYS: Final = 10_000
"""Addresses and marks of one group that are switched as one service; each is a file and steps of its own."""

HTTPS: Final = 443


class Switchable(NamedTuple):
    """One virtual server of the spec."""

    name: str
    owner: str
    """Who should own it by the spec: ``keepalived`` or ``lvsctl``."""
    candidates: tuple[Candidate, ...] = ()
    """One for each service in the kernel that it means; a group has several."""
    why_not: str = ""
    """Why it cannot be switched, with the line that would change that; the empty string when it can."""


def switchable(spec: Spec, node: str, *, set_sysctl: bool = False) -> Mapping[str, Switchable]:
    """Answer every virtual server of the resolved *spec* of *node*, in the order written.

    *set_sysctl* is handed on to each Target.
    """
    return {
        name: _switchable(name, service, spec, node, set_sysctl=set_sysctl)
        for name, service in spec.virtual_servers.items()
    }


def _switchable(name: str, service: VirtualServer, spec: Spec, node: str, *, set_sysctl: bool) -> Switchable:
    sorry = service.sorry_server
    if sorry is None:
        why = f"it has no sorry server: write `sorry_server: {{}}` under virtual_servers.{name}"
        return Switchable(name, service.owner, (), why)
    if sorry.address is None:
        why = f"this node has no address for the local sorry backend: write one under nodes.{node or 'NAME'}"
        return Switchable(name, service.owner, (), why)
    if size(service, spec) > MOST_KEYS * (1 + len(service.real_servers)):
        why = f"group {service.group} has more than {MOST_KEYS:,} services: switch single ones, such as tcp/ADDR:PORT"
        return Switchable(name, service.owner, (), why)
    candidates = _candidates(name, service, spec, node, set_sysctl=set_sysctl)
    return Switchable(name, service.owner, tuple(candidates))


def _candidates(
    name: str, service: VirtualServer, spec: Spec, node: str, *, set_sysctl: bool
) -> Iterator[Candidate]:
    sorry = service.sorry_server or SorryServer()
    nodes = node_addresses(spec)
    dest = _dest(service)
    for key in keys(service, spec):
        address = _address(sorry, key, service, spec, node)
        target = Target(key, name, _dest_key(address, sorry, dest, key), dest, set_sysctl)
        elsewhere = address not in nodes and not address.is_loopback
        yield Candidate(target, tls=_is_tls(service, key), elsewhere=elsewhere)


def _dest(service: VirtualServer) -> Dest:
    how = service.sorry_server_lvs_method or service.lvs_method or NAT
    # keepalived gives every sorry server weight 1 (check_data.c, alloc_ssvr).
    return Dest(ForwardingMethod(how.method), 1, tunnel=tunnel(how))


def _dest_key(address: IPv4Address | IPv6Address, sorry: SorryServer, dest: Dest, key: ServiceKey) -> DestKey:
    if dest.method is ForwardingMethod.NAT:
        # Without a port keepalived leaves 0, and the kernel then takes the one that the client asked for.
        return DestKey(address, sorry.port or 0)
    return DestKey(address, key.port)


def _address(
    sorry: SorryServer, key: ServiceKey, service: VirtualServer, spec: Spec, node: str
) -> IPv4Address | IPv6Address:
    """Answer where the sorry server of *key* is.

    A group may have services of both families, and the local backend is at an address of each. keepalived takes one
    sorry server for all and drops it where the families differ, so this is only for what lvsctl keeps itself.
    """
    here = spec.nodes.get(node)
    assert sorry.address is not None  # noqa: S101 - _switchable has asked
    local = here is not None and sorry.address in here.address and sorry.port == (spec.sorry or Sorry()).port
    if here is None or not local or service.owner == "keepalived":
        return sorry.address
    return here.address_of(4 if key.family == "inet" else 6) or sorry.address


def _is_tls(service: VirtualServer, key: ServiceKey) -> bool:
    """Answer whether clients speak TLS: by the port, or because the health checks do."""
    return key.port == HTTPS or any(
        check.SSL_GET is not None for server in service.real_servers for check in server.checks
    )
