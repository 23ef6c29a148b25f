"""The model → the bytes the kernel reads: steps, sync daemons, timeouts (net/netfilter/ipvs/ip_vs_ctl.c).

Pure. A destination has one fixed layout, packed in one go, because a restore writes ten thousand of them.
"""

import struct
from collections.abc import Iterable
from ipaddress import IPv4Address
from typing import Final, assert_never

from lvsctl.errors import Usage
from lvsctl.ipvs import numbers, wire
from lvsctl.ipvs.model import Dest, DestKey, Persistence, Service, SyncDaemon, Timeouts
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
    describe,
)
from lvsctl.ipvs.wire import attribute, number
from lvsctl.vocabulary import Family, ServiceKey

_NAME_MAX: Final = 15
"""IP_VS_SCHEDNAME_MAXLEN and IP_VS_PENAME_MAXLEN, without their NUL."""

_KEY = struct.Struct("=HHHxx HHHxx HH16s HH2sxx")
_DEST_KEY = struct.Struct("=HH HH16s HH2sxx HHHxx")
_DEST = struct.Struct("=HH HH16s HH2sxx HHHxx HHI HHi HHI HHI HHBxxx HH2sxx HHHxx")


def batch(steps: Iterable[Step], family: int, sequence: int) -> bytes:
    """Write *steps* as one datagram for *family*, numbered from *sequence*, none of which asks for an answer.

    Raises Usage for a value that does not fit into the kernel's fields.
    """
    framed = []
    for i, step in enumerate(steps, sequence):
        try:
            command, payload = encode(step)
        except (struct.error, OverflowError, KeyError, UnicodeEncodeError) as error:
            raise Usage(f"{describe(step)}: a value does not fit into the kernel's table") from error
        framed.append(wire.message(family, 0, i, command, payload))
    return b"".join(framed)


def encode(step: Step) -> tuple[int, bytes]:  # noqa: PLR0911 - one per kind of step
    """Answer the command and the attributes of one step."""
    match step:
        case AddDest(key, dest_key, dest):
            return wire.NEW_DEST, service_attribute(key) + _dest(dest_key, dest)
        case EditDest(key, dest_key, dest):
            return wire.SET_DEST, service_attribute(key) + _dest(dest_key, dest)
        case DeleteDest(key, dest_key):
            return wire.DEL_DEST, service_attribute(key) + _dest_key(dest_key)
        case AddService(key, service):
            return wire.NEW_SERVICE, _service(key, service)
        case EditService(key, service):
            return wire.SET_SERVICE, _service(key, service)
        case DeleteService(key):
            return wire.DEL_SERVICE, service_attribute(key)
        case Zero(key):
            return wire.ZERO, service_attribute(key) if key else b""
        case Flush():
            return wire.FLUSH, b""
        case _:
            assert_never(step)


def service_attribute(key: ServiceKey) -> bytes:
    """Name a service: the attribute that every message about it, or about its destinations, carries."""
    global _last_named  # noqa: PLW0603 - one entry, replaced as a whole: a restore names a service eleven times in a row
    known, named = _last_named
    if known is not key and known != key:
        named = attribute(wire.ATTR_SERVICE, _key(key))
        _last_named = (key, named)
    return named


_last_named: tuple[ServiceKey | None, bytes] = (None, b"")


def _key(key: ServiceKey) -> bytes:
    if key.mark:
        family = numbers.FAMILIES[key.family].to_bytes(2, wire.NATIVE)
        return attribute(numbers.AF, family) + number(numbers.FWMARK, key.mark)
    if key.protocol is None or key.address is None:
        raise OverflowError
    return _KEY.pack(
        *(6, numbers.AF, numbers.FAMILIES[key.family]),
        *(6, numbers.PROTOCOL, numbers.PROTOCOLS[key.protocol]),
        *(20, numbers.ADDR, key.address.packed),
        *(6, numbers.PORT, key.port.to_bytes(2, "big")),
    )


def _service(key: ServiceKey, service: Service) -> bytes:
    persistence = service.persistence or Persistence(timeout=0)
    flags = (
        int(service.flags)
        | (numbers.ONE_PACKET if service.one_packet else 0)
        | (numbers.PERSISTENT if service.persistence else 0)
    )
    parts = [
        _key(key),
        attribute(numbers.SCHED, _name(service.scheduler)),
        attribute(numbers.FLAGS, struct.pack("=II", flags, numbers.SETTABLE)),
        number(numbers.TIMEOUT, persistence.timeout),
        attribute(numbers.NETMASK, _netmask(key.family, persistence.netmask)),
    ]
    if service.engine:
        parts.append(attribute(numbers.PE, _name(service.engine)))
    return attribute(wire.ATTR_SERVICE, b"".join(parts))


def _netmask(family: Family, netmask: IPv4Address | int | None) -> bytes:
    # The kernel wants one always, and for IPv6 a prefix length in the host's byte order.
    if family is Family.INET6:
        prefix = 128 if netmask is None else netmask
        if isinstance(prefix, IPv4Address):
            raise OverflowError
        return prefix.to_bytes(4, wire.NATIVE)
    if isinstance(netmask, int):
        raise OverflowError
    return b"\xff\xff\xff\xff" if netmask is None else netmask.packed


def _name(text: str) -> bytes:
    name = text.encode("ascii")
    if not 0 < len(name) <= _NAME_MAX or b"\0" in name:
        raise OverflowError
    return name + b"\0"


def _dest_key(key: DestKey) -> bytes:
    return _DEST_KEY.pack(_DEST_KEY.size, wire.ATTR_DEST, *_dest_identity(key))


def _dest_identity(key: DestKey) -> tuple[int | bytes, ...]:
    address, port = key
    family = 2 if address.version == 4 else 10  # noqa: PLR2004 - IP versions are their own names
    fields = 20, numbers.D_ADDR, address.packed, 6, numbers.D_PORT, port.to_bytes(2, "big")
    return *fields, 6, numbers.D_FAMILY, family


def _dest(key: DestKey, dest: Dest) -> bytes:
    method, weight, upper, lower, (tunnel, tunnel_port, tunnel_flags) = dest
    return _DEST.pack(
        *(_DEST.size, wire.ATTR_DEST),
        *_dest_identity(key),
        *(8, numbers.D_METHOD, numbers.METHOD_NUMBER[method]),
        *(8, numbers.D_WEIGHT, weight),
        *(8, numbers.D_UPPER, upper),
        *(8, numbers.D_LOWER, lower),
        *(5, numbers.D_TUN_TYPE, numbers.TUNNEL_NUMBER[tunnel]),
        *(6, numbers.D_TUN_PORT, tunnel_port.to_bytes(2, "big")),
        *(6, numbers.D_TUN_FLAGS, tunnel_flags),
    )


def encode_timeouts(timeouts: Timeouts) -> bytes:
    """Write the attributes of SET_CONFIG."""
    kinds = wire.ATTR_TIMEOUT_TCP, wire.ATTR_TIMEOUT_TCP_FIN, wire.ATTR_TIMEOUT_UDP
    return b"".join(number(kind, seconds) for kind, seconds in zip(kinds, timeouts, strict=True))


def encode_daemon(daemon: SyncDaemon) -> bytes:
    """Write the attributes of NEW_DAEMON; DEL_DAEMON reads only the role of them."""
    parts = [
        number(numbers.ROLE, numbers.ROLES[daemon.role]),
        attribute(numbers.INTERFACE, daemon.interface.encode("ascii") + b"\0"),
        number(numbers.SYNC_ID, daemon.sync_id),
    ]
    if daemon.max_length:
        parts.append(attribute(numbers.MAX_LENGTH, daemon.max_length.to_bytes(2, wire.NATIVE)))
    if daemon.group is not None:
        parts.append(
            attribute(
                numbers.GROUP if isinstance(daemon.group, IPv4Address) else numbers.GROUP6,
                daemon.group.packed,
            )
        )
    if daemon.port:
        parts.append(attribute(numbers.GROUP_PORT, daemon.port.to_bytes(2, wire.NATIVE)))
    if daemon.ttl:
        parts.append(attribute(numbers.TTL, bytes([daemon.ttl])))
    return attribute(wire.ATTR_DAEMON, b"".join(parts))
