"""Tables as ipvsadm lists and saves them, column for column."""

import socket
from collections.abc import Collection, Iterable, Iterator
from functools import cmp_to_key, lru_cache
from ipaddress import IPv6Address
from typing import Final

from lvsctl.ipvs.model import (
    Counters,
    Dest,
    DestKey,
    Info,
    Load,
    Observation,
    Service,
    SyncDaemon,
    Timeouts,
    flag_names,
)
from lvsctl.ipvs.rules import dest_rule, service_rule
from lvsctl.vocabulary import Address, Family, ForwardingMethod, Protocol, ServiceKey, TunnelFlag, TunnelType

_METHOD_NAMES: Final = {
    ForwardingMethod.NAT: "Masq",
    ForwardingMethod.LOCAL: "Local",
    ForwardingMethod.TUN: "Tunnel",
    ForwardingMethod.DR: "Route",
}
_CHECKSUM_NAMES: Final = {TunnelFlag.NOCSUM: "-c", TunnelFlag.CSUM: "+c", TunnelFlag.REMCSUM: "r+c"}
_NUMBERS: Final = {None: 0, Protocol.TCP: 6, Protocol.UDP: 17, Protocol.SCTP: 132}

_TITLES: Final = {
    "stats": ("Conns", "InPkts", "OutPkts", "InBytes", "OutBytes"),
    "rate": ("CPS", "InPPS", "OutPPS", "InBPS", "OutBPS"),
}


def version(info: Info) -> str:
    """Answer the first line of every list."""
    return f"IP Virtual Server version {'.'.join(map(str, info.version))} (size={info.connection_table_size})"


class Listing:
    """How ``-L`` prints a table: *given* are the options beside it."""

    def __init__(self, given: Collection[str]) -> None:
        self.numeric = "numeric" in given
        self.sorted = "nosort" not in given
        self.exact = "exact" in given
        kinds = ("stats", "rate", "thresholds", "persistent-conn", "tun-info")
        self.kind = next((kind for kind in kinds if kind in given), "")

    def lines(self, seen: Observation) -> Iterator[str]:
        """Yield the title and the entries."""
        yield from self._title()
        for key in services_in_order(seen.table) if self.sorted else seen.table:
            server = seen.table[key]
            yield self._service(key, server.service, seen.services[key])
            for dest_key in dests_in_order(server.dests, sort=self.sorted):
                name = f"  -> {self._dest_name(key, dest_key):<28}"
                yield name + self._dest(server.dests[dest_key], seen.dests[key, dest_key])

    def _title(self) -> Iterator[str]:
        local, remote = "Prot LocalAddress:Port", "  -> RemoteAddress:Port"
        match self.kind:
            case "stats" | "rate":
                yield f"{local:<33}" + "".join(f" {title:>8}" for title in _TITLES[self.kind])
                yield remote
            case "thresholds":
                yield f"{local:<33} {'Uthreshold':<10} {'Lthreshold':<10} {'ActiveConn':<10} {'InActConn':<10}"
                yield remote
            case "persistent-conn":
                yield f"{local:<33} {'Weight':<9} {'PersistConn':<11} {'ActiveConn':<10} {'InActConn':<10}"
                yield remote
            case kind:
                tunnel = "TunnelInfo    " if kind else ""
                yield f"{local} Scheduler Flags"
                yield f"{remote:<34}Forward {tunnel}Weight ActiveConn InActConn"

    def _service(self, key: ServiceKey, service: Service, counters: Counters) -> str:
        name = self._service_name(key)
        match self.kind:
            case "stats":
                return f"{name:<33}" + "".join(self._large(number) for number in counters[:5])
            case "rate":
                return f"{name:<33}" + "".join(self._large(number) for number in counters[5:])
        return f"{name} {service.scheduler}{''.join(_attributes(service))}"

    def _dest(self, dest: Dest, load: Load) -> str:
        active, inactive, persistent = load.connections
        match self.kind:
            case "stats":
                return "".join(self._large(number) for number in load.counters[:5])
            case "rate":
                packets, octets = load.counters[5:8], load.counters[8:]
                return "".join(f" {n:>8}" for n in packets) + "".join(self._large(n) for n in octets)
            case "thresholds":
                return f" {dest.upper:<10} {dest.lower:<10} {active:<10} {inactive:<10}"
            case "persistent-conn":
                return f" {dest.weight:<9} {persistent:<11} {active:<10} {inactive:<10}"
        method = _METHOD_NAMES.get(dest.method, "(null)")
        tunnel = f" {_tunnel(dest):<13}" if self.kind else ""
        return f" {method:<7}{tunnel} {dest.weight:<6} {active:<10} {inactive:<10}"

    def _service_name(self, key: ServiceKey) -> str:
        if key.mark:
            return f"FWM  {key.mark}" + (" IPv6" if key.family is Family.INET6 else "")
        name = f"{key.protocol:<4} {place(key.address, key.port, key.protocol, numeric=self.numeric)}"
        return name if key.family is Family.INET6 else name[:33]

    def _dest_name(self, key: ServiceKey, dest_key: DestKey) -> str:
        name = place(*dest_key, key.protocol, numeric=self.numeric)
        return name if isinstance(dest_key.address, IPv6Address) else name[:28]

    def _large(self, number: int) -> str:
        if self.exact:
            return f"{number:>9}" if number < 10**8 else f" {number}"
        for limit, divisor, unit in _UNITS:
            if number < limit:
                return f"{number // divisor:>{9 - len(unit)}}{unit}"
        return f"{number // 10**12:>8}T"


_UNITS: Final = ((10**8, 1, ""), (10**9, 10**3, "K"), (10**11, 10**6, "M"), (10**14, 10**9, "G"))


def saved(seen: Observation, *, numeric: bool) -> Iterator[str]:
    """Yield what ``-S`` prints: sorted and, as ipvsadm does it, without thresholds."""
    for key in services_in_order(seen.table):
        service, dests = seen.table[key]
        yield _named(service_rule(key, service), key, None, numeric=numeric)
        for dest_key in dests_in_order(dests, sort=True):
            plain = dests[dest_key]._replace(upper=0, lower=0)
            if plain.method not in _RULE_METHODS:
                plain = plain._replace(method=ForwardingMethod.DR)
            yield _named(dest_rule(key, dest_key, plain), key, dest_key, numeric=numeric)


_RULE_METHODS: Final = (ForwardingMethod.NAT, ForwardingMethod.DR, ForwardingMethod.TUN)


def _named(rule: str, key: ServiceKey, dest_key: DestKey | None, *, numeric: bool) -> str:
    words = rule.split(" ")
    if not key.mark:
        words[2] = place(key.address, key.port, key.protocol, numeric=numeric)
    if dest_key:
        words[words.index("-r") + 1] = place(*dest_key, key.protocol, numeric=numeric)
    return " ".join(words)


def timeouts(found: Timeouts) -> str:
    """Answer what ``-L --timeout`` prints."""
    return f"Timeout (tcp tcpfin udp): {found.tcp} {found.tcp_fin} {found.udp}"


def daemon(found: SyncDaemon) -> str:
    """Answer one line of ``-L --daemon``."""
    words = [f"mcast={found.interface}", f"syncid={found.sync_id}"]
    extras = (("maxlen", found.max_length), ("group", found.group), ("port", found.port), ("ttl", found.ttl))
    words += (f"{name}={value}" for name, value in extras if value)
    return f"{found.role} sync daemon ({', '.join(words)})"


def place(address: Address | None, port: int, protocol: Protocol | None, *, numeric: bool) -> str:
    """Write an address and port, by their names unless *numeric*."""
    if address is None:
        return ""
    host = _text(address) if numeric else _host(_text(address))
    service = str(port) if numeric else _service(port, protocol)
    return f"[{host}]:{service}" if isinstance(address, IPv6Address) else f"{host}:{service}"


def _text(address: Address) -> str:
    # inet_ntop writes IPv4-mapped addresses as ipvsadm does.
    return str(address) if address.version == 4 else socket.inet_ntop(socket.AF_INET6, address.packed)  # noqa: PLR2004 - IP's own version number


@lru_cache(maxsize=4096)
def _host(address: str) -> str:
    try:
        return socket.gethostbyaddr(address)[0]
    except OSError:
        return address


@lru_cache(maxsize=4096)
def _service(port: int, protocol: Protocol | None) -> str:
    try:
        return socket.getservbyport(port, (protocol or Protocol.TCP).lower())
    except OSError:
        return str(port)


def _attributes(service: Service) -> Iterator[str]:
    if service.flags:
        yield f" ({','.join(flag_names(service.scheduler, service.flags))})"
    if service.persistence:
        yield f" persistent {service.persistence.timeout}"
        if service.persistence.netmask is not None:
            yield f" mask {service.persistence.netmask}"
        if service.engine:
            yield f" pe {service.engine}"
    if service.one_packet:
        yield " ops"


def _tunnel(dest: Dest) -> str:
    if dest.method is not ForwardingMethod.TUN:
        return "n/a"
    kind, port, flags = dest.tunnel
    checksum = _CHECKSUM_NAMES.get(flags, str(int(flags)))
    match kind:
        case TunnelType.GUE:
            return f"gue:{port}:{checksum}"
        case TunnelType.GRE:
            return f"gre:{checksum}"
    return "ipip"


def services_in_order(keys: Iterable[ServiceKey]) -> list[ServiceKey]:
    """Sort as ipvsadm does: by mark, family, protocol, address, port."""
    return sorted(keys, key=cmp_to_key(_compare_services))


def dests_in_order(dests: Collection[DestKey], *, sort: bool) -> list[DestKey]:
    """Sort by address and port, or put the newest first as the kernel does."""
    if not sort:
        return list(dests)[::-1]
    if all(key.address.version == 4 for key in dests):  # noqa: PLR2004 - IP versions are their own names
        by_number = sorted((int(key.address), key.port, key) for key in dests)
        if not by_number or by_number[-1][0] - by_number[0][0] < 2**31:
            return [key for _, _, key in by_number]
    return sorted(dests, key=cmp_to_key(_compare_dests))


def _compare_services(a: ServiceKey, b: ServiceKey) -> int:
    return (
        _difference(a.mark, b.mark)
        or _compare(a.family, b.family)
        or _NUMBERS[a.protocol] - _NUMBERS[b.protocol]
        or _compare_addresses(a.address, b.address)
        or a.port - b.port
    )


def _compare_dests(a: DestKey, b: DestKey) -> int:
    return _compare_addresses(a.address, b.address) or a.port - b.port


def _compare_addresses(a: Address | None, b: Address | None) -> int:
    if a is None or b is None:
        return 0
    width = 16 if a.version == 6 else 4  # noqa: PLR2004 - IP versions are their own names
    first, second = (x.packed.ljust(16, b"\0")[:width] for x in (a, b))
    pairs: Iterator[tuple[int, int]] = (
        (int.from_bytes(first[i : i + 4], "big"), int.from_bytes(second[i : i + 4], "big"))
        for i in range(0, width, 4)
    )
    return next((step for x, y in pairs if (step := _difference(x, y))), 0)


def _difference(a: int, b: int) -> int:
    # ipvsadm subtracts in 32 bits, so that 10.0.0.1 comes after 200.0.0.1. Its lists are what scripts compare with.
    return (a - b + 2**31) % 2**32 - 2**31


def _compare(a: str, b: str) -> int:
    return (a > b) - (a < b)
