"""The kernel's own table: read without tearing, changed in batches, one short-lived connection.

Everything that talks to the running kernel's IPVS is here; what the bytes mean is in
:mod:`~lvsctl.ipvs.encode` and :mod:`~lvsctl.ipvs.decode`. Nothing here decides what should be changed.
"""

import errno
import time
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from itertools import count, islice, takewhile
from typing import Final, Self, TypeVar

from lvsctl.ipvs import decode, encode, wire
from lvsctl.ipvs.errors import NotRoot, Refusal, RequestRefused, Restless
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
)
from lvsctl.ipvs.netlink import Socket
from lvsctl.ipvs.steps import Step
from lvsctl.vocabulary import Family, ServiceKey, SyncRole

T = TypeVar("T")
S = TypeVar("S")
D = TypeVar("D")

_ReadService = Callable[[memoryview], tuple[ServiceKey, S]]
_ReadDest = Callable[[memoryview, Family], tuple[DestKey, D]]
_Read = dict[ServiceKey, tuple[S, dict[DestKey, D]]]

_BATCH: Final = 500
"""Steps per datagram: measured best between 200 and 1000 (80 kB, within the default send buffer)."""

_FEW: Final = 8
"""Up to this many services are asked for one by one, more by listing all: 1,000 are listed in 4 ms in the lab."""

_READINGS: Final = 50
"""How often a list that keeps changing is read before giving up, at least; each takes milliseconds."""

_PATIENCE: Final = 3.0
"""Seconds that it is read for, at least: where others have the processor, fifty readings can be out of luck."""


class KernelIpvs:
    """The IPVS table of this network namespace, or of *netns*. Raises NoIpvs, NotRoot or Unavailable.

    One object serves one thread at a time. It needs CAP_NET_ADMIN, also for reading.
    """

    def __init__(self, *, netns: str | None = None) -> None:
        self._socket = Socket("IPVS", netns=netns)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection to the kernel."""
        self._socket.close()

    def table(self, only: Collection[ServiceKey] | None = None) -> Table:
        """Read all settings; with *only*, those of these services that there are.

        Raises Restless when they never hold still.
        """
        read = self._read(only, decode.ServiceReader().read, decode.DestReader().read)
        return {key: VirtualServer(service, dests) for key, (service, dests) in read.items()}

    def services(self) -> dict[ServiceKey, Service]:
        """Read the settings of all services, without their destinations. Raises Restless."""
        return self._services(decode.ServiceReader().read)

    def observe(self, only: Collection[ServiceKey] | None = None) -> Observation:
        """Read all settings, counters and numbers of connections; *only* as in :meth:`table`. Raises Restless."""
        return _observation(self._read(only, _service_observer(), _dest_observer()))

    def observe_one(self, key: ServiceKey) -> Observation:
        """Read one service like :meth:`observe`; an empty Observation when there is no such service."""
        return self.observe([key])

    def connections(self, of: Mapping[ServiceKey, DestKey]) -> dict[ServiceKey, Connections]:
        """Read how many connections one destination of each of these services has; none when it is gone."""
        read_key, read_load = decode.DestReader().read, decode.LoadReader().read
        return {key: self._connections(key, wanted, read_key, read_load) for key, wanted in of.items()}

    def send(self, steps: Iterable[Step]) -> tuple[Refusal, ...]:
        """Try every step, in order, and answer those that the kernel refused; a refusal does not stop the next step.

        Raises Usage, before anything of its datagram is sent, for a value that does not fit into the kernel's fields.
        """
        refusals: list[Refusal] = []
        waiting = iter(steps)
        while chunk := list(islice(waiting, _BATCH)):
            first = self._socket.reserve(len(chunk))
            refused = self._socket.send(encode.batch(chunk, self._socket.family, first))
            if errno.EPERM in refused.values():
                raise NotRoot
            refusals += (Refusal(chunk[sequence - first], code) for sequence, code in sorted(refused.items()))
        return tuple(refusals)

    def timeouts(self) -> Timeouts:
        """Read how long idle connections live."""
        return decode.decode_timeouts(self._ask(wire.GET_CONFIG, "timeouts"))

    def set_timeouts(self, timeouts: Timeouts) -> None:
        """Set how long idle connections live; 0 leaves a value as it is."""
        code, _ = self._socket.request(wire.SET_CONFIG, encode.encode_timeouts(timeouts))
        _raise_for(code, "timeouts")

    def info(self) -> Info:
        """Read which IPVS this is."""
        return decode.decode_info(self._ask(wire.GET_INFO, "info"))

    def daemons(self) -> tuple[SyncDaemon, ...]:
        """Read which connection sync daemons run."""
        return tuple(
            decode.decode_daemon(entry) for part in self._socket.dump(wire.GET_DAEMON) for entry in part
        )

    def start_daemon(self, daemon: SyncDaemon) -> None:
        """Start a connection sync daemon. Raises RequestRefused when one of its role runs, or has no such interface."""
        code, _ = self._socket.request(wire.NEW_DAEMON, encode.encode_daemon(daemon))
        _raise_for(code, f"{daemon.role} sync daemon on {daemon.interface}")

    def stop_daemon(self, role: SyncRole) -> None:
        """Stop the connection sync daemon of *role*. Raises RequestRefused when none runs."""
        code, _ = self._socket.request(wire.DEL_DAEMON, encode.encode_daemon(SyncDaemon(role, "")))
        # EINTR: its thread was stopped before it ever ran.
        _raise_for(0 if code == errno.EINTR else code, f"{role} sync daemon")

    def _ask(self, command: int, what: str) -> memoryview:
        code, answers = self._socket.request(command)
        _raise_for(code, what)
        if not answers:
            raise wire.Malformed(f"{what}: an empty answer")
        return answers[0]

    def _read(
        self, only: Collection[ServiceKey] | None, read_service: _ReadService[S], read_dest: _ReadDest[D]
    ) -> _Read[S, D]:
        if only is not None and len(only) <= _FEW:
            return self._read_each(only, read_service, read_dest)
        return self._read_all(None if only is None else frozenset(only), read_service, read_dest)

    def _read_each(
        self, keys: Iterable[ServiceKey], read_service: _ReadService[S], read_dest: _ReadDest[D]
    ) -> _Read[S, D]:
        read: _Read[S, D] = {}
        for key in keys:
            code, answers = self._socket.request(wire.GET_SERVICE, encode.service_attribute(key))
            if code != errno.ESRCH:
                _raise_for(code, str(key))
                read[key] = read_service(answers[0])[1], self._dests(key, read_dest)
        return read

    def _services(self, read: _ReadService[S]) -> dict[ServiceKey, S]:
        previous: list[ServiceKey] | None = None
        for _ in _readings():
            services, whole = self._list(wire.GET_SERVICE, b"", read)
            keys = [key for key, _ in services]
            if (whole or keys == previous) and len(set(keys)) == len(keys):
                return dict(services)
            previous = keys
        raise Restless("the list of services", _PATIENCE)

    def _read_all(
        self, only: Container[ServiceKey] | None, read_service: _ReadService[S], read_dest: _ReadDest[D]
    ) -> _Read[S, D]:
        # A service may come or go while its neighbours are read: list again until the list is what was read.
        read: dict[ServiceKey, dict[DestKey, D]] = {}
        previous: list[ServiceKey] | None = None
        for _ in _readings():
            listed, whole = self._list(wire.GET_SERVICE, b"", read_service)
            services = [each for each in listed if only is None or each[0] in only]
            keys = [key for key, _ in services]
            missing = [key for key in keys if key not in read]
            if not missing and (whole or keys == previous) and len(set(keys)) == len(keys):
                return {key: (service, read[key]) for key, service in services}
            read.update({key: self._dests(key, read_dest) for key in missing})
            previous = keys
        raise Restless("the list of services", _PATIENCE)

    def _dests(self, key: ServiceKey, read_dest: _ReadDest[D]) -> dict[DestKey, D]:
        named, family = encode.service_attribute(key), key.family
        previous: list[DestKey] | None = None
        for _ in _readings():
            newest_first, whole = self._list(wire.GET_DEST, named, lambda entry: read_dest(entry, family))
            dests = dict(reversed(newest_first))
            keys = list(dests)
            if whole or (keys == previous and len(keys) == len(newest_first)):
                return dests
            previous = keys
        raise Restless(f"the list of destinations of {key}", _PATIENCE)

    def _connections(
        self,
        key: ServiceKey,
        wanted: DestKey,
        read_key: _ReadDest[Dest],
        read_load: Callable[[memoryview], Load],
    ) -> Connections:
        def read(entry: memoryview) -> Load | None:
            return read_load(entry) if read_key(entry, key.family)[0] == wanted else None

        listed, whole = self._list(wire.GET_DEST, encode.service_attribute(key), read)
        found = [load.connections for load in listed if load]
        if found or whole:
            return found[0] if found else Connections()
        # Perhaps it was skipped.
        seen = self._dests(key, _dest_observer()).get(wanted)
        return seen[1].connections if seen else Connections()

    def _list(self, command: int, payload: bytes, read: Callable[[memoryview], T]) -> tuple[list[T], bool]:
        """Answer the entries of one dump, and whether they came whole, in one datagram.

        The kernel lets go of its lock between datagrams and goes on by position: a change in between makes it skip
        or repeat entries, and nothing in the answer says so.
        """
        parts = [[read(entry) for entry in part] for part in self._socket.dump(command, payload)]
        return [entry for part in parts for entry in part], len(parts) <= 1


def _readings() -> Iterator[int]:
    """Yield until there were enough readings, and enough time for them."""
    end = time.monotonic() + _PATIENCE
    return takewhile(lambda done: done < _READINGS or time.monotonic() < end, count())


def _service_observer() -> _ReadService[tuple[Service, Counters]]:
    reader, counters = decode.ServiceReader(), decode.CountersReader()

    def read(entry: memoryview) -> tuple[ServiceKey, tuple[Service, Counters]]:
        key, service = reader.read(entry)
        return key, (service, counters.read(decode.service_stats(entry)))

    return read


def _dest_observer() -> _ReadDest[tuple[Dest, Load]]:
    reader, loads = decode.DestReader(), decode.LoadReader()

    def read(entry: memoryview, family: Family) -> tuple[DestKey, tuple[Dest, Load]]:
        key, dest = reader.read(entry, family)
        return key, (dest, loads.read(entry))

    return read


def _observation(read: _Read[tuple[Service, Counters], tuple[Dest, Load]]) -> Observation:
    table, services, loads = {}, {}, {}
    for key, ((service, counters), dests) in read.items():
        table[key] = VirtualServer(service, {dest_key: dest for dest_key, (dest, _) in dests.items()})
        services[key] = counters
        loads.update({(key, dest_key): load for dest_key, (_, load) in dests.items()})
    return Observation(table, services, loads)


def _raise_for(code: int, what: str) -> None:
    if code == errno.EPERM:
        raise NotRoot
    if code:
        raise RequestRefused(what, code)
