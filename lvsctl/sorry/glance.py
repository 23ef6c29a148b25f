"""A cheap look whether a sorry that is on still gets every new visitor: a few lines of /proc/net/ip_vs. Pure.

It reads bytes and says which services deserve a real look. It may say so in vain, never the other way round: what is
wrong and what to do is decided on the whole table (:mod:`~lvsctl.sorry.swap`, :mod:`~lvsctl.sorry.cooperative`).
The lines are those of ip_vs_info_seq_show (ip_vs_ctl.c, Linux 6.1).
"""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from lvsctl.sorry.model import Removal, Snapshot, Way
from lvsctl.vocabulary import Address, Family, ServiceKey


class Watched(NamedTuple):
    """One service as it has to look."""

    key: ServiceKey
    head: bytes
    """How its line begins, with the end of the line before."""
    sorry: bytes
    weight: int
    bare: bool
    """Whether the other destinations are deleted, rather than at weight 0."""


def watched(snapshot: Snapshot) -> Watched:
    """Answer how the service of *snapshot* looks while its sorry is on."""
    target = snapshot.target
    return Watched(
        snapshot.key,
        b"\n" + _head(snapshot.key) + b" ",
        _place(target.dest_key.address, target.dest_key.port),
        target.dest.weight,
        snapshot.removal is Removal.DELETE and snapshot.way is Way.KERNEL,
    )


def disturbed(text: bytes, services: Iterable[Watched]) -> list[ServiceKey]:
    """Answer those of *services* whose destinations in *text*, /proc/net/ip_vs, are not as they should be.

    One that is not there at all is not among them: it has no visitors.
    """
    return [each.key for each in services if any(not _is_right(block, each) for block in _blocks(text, each))]


def _blocks(text: bytes, service: Watched) -> Iterator[list[bytes]]:
    """Yield the destinations of a service; a mark has an entry for each family."""
    start = text.find(service.head)
    while start >= 0:
        begin = text.find(b"\n", start + 1) + 1
        end = begin
        while begin and text.startswith(b"  ->", end):
            end = text.find(b"\n", end) + 1 or len(text)
        block = text[begin:end].splitlines()
        if not service.key.mark or not block or _is_of(service.key.family, block[0]):
            yield block
        start = text.find(service.head, end - 1) if begin else -1


def _is_of(family: Family, line: bytes) -> bool:
    return (b"[" in line) is (family is Family.INET6)


def _is_right(block: list[bytes], service: Watched) -> bool:
    weight = 0
    for line in block:
        words = line.split()  # -> ADDRESS:PORT METHOD WEIGHT ACTIVE INACTIVE
        if words[1] == service.sorry:
            weight = int(words[3])
        elif service.bare or int(words[3]) > 0:
            return False
    return weight >= service.weight


def _head(key: ServiceKey) -> bytes:
    if key.mark or key.address is None:
        return b"FWM  %08X" % key.mark
    return str(key.protocol).encode() + b"  " + _place(key.address, key.port)


def _place(address: Address, port: int) -> bytes:
    match address:
        case IPv4Address():
            return b"%08X:%04X" % (int(address), port)
        case IPv6Address():
            return b"[%s]:%04X" % (address.exploded.encode(), port)
