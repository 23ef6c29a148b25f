"""A cheap look whether a sorry that is on still gets every new visitor, at a thousand services, too. Pure.

It reads the bytes of /proc/net/ip_vs, and the services' own settings, and says which services deserve a real look. Of
most lines nothing is decoded. It may say so in vain, never the other way round, but for what /proc lacks of a
destination: thresholds and tunnels. What is wrong and what to do is decided on the whole entry
(:mod:`~lvsctl.sorry.swap`, :mod:`~lvsctl.sorry.cooperative`). The lines are those of ip_vs_info_seq_show (ip_vs_ctl.c,
Linux 6.1).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple

from lvsctl.ipvs.model import Service
from lvsctl.sorry.model import Removal, Snapshot, Way
from lvsctl.sorry.plan import during_service
from lvsctl.vocabulary import Address, Family, ForwardingMethod, ServiceKey

_SERVICES: Final = re.compile(rb"\n(?=[A-Z])")
_METHOD_AND_WEIGHT: Final = re.compile(rb" +([^ ]+) +([0-9]+) ")
_METHODS: Final = {
    ForwardingMethod.NAT: b"Masq",
    ForwardingMethod.LOCAL: b"Local",
    ForwardingMethod.TUN: b"Tunnel",
    ForwardingMethod.DR: b"Route",
    ForwardingMethod.BYPASS: b"Bypass",
}


_CLOSED: Final = [b"%-7s 0      " % method for method in _METHODS.values()]
"""What only the line of a destination of weight 0 has in it: as the kernel's format pads it."""


class Watched(NamedTuple):
    """One service as it has to look."""

    key: ServiceKey
    head: bytes
    """How its line begins."""
    sorry: bytes
    method: bytes
    weight: int
    exact: bool
    """Whether the sorry has this method and this weight, or only this weight or more: keepalived has its own."""
    bare: bool
    """Whether the other destinations are deleted, rather than at weight 0."""


def watched(snapshot: Snapshot) -> Watched:
    """Answer how the service of *snapshot* looks while its sorry is on."""
    target = snapshot.target
    ours = snapshot.way is Way.KERNEL
    return Watched(
        snapshot.key,
        _head(snapshot.key),
        b"-> " + _place(target.dest_key.address, target.dest_key.port),
        _METHODS[target.dest.method],
        target.dest.weight,
        exact=ours,
        bare=ours and snapshot.removal is Removal.DELETE,
    )


def disturbed(text: bytes, services: Iterable[Watched]) -> list[ServiceKey]:
    """Answer those of *services* whose destinations in *text*, /proc/net/ip_vs, are not as they should be.

    One that is not there at all is not among them: it has no visitors.
    """
    found: dict[bytes, list[bytes]] = {}
    for block in _SERVICES.split(text):
        found.setdefault(block[: block.find(b" ", _NAME)], []).append(block)
    return [each.key for each in services if any(not _is_right(block, each) for block in _of(found, each))]


def reset(settings: Mapping[ServiceKey, Service], snapshots: Iterable[Snapshot]) -> list[ServiceKey]:
    """Answer those of *snapshots* whose service was given other *settings* than it has while the sorry is on.

    For example persistence, or sh without its fallback flag. keepalived's services keep their own.
    """
    return [
        each.key
        for each in snapshots
        if each.way is Way.KERNEL
        and (service := settings.get(each.key)) is not None
        and service != each.service
        and service != during_service(service, each)
    ]


_NAME: Final = 6
"""Where, in the line of a service, its name cannot yet have ended: after the protocol and two spaces."""


def _of(found: Mapping[bytes, list[bytes]], service: Watched) -> Iterator[bytes]:
    """Yield what there is of a service; a mark has an entry for each family."""
    for block in found.get(service.head, ()):
        first = block.find(b"-> ")
        if not service.key.mark or first < 0 or _is_of(service.key.family, block[first : first + 4]):
            yield block


def _is_of(family: Family, destination: bytes) -> bool:
    return (b"[" in destination) is (family is Family.INET6)


def _is_right(block: bytes, service: Watched) -> bool:
    place = block.find(service.sorry)
    found = _METHOD_AND_WEIGHT.match(block, place + len(service.sorry)) if place >= 0 else None
    if found is None or not _is_as_wanted(found[1], int(found[2]), service):
        return False
    others = block.count(b"-> ") - 1
    return not others if service.bare else _are_closed(block, others)


def _is_as_wanted(method: bytes, weight: int, service: Watched) -> bool:
    if service.exact:
        return method == service.method and weight == service.weight
    return weight >= service.weight


def _are_closed(block: bytes, count: int) -> bool:
    """Answer whether *count* destinations in *block* have weight 0: all but the sorry, which has more."""
    for each in _CLOSED:
        if count:
            count -= block.count(each)
    return not count


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
