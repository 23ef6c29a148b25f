"""The kernel settings that a director or a real server needs, one row each. Mechanism: :mod:`lvsctl.doctor.sysctl`."""

from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from typing import Final

from lvsctl.compose.claims import method_of
from lvsctl.doctor.model import DIRECTOR, ERROR, NOTE, REALSERVER, WARNING, Machine
from lvsctl.doctor.serving import hidden, interfaces, methods, virtual_addresses
from lvsctl.doctor.sysctl import How, Setting, register
from lvsctl.doctor.ways_in import ROWS
from lvsctl.vocabulary import Family, ForwardingMethod

NAT, TUN = ForwardingMethod.NAT, ForwardingMethod.TUN
ON = frozenset({1})
_HERE: Final = ("",)


def _nat(machine: Machine) -> tuple[str, ...]:
    return _HERE if NAT in methods(machine, Family.INET) else ()


def _nat6(machine: Machine) -> tuple[str, ...]:
    return _HERE if NAT in methods(machine, Family.INET6) else ()


def _nat_with_return_path(machine: Machine) -> tuple[str, ...]:
    is_wanted = machine.spec.sysctl is None or machine.spec.sysctl.snat_reroute != 0
    nat = any(NAT in methods(machine, family) for family in Family)
    return _HERE if nat and is_wanted and machine.spec.return_paths else ()


def _persistent(machine: Machine) -> tuple[str, ...]:
    return _HERE if any(each.is_persistent for each in machine.spec.virtual_servers.values()) else ()


def _services(machine: Machine) -> tuple[str, ...]:
    return _HERE if machine.spec.virtual_servers else ()


def _services_unless_stated(machine: Machine) -> tuple[str, ...]:
    stated = machine.spec.sysctl
    return () if stated is not None and stated.expire_nodest_conn is not None else _services(machine)


def _pair_without_sync(machine: Machine) -> tuple[str, ...]:
    block = machine.spec.global_defs
    synced = block is not None and block.lvs_sync_daemon is not None
    return _HERE if machine.spec.virtual_servers and len(machine.spec.nodes) > 1 and not synced else ()


def _directors_are_real_servers(machine: Machine) -> tuple[str, ...]:
    spec = machine.spec
    block = spec.global_defs
    own = {address for node in spec.nodes.values() for address in node.address}
    local = any(
        server.address in own and method_of(server, service).method != NAT
        for service in spec.virtual_servers.values()
        for server in service.real_servers
    )
    return _HERE if local and block is not None and block.lvs_sync_daemon is not None else ()


def _arp(machine: Machine) -> tuple[str, ...]:
    return interfaces(machine) if any(each.address.version == 4 for each in hidden(machine)) else ()  # noqa: PLR2004 - IP's own version number


def _tunnels(machine: Machine) -> Iterator[str]:
    if any(each.method is TUN and each.address.version == 4 for each in hidden(machine)):  # noqa: PLR2004 - IP's own version number
        links = machine.host.links()
        yield from sorted(name for name, link in links.items() if link.kind == "ipip" and link.is_up)


def _shared_subnets(machine: Machine) -> list[str]:
    """Answer interfaces with several virtual addresses of one network: the first to leave takes the others along."""
    counts = Counter(
        (each.dev, each.interface.network)
        for each in virtual_addresses(machine.spec)
        if each.interface.version == 4  # noqa: PLR2004 - IP's own version number
        and each.interface.network.prefixlen < 32  # noqa: PLR2004 - a host address has no neighbours
        and not machine.spec.vrrp_instances[each.instance].promote_secondaries
    )
    return sorted({dev for (dev, _), count in counts.items() if dev and count > 1})


def _marked(machine: Machine) -> Iterator[str]:
    if any(rule.fwmark for rule in machine.host.rules(Family.INET)):
        for name in interfaces(machine):
            values = [machine.host.sysctl(f"net/ipv4/conf/{each}/rp_filter") or 0 for each in ("all", name)]
            if max(values) == 1:
                yield name


def _ways(machine: Machine) -> list[str]:
    ways = {way.interface for way in machine.spec.return_paths.values()}
    return sorted(ways | set(_uplinks(machine)))


def _uplinks(machine: Machine) -> list[str]:
    uplinks = machine.spec.uplinks
    return sorted({each.interface for each in uplinks.providers.values()}) if uplinks is not None else []


def _same_network(machine: Machine) -> Iterator[str]:
    """Yield interfaces that share a network with another one."""
    own = [
        each
        for each in machine.host.addresses()
        if each.dev in interfaces(machine)
        and each.interface.version == 4  # noqa: PLR2004 - IP's own version number
        and each.interface.network.prefixlen < 31  # noqa: PLR2004 - hosts and point-to-point links
    ]
    pairs = [
        (one.dev, other.dev)
        for one, other in combinations(own, 2)
        if one.dev != other.dev and one.interface.network == other.interface.network
    ]
    yield from sorted({name for pair in pairs for name in pair})


SETTINGS: Final = (
    Setting(
        "LVD200",
        ERROR,
        "NAT without IPv4 forwarding",
        "The answers of real servers have to be forwarded to the clients: with 0 every request to a NAT service hangs (measured).",
        "net/ipv4/ip_forward",
        ON,
        1,
        _nat,
        roles=DIRECTOR,
        needs_spec=True,
    ),
    Setting(
        "LVD201",
        ERROR,
        "NAT without IPv6 forwarding",
        "The answers of real servers have to be forwarded to the clients, as with IPv4.",
        "net/ipv6/conf/all/forwarding",
        frozenset({1, 2}),
        1,
        _nat6,
        roles=DIRECTOR,
        needs_spec=True,
    ),
    Setting(
        "LVD202",
        ERROR,
        "NAT answers that do not follow the return path",
        "With 0 the answers of real servers leave by the way of the real server's own address, so the rules for the virtual address do not count, and the client never hears anything (measured).",
        "net/ipv4/vs/snat_reroute",
        ON,
        1,
        _nat_with_return_path,
        roles=DIRECTOR,
        needs_spec=True,
    ),
    Setting(
        "LVD203",
        WARNING,
        "Persistence that sticks to servers of weight 0",
        "A client that persistence bound to a real server is sent there although its weight is 0: a sorry or a drain does not reach it, and afterwards it sticks to the sorry server.",
        "net/ipv4/vs/expire_quiescent_template",
        ON,
        1,
        _persistent,
        roles=DIRECTOR,
        needs_spec=True,
    ),
    Setting(
        "LVD204",
        NOTE,
        "Connections to removed real servers are kept",
        "With 0 the packets of a connection whose real server was removed are dropped in silence until the entry times out; with 1 the client gets a reset and can come again.",
        "net/ipv4/vs/expire_nodest_conn",
        ON,
        1,
        _services_unless_stated,
        roles=DIRECTOR,
        needs_spec=True,
    ),
    Setting(
        "LVD205",
        NOTE,
        "Reused ports stay with the old real server",
        "With 0 a client that reuses its port (a proxy, NAT) is sent to the real server of its last connection, also when that one is at weight 0.",
        "net/ipv4/vs/conn_reuse_mode",
        frozenset({1, 2, 3}),
        1,
        _services,
        roles=DIRECTOR,
        needs_spec=True,
    ),
    Setting(
        "LVD206",
        NOTE,
        "A takeover ends open connections",
        "Without a sync daemon the other director knows no connection. With 1 it accepts packets in the middle of one and schedules them anew, which for a hash scheduler leads to the same real server; with 0 it drops them.",
        "net/ipv4/vs/sloppy_tcp",
        ON,
        1,
        _pair_without_sync,
        roles=DIRECTOR,
        needs_spec=True,
    ),
    Setting(
        "LVD207",
        WARNING,
        "Directors that send packets to each other in a circle",
        "Both directors are real servers, too, and share connections: without it the backup schedules what the master sent it once more, and a packet can go in circles.",
        "net/ipv4/vs/backup_only",
        ON,
        1,
        _directors_are_real_servers,
        roles=DIRECTOR,
        needs_spec=True,
    ),
    Setting(
        "LVD210",
        ERROR,
        "A real server that answers ARP for the virtual address",
        "Director and real server both say that the address is theirs, and the router believes the last one: traffic passes the director by (measured: with 0 both answer).",
        "arp_ignore",
        frozenset({1, 2, 3, 8}),
        1,
        _arp,
        How.MAX,
        REALSERVER,
    ),
    Setting(
        "LVD211",
        ERROR,
        "A real server that asks ARP in the virtual address's name",
        "Its questions carry the virtual address as their source, and whoever hears them learns the wrong machine for it (measured: with 0 it does, with 2 never).",
        "arp_announce",
        frozenset({2}),
        2,
        _arp,
        How.MAX,
        REALSERVER,
    ),
    Setting(
        "LVD212",
        ERROR,
        "Strict reverse path filter on the tunnel of a real server",
        "What comes out of the tunnel has a source that the kernel would reach by another interface, so strict mode drops it (measured: 1 times out, 2 answers).",
        "rp_filter",
        frozenset({0, 2}),
        2,
        _tunnels,
        How.MAX,
        REALSERVER,
    ),
    Setting(
        "LVD220",
        WARNING,
        "Virtual addresses that go with another one",
        "When the first address of a network leaves an interface, the kernel removes the others of that network, too: a failover of one address takes its neighbours along (measured).",
        "promote_secondaries",
        ON,
        1,
        _shared_subnets,
        How.OR,
        DIRECTOR,
        needs_spec=True,
    ),
    Setting(
        "LVD222",
        WARNING,
        "Strict reverse path filter that does not see firewall marks",
        "There are rules by firewall mark, and the kernel looks up the way back without the mark: packets are dropped that came the right way.",
        "src_valid_mark",
        ON,
        1,
        _marked,
        How.OR,
    ),
    Setting(
        "LVD223",
        NOTE,
        "A way out that stays when its cable is pulled",
        "Without carrier the kernel goes on using the route; with 1 it takes the next one, here the backstop (measured).",
        "ignore_routes_with_linkdown",
        ON,
        1,
        _ways,
        How.OWN,
        DIRECTOR,
        needs_spec=True,
    ),
    Setting(
        "LVD224",
        WARNING,
        "Two interfaces in one network answer for each other",
        "Either interface answers ARP for the addresses of both (ARP flux), so neighbours send to the one that was quicker, and a strict filter or a bond of the switch drops it.",
        "arp_filter",
        ON,
        1,
        _same_network,
        How.OR,
    ),
    Setting(
        "LVD225",
        WARNING,
        "An uplink that is asked for in another one's name",
        "With 0 a probe makes the kernel ask ARP with whatever source it has; a router that filters by source never answers, and all traffic to it waits until that entry times out, about 3 seconds (measured).",
        "arp_announce",
        frozenset({1, 2}),
        2,
        _uplinks,
        How.MAX,
        DIRECTOR,
        needs_spec=True,
    ),
    *ROWS,
)

for _setting in SETTINGS:
    register(_setting)
