"""Kernel settings that decide which packets come in and which way answers take: redirects, and the reverse path filter.

Rows for :mod:`lvsctl.doctor.settings`. How `all` and the interface combine is in Documentation/networking/ip-sysctl.rst.
"""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network
from typing import Final

from lvsctl.compose.claims import method_of
from lvsctl.doctor.model import DIRECTOR, ERROR, NOTE, REALSERVER, WARNING, Machine
from lvsctl.doctor.realserver import directors, is_by
from lvsctl.doctor.serving import hidden, interfaces, methods, vips_of
from lvsctl.doctor.sysctl import How, Setting
from lvsctl.net.model import MAIN, Route
from lvsctl.vocabulary import Address, Family, ForwardingMethod, family_of

DR, NAT = ForwardingMethod.DR, ForwardingMethod.NAT


def _main(machine: Machine, family: Family = Family.INET) -> list[Route]:
    return [each for each in machine.host.routes(family) if each.table == MAIN and each.next_hops]


def towards(machine: Machine, address: Address) -> frozenset[str]:
    """Answer the interfaces that the main table reaches *address* by: those of the longest prefix, without defaults."""
    routes = _main(machine, family_of(address))
    there = [each for each in routes if address in each.dst and not each.is_default]
    longest = max((each.dst.prefixlen for each in there), default=None)
    return frozenset(hop.dev for each in there if each.dst.prefixlen == longest for hop in each.next_hops)


def natted(machine: Machine) -> frozenset[Address]:
    """Answer the addresses of real servers that a director reaches by NAT."""
    return frozenset(
        server.address
        for service in machine.spec.virtual_servers.values()
        for server in service.real_servers
        if ForwardingMethod(method_of(server, service).method) is NAT
    )


def _one_armed(machine: Machine) -> tuple[str, ...]:
    """Answer where answers of NAT leave by the interface that they came in by: there the kernel knows a shorter way."""
    if NAT not in methods(machine, Family.INET):
        return ()
    own = interfaces(machine)
    if len(own) == 1:
        return own
    servers = [each for each in natted(machine) if family_of(each) is Family.INET]
    inside = {dev for address in servers for dev in towards(machine, address)}
    outside = {
        hop.dev for each in machine.host.routes(Family.INET) if each.is_default for hop in each.next_hops
    }
    return tuple(sorted(inside & outside))


def _behind_a_director(machine: Machine) -> tuple[str, ...]:
    """Answer the interfaces by which a real server of NAT answers through a director."""
    if not is_by(machine, NAT, Family.INET):
        return ()
    there = directors(machine)
    return tuple(
        sorted(
            {
                hop.dev
                for each in _main(machine)
                if each.is_default
                for hop in each.next_hops
                if hop.gateway in there
            }
        )
    )


def _chosen_ways(machine: Machine) -> list[str]:
    """Answer the interfaces whose gateway somebody chose: return paths, uplinks, two gateways on one interface."""
    gateways: dict[str, set[Address]] = {}
    for each in machine.host.routes(Family.INET):
        for hop in each.next_hops:
            if each.is_default and hop.gateway is not None:
                gateways.setdefault(hop.dev, set()).add(hop.gateway)
    found = {dev for dev, several in gateways.items() if len(several) > 1}
    if machine.declared is not None:
        found |= {way.interface for way in machine.spec.return_paths.values()}
        uplinks = machine.spec.uplinks
        found |= {each.interface for each in uplinks.providers.values()} if uplinks is not None else set()
    return sorted(found & set(interfaces(machine)))


def _comes_in(machine: Machine) -> Iterator[str]:
    """Yield the interfaces that packets of DR come in by, and their answers do not leave by."""
    if machine.declared is None:
        return
    devs = {each.address: each.dev for each in machine.host.addresses()}
    ruled = _ruled(machine)
    for service in machine.spec.virtual_servers.values():
        vips = [each for each in vips_of(service, machine.spec) if family_of(each) is Family.INET]
        free = [each for each in vips if not any(each in network for network in ruled)]
        for server in service.real_servers:
            dev = devs.get(server.address)
            by_dr = ForwardingMethod(method_of(server, service).method) is DR
            if free and by_dr and dev is not None and dev not in _way_back(machine) | {"lo"}:
                yield dev


def _may_come_in(machine: Machine) -> tuple[str, ...]:
    """Answer, without a spec, the interfaces that packets of DR may come in by: all but the one of the answers."""
    if machine.declared is not None or not any(each.method is DR for each in hidden(machine)):
        return ()
    back = _way_back(machine)
    return tuple(each for each in interfaces(machine) if back and each not in back)


def _way_back(machine: Machine) -> frozenset[str]:
    return frozenset(hop.dev for each in _main(machine) if each.is_default for hop in each.next_hops)


def _ruled(machine: Machine) -> list[IPv4Network | IPv6Network]:
    """Answer the sources with a rule of their own: the filter looks the way back up with it, and finds it."""
    return [rule.src for rule in machine.host.rules(Family.INET) if rule.src is not None]


def _pair_that_tracks(machine: Machine) -> tuple[str, ...]:
    tracks = machine.host.sysctl("net/ipv4/vs/conntrack") == 1
    return ("",) if tracks and len(machine.spec.nodes) > 1 and machine.spec.virtual_servers else ()


_STRICT = "It came in by one interface, and the answer would leave by the other: a strict filter drops it before any program sees it (measured: 1 times out, 2 answers)."

ROWS: Final = (
    Setting(
        "LVD213",
        WARNING,
        "A real server of NAT that can be told to pass the director by",
        "It answers through the director, which has its default gateway in the same network and may say so by an ICMP redirect: believed, the next answer goes straight to the client, with an address that the client never asked.",
        "accept_redirects",
        frozenset({0}),
        0,
        _behind_a_director,
        How.ACCEPT,
        REALSERVER,
        needs_spec=True,
    ),
    Setting(
        "LVD214",
        ERROR,
        "Strict reverse path filter between the two interfaces of a real server",
        _STRICT,
        "rp_filter",
        frozenset({0, 2}),
        2,
        _comes_in,
        How.MAX,
        REALSERVER,
        needs_spec=True,
    ),
    Setting(
        "LVD215",
        NOTE,
        "Strict reverse path filter on an interface that the director may use",
        "If the director's packets come in here: their answers leave by another interface, so a strict filter drops them (measured: 1 times out, 2 answers). With a spec it is known whether they do.",
        "rp_filter",
        frozenset({0, 2}),
        2,
        _may_come_in,
        How.MAX,
        REALSERVER,
    ),
    Setting(
        "LVD221",
        WARNING,
        "A director that tells real servers to go around it",
        "Answers of NAT leave by the interface that they came in by, and the kernel tells their senders of the shorter way (ICMP redirect): a real server that believes it answers past the director, from an address that the client never asked.",
        "send_redirects",
        frozenset({0}),
        0,
        _one_armed,
        How.OR,
        DIRECTOR,
        needs_spec=True,
    ),
    Setting(
        "LVD226",
        WARNING,
        "A gateway that others may change",
        "The gateway was chosen here, by a return path, an uplink or a second default route. A redirect from one router to another overrules it for that client, in every table, until it expires: answers leave by a way that nobody configured. By default the kernel believes any redirect from the router in use; ip_forward turns that off.",
        "accept_redirects",
        frozenset({0}),
        0,
        _chosen_ways,
        How.ACCEPT,
    ),
    Setting(
        "LVD227",
        NOTE,
        "A takeover ends connections that are tracked",
        "The other director's connections are tracked (net.ipv4.vs.conntrack = 1), and after a takeover this one sees them in the middle for the first time. With 0 such a packet is invalid, and a rule that drops what is invalid ends the connection.",
        "net/netfilter/nf_conntrack_tcp_loose",
        frozenset({1}),
        1,
        _pair_that_tracks,
        roles=DIRECTOR,
        needs_spec=True,
    ),
)
