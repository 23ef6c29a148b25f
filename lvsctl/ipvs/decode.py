"""The bytes the kernel writes → the model: services, destinations, sync daemons, timeouts, info.

Pure. What it reads may have any layout: attributes of kernels to come are skipped, and the only error is
:class:`~lvsctl.ipvs.wire.Malformed`.
"""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final

from lvsctl.ipvs import numbers, wire
from lvsctl.ipvs.layout import Field, Layout
from lvsctl.ipvs.model import (
    Connections,
    Counters,
    Dest,
    DestKey,
    Info,
    Load,
    Persistence,
    Service,
    SyncDaemon,
    Timeouts,
    Tunnel,
    canonical_dest,
)
from lvsctl.ipvs.wire import Malformed, attributes
from lvsctl.vocabulary import (
    Address,
    Family,
    ServiceKey,
    TunnelFlag,
)

_SERVICE_FIELDS: Final = {
    numbers.AF: Field("H", 2),
    numbers.PROTOCOL: Field("H", 2),
    numbers.ADDR: Field("16s", 16),
    numbers.PORT: Field("2s", 2),
    numbers.SCHED: Field(),
    numbers.FLAGS: Field("8s", 8),
    numbers.TIMEOUT: Field("I", 4),
    numbers.NETMASK: Field("4s", 4),
}


class ServiceReader:
    """Reads identity and settings from the messages of dumps of services, expecting one layout like DestReader."""

    def __init__(self) -> None:
        self._layout: Layout | None = None

    def read(self, payload: memoryview) -> tuple[ServiceKey, Service]:
        """Answer one service. Raises Malformed."""
        values = self._layout.read(payload) if self._layout else None
        if values is not None:
            return _service_key(0, *values[:4]), _settings(values[0], *values[4:], b"")
        found = attributes(_required(attributes(payload), wire.ATTR_SERVICE))
        if numbers.FWMARK not in found and numbers.PE not in found:
            self._layout = Layout.learn(payload, wire.ATTR_SERVICE, _SERVICE_FIELDS)
        return _decode_service(found)


def _decode_service(found: dict[int, memoryview]) -> tuple[ServiceKey, Service]:
    family = _unsigned(found, numbers.AF)
    mark = _unsigned(found, numbers.FWMARK, default=0)
    place = (0, b"", b"")
    if not mark:
        address, port = bytes(_required(found, numbers.ADDR)), bytes(_required(found, numbers.PORT))
        place = (_unsigned(found, numbers.PROTOCOL), address, port)
    key = _service_key(mark, family, *place)
    scheduler, flags = bytes(_required(found, numbers.SCHED)), bytes(_required(found, numbers.FLAGS))
    timeout, mask = _unsigned(found, numbers.TIMEOUT, default=0), bytes(found.get(numbers.NETMASK, b""))
    return key, _settings(family, scheduler, flags, timeout, mask, bytes(found.get(numbers.PE, b"")))


@lru_cache(maxsize=4096)
def _service_key(mark: int, number: int, *place: Any) -> ServiceKey:
    family = numbers.FAMILY_OF.get(number)
    if family is None:
        raise Malformed(f"a service of address family {number}")
    if mark:
        return ServiceKey.fwmark(mark, family)
    protocol, address, port = place
    if protocol not in numbers.PROTOCOL_OF:
        raise Malformed(f"a service of protocol number {protocol}")
    where = _address(family, address)
    return ServiceKey(numbers.PROTOCOL_OF[protocol], where, int.from_bytes(port[:2], "big"), 0, family)


@lru_cache(maxsize=4096)
def _settings(family: int, scheduler: bytes, flags: bytes, *rest: Any) -> Service:
    timeout, mask, engine = rest
    bits = int.from_bytes(flags[:4], wire.NATIVE)
    return Service(
        scheduler=_text(scheduler),
        flags=numbers.FLAG_SETS[bits & numbers.SCHEDULER_FLAGS],
        one_packet=bool(bits & numbers.ONE_PACKET),
        persistence=Persistence(timeout, _netmask(family, mask)) if bits & numbers.PERSISTENT else None,
        engine=_text(engine),
    )


def _netmask(family: int, mask: bytes) -> IPv4Address | int | None:
    if len(mask) < 4:  # noqa: PLR2004 - bytes of a netmask
        raise Malformed(f"a netmask of {len(mask)} bytes")
    if numbers.FAMILY_OF[family] is Family.INET6:
        prefix = int.from_bytes(mask[:4], wire.NATIVE)
        return None if prefix == 128 else prefix  # noqa: PLR2004 - a single address
    return None if mask[:4] == b"\xff\xff\xff\xff" else IPv4Address(mask[:4])


def service_stats(payload: memoryview) -> memoryview:
    """Answer what CountersReader reads, out of one message of a dump of services. Raises Malformed."""
    return attributes(_required(attributes(payload), wire.ATTR_SERVICE)).get(numbers.STATS64, _NOTHING)


_NOTHING: Final = memoryview(b"")


_DEST_FIELDS: Final = {
    numbers.D_FAMILY: Field("H", 2),
    numbers.D_ADDR: Field("16s", 16),
    numbers.D_PORT: Field("2s", 2),
    numbers.D_METHOD: Field("I", 4),
    numbers.D_WEIGHT: Field("i", 4),
    numbers.D_UPPER: Field("I", 4),
    numbers.D_LOWER: Field("I", 4),
    numbers.D_TUN_TYPE: Field("B", 1),
    numbers.D_TUN_PORT: Field("2s", 2),
    numbers.D_TUN_FLAGS: Field("H", 2),
}


class DestReader:
    """Reads identity and settings from the messages of dumps of destinations.

    It expects the next message to be laid out like the one before (:mod:`lvsctl.ipvs.layout`), and copes if not.
    """

    def __init__(self) -> None:
        self._layout: Layout | None = None

    def read(self, payload: memoryview, service_family: Family) -> tuple[DestKey, Dest]:
        """Answer one destination of a service of *service_family*. Raises Malformed."""
        values = self._layout.read(payload) if self._layout else None
        if values is None:
            self._layout = Layout.learn(payload, wire.ATTR_DEST, _DEST_FIELDS)
            values = _dest_values(payload, service_family)
        return _dest_key(*values[:3]), _dest(*values[3:])


def _dest_values(payload: memoryview, service_family: Family) -> tuple[Any, ...]:
    """Answer the values of _DEST_FIELDS the slow way, also of kernels that do not know all of them."""
    found = attributes(_required(attributes(payload), wire.ATTR_DEST))
    return (
        _unsigned(found, numbers.D_FAMILY, default=numbers.FAMILIES[service_family]),
        bytes(_required(found, numbers.D_ADDR)),
        bytes(_required(found, numbers.D_PORT)),
        _unsigned(found, numbers.D_METHOD),
        int.from_bytes(_required(found, numbers.D_WEIGHT)[:4], wire.NATIVE, signed=True),
        _unsigned(found, numbers.D_UPPER),
        _unsigned(found, numbers.D_LOWER),
        _unsigned(found, numbers.D_TUN_TYPE, default=0),
        bytes(found.get(numbers.D_TUN_PORT, b"")),
        _unsigned(found, numbers.D_TUN_FLAGS, default=0),
    )


@lru_cache(maxsize=4096)
def _dest_key(family: int, address: bytes, port: bytes) -> DestKey:
    if family not in numbers.FAMILY_OF:
        raise Malformed(f"a destination of address family {family}")
    return DestKey(_address(numbers.FAMILY_OF[family], address), int.from_bytes(port[:2], "big"))


@lru_cache(maxsize=4096)
def _dest(method: int, weight: int, upper: int, lower: int, *tunnel: Any) -> Dest:
    if method >= len(numbers.METHODS):
        raise Malformed(f"a destination with forwarding method {method}")
    return canonical_dest(Dest(numbers.METHODS[method], weight, upper, lower, _tunnel(*tunnel)))


def _tunnel(kind: int, port: bytes, flags: int) -> Tunnel:
    if kind >= len(numbers.TUNNELS):
        raise Malformed(f"a destination with tunnel type {kind}")
    return Tunnel(numbers.TUNNELS[kind], int.from_bytes(port[:2], "big"), TunnelFlag(flags))


_LOAD_FIELDS: Final = {
    numbers.D_ACTIVE: Field("I", 4),
    numbers.D_INACTIVE: Field("I", 4),
    numbers.D_PERSISTENT: Field("I", 4),
    numbers.D_STATS64: Field(),
}


class LoadReader:
    """Reads what was counted from the messages of dumps of destinations, expecting one layout like DestReader."""

    def __init__(self) -> None:
        self._layout: Layout | None = None
        self._counters = CountersReader()

    def read(self, payload: memoryview) -> Load:
        """Answer the load of one destination. Raises Malformed."""
        values = self._layout.read(payload) if self._layout else None
        if values is None:
            self._layout = Layout.learn(payload, wire.ATTR_DEST, _LOAD_FIELDS)
            values = _load_values(payload)
        *connections, counters = values
        return Load(Connections(*connections), self._counters.read(memoryview(counters)))


def _load_values(payload: memoryview) -> tuple[Any, ...]:
    found = attributes(_required(attributes(payload), wire.ATTR_DEST))
    kinds = numbers.D_ACTIVE, numbers.D_INACTIVE, numbers.D_PERSISTENT
    return *(_unsigned(found, kind, default=0) for kind in kinds), bytes(found.get(numbers.D_STATS64, b""))


def _required(found: dict[int, memoryview], kind: int) -> memoryview:
    if kind not in found:
        raise Malformed(f"netlink: attribute {kind} is missing")
    return found[kind]


def _unsigned(found: dict[int, memoryview], kind: int, default: int | None = None) -> int:
    if default is not None and kind not in found:
        return default
    return int.from_bytes(_required(found, kind)[:4], wire.NATIVE)


def _address(family: Family, raw: bytes) -> Address:
    length = 4 if family is Family.INET else 16
    if len(raw) < length:
        raise Malformed(f"an address of {len(raw)} bytes")
    return IPv4Address(raw[:4]) if family is Family.INET else IPv6Address(raw[:16])


def _text(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("ascii", "backslashreplace")


_COUNTER_FIELDS: Final = {kind: Field("Q", 8) for kind in range(1, len(Counters._fields) + 1)}


class CountersReader:
    """Reads STATS64: ten numbers in the order of Counters. Kernels before 4.1 have no such nest: zeros then."""

    def __init__(self) -> None:
        self._layout: Layout | None = None

    def read(self, nest: memoryview) -> Counters:
        """Answer the counters in *nest*. Raises Malformed."""
        values = self._layout.read(nest) if self._layout else None
        if values is None:
            self._layout = Layout.learn(nest, None, _COUNTER_FIELDS)
            found = attributes(nest)
            values = tuple(_wide(found, kind) for kind in _COUNTER_FIELDS)
        return Counters(*values)


def _wide(found: dict[int, memoryview], kind: int) -> int:
    return int.from_bytes(found[kind][:8], wire.NATIVE) if kind in found else 0


def decode_timeouts(payload: memoryview) -> Timeouts:
    """Read the answer to GET_CONFIG. Raises Malformed."""
    found = attributes(payload)
    kinds = wire.ATTR_TIMEOUT_TCP, wire.ATTR_TIMEOUT_TCP_FIN, wire.ATTR_TIMEOUT_UDP
    return Timeouts(*(_unsigned(found, kind, default=0) for kind in kinds))


def decode_info(payload: memoryview) -> Info:
    """Read the answer to GET_INFO. Raises Malformed."""
    found = attributes(payload)
    version = _unsigned(found, 1)
    return Info((version >> 16 & 0xFF, version >> 8 & 0xFF, version & 0xFF), _unsigned(found, 2))


def decode_daemon(payload: memoryview) -> SyncDaemon:
    """Read one message of a dump of sync daemons. Raises Malformed."""
    found = attributes(_required(attributes(payload), wire.ATTR_DAEMON))
    role = numbers.ROLE_OF.get(_unsigned(found, numbers.ROLE))
    if role is None:
        raise Malformed(f"a sync daemon with role {_unsigned(found, numbers.ROLE)}")
    group: Address | None = None
    if numbers.GROUP in found:
        group = _address(Family.INET, bytes(found[numbers.GROUP]))
    elif numbers.GROUP6 in found:
        group = _address(Family.INET6, bytes(found[numbers.GROUP6]))
    return SyncDaemon(
        role,
        interface=_text(bytes(_required(found, numbers.INTERFACE))),
        sync_id=_unsigned(found, numbers.SYNC_ID, default=0),
        max_length=_unsigned(found, numbers.MAX_LENGTH, default=0),
        group=group,
        port=_unsigned(found, numbers.GROUP_PORT, default=0),
        ttl=_unsigned(found, numbers.TTL, default=0),
    )
