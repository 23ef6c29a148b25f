"""Compose the part of the kernel's table that the spec gives to lvsctl: its virtual servers with ``owner: lvsctl``. Pure.

What keepalived 2.2.7 would program for the same lines is what comes out (check_data.c, ipvswrapper.c; a kernel test
compares the two), except in groups, where it loses something: it ignores `persistence_granularity` there, and stops at
the first real server whose family an address does not have. A sorry server is not in it: `lvsctl sorry` adds that.
"""

from collections.abc import Iterator
from typing import NamedTuple

from lvsctl.compose.claims import Claims, mark_family, method_of
from lvsctl.errors import Fault, SpecInvalid
from lvsctl.ipvs.model import Dest, DestKey, Persistence, Service, Table, Tunnel, VirtualServer
from lvsctl.spec.load import Declared
from lvsctl.spec.lvs_method import LvsMethod
from lvsctl.spec.paths import dotted
from lvsctl.spec.real_server import RealServer
from lvsctl.spec.spec import Spec
from lvsctl.spec.virtual_server import VirtualServer as Declaration
from lvsctl.vocabulary import (
    Address,
    Family,
    ForwardingMethod,
    Protocol,
    Scheduler,
    SchedulerFlag,
    ServiceKey,
    TunnelFlag,
    TunnelType,
    family_of,
)

MOST_ENTRIES = 1_000_000
"""Services and destinations together; a range such as 10.0.0.0/8 in a group would fill the kernel's memory."""

Path = tuple[str | int, ...]

_FLAGS = {
    "flag_1": SchedulerFlag.FLAG_1,
    "flag_2": SchedulerFlag.FLAG_2,
    "flag_3": SchedulerFlag.FLAG_3,
    "sh_port": SchedulerFlag.SH_PORT,
    "sh_fallback": SchedulerFlag.SH_FALLBACK,
    "mh_port": SchedulerFlag.MH_PORT,
    "mh_fallback": SchedulerFlag.MH_FALLBACK,
}
_CHECKSUMS = {"nocsum": TunnelFlag.NOCSUM, "csum": TunnelFlag.CSUM, "remcsum": TunnelFlag.REMCSUM}


class Problem(NamedTuple):
    """Why a virtual server has no place in the table; *path* is in the resolved spec."""

    path: Path
    message: str


class NoTable(Exception):
    """The spec declares no table that a kernel could have; with every problem."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = problems


def table(spec: Spec) -> Table:
    """Answer the services that lvsctl owns in the resolved *spec*, destinations in the order written.

    Raises NoTable with every problem: a service that is claimed twice, or more than MOST_ENTRIES of them.
    """
    composed: dict[ServiceKey, VirtualServer] = {}
    claims = Claims(spec)
    problems: list[Problem] = []
    left = MOST_ENTRIES
    for name, service in spec.virtual_servers.items():
        if service.owner != "lvsctl":
            continue
        path: Path = ("virtual_servers", name)
        left -= size(service, spec)
        if left < 0:
            problems.append(
                Problem(path, f"this makes more than {MOST_ENTRIES:,} services and destinations in the table")
            )
            break
        for key, server in _servers(service, spec):
            if key in composed or key in claims:
                whose = "another virtual server" if key in composed else "a virtual server of keepalived"
                problems.append(Problem(path, f"{key} belongs to {whose} already"))
            composed[key] = server
    if problems:
        raise NoTable(problems)
    return composed


def table_of(declared: Declared, node: str) -> Table:
    """Answer the table of *node*; raise SpecInvalid, with positions, where :func:`table` raises NoTable."""
    try:
        return table(declared.spec(node))
    except NoTable as error:
        raise SpecInvalid(
            [Fault(declared.place(node, path), dotted(path), message) for path, message in error.problems]
        ) from error


def size(service: Declaration, spec: Spec) -> int:
    """Answer how many entries *service* makes, without making them."""
    entries = spec.virtual_server_groups.get(service.group or "", ())
    keys = sum(
        1 if entry.address is None else int(entry.address.last) - int(entry.address.first) + 1
        for entry in entries
    )
    return (keys if service.group is not None else 1) * (1 + len(service.real_servers))


def _servers(service: Declaration, spec: Spec) -> Iterator[tuple[ServiceKey, VirtualServer]]:
    for key in keys(service, spec):
        yield key, VirtualServer(_settings(service, key.family), dict(_dests(service, key)))


def keys(service: Declaration, spec: Spec) -> Iterator[ServiceKey]:
    """Yield the services in the kernel that *service* means: one, or all of its group; see :func:`size`."""
    protocol = Protocol(service.protocol or Protocol.TCP)
    if service.address is not None:
        yield ServiceKey.of(protocol, service.address, service.port or 0)
    elif service.fwmark is not None:
        yield ServiceKey.fwmark(service.fwmark, mark_family(service))
    for entry in spec.virtual_server_groups.get(service.group or "", ()):
        if entry.address is not None:
            kind, family = type(entry.address.first), family_of(entry.address.first)
            for number in range(int(entry.address.first), int(entry.address.last) + 1):
                yield ServiceKey(protocol, kind(number), entry.port or 0, 0, family)
        elif entry.fwmark is not None:
            yield ServiceKey.fwmark(
                entry.fwmark, Family(entry.family) if entry.family else mark_family(service)
            )


def _settings(service: Declaration, family: Family) -> Service:
    return Service(
        scheduler=service.lvs_sched or Scheduler.WLC,
        flags=_flags(service),
        one_packet=service.ops,
        persistence=_persistence(service, family),
        engine=(service.persistence_engine or "") if service.is_persistent else "",
    )


def _flags(service: Declaration) -> SchedulerFlag:
    flags = SchedulerFlag.NONE
    for name, bit in _FLAGS.items():
        if getattr(service, name):
            flags |= bit
    return flags


def _persistence(service: Declaration, family: Family) -> Persistence | None:
    if not service.is_persistent:
        return None
    stated = service.persistence_timeout.seconds if service.persistence_timeout else None
    granularity = service.persistence_granularity
    # A group may have addresses of both families; a netmask says nothing about the other one's.
    fits = isinstance(granularity, int) is (family is Family.INET6)
    persistence = Persistence(netmask=granularity if fits else None)
    return persistence._replace(timeout=stated) if stated else persistence


def _dests(service: Declaration, key: ServiceKey) -> Iterator[tuple[DestKey, Dest]]:
    weight = 1 if service.weight is None else service.weight
    for server in service.real_servers:
        how = method_of(server, service)
        if service.group is not None and how.method != "TUN" and family_of(server.address) is not key.family:
            continue
        dest = Dest(
            ForwardingMethod(how.method),
            weight if server.weight is None else server.weight,
            server.uthreshold or 0,
            server.lthreshold or 0,
            tunnel(how),
        )
        yield _dest_key(server, how, key, service), dest


def _dest_key(server: RealServer, how: LvsMethod, key: ServiceKey, service: Declaration) -> DestKey:
    address: Address = server.address
    if how.method != "NAT":
        return DestKey(address, key.port)
    # In a group keepalived leaves port 0, and the kernel then takes the one that the client asked for: the same thing.
    return DestKey(address, server.port or (key.port if service.group is None else 0))


def tunnel(how: LvsMethod) -> Tunnel:
    """Answer the encapsulation that *how* means."""
    if how.method != "TUN":
        return Tunnel()
    return Tunnel(TunnelType(how.type or "ipip"), how.port or 0, _CHECKSUMS[how.checksum or "nocsum"])
