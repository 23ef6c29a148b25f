"""What probes say, and how answers are read. Pure: bytes in, bytes out.

ICMP echo is RFC 792 and RFC 4443, DNS is RFC 1035, HTTP is RFC 9112.
"""

import struct
from typing import NamedTuple

from lvsctl.vocabulary import Family

ECHO_REQUEST = {Family.INET: 8, Family.INET6: 128}
ECHO_REPLY = {Family.INET: 0, Family.INET6: 129}
ECHO_HEADER = 8
IP_VERSION_SHIFT, SHORTEST_IP_HEADER = 4, 20

DNS_HEADER = 12
NS, INTERNET = 2, 1
NO_ERROR, NAME_ERROR = 0, 3
"""Response codes that are answers: the name is there, or it is not."""


class Echo(NamedTuple):
    """An echo reply: the process it is for, and which of its questions it answers."""

    ident: int
    sequence: int


def echo_request(family: Family, ident: int, sequence: int, payload: bytes) -> bytes:
    """Answer an ICMP echo request. The kernel fills in the checksum of ICMPv6, and of ping sockets."""
    head = struct.pack("!BBHHH", ECHO_REQUEST[family], 0, 0, ident, sequence)
    if family is Family.INET6:
        return head + payload
    total = checksum(head + payload)
    return head[:2] + total.to_bytes(2, "big") + head[4:] + payload


def checksum(data: bytes) -> int:
    """Answer the Internet checksum (RFC 1071) of *data*."""
    words = struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2))
    total: int = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def echo_reply(family: Family, packet: bytes) -> Echo | None:
    """Read an echo reply from an ICMP message, or from an IPv4 packet (raw sockets). None: it is something else."""
    if len(packet) >= SHORTEST_IP_HEADER and packet[0] >> IP_VERSION_SHIFT == 4:  # noqa: PLR2004 - IPv4
        # No ICMP message that is read here begins so: a reply is of type 0 or 129.
        packet = packet[(packet[0] & 0xF) * 4 :]
    if len(packet) < ECHO_HEADER or packet[0] != ECHO_REPLY[family]:
        return None
    return Echo(*struct.unpack_from("!HH", packet, 4))


def dns_query(ident: int, name: str) -> bytes:
    """Answer a query for the name servers of *name* (RFC 1035 §4.1). ValueError when it is none."""
    labels = [each.encode("ascii") for each in name.rstrip(".").split(".") if each]
    if any(len(each) > 63 for each in labels):  # noqa: PLR2004 - RFC 1035 §2.3.4
        raise ValueError(f"{name!r} has a label of more than 63 characters")
    question = b"".join(bytes([len(each)]) + each for each in labels)
    header = struct.pack("!6H", ident, 0x0100, 1, 0, 0, 0)  # recursion desired
    return header + question + b"\0" + struct.pack("!HH", NS, INTERNET)


def dns_fault(query: bytes, answer: bytes) -> str | None:
    """Answer what is wrong with *answer* to *query*; empty when nothing is, None when it is not an answer to it."""
    if len(answer) < len(query) or answer[:2] != query[:2] or not answer[2] & 0x80:
        return None
    if answer[DNS_HEADER : len(query)].lower() != query[DNS_HEADER:].lower():
        return None
    code = answer[3] & 0x0F
    return "" if code in (NO_ERROR, NAME_ERROR) else f"DNS response code {code}"


def http_request(host: str, path: str) -> bytes:
    """Answer a request that the server closes the connection after."""
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        "User-Agent: lvsctl-uplink",
        "Accept: */*",
        "Connection: close",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


class Head(NamedTuple):
    """The head of an HTTP response."""

    status: int
    length: int | None
    """How many bytes of body follow; None: until the connection is closed."""


def http_head(head: bytes) -> Head:
    """Read the head of a response. ValueError when it is none."""
    first, *lines = head.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    code = rest[:3]
    if not version.startswith("HTTP/1.") or not (code.isascii() and code.isdecimal() and len(code) == 3):  # noqa: PLR2004 - RFC 9112 §4
        raise ValueError("no HTTP response")
    fields = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    status = int(code)
    if status in (204, 304) or status < 200:  # noqa: PLR2004 - RFC 9112 §6.3: they have no body
        return Head(status, 0)
    length = fields.get("content-length", "")
    if "transfer-encoding" in fields or not (length.isascii() and length.isdecimal() and len(length) < 16):  # noqa: PLR2004 - digits that a sane length has
        return Head(status, None)
    return Head(status, int(length))


def is_good_status(status: int, wanted: int) -> bool:
    """Answer whether a response of *status* is good where *wanted* is; 0: 200 to 399."""
    return status == wanted if wanted else 200 <= status < 400  # noqa: PLR2004 - RFC 9110 §15
