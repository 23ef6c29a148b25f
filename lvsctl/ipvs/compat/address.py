"""Addresses and ports as ipvsadm takes them: names, service names, ``[v6]:port``, a bare IPv6 address."""

import socket
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from lvsctl.errors import Usage
from lvsctl.vocabulary import MAX_PORT, Address, Protocol, as_address


class Where(NamedTuple):
    """An address and the port that was given with it, if one was."""

    address: Address
    port: int | None


@lru_cache(maxsize=4096)
def endpoint(text: str, protocol: Protocol) -> Where:
    """Read ``host[:port]``; *protocol* says which service names count. Raises Usage.

    Remembered, because rules name a service once per destination.
    """
    if text.isdecimal():
        raise Usage(f"{text!r} is not an address")
    if text.startswith("["):
        host, bracket, port = text[1:].partition("]")
        if not bracket or not port.startswith(":"):
            raise Usage(f"{text!r}: expected [ADDRESS]:PORT")
        return Where(_v6(host) or _v4(host), _port(port[1:], protocol))
    if bare := _v6(text):
        return Where(bare, None)
    host, colon, port = text.rpartition(":")
    return Where(_v4(host), _port(port, protocol)) if colon else Where(_v4(text), None)


def netmask(text: str) -> IPv4Address:
    """Read an IPv4 netmask in any spelling inet_aton takes. Raises Usage."""
    return _v4(text)


def _v6(text: str) -> IPv6Address | None:
    if ":" not in text:
        return None
    try:
        address = as_address(text)
    except ValueError:
        return None
    return address if isinstance(address, IPv6Address) else None


def _v4(text: str) -> IPv4Address:
    try:
        # A tenth of the time that ipaddress takes to read it.
        return IPv4Address(socket.inet_pton(socket.AF_INET, text))
    except (OSError, ValueError):
        pass
    # Not the plain spelling: 10.1, 0x0a000001, or a name to look up.
    try:
        return IPv4Address(socket.inet_aton(text))
    except (OSError, ValueError):
        pass
    try:
        return IPv4Address(socket.gethostbyname(text))
    except (OSError, UnicodeError) as error:
        raise Usage(f"{text!r} is neither an address nor a name that resolves to an IPv4 address") from error


def _port(text: str, protocol: Protocol) -> int:
    if text.isdecimal() and text.isascii() and int(text) <= MAX_PORT:
        return int(text)
    try:
        return socket.getservbyname(text, protocol.lower())
    except (OSError, ValueError) as error:
        raise Usage(
            f"{text!r} is not a port: expected 0 to {MAX_PORT} or a {protocol} service name"
        ) from error
