"""Asking a target over one uplink, whatever the main table says.

Each socket is bound to the uplink's interface (SO_BINDTODEVICE) and to this node's address there, so a question leaves
by that uplink or not at all. Names are never resolved. Whatever goes wrong is a failed sample with its reason; nothing
is raised but cancellation.
"""

import asyncio
import errno
import os
import secrets
import socket
import ssl
import struct
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache

from lvsctl.host.start import finish
from lvsctl.uplink import packets
from lvsctl.uplink.model import How, Sample, Target, Uplink
from lvsctl.vocabulary import Address, Family

PORTS = {How.HTTP: 80, How.HTTPS: 443, How.DNS: 53}
LONGEST_HEAD, LONGEST_BODY = 16384, 1 << 20
"""Bytes of a response that are read; what is longer has shown enough."""

STOOD_STILL = 0.1
"""The part of its patience by which a question has to be late to its end for us to say that we were not run."""

AF = {Family.INET: socket.AF_INET, Family.INET6: socket.AF_INET6}
ICMP = {Family.INET: socket.IPPROTO_ICMP, Family.INET6: socket.getprotobyname("ipv6-icmp")}


SOL_RAW = 255  # of linux/socket.h


class Failed(Exception):
    """There was no good answer; its text says why."""


def opened(uplink: Uplink, source: Address | None, kind: int, protocol: int = 0) -> socket.socket:
    """Open a socket that is bound to *uplink*. Raises OSError or Failed."""
    if source is None:
        raise Failed(
            f"{uplink.interface} has no {'IPv4' if uplink.family is Family.INET else 'IPv6'} address"
        )
    made = socket.socket(AF[uplink.family], kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, uplink.interface.encode() + b"\0")
        if kind == socket.SOCK_STREAM:
            # The port is chosen with the target: thousands of connections share the few ports there are.
            made.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT of linux/in.h
        made.bind((str(source), 0))
    except BaseException:
        made.close()
        raise
    return made


async def ask(uplink: Uplink, source: Address | None, target: Target, timeout: float) -> Sample:  # noqa: ASYNC109 - a sample says so
    """Ask *target* over *uplink* and answer what came of it."""
    begun = time.monotonic()
    try:
        await _within(timeout, asyncio.ensure_future(_ASK[target.how](uplink, source, target)))
    except TimeoutError:
        return Sample(None, f"{target}: no answer within {timeout:g} s")
    except Failed as error:
        return Sample(None, f"{target}: {error}" if target.address else str(error))
    except Exception as error:  # noqa: BLE001 - of whatever kind: no answer is no answer, and a probe stops nothing
        return Sample(None, f"{target}: {why(error)}")
    return Sample(time.monotonic() - begun)


async def _within(seconds: float, answer: asyncio.Future[None]) -> None:
    """Await *answer* for so many *seconds*. Raises TimeoutError, and what *answer* raises.

    A process that has not been run finds an answer and the end of its patience at the same moment. So the time for
    which this loop stood still is given once more: a busy node does not take its own slowness for an uplink's.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    try:
        await asyncio.wait((answer,), timeout=seconds)
        late = loop.time() - end
        if not answer.done() and late > seconds * STOOD_STILL:
            await asyncio.wait((answer,), timeout=min(late, seconds))
    finally:
        if not answer.done():
            answer.cancel()
            await asyncio.wait((answer,))
    if answer.cancelled():
        raise TimeoutError
    answer.result()


def why(error: BaseException) -> str:
    """Answer in a few words what went wrong."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate: {error.verify_message}"
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return str(error) or type(error).__name__


# --- ICMP


class Pinger:
    """The ping socket of one uplink: opened when it is needed, and anew after every fault and change of address."""

    def __init__(self, uplink: Uplink) -> None:
        self._uplink = uplink
        self._source: Address | None = None
        self._socket: socket.socket | None = None
        self._ident = 0
        self._sequence = 0
        self._waiting: dict[int, tuple[str, asyncio.Future[None]]] = {}

    async def ask(self, source: Address | None, target: Target, timeout: float) -> Sample:  # noqa: ASYNC109 - see ask
        """Ping *target* and answer what came of it."""
        begun = time.monotonic()
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sequence = (self._sequence + 1) & 0xFFFF
        sequence = self._sequence
        self._waiting[sequence] = (str(target.address), answered)
        try:
            self._send(source, str(target.address), sequence)
            await _within(timeout, answered)
        except TimeoutError:
            return Sample(None, f"{target}: no answer within {timeout:g} s")
        except Failed as error:
            self.close()
            return Sample(None, str(error))
        except Exception as error:  # noqa: BLE001 - see ask
            self.close()
            return Sample(None, f"{target}: {why(error)}")
        finally:
            del self._waiting[sequence]
        return Sample(time.monotonic() - begun)

    def _send(self, source: Address | None, address: str, sequence: int) -> None:
        if self._socket is None or source != self._source:
            self.close()
            self._socket, self._source = self._opened(source), source
            asyncio.get_running_loop().add_reader(self._socket, self._hear)
        message = packets.echo_request(self._uplink.family, self._ident, sequence, b"lvsctl-uplink")
        self._socket.sendto(message, (address, 0))

    def _opened(self, source: Address | None) -> socket.socket:
        family = self._uplink.family
        try:
            made = opened(self._uplink, source, socket.SOCK_DGRAM, ICMP[family])
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EPROTONOSUPPORT):
                raise
            made = opened(self._uplink, source, socket.SOCK_RAW, ICMP[family])
            _only_replies(made, family)
            self._ident = 1 + secrets.randbelow(0xFFFF)
            return made
        self._ident = made.getsockname()[1]  # the kernel puts it into what is sent, and answers go by it
        return made

    def _hear(self) -> None:
        """Wake whoever waits for what has come."""
        try:
            while self._socket is not None:
                packet, sender = self._socket.recvfrom(2048)
                self._heard(packet, sender[0])
        except BlockingIOError:
            return
        except OSError:
            self.close()  # its interface or address went; the next question opens a new one

    def _heard(self, packet: bytes, sender: str) -> None:
        reply = packets.echo_reply(self._uplink.family, packet)
        if reply is None or (self._ident and reply.ident != self._ident):
            return
        address, answered = self._waiting.get(reply.sequence, ("", None))
        if answered is not None and not answered.done() and address == sender.partition("%")[0]:
            answered.set_result(None)

    def close(self) -> None:
        """Close the socket. Who waits for an answer goes on doing so, in vain."""
        if self._socket is not None:
            with suppress(RuntimeError):  # there is no loop any more
                asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None


def _only_replies(made: socket.socket, family: Family) -> None:
    """Have the kernel keep everything but echo replies from a raw socket."""
    if family is Family.INET:
        made.setsockopt(SOL_RAW, 1, struct.pack("=I", ~(1 << 0) & 0xFFFFFFFF))  # ICMP_FILTER
    else:
        blocked = bytearray(b"\xff" * 32)  # ICMP6_FILTER of linux/icmpv6.h: a bit that is set is blocked
        word, bit = divmod(packets.ECHO_REPLY[family], 32)
        struct.pack_into("=I", blocked, word * 4, ~(1 << bit) & 0xFFFFFFFF)
        made.setsockopt(ICMP[family], 1, bytes(blocked))


# --- the others


@contextmanager
def _connected(uplink: Uplink, source: Address | None, kind: int) -> Iterator[socket.socket]:
    made = opened(uplink, source, kind)
    try:
        yield made
    finally:
        made.close()


def _address_of(target: Target) -> tuple[str, int]:
    return str(target.address), target.port or PORTS.get(target.how, 0)


async def _tcp(uplink: Uplink, source: Address | None, target: Target) -> None:
    with _connected(uplink, source, socket.SOCK_STREAM) as made:
        await asyncio.get_running_loop().sock_connect(made, _address_of(target))


async def _dns(uplink: Uplink, source: Address | None, target: Target) -> None:
    query = packets.dns_query(secrets.randbelow(0x10000), target.name)
    loop = asyncio.get_running_loop()
    with _connected(uplink, source, socket.SOCK_DGRAM) as made:
        await loop.sock_connect(made, _address_of(target))
        await loop.sock_sendall(made, query)
        while (fault := packets.dns_fault(query, await loop.sock_recv(made, 4096))) is None:
            pass  # an answer to somebody else's question
        if fault:
            raise Failed(fault)


async def _http(uplink: Uplink, source: Address | None, target: Target) -> None:
    secure = target.how is How.HTTPS
    host = target.host or str(target.address)
    with _connected(uplink, source, socket.SOCK_STREAM) as made:
        await asyncio.get_running_loop().sock_connect(made, _address_of(target))
        reader, writer = await asyncio.open_connection(
            sock=made,
            limit=LONGEST_HEAD,
            ssl=_trust(verify=target.verify) if secure else None,
            server_hostname=host if secure else None,
        )
        try:
            shown = f"[{host}]" if ":" in host else host
            writer.write(packets.http_request(shown, target.path))
            await _read_response(reader, target.status)
        finally:
            writer.transport.abort()


async def _read_response(reader: asyncio.StreamReader, wanted: int) -> None:
    """Read a response to its end; a connection that breaks before it is no answer."""
    try:
        head = packets.http_head((await reader.readuntil(b"\r\n\r\n"))[:-4])
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
        raise Failed("no HTTP response") from None
    left = min(head.length if head.length is not None else LONGEST_BODY, LONGEST_BODY)
    while left > 0 and (part := await reader.read(min(left, 65536))):
        left -= len(part)
    if left > 0 and head.length is not None:
        raise Failed("the response broke off")
    if not packets.is_good_status(head.status, wanted):
        raise Failed(f"status {head.status}")


@cache
def _trust(*, verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def _command(uplink: Uplink, source: Address | None, target: Target) -> None:
    said: list[str] = []
    status = await finish(target.run, timeout=3600, heard=said.append, env=environment(uplink, source))
    if status:
        how = f"status {status}" if status > 0 else f"signal {-status}"
        raise Failed(f"{how}{f': {said[-1]}' if said else ''}")


def environment(uplink: Uplink, source: Address | None) -> Mapping[str, str]:
    """Answer what a program is told about *uplink*."""
    return {
        "LVSCTL_UPLINK": uplink.name,
        "LVSCTL_FAMILY": uplink.family.value,
        "LVSCTL_INTERFACE": uplink.interface,
        "LVSCTL_GATEWAY": str(uplink.gateway),
        "LVSCTL_SOURCE": str(source or ""),
    }


Ask = Callable[[Uplink, Address | None, Target], Coroutine[None, None, None]]
_ASK: Mapping[How, Ask] = {
    How.TCP: _tcp,
    How.HTTP: _http,
    How.HTTPS: _http,
    How.DNS: _dns,
    How.COMMAND: _command,
}
"""ICMP has a socket for all questions of one uplink: :class:`Pinger`."""
