"""Netlink's framing: messages in a datagram, attributes in a message, and IPVS's numbers (linux/ip_vs.h).

Bytes only; what the attributes mean is :mod:`lvsctl.ipvs.codec`'s business, who sends them
:mod:`lvsctl.ipvs.netlink`'s. Numbers are in the host's byte order unless a name says otherwise.
"""

import struct
import sys
from collections.abc import Iterator
from typing import Final, NamedTuple

from lvsctl.errors import LvsctlError

# Netlink, from linux/netlink.h
NLMSG_NOOP: Final = 1
NLMSG_ERROR: Final = 2
NLMSG_DONE: Final = 3
NLM_F_REQUEST: Final = 0x1
NLM_F_MULTI: Final = 0x2
NLM_F_ACK: Final = 0x4
NLM_F_DUMP: Final = 0x300

# Generic netlink, from linux/genetlink.h
GENL_ID_CTRL: Final = 0x10
CTRL_CMD_GETFAMILY: Final = 3
CTRL_ATTR_FAMILY_ID: Final = 1
CTRL_ATTR_FAMILY_NAME: Final = 2

# IPVS_CMD_*
NEW_SERVICE: Final = 1
SET_SERVICE: Final = 2
DEL_SERVICE: Final = 3
GET_SERVICE: Final = 4
NEW_DEST: Final = 5
SET_DEST: Final = 6
DEL_DEST: Final = 7
GET_DEST: Final = 8
NEW_DAEMON: Final = 9
DEL_DAEMON: Final = 10
GET_DAEMON: Final = 11
SET_CONFIG: Final = 12
GET_CONFIG: Final = 13
SET_INFO: Final = 14
GET_INFO: Final = 15
ZERO: Final = 16
FLUSH: Final = 17

# IPVS_CMD_ATTR_*: what a message is about
ATTR_SERVICE: Final = 1
ATTR_DEST: Final = 2
ATTR_DAEMON: Final = 3
ATTR_TIMEOUT_TCP: Final = 4
ATTR_TIMEOUT_TCP_FIN: Final = 5
ATTR_TIMEOUT_UDP: Final = 6

NATIVE: Final = sys.byteorder

# The type's two upper bits are flags (nested, network byte order).
TYPE_MASK: Final = 0x3FFF

HEADER = struct.Struct("=IHHII")
"""nlmsghdr: length, type, flags, sequence, port."""
GENERIC = struct.Struct("=BBH")
"""genlmsghdr: command, version, reserved."""
ERROR_CODE = struct.Struct("=i")
ATTRIBUTE = struct.Struct("=HH")
"""nlattr: length, type."""
_HEADERS = HEADER.size + GENERIC.size


class Malformed(LvsctlError):
    """Bytes that cannot be a message of the kernel's, or that say something no table can hold."""


class Message(NamedTuple):
    """One message of a datagram, without its header."""

    type: int
    sequence: int
    payload: memoryview


def message(family: int, flags: int, sequence: int, command: int, payload: bytes) -> bytes:
    """Frame *payload* (attributes, already padded) as one generic netlink request."""
    header = HEADER.pack(_HEADERS + len(payload), family, flags | NLM_F_REQUEST, sequence, 0)
    return b"".join((header, GENERIC.pack(command, 1, 0), payload))


def fence(sequence: int) -> bytes:
    """Frame a message that does nothing and is always answered: when its answer is there, all before it are.

    Not every request is answered: the kernel leaves out one that failed with EINTR (net/netlink/af_netlink.c).
    """
    return HEADER.pack(HEADER.size, NLMSG_NOOP, NLM_F_REQUEST | NLM_F_ACK, sequence, 0)


def messages(datagram: memoryview) -> Iterator[Message]:
    """Yield the messages of *datagram*. Raises Malformed where a length cannot be true."""
    offset, end = 0, len(datagram)
    while offset < end:
        if end - offset < HEADER.size:
            raise Malformed(f"netlink: {end - offset} stray bytes after the last message")
        length, kind, _, sequence, _ = HEADER.unpack_from(datagram, offset)
        if not HEADER.size <= length <= end - offset:
            raise Malformed(f"netlink: a message says it has {length} bytes, there are {end - offset}")
        yield Message(kind, sequence, datagram[offset + HEADER.size : offset + length])
        offset += aligned(length)


def error_code(payload: memoryview) -> int:
    """Answer the errno of an NLMSG_ERROR or NLMSG_DONE message: 0 when all is well."""
    if len(payload) < ERROR_CODE.size:
        return 0
    code: int = ERROR_CODE.unpack_from(payload)[0]
    return abs(code)


def attribute(kind: int, payload: bytes) -> bytes:
    """Frame *payload* as one attribute, padded to four bytes."""
    length = ATTRIBUTE.size + len(payload)
    return ATTRIBUTE.pack(length, kind) + payload + bytes(aligned(length) - length)


def number(kind: int, value: int) -> bytes:
    """Frame a 32-bit number as an attribute."""
    return attribute(kind, value.to_bytes(4, NATIVE))


def attributes(payload: memoryview) -> dict[int, memoryview]:
    """Answer the attributes of *payload* by type; of two with the same type the last counts, as in the kernel.

    Raises Malformed where a length cannot be true.
    """
    found: dict[int, memoryview] = {}
    offset, end = 0, len(payload)
    while end - offset >= ATTRIBUTE.size:
        length, kind = ATTRIBUTE.unpack_from(payload, offset)
        if not ATTRIBUTE.size <= length <= end - offset:
            raise Malformed(f"netlink: an attribute says it has {length} bytes, there are {end - offset}")
        found[kind & TYPE_MASK] = payload[offset + ATTRIBUTE.size : offset + length]
        offset += aligned(length)
    return found


def body(answer: Message) -> memoryview:
    """Answer the attributes part of a generic netlink *answer*. Raises Malformed when it is too short."""
    if len(answer.payload) < GENERIC.size:
        raise Malformed("netlink: a generic netlink message without its header")
    return answer.payload[GENERIC.size :]


def aligned(length: int) -> int:
    """Answer *length* with its padding."""
    return (length + 3) & ~3
