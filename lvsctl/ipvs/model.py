"""What the kernel's table holds: who a service is, how it is set, and what was counted, as three kinds of value.

Identity (:class:`~lvsctl.vocabulary.ServiceKey`, :class:`DestKey`) is hashable and never changes; settings
(:class:`Service`, :class:`Dest`) are what an operator decides and a plan compares; observations
(:class:`Counters`, :class:`Connections`) are what the kernel counted and no plan looks at. Every value is frozen.
Nothing here knows bytes, sockets or command lines.
"""

from collections.abc import Mapping
from ipaddress import IPv4Address
from typing import NamedTuple, Self

from lvsctl.vocabulary import (
    Address,
    ForwardingMethod,
    Scheduler,
    SchedulerFlag,
    ServiceKey,
    SyncRole,
    TunnelFlag,
    TunnelType,
    as_address,
    as_endpoint,
    endpoint,
)


class DestKey(NamedTuple):
    """Which destination (keepalived: real server) of a service."""

    address: Address
    port: int

    @classmethod
    def of(cls, address: Address | str, port: int) -> Self:
        """Name a destination. ValueError when *address* is not an IP address."""
        return cls(as_address(address), port)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``10.0.0.1:80`` or ``[2001:db8::1]:80``. ValueError says what is wrong."""
        return cls(*as_endpoint(text))

    def __str__(self) -> str:
        return endpoint(self.address, self.port)


class Persistence(NamedTuple):
    """Connections of one client stay on one destination."""

    timeout: int = 360
    """Seconds; the default of keepalived and of ipvsadm (whose man page says 300)."""
    netmask: IPv4Address | int | None = None
    """Who counts as one client: a netmask for IPv4, a prefix length for IPv6, None for the single address."""


class Service(NamedTuple):
    """How a virtual service is set."""

    scheduler: str = Scheduler.WLC
    """A Scheduler, or the name of any other that the kernel has."""
    flags: SchedulerFlag = SchedulerFlag.NONE
    one_packet: bool = False
    """Schedule each UDP packet anew (``ops``)."""
    persistence: Persistence | None = None
    engine: str = ""
    """The persistence engine (``sip``), or the empty string."""


class Tunnel(NamedTuple):
    """The encapsulation of a destination whose method is TUN."""

    type: TunnelType = TunnelType.IPIP
    port: int = 0
    """The UDP port of gue; 0 for the others."""
    flags: TunnelFlag = TunnelFlag.NOCSUM


class Dest(NamedTuple):
    """How a destination is set."""

    method: ForwardingMethod = ForwardingMethod.DR
    weight: int = 1
    """0: existing connections go on, new ones are sent elsewhere."""
    upper: int = 0
    """Above this many connections it is overloaded and gets no more; 0: no limit."""
    lower: int = 0
    """Below this many an overloaded one gets connections again; 0: three quarters of *upper*."""
    tunnel: Tunnel = Tunnel()


class VirtualServer(NamedTuple):
    """A service and its destinations, oldest first: the order to add them in to get the same table again.

    The order decides where sh and dh send a client. The kernel itself lists the newest first.
    """

    service: Service
    dests: Mapping[DestKey, Dest]


Table = Mapping[ServiceKey, VirtualServer]
"""All services. Two tables are equal when their settings are; the order of the entries is not compared by ``==``."""


class Counters(NamedTuple):
    """What went through a service or destination since it was added or zeroed, and how fast it goes (per second)."""

    conns: int = 0
    inpkts: int = 0
    outpkts: int = 0
    inbytes: int = 0
    outbytes: int = 0
    cps: int = 0
    inpps: int = 0
    outpps: int = 0
    inbps: int = 0
    outbps: int = 0


class Connections(NamedTuple):
    """How many connections a destination has now."""

    active: int = 0
    inactive: int = 0
    persistent: int = 0


class Load(NamedTuple):
    """What was observed of one destination."""

    connections: Connections
    counters: Counters


class Observation(NamedTuple):
    """A table together with what the kernel counted while it was read."""

    table: Table
    services: Mapping[ServiceKey, Counters]
    dests: Mapping[tuple[ServiceKey, DestKey], Load]


class Timeouts(NamedTuple):
    """How long idle connections live, in seconds; when set, 0 leaves a value as it is."""

    tcp: int
    tcp_fin: int
    udp: int


class SyncDaemon(NamedTuple):
    """A connection sync daemon; zeros and None leave the choice to the kernel."""

    role: SyncRole
    interface: str
    sync_id: int = 0
    max_length: int = 0
    group: Address | None = None
    port: int = 0
    ttl: int = 0


class Info(NamedTuple):
    """Which IPVS the kernel has."""

    version: tuple[int, int, int]
    connection_table_size: int


def canonical_dest(dest: Dest) -> Dest:
    """Answer *dest* without what has no effect: a tunnel without TUN, a port without gue, checksums without gue or gre."""
    kind, port, flags = dest.tunnel
    if not port and not flags and kind is TunnelType.IPIP:
        return dest
    if dest.method is not ForwardingMethod.TUN or kind is TunnelType.IPIP:
        return dest._replace(tunnel=Tunnel())
    return dest._replace(tunnel=Tunnel(kind, 0, flags)) if port and kind is TunnelType.GRE else dest


def canonical(service: Service) -> Service:
    """Answer *service* without what has no effect: a netmask of a single address is none."""
    if service.persistence and service.persistence.netmask in _SINGLE:
        return service._replace(persistence=service.persistence._replace(netmask=None))
    return service


_SINGLE = (IPv4Address("255.255.255.255"), 128)

FLAG_NAMES: Mapping[str, Mapping[SchedulerFlag, str]] = {
    Scheduler.SH: {SchedulerFlag.SH_FALLBACK: "sh-fallback", SchedulerFlag.SH_PORT: "sh-port"},
    Scheduler.MH: {SchedulerFlag.MH_FALLBACK: "mh-fallback", SchedulerFlag.MH_PORT: "mh-port"},
}
"""The bits that have a name of their own under a scheduler."""

GENERIC_FLAGS: Mapping[SchedulerFlag, str] = {
    SchedulerFlag.FLAG_1: "flag-1",
    SchedulerFlag.FLAG_2: "flag-2",
    SchedulerFlag.FLAG_3: "flag-3",
}


def flag_names(scheduler: str, flags: SchedulerFlag) -> tuple[str, ...]:
    """Answer the names of *flags* as *scheduler* reads them, every bit named: ``("sh-fallback", "sh-port")``."""
    own = FLAG_NAMES.get(scheduler, {})
    return tuple(own.get(bit, name) for bit, name in GENERIC_FLAGS.items() if flags & bit)


def flag_bit(scheduler: str, name: str) -> SchedulerFlag | None:
    """Answer the bit that *name* stands for under *scheduler*; None when it stands for none."""
    for names in (GENERIC_FLAGS, FLAG_NAMES.get(scheduler, {})):
        for bit, known in names.items():
            if known == name:
                return bit
    return None
