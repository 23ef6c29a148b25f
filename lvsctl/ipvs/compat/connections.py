"""The connection table as ipvsadm lists it, from /proc/net/ip_vs_conn (there is no other way to read it)."""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address

from lvsctl.ipvs.compat.show import place
from lvsctl.vocabulary import Address, Protocol

_FIELDS = 9
"""protocol, client, port, virtual, port, destination, port, state, expires; a persistence engine adds two."""


def listing(lines: Iterable[str], *, numeric: bool, engines: bool) -> Iterator[str]:
    """Yield the list that ``-L -c`` prints, from the lines of the file; *engines* adds what they stored."""
    yield "IPVS connection entries"
    titles = f"pro expire {'state':<11} {'source':<18} {'virtual':<18}"
    yield f"{titles} {'destination':<18} {'pe name':<16} pe_data" if engines else f"{titles} destination"
    for line in list(lines)[1:]:
        words = line.split()
        if len(words) >= _FIELDS:
            yield _entry(words, numeric=numeric, engines=engines)


def _entry(words: list[str], *, numeric: bool, engines: bool) -> str:
    kind, *ends, state, expires = words[:_FIELDS]
    protocol = Protocol[kind] if kind in Protocol.__members__ else None
    named = [
        place(_address(ends[i]), int(ends[i + 1], 16), protocol, numeric=numeric or protocol is None)
        for i in (0, 2, 4)
    ]
    minutes, seconds = divmod(int(expires), 60)
    entry = f"{kind:<3} {f'{minutes:02}:{seconds:02}':<6} {state:<11} {named[0]:<18} {named[1]:<18} "
    if engines and len(words) > _FIELDS + 1:
        return f"{entry}{named[2]:<16} {words[_FIELDS]:<18} {words[_FIELDS + 1]}"
    return entry + named[2]


def _address(text: str) -> Address:
    return IPv6Address(text) if ":" in text else IPv4Address(int(text, 16))
