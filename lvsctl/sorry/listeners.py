"""What this node is to packets: which addresses are its own, and who listens where. Only looking.

The routing table says what is local, because it is what IPVS asks: an address that is on an interface, or a prefix
that somebody routes to the node itself (``ip route add local``). /proc says who listens; everybody may read it.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_network
from itertools import takewhile
from typing import Any, NamedTuple

from lvsctl.errors import Unavailable
from lvsctl.host.netns import inside
from lvsctl.host.run import check
from lvsctl.vocabulary import Address, Family, Protocol, family_of

_PROC = "/proc/thread-self/net"
_LISTENING = "0A"
"""TCP's state as /proc numbers it (tcp_states.h)."""
_WORD = 8
"""Hexadecimal digits of 32 bits."""


class Socket(NamedTuple):
    """Somebody who waits for packets."""

    protocol: Protocol
    address: Address
    port: int


class Here(NamedTuple):
    """What was found in one network namespace."""

    own: tuple[Any, ...]
    """Networks (:mod:`ipaddress`) whose packets stay here; most are single addresses."""
    sockets: frozenset[Socket]

    def is_own(self, address: Address) -> bool:
        """Answer whether packets to *address* stay on this node."""
        return any(address in network for network in self.own)

    def addresses(self, family: Family) -> list[Address]:
        """Answer the single own addresses of *family* that others can reach, for a message."""
        return [
            network.network_address
            for network in self.own
            if network.num_addresses == 1
            and family_of(network.network_address) is family
            and not (network.network_address.is_loopback or network.network_address.is_link_local)
        ]

    def listens(self, protocol: Protocol, address: Address | None, port: int) -> bool:
        """Answer whether somebody takes packets of *protocol* to *address*; None is any own address."""
        return any(_takes(each, protocol, address, port) for each in self.sockets)

    def is_wildcard(self, protocol: Protocol, address: Address, port: int) -> bool:
        """Answer whether only a socket of all addresses takes them."""
        return Socket(protocol, address, port) not in self.sockets and self.listens(protocol, address, port)


def _takes(each: Socket, protocol: Protocol, address: Address | None, port: int) -> bool:
    if each.protocol is not protocol or each.port != port:
        return False
    if address is None or each.address == address:
        return True
    # [::] takes IPv4 as well unless the socket says otherwise, which /proc does not tell: the probe finds out.
    return each.address.is_unspecified and (each.address.version >= address.version)


def look(netns: str | None = None) -> Here:
    """Look around, in the network namespace *netns*. Raises Unavailable, CommandFailed or Denied."""
    return _look() if netns is None else inside(netns, _look)


def _look() -> Here:
    found = [*_sockets()]
    own = [network for version in ("-4", "-6") for network in _local(version)]
    return Here(tuple(own), frozenset(found))


def _local(version: str) -> Iterator[Any]:
    answer = check(["ip", version, "-j", "route", "show", "table", "local"], timeout=10)
    try:
        routes = json.loads(answer or "[]")
        yield from (ip_network(route["dst"], strict=False) for route in routes if route["type"] == "local")
    except (ValueError, KeyError, TypeError) as error:
        raise Unavailable("ip -j route show table local: its answer is not understood") from error


def _sockets() -> Iterator[Socket]:
    for name, protocol in (("tcp", Protocol.TCP), ("udp", Protocol.UDP)):
        for suffix in ("", "6"):
            try:
                with open(f"{_PROC}/{name}{suffix}", encoding="ascii") as lines:  # noqa: PTH123 - the kernel's
                    yield from sockets(protocol, lines)
            except FileNotFoundError:
                continue  # a kernel without IPv6
            except OSError as error:
                raise Unavailable(f"{_PROC}/{name}{suffix}: {error.strerror}") from error


def sockets(protocol: Protocol, lines: Iterable[str]) -> Iterator[Socket]:
    """Read the lines of /proc/net/tcp, tcp6, udp or udp6: the sockets that wait. ValueError when they are no such lines."""
    rows: Iterator[list[str]] = (line.split() for line in lines)
    next(rows, None)
    if protocol is Protocol.TCP:
        # The kernel lists those that listen first, and a busy director has a million others.
        rows = takewhile(lambda words: words[3] == _LISTENING, rows)
    for words in rows:
        host, _, port = words[1].partition(":")
        if protocol is Protocol.TCP or not int(words[2].partition(":")[2], 16):
            yield Socket(protocol, _address(host), int(port, 16))


def _address(digits: str) -> Address:
    """Read an address: words of 32 bits, each printed as a number of this machine's byte order."""
    words = [int(digits[at : at + _WORD], 16) for at in range(0, len(digits), _WORD)]
    packed = b"".join(word.to_bytes(4, sys.byteorder) for word in words)
    return IPv4Address(packed) if len(words) == 1 else IPv6Address(packed)
