"""A generic netlink socket on the standard library: open, send many messages at once, read dumps.

Why not pyroute2's: docs/decisions/0003-netlink-socket.md. It knows nothing of IPVS but the family's name. The kernel
works on a datagram inside ``sendmsg``: when that returns, every answer is in the receive buffer already.
"""

import errno
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Final, Self

from lvsctl.errors import Unavailable
from lvsctl.host.netns import inside
from lvsctl.ipvs import wire
from lvsctl.ipvs.errors import NoIpvs, NotRoot

_NETLINK_GENERIC: Final = 16
_SOL_NETLINK: Final = 270
_NETLINK_CAP_ACK: Final = 10
_SO_SNDBUFFORCE: Final = 32
_SO_RCVBUFFORCE: Final = 33
_BUFFER: Final = 4 << 20
"""Bytes. 500 refusals take 400 kB of it; the kernel's default of 208 kB loses some."""

_PATIENCE: Final = 10
"""Seconds."""

_DATAGRAM: Final = 64 << 10
"""The kernel sizes a dump's datagrams by the reader's buffer, up to 32 KiB."""


class Overrun(Unavailable):
    """The kernel had more to say than the receive buffer holds: some answers are lost."""

    def __init__(self) -> None:
        super().__init__(
            "netlink: the receive buffer overran, so some answers are lost",
            hint="read the table again; as root the buffer is large enough (net.core.rmem_max limits others)",
        )


class Socket:
    """One connection to one generic netlink *family* in one network namespace.

    Raises NoIpvs when the kernel has no such family, Unavailable when there is no netlink or no namespace *netns*
    (a name under /run/netns, or a path).
    """

    def __init__(self, family: str, *, netns: str | None = None) -> None:
        self._sequence = 0
        self._buffer = memoryview(bytearray(_DATAGRAM))
        self._socket = _open() if netns is None else inside(netns, _open)
        try:
            self.family = self._resolve(family)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket; a second time does nothing."""
        self._socket.close()

    def reserve(self, count: int) -> int:
        """Answer the first of *count* fresh sequence numbers."""
        first = self._sequence + 1
        self._sequence += count
        return first

    def send(self, datagram: bytes) -> dict[int, int]:
        """Send messages that ask for no answer; answer the errno of each that was refused, by sequence.

        Raises Overrun when there were more refusals than fit into the receive buffer.
        """
        refused: dict[int, int] = {}
        for answer in self._exchange(datagram):
            if answer.type == wire.NLMSG_ERROR and (code := wire.error_code(answer.payload)):
                refused[answer.sequence] = code
        return refused

    def request(self, command: int, payload: bytes = b"") -> tuple[int, list[memoryview]]:
        """Ask one question; answer the errno (0: fine) and the attributes of the answers."""
        sequence = self.reserve(1)
        code, found = errno.EINTR, list[memoryview]()
        for answer in self._exchange(wire.message(self.family, wire.NLM_F_ACK, sequence, command, payload)):
            if answer.sequence != sequence:
                continue
            if answer.type == wire.NLMSG_ERROR:
                code = wire.error_code(answer.payload)
            else:
                # Copied, because the next datagram overwrites the buffer.
                found.append(memoryview(bytes(wire.body(answer))))
        return code, found

    def dump(self, command: int, payload: bytes = b"") -> Iterator[list[memoryview]]:
        """Ask for a list; yield the attributes of its entries, one list per datagram.

        Only what came in one datagram is sure to be one state of the kernel's: it lets go of its lock in between.
        An entry is valid until the next one is asked for. Raises Unavailable for any error.
        """
        sequence = self.reserve(1)
        self._send(wire.message(self.family, wire.NLM_F_DUMP, sequence, command, payload))
        while True:
            entries: list[memoryview] = []
            for answer in self._receive():
                if answer.sequence != sequence:
                    continue
                if answer.type in (wire.NLMSG_DONE, wire.NLMSG_ERROR):
                    _check(wire.error_code(answer.payload))
                    if entries:
                        yield entries
                    return
                entries.append(wire.body(answer))
            yield entries

    def _exchange(self, datagram: bytes) -> Iterator[wire.Message]:
        """Send, and yield every answer up to the end of what was sent."""
        fence = self.reserve(1)
        self._send(datagram + wire.fence(fence))
        while True:
            for answer in self._receive():
                if answer.sequence == fence:
                    return
                yield answer

    def _resolve(self, family: str) -> int:
        self.family = wire.GENL_ID_CTRL
        name = wire.attribute(wire.CTRL_ATTR_FAMILY_NAME, family.encode() + b"\0")
        code, answers = self.request(wire.CTRL_CMD_GETFAMILY, name)
        if code == errno.ENOENT or not answers:
            raise NoIpvs
        found = wire.attributes(answers[0])
        return int.from_bytes(found[wire.CTRL_ATTR_FAMILY_ID], wire.NATIVE)

    def _send(self, datagram: bytes) -> None:
        try:
            self._socket.send(datagram)
        except OSError as error:
            raise Unavailable(f"netlink: {error.strerror}") from error

    def _receive(self) -> Iterator[wire.Message]:
        try:
            length, _, flags, sender = self._socket.recvmsg_into([self._buffer])
        except BlockingIOError:
            raise Unavailable(f"netlink: the kernel did not answer within {_PATIENCE} s") from None
        except OSError as error:
            if error.errno == errno.ENOBUFS:
                raise Overrun from error
            raise Unavailable(f"netlink: {error.strerror}") from error
        if sender[0] != 0:
            # Any process may send to this socket; only port 0 is the kernel.
            return iter(())
        if flags & socket.MSG_TRUNC:
            raise wire.Malformed("netlink: a datagram of more than 64 KiB")
        return wire.messages(self._buffer[:length])


def _open() -> socket.socket:
    try:
        link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_GENERIC)
    except OSError as error:
        raise Unavailable(f"netlink: {error.strerror}") from error
    # The kernel answers at once or never. A timeout of Python's would cost one more system call per answer.
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", _PATIENCE, 0))
    # Without CAP_ACK an error repeats the whole request, and 500 of them overrun any buffer.
    link.setsockopt(_SOL_NETLINK, _NETLINK_CAP_ACK, 1)
    for forced, polite in ((_SO_SNDBUFFORCE, socket.SO_SNDBUF), (_SO_RCVBUFFORCE, socket.SO_RCVBUF)):
        link.setsockopt(socket.SOL_SOCKET, polite, _BUFFER)
        with suppress(PermissionError):
            link.setsockopt(socket.SOL_SOCKET, forced, _BUFFER)
    link.bind((0, 0))
    return link


def _check(code: int) -> None:
    if code == errno.EPERM:
        raise NotRoot
    if code:
        raise Unavailable(f"netlink: {os.strerror(code)}")
