"""Which services of the kernel's table the spec gives to keepalived: what lvsctl then never touches. Pure.

Nothing is expanded, so a group of a million addresses costs what one address costs.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address

from lvsctl.spec.lvs_method import LvsMethod
from lvsctl.spec.real_server import RealServer
from lvsctl.spec.server_group import VirtualServerGroupEntry
from lvsctl.spec.spec import Spec
from lvsctl.spec.virtual_server import VirtualServer
from lvsctl.vocabulary import MAX_MARK, Family, Protocol, ServiceKey, family_of

FIRST_NFTABLES_MARK = 1000
"""Where keepalived begins when `nftables_ipvs` has it mark the packets of groups itself (check_nftables.c)."""

NAT = LvsMethod(method="NAT")


class Claims:
    """The services that keepalived owns by a resolved spec; ``key in claims`` asks for one."""

    def __init__(self, spec: Spec) -> None:
        self._addresses: dict[tuple[Protocol, int, int], list[tuple[int, int]]] = {}
        self._marks: list[tuple[Family, int, int]] = list(_nftables_marks(spec))
        for service in spec.virtual_servers.values():
            if service.owner == "keepalived":
                self._claim(service, spec.virtual_server_groups.get(service.group or "", ()))

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, ServiceKey):
            return False
        if key.mark:
            return any(key.family is family and low <= key.mark <= high for family, low, high in self._marks)
        if key.protocol is None or key.address is None:
            return False
        spans = self._addresses.get((key.protocol, key.address.version, key.port), ())
        return any(low <= int(key.address) <= high for low, high in spans)

    def _claim(self, service: VirtualServer, entries: Iterable[VirtualServerGroupEntry]) -> None:
        protocol = Protocol(service.protocol or Protocol.TCP)
        if service.address is not None:
            number = int(service.address)
            where = (protocol, service.address.version, service.port or 0)
            self._addresses.setdefault(where, []).append((number, number))
        elif service.fwmark is not None:
            self._marks.append((mark_family(service), service.fwmark, service.fwmark))
        for entry in entries:
            if entry.address is not None:
                first, last = entry.address.first, entry.address.last
                where = (protocol, first.version, entry.port or 0)
                self._addresses.setdefault(where, []).append((int(first), int(last)))
            elif entry.fwmark is not None:
                family = Family(entry.family) if entry.family else mark_family(service)
                self._marks.append((family, entry.fwmark, entry.fwmark))


def _nftables_marks(spec: Spec) -> Iterable[tuple[Family, int, int]]:
    settings = spec.global_defs
    if settings is None or settings.nftables_ipvs is None:
        return ()
    first = settings.nftables_ipvs_start_fwmark or FIRST_NFTABLES_MARK
    return [(family, first, MAX_MARK) for family in Family]


def method_of(server: RealServer, service: VirtualServer) -> LvsMethod:
    """Answer how packets get to *server*, tunnel included."""
    return server.lvs_method or service.lvs_method or NAT


def mark_family(service: VirtualServer) -> Family:
    """Answer the family of a firewall mark of *service* that states none, as keepalived does (vs_end_handler).

    Whoever is not tunnelled has to be of the service's own family; tunnelled servers only count where they agree,
    and not for a group.
    """
    if service.ip_family is not None:
        return Family(service.ip_family)
    if service.persistence_granularity is not None:
        return Family.INET if isinstance(service.persistence_granularity, IPv4Address) else Family.INET6
    servers = [(family_of(each.address), method_of(each, service).method) for each in service.real_servers]
    if service.sorry_server is not None and service.sorry_server.address is not None:
        how = service.sorry_server_lvs_method or service.lvs_method or NAT
        servers.append((family_of(service.sorry_server.address), how.method))
    plain = [family for family, method in servers if method != "TUN"]
    if plain:
        return plain[0]
    families = {family for family, _ in servers}
    return families.pop() if len(families) == 1 and service.group is None else Family.INET
