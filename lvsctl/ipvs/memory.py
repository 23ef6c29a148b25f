"""A table in this process's memory that refuses what the kernel refuses, with the same errno, in the same order.

For trying and explaining plans without root, and for tests. The rules are those of ip_vs_ctl.c of Linux 6.1; where
they depend on the machine (is this address a broadcast of one of its networks?) the memory table has no machine and
says yes. It forwards nothing: what counts connections is whoever calls :meth:`MemoryIpvs.count`.
"""

import errno
from collections.abc import Collection, Iterable, Mapping
from ipaddress import IPv4Address
from typing import Final, Self

from lvsctl.ipvs import encode
from lvsctl.ipvs.errors import Refusal, RequestRefused
from lvsctl.ipvs.model import (
    Connections,
    Counters,
    Dest,
    DestKey,
    Info,
    Load,
    Observation,
    Service,
    SyncDaemon,
    Table,
    Timeouts,
    VirtualServer,
    canonical,
    canonical_dest,
)
from lvsctl.ipvs.steps import (
    AddDest,
    AddService,
    DeleteDest,
    DeleteService,
    EditDest,
    EditService,
    Flush,
    Step,
    Zero,
    advance,
    draft,
)
from lvsctl.vocabulary import (
    Address,
    Family,
    ForwardingMethod,
    Scheduler,
    ServiceKey,
    SyncRole,
    TunnelType,
    family_of,
)

NO_SCHEDULER: Final = "none"
"""What the kernel calls a service without a scheduler; it drops every new connection."""

_IDLE: Final = Load(Connections(), Counters())


class MemoryIpvs:
    """A table that begins as *table*, on a machine with these network *interfaces*."""

    def __init__(self, table: Table | None = None, *, interfaces: Iterable[str] = ("lo", "eth0")) -> None:
        self._draft = draft(table or {})
        self._counters: dict[ServiceKey, Counters] = {}
        self._loads: dict[tuple[ServiceKey, DestKey], Load] = {}
        # The kernel keeps deleted destinations for a while: added again, one has its connections again.
        self._trash: dict[tuple[ServiceKey, DestKey], Load] = {}
        self._timeouts = Timeouts(900, 120, 300)
        self._daemons: dict[SyncRole, SyncDaemon] = {}
        self._interfaces = frozenset(interfaces)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is held."""

    def table(self, only: Collection[ServiceKey] | None = None) -> Table:
        """Answer all settings; with *only*, those of these services that there are."""
        return {
            key: VirtualServer(service, dict(dests))
            for key, (service, dests) in self._draft.items()
            if only is None or key in only
        }

    def services(self) -> dict[ServiceKey, Service]:
        """Answer the settings of all services, without their destinations."""
        return {key: service for key, (service, _) in self._draft.items()}

    def observe(self, only: Collection[ServiceKey] | None = None) -> Observation:
        """Answer all settings, counters and numbers of connections; *only* as in :meth:`table`."""
        return self._observe(self._draft if only is None else [key for key in self._draft if key in only])

    def connections(self, of: Mapping[ServiceKey, DestKey]) -> dict[ServiceKey, Connections]:
        """Answer how many connections one destination of each of these services has; none when it is gone."""
        loads = self.observe(of).dests
        return {key: loads.get((key, dest_key), _IDLE).connections for key, dest_key in of.items()}

    def observe_one(self, key: ServiceKey) -> Observation:
        """Answer one service like :meth:`observe`; an empty Observation when there is no such service."""
        return self._observe([key] if key in self._draft else [])

    def send(self, steps: Iterable[Step]) -> tuple[Refusal, ...]:
        """Try every step, in order, and answer those that were refused; a refusal does not stop the next step."""
        refusals = []
        for given in steps:
            encode.batch([given], 0, 0)  # raises where a value does not fit into the kernel's fields
            code = self._refusal(given)
            step = _as_kept(given)
            if code:
                refusals.append(Refusal(given, code))
            else:
                self._recount(step)
                advance(self._draft, step)
        return tuple(refusals)

    def count(self, key: ServiceKey, dest_key: DestKey, load: Load) -> None:
        """Pretend that *load* was observed of a destination that is in the table."""
        self._loads[key, dest_key] = load

    def timeouts(self) -> Timeouts:
        """Answer how long idle connections live."""
        return self._timeouts

    def set_timeouts(self, timeouts: Timeouts) -> None:
        """Set how long idle connections live; 0 leaves a value as it is."""
        self._timeouts = Timeouts(*(new or old for new, old in zip(timeouts, self._timeouts, strict=True)))

    def info(self) -> Info:
        """Answer the version that the rules are taken from."""
        return Info((1, 2, 1), 4096)

    def daemons(self) -> tuple[SyncDaemon, ...]:
        """Answer which connection sync daemons run, master first."""
        return tuple(self._daemons[role] for role in SyncRole if role in self._daemons)

    def start_daemon(self, daemon: SyncDaemon) -> None:
        """Start a connection sync daemon. Raises RequestRefused."""
        encode.encode_daemon(daemon)
        what = f"{daemon.role} sync daemon on {daemon.interface}"
        mixed = any(
            family_of(dest_key.address) is not key.family
            for key, (_, dests) in self._draft.items()
            for dest_key in dests
        )
        if mixed:
            raise RequestRefused(what, errno.EINVAL)
        if daemon.interface not in self._interfaces:
            raise RequestRefused(what, errno.ENODEV)
        if daemon.role in self._daemons:
            raise RequestRefused(what, errno.EEXIST)
        self._daemons[daemon.role] = daemon

    def stop_daemon(self, role: SyncRole) -> None:
        """Stop the connection sync daemon of *role*. Raises RequestRefused when none runs."""
        if self._daemons.pop(role, None) is None:
            raise RequestRefused(f"{role} sync daemon", errno.ESRCH)

    def _observe(self, keys: Iterable[ServiceKey]) -> Observation:
        table, services, loads = {}, {}, {}
        for key in keys:
            service, dests = self._draft[key]
            table[key] = VirtualServer(service, dict(dests))
            services[key] = self._counters.get(key, Counters())
            loads.update({(key, dest_key): self._loads.get((key, dest_key), _IDLE) for dest_key in dests})
        return Observation(table, services, loads)

    def _recount(self, step: Step) -> None:
        match step:
            case AddDest(key, dest_key, _):
                self._loads[key, dest_key] = self._trash.pop((key, dest_key), _IDLE)
            case DeleteDest(key, dest_key):
                self._discard(key, [dest_key])
            case DeleteService(key):
                self._forget(key)
            case Flush():
                for key in self._draft:
                    self._forget(key)
            case Zero(None):
                for key in self._draft:
                    self._zero(key)
            case Zero(key) if key:
                self._zero(key)

    def _forget(self, key: ServiceKey) -> None:
        # Counters do not outlive their service, connections outlive their destination.
        self._zero(key)
        self._discard(key, self._draft[key][1])
        self._counters.pop(key, None)

    def _discard(self, key: ServiceKey, dest_keys: Iterable[DestKey]) -> None:
        self._trash |= {(key, dest_key): self._loads.pop((key, dest_key), _IDLE) for dest_key in dest_keys}

    def _zero(self, key: ServiceKey) -> None:
        self._counters.pop(key, None)
        for dest_key in self._draft[key][1]:
            load = self._loads.get((key, dest_key), _IDLE)
            self._loads[key, dest_key] = load._replace(counters=Counters())

    def _refusal(self, step: Step) -> int:
        match step:
            case AddService(key, service):
                return errno.EEXIST if key in self._draft else _service_refusal(key, service)
            case EditService(key, service):
                return _service_refusal(key, service) if key in self._draft else errno.ESRCH
            case DeleteService(key):
                return 0 if key in self._draft else errno.ESRCH
            case AddDest() | EditDest() | DeleteDest():
                return self._dest_refusal(step) if step.key in self._draft else errno.ESRCH
            case Zero(key):
                return 0 if key is None or key in self._draft else errno.ESRCH
            case Flush():
                return 0

    def _dest_refusal(self, step: AddDest | EditDest | DeleteDest) -> int:
        present = step.dest_key in self._draft[step.key][1]
        if isinstance(step, DeleteDest):
            return 0 if present else errno.ENOENT
        if family_of(step.dest_key.address) is not step.key.family and (
            self._daemons or step.dest.method is not ForwardingMethod.TUN
        ):
            return errno.EINVAL
        if code := _dest_settings_refusal(step.dest):
            return code
        if isinstance(step, EditDest):
            return 0 if present else errno.ENOENT
        return errno.EEXIST if present else _address_refusal(step.dest_key.address)


def _as_kept(step: Step) -> Step:
    if isinstance(step, AddService | EditService):
        return step._replace(service=canonical(step.service))
    if isinstance(step, AddDest | EditDest):
        return step._replace(dest=canonical_dest(step.dest))
    return step


def _service_refusal(key: ServiceKey, service: Service) -> int:
    if service.scheduler not in (*Scheduler, NO_SCHEDULER) or service.engine not in ("", "sip"):
        return errno.ENOENT
    if key.family is Family.INET6 and service.persistence:
        prefix = service.persistence.netmask
        if isinstance(prefix, int) and not 1 <= prefix <= 128:  # noqa: PLR2004 - bits of an IPv6 address
            return errno.EINVAL
    return 0


def _dest_settings_refusal(dest: Dest) -> int:
    if dest.weight < 0 or dest.lower > dest.upper:
        return errno.ERANGE
    if dest.tunnel.type is TunnelType.GUE and not dest.tunnel.port:
        return errno.EINVAL
    return 0


def _address_refusal(address: Address) -> int:
    if isinstance(address, IPv4Address):
        unicast = not (address.is_multicast or address.is_unspecified or address == _BROADCAST)
    else:
        unusable = address.is_multicast or address.is_unspecified or address.is_link_local
        unicast = not unusable and address.ipv4_mapped is None
    return 0 if unicast else errno.EINVAL


_BROADCAST: Final = IPv4Address("255.255.255.255")
