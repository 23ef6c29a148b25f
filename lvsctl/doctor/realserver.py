"""What a real server needs besides kernel settings: the virtual address in the right place, and the right way back."""

from collections.abc import Iterator
from shlex import quote

from lvsctl.doctor.model import ERROR, REALSERVER, WARNING, Found, Machine, check
from lvsctl.doctor.serving import hidden, is_hidden, served, virtual_addresses
from lvsctl.doctor.sysctl import dotted
from lvsctl.net.model import MAIN
from lvsctl.vocabulary import Address, Family, ForwardingMethod, family_of


@check(
    "LVD240",
    ERROR,
    "A virtual address with a network on lo",
    why="On lo a prefix makes every address of that network the machine's own: with /24 it talks to itself instead of to 253 neighbours.",
    remedy="ip addr add VIP/32 dev lo (IPv6: /128), then delete the wider one; the same in the network configuration.",
    roles=REALSERVER,
)
def wide_prefix(machine: Machine) -> Iterator[Found]:
    """Addresses on lo other than the loopback's own."""
    for each in machine.host.addresses():
        link = machine.host.links().get(each.dev)
        network = each.interface.network
        if (
            link is not None
            and link.is_loopback
            and is_hidden(machine, each)
            and network.prefixlen < network.max_prefixlen
        ):
            yield Found(
                str(each.interface),
                f"it is on {each.dev} with prefix length {network.prefixlen}",
                f"ip addr add {each.address}/{network.max_prefixlen} dev {quote(each.dev)} && ip addr del {each.interface} dev {quote(each.dev)}",
            )


@check(
    "LVD241",
    ERROR,
    "A real server without the virtual address",
    why="With DR and TUN the packets arrive with the virtual address as their destination; a machine that does not have it drops them.",
    remedy="ip addr add VIP/32 dev lo (IPv6: /128), and the same in the network configuration.",
    roles=REALSERVER,
    needs_spec=True,
)
def no_vip(machine: Machine) -> Iterator[Found]:
    """Services by DR or TUN whose real servers have an address of this machine."""
    own = {each.address for each in machine.host.addresses()}
    for each in hidden(machine):
        if each.address not in own:
            yield Found(
                str(each.address),
                f"service {each.service} comes by {each.method}, and no interface has its address",
                f"ip addr add {each.address}/{each.address.max_prefixlen} dev lo",
            )


def directors(machine: Machine) -> set[Address]:
    """Answer the addresses of directors, virtual ones included, that this machine does not have."""
    own = {each.address for each in machine.host.addresses()}
    there = {address for node in machine.spec.nodes.values() for address in node.address}
    return (there | {each.interface.ip for each in virtual_addresses(machine.spec)}) - own


def is_by(machine: Machine, method: ForwardingMethod, family: Family) -> bool:
    """Answer whether this real server serves something of *family* by *method*."""
    return any(each.method is method and family_of(each.address) is family for each in served(machine))


def _gateways(machine: Machine, family: Family) -> list[Address]:
    return [
        hop.gateway
        for route in machine.host.routes(family)
        if route.is_default and route.table == MAIN
        for hop in route.next_hops
        if hop.gateway is not None
    ]


@check(
    "LVD242",
    ERROR,
    "A real server that answers through the director",
    why="With DR and TUN the answers carry the virtual address as their source. The director has that address itself and drops them as martians, whatever ip_forward is (measured).",
    remedy="Let the default route of real servers lead to the router, not to a director.",
    roles=REALSERVER,
    needs_spec=True,
)
def through_director(machine: Machine) -> Iterator[Found]:
    """The default route of the main table, for real servers by DR or TUN."""
    others = directors(machine)
    for family in sorted({family_of(each.address) for each in hidden(machine)}):
        for gateway in _gateways(machine, family):
            if gateway in others:
                yield Found(
                    f"default via {gateway}",
                    f"{gateway} is a director",
                    "ip route replace default via ROUTER, and the same in the network configuration",
                )


@check(
    "LVD243",
    WARNING,
    "A real server of NAT whose answers pass the director by",
    why="Only the director can put the virtual address back into answers. Clients drop what comes straight from the real server, unless rules of its own lead those answers to the director.",
    remedy="Let the default route lead to the address that VRRP moves between the directors.",
    roles=REALSERVER,
    needs_spec=True,
)
def past_director(machine: Machine) -> Iterator[Found]:
    """Real servers by NAT without a default route through a director, where no routing rule goes by the source."""
    natted = {family_of(each.address) for each in served(machine) if each.method is ForwardingMethod.NAT}
    for family in sorted(natted):
        gateways = _gateways(machine, family)
        ruled = any(rule.src is not None or rule.fwmark for rule in machine.host.rules(family))
        if not ruled and not directors(machine) & set(gateways):
            yield Found(
                f"default route ({family})",
                f"it leads to {', '.join(map(str, gateways)) or 'nowhere'}, which is no director",
                "ip route replace default via the inner address that VRRP moves",
            )


@check(
    "LVD244",
    WARNING,
    "A real server of NAT that can be told to pass the director by (IPv6)",
    why="It answers through the director, which has its default gateway in the same network and may say so by an ICMPv6 redirect: believed, the next answer goes straight to the client, with an address that the client never asked. IPv6 has no setting that keeps a router from sending them.",
    remedy="sysctl -w net.ipv6.conf.INTERFACE.accept_redirects=0, and keep it.",
    roles=REALSERVER,
    needs_spec=True,
)
def believes_redirects(machine: Machine) -> Iterator[Found]:
    """The interface of the default route through a director; its own setting alone counts, and none are believed where it forwards."""
    if not is_by(machine, ForwardingMethod.NAT, Family.INET6):
        return
    there = directors(machine)
    for route in machine.host.routes(Family.INET6):
        for hop in route.next_hops if route.is_default and route.table == MAIN else ():
            conf = f"net/ipv6/conf/{hop.dev}"
            believed = machine.host.sysctl(f"{conf}/accept_redirects") == 1
            if hop.gateway in there and believed and machine.host.sysctl(f"{conf}/forwarding") == 0:
                yield Found(
                    dotted(f"{conf}/accept_redirects"),
                    f"it is 1, and {hop.gateway} is a director",
                    f"sysctl -w {dotted(f'{conf}/accept_redirects')}=0, and the same in /etc/sysctl.d/60-lvs.conf",
                )
