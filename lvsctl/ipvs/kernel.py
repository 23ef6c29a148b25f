"""The kernel's own table: read without tearing, changed in batches, one short-lived connection.

Everything that talks to the running kernel's IPVS is here; what the bytes mean is in
:mod:`~lvsctl.ipvs.encode` and :mod:`~lvsctl.ipvs.decode`. Nothing here decides what should be changed.
"""

import errno
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Final, Self, TypeVar

from lvsctl.ipvs import decode, encode, wire
from lvsctl.ipvs.errors import NotRoot, Refusal, RequestRefused, Restless
from lvsctl.ipvs.model import (
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

_READINGS: Final = 50
"""How often a list that keeps changing is read before giving up; each takes milliseconds."""


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

    def table(self) -> Table:
        """Read all settings. Raises Restless when they never hold still."""
        read = self._read_all(decode.ServiceReader().read, decode.DestReader().read)
        return {key: VirtualServer(service, dests) for key, (service, dests) in read.items()}

    def observe(self) -> Observation:
        """Read all settings, counters and numbers of connections. Raises Restless."""
        return _observation(self._read_all(_service_observer(), _dest_observer()))

    def observe_one(self, key: ServiceKey) -> Observation:
        """Read one service like :meth:`observe`; an empty Observation when there is no such service."""
        code, answers = self._socket.request(wire.GET_SERVICE, encode.service_attribute(key))
        if code == errno.ESRCH:
            return Observation({}, {}, {})
        _raise_for(code, str(key))
        _, service = _service_observer()(answers[0])
        return _observation({key: (service, self._dests(key, _dest_observer()))})

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

    def _read_all(self, read_service: _ReadService[S], read_dest: _ReadDest[D]) -> _Read[S, D]:
        # A service may come or go while its neighbours are read: list again until the list is what was read.
        read: dict[ServiceKey, dict[DestKey, D]] = {}
        previous: list[ServiceKey] | None = None
        for _ in range(_READINGS):
            services, whole = self._list(wire.GET_SERVICE, b"", read_service)
            keys = [key for key, _ in services]
            missing = [key for key in keys if key not in read]
            if not missing and (whole or keys == previous) and len(set(keys)) == len(keys):
                return {key: (service, read[key]) for key, service in services}
            read.update({key: self._dests(key, read_dest) for key in missing})
            previous = keys
        raise Restless("the list of services", _READINGS)

    def _dests(self, key: ServiceKey, read_dest: _ReadDest[D]) -> dict[DestKey, D]:
        named, family = encode.service_attribute(key), key.family
        previous: list[DestKey] | None = None
        for _ in range(_READINGS):
            newest_first, whole = self._list(wire.GET_DEST, named, lambda entry: read_dest(entry, family))
            dests = dict(reversed(newest_first))
            keys = list(dests)
            if whole or (keys == previous and len(keys) == len(newest_first)):
                return dests
            previous = keys
        raise Restless(f"the list of destinations of {key}", _READINGS)

    def _list(self, command: int, payload: bytes, read: Callable[[memoryview], T]) -> tuple[list[T], bool]:
        """Answer the entries of one dump, and whether they came whole, in one datagram.

        The kernel lets go of its lock between datagrams and goes on by position: a change in between makes it skip
        or repeat entries, and nothing in the answer says so.
        """
        parts = [[read(entry) for entry in part] for part in self._socket.dump(command, payload)]
        return [entry for part in parts for entry in part], len(parts) <= 1


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
