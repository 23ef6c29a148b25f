"""What everybody may read of the table: /proc/net/ip_vs, for `show` without root.

It lacks the thresholds, tunnels, scheduler flags, persistence engines and counters, one-packet scheduling for IPv6,
and which family a firewall mark is of: that is guessed from the mark's destinations. So it is for looking, never for
planning.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address

from lvsctl.errors import Denied, Unavailable
from lvsctl.host.netns import inside
from lvsctl.ipvs.errors import NoIpvs
from lvsctl.ipvs.model import (
    Connections,
    Counters,
    Dest,
    DestKey,
    Load,
    Observation,
    Persistence,
    Service,
    VirtualServer,
)
from lvsctl.ipvs.wire import Malformed
from lvsctl.vocabulary import Address, Family, ForwardingMethod, Protocol, ServiceKey, family_of

PATH = "/proc/thread-self/net/ip_vs"
_TITLE_LINES = 3
_HERTZ = 100
"""The file counts persistence in ticks of the kernel's clock; what it calls a tick depends on how it was built."""
_METHODS = {
    "Masq": ForwardingMethod.NAT,
    "Local": ForwardingMethod.LOCAL,
    "Tunnel": ForwardingMethod.TUN,
    "Route": ForwardingMethod.DR,
    "Bypass": ForwardingMethod.BYPASS,
}


def read_proc(*, netns: str | None = None) -> Observation:
    """Read the table as far as /proc tells it. Raises NoIpvs, Denied or Unavailable."""
    text = _text() if netns is None else inside(netns, _text)
    return parse(text.splitlines())


def _text() -> str:
    try:
        with open(PATH, encoding="ascii", errors="backslashreplace") as file:  # noqa: PTH123 - a path of the kernel's
            return file.read()
    except FileNotFoundError as error:
        raise NoIpvs from error
    except PermissionError as error:
        raise Denied(f"{PATH}: {error.strerror}") from error
    except OSError as error:
        raise Unavailable(f"{PATH}: {error.strerror}") from error


def parse(lines: Iterable[str]) -> Observation:
    """Read the lines of /proc/net/ip_vs. Raises Malformed."""
    table: dict[ServiceKey, VirtualServer] = {}
    loads: dict[tuple[ServiceKey, DestKey], Load] = {}
    for service, servers in _blocks(list(lines)[_TITLE_LINES:]):
        try:
            read = [_dest(words) for words in reversed(servers)]
            family = family_of(read[0][0].address) if read else Family.INET
            key, settings = _service(service, family)
        except (ValueError, KeyError, IndexError) as error:
            raise Malformed(f"{PATH}: not understood: {' '.join(service)}") from error
        if key in table:
            key = key._replace(family=Family.INET6)
        table[key] = VirtualServer(settings, {dest_key: dest for dest_key, dest, _ in read})
        loads.update({(key, dest_key): Load(connections, Counters()) for dest_key, _, connections in read})
    return Observation(table, {key: Counters() for key in table}, loads)


def _blocks(lines: list[str]) -> list[tuple[list[str], list[list[str]]]]:
    blocks: list[tuple[list[str], list[list[str]]]] = []
    for line in lines:
        words = line.split()
        if words[:1] == ["->"] and blocks:
            blocks[-1][1].append(words[1:])
        elif words:
            blocks.append((words, []))
    return blocks


def _service(words: list[str], mark_family: Family) -> tuple[ServiceKey, Service]:
    kind, where, scheduler, *rest = words
    if kind == "FWM":
        key = ServiceKey.fwmark(int(where, 16), mark_family)
    else:
        address, port = _place(where)
        key = ServiceKey(Protocol[kind], address, port, 0, family_of(address))
    persistence = None
    if "persistent" in rest:
        ticks, mask = rest[rest.index("persistent") + 1 :][:2]
        persistence = Persistence(int(ticks) // _HERTZ, _netmask(int(mask, 16), key.family))
    return key, Service(scheduler, one_packet="ops" in rest, persistence=persistence)


def _netmask(mask: int, family: Family) -> IPv4Address | int | None:
    if family is Family.INET:
        return None if mask == 0xFFFFFFFF else IPv4Address(mask)  # noqa: PLR2004 - every bit
    # The prefix length, printed as if it were an address of the other byte order.
    prefix = int.from_bytes(mask.to_bytes(4, "big"), "little")
    return None if prefix == 128 else prefix  # noqa: PLR2004 - a single address


def _dest(words: list[str]) -> tuple[DestKey, Dest, Connections]:
    where, method, weight, active, inactive = words
    return (
        DestKey(*_place(where)),
        Dest(_METHODS[method], int(weight)),
        Connections(int(active), int(inactive)),
    )


def _place(text: str) -> tuple[Address, int]:
    host, _, port = text.rpartition(":")
    address = IPv6Address(host[1:-1]) if host.startswith("[") else IPv4Address(int(host, 16))
    return address, int(port, 16)
