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


def decode_service(payload: memoryview) -> tuple[ServiceKey, Service]:
    """Read identity and settings from one message of a dump of services. Raises Malformed."""
    found = attributes(_required(attributes(payload), wire.ATTR_SERVICE))
    family = _family(found, numbers.AF)
    if mark := _unsigned(found, numbers.FWMARK, default=0):
        return ServiceKey.fwmark(mark, family), _settings(found, family)
    protocol = numbers.PROTOCOL_OF.get(_unsigned(found, numbers.PROTOCOL))
    if protocol is None:
        raise Malformed(f"a service of protocol number {_unsigned(found, numbers.PROTOCOL)}")
    address = _address(family, bytes(_required(found, numbers.ADDR)))
    return ServiceKey(protocol, address, _big_endian(found, numbers.PORT), 0, family), _settings(
        found, family
    )


def service_stats(payload: memoryview) -> memoryview:
    """Answer what CountersReader reads, out of one message of a dump of services. Raises Malformed."""
    return attributes(_required(attributes(payload), wire.ATTR_SERVICE)).get(numbers.STATS64, _NOTHING)


_NOTHING: Final = memoryview(b"")


def _settings(found: dict[int, memoryview], family: Family) -> Service:
    flags = int.from_bytes(_required(found, numbers.FLAGS)[:4], wire.NATIVE)
    persistence = None
    if flags & numbers.PERSISTENT:
        persistence = Persistence(_unsigned(found, numbers.TIMEOUT), _decode_netmask(found, family))
    return Service(
        scheduler=_text(found, numbers.SCHED),
        flags=numbers.FLAG_SETS[flags & numbers.SCHEDULER_FLAGS],
        one_packet=bool(flags & numbers.ONE_PACKET),
        persistence=persistence,
        engine=_text(found, numbers.PE) if numbers.PE in found else "",
    )


def _decode_netmask(found: dict[int, memoryview], family: Family) -> IPv4Address | int | None:
    if family is Family.INET6:
        prefix = _unsigned(found, numbers.NETMASK)
        return None if prefix == 128 else prefix  # noqa: PLR2004 - a single address
    mask = bytes(_required(found, numbers.NETMASK)[:4])
    return None if mask == b"\xff\xff\xff\xff" else IPv4Address(mask.ljust(4, b"\0"))


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


def _big_endian(found: dict[int, memoryview], kind: int) -> int:
    return int.from_bytes(_required(found, kind)[:2], "big")


def _family(found: dict[int, memoryview], kind: int) -> Family:
    number = _unsigned(found, kind)
    if number not in numbers.FAMILY_OF:
        raise Malformed(f"a service of address family {number}")
    return numbers.FAMILY_OF[number]


def _address(family: Family, raw: bytes) -> Address:
    length = 4 if family is Family.INET else 16
    if len(raw) < length:
        raise Malformed(f"an address of {len(raw)} bytes")
    return IPv4Address(raw[:4]) if family is Family.INET else IPv6Address(raw[:16])


def _text(found: dict[int, memoryview], kind: int) -> str:
    return bytes(_required(found, kind)).split(b"\0", 1)[0].decode("ascii", "backslashreplace")


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
        interface=_text(found, numbers.INTERFACE),
        sync_id=_unsigned(found, numbers.SYNC_ID, default=0),
        max_length=_unsigned(found, numbers.MAX_LENGTH, default=0),
        group=group,
        port=_unsigned(found, numbers.GROUP_PORT, default=0),
        ttl=_unsigned(found, numbers.TTL, default=0),
    )
