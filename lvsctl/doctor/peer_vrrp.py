"""Whether the VRRP instances of two directors can work together, from the settings that their keepaliveds hold.

Pure. What a director says is words of a keepalived.conf, per instance and keyword; the other one's are not trusted.
Which settings have to agree: vrrp_in_chk() of keepalived 2.2.7 (vrrp/vrrp.c), RFC 3768 and RFC 5798.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from ipaddress import ip_address, ip_interface
from typing import Any, Final, NamedTuple

from lvsctl.compose.rules import Severity

ERROR, WARNING, NOTE = Severity

DEFAULT_PRIORITY: Final = "100"


class Difference(NamedTuple):
    """What does not fit."""

    subject: str
    said: str
    severity: Severity


Instance = Mapping[str, Any]


def differences(here: Mapping[str, Any], there: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield what does not fit between the instances of two directors."""
    pairs = _pairs(here, there)
    for name, other in pairs.items():
        if other is None:
            yield _missing(name, "the other director does not have it")
        else:
            yield from _between(f"vrrp_instance {name}", here[name], there[other])
    for name in there.keys() - set(pairs.values()):
        yield _missing(str(name), "only the other director has it")


def _missing(name: str, said: str) -> Difference:
    return Difference(f"vrrp_instance {name[:100]}", said, ERROR)


def _pairs(here: Mapping[str, Any], there: Mapping[str, Any]) -> dict[str, str | None]:
    """Answer the partner of each instance: by name, else by what routers know each other by, for names are not sent."""
    found: dict[str, str | None] = {
        name: name if isinstance(there.get(name), dict) else None for name in here
    }
    free = {
        _identity(each): name for name, each in there.items() if name not in here and isinstance(each, dict)
    }
    for name, partner in found.items():
        if partner is None:
            found[name] = free.pop(_identity(here[name]), None)
    return found


def _identity(instance: Instance) -> tuple[str, bool]:
    return _first(instance, "virtual_router_id"), _is_ipv6(instance)


def _words(instance: Instance, word: str) -> list[str]:
    found = instance.get(word)
    return [str(each)[:200] for each in found] if isinstance(found, list) else []


def _first(instance: Instance, word: str, otherwise: str = "") -> str:
    return next(iter(_words(instance, word)), otherwise)


def _addresses(instance: Instance, word: str) -> frozenset[str]:
    """Answer addresses as they are sent: without their network, interface and label."""
    return frozenset(_address(line) for line in _words(instance, word))


def _address(line: str) -> str:
    word = next(iter(line.split()), "")
    with suppress(ValueError):
        return str(ip_interface(word).ip)
    return word


def _is_ipv6(instance: Instance) -> bool:
    with suppress(ValueError):
        return ip_address(min(_addresses(instance, "virtual_ipaddress"), default="")).version == 6  # noqa: PLR2004 - IP's own version number
    return False


def _seconds(instance: Instance) -> str:
    with suppress(ValueError):
        return f"{float(_first(instance, 'advert_int', '1')):g}"
    return _first(instance, "advert_int")


def _version(instance: Instance) -> str:
    return "3" if _is_ipv6(instance) else _first(instance, "version", "2")


def _auth(instance: Instance) -> str:
    return _first(instance, "auth_type", "none") if _version(instance) == "2" else "none"


def _way(instance: Instance) -> str:
    return "unicast" if "unicast_peer" in instance else "multicast"


def _between(subject: str, own: Instance, other: Instance) -> Iterator[Difference]:
    for word, told in _AGREE.items():
        here, there = told(own), told(other)
        if here != there:
            yield Difference(
                subject, f"{word}: {_shown(here, there)} here, {_shown(there, here)} there", ERROR
            )
    yield from _unheard(subject, own, other)
    priority = _first(own, "priority", DEFAULT_PRIORITY)
    if priority == _first(other, "priority", DEFAULT_PRIORITY):
        yield Difference(subject, f"priority {priority} on both", ERROR)
    if ("nopreempt" in own) != ("nopreempt" in other):
        where = "here" if "nopreempt" in own else "there"
        said = f"nopreempt {where} only: that of the director with the higher priority counts"
        yield Difference(subject, said, NOTE)


_AGREE: Final[Mapping[str, Callable[[Instance], str | frozenset[str]]]] = {
    "virtual_router_id": lambda each: _first(each, "virtual_router_id"),
    "version": _version,
    "advert_int": _seconds,
    "auth_type": _auth,
    "sent by": _way,
    "virtual_ipaddress": lambda each: _addresses(each, "virtual_ipaddress"),
    "virtual_ipaddress_excluded": lambda each: _addresses(each, "virtual_ipaddress_excluded"),
}


def _shown(value: str | frozenset[str], beside: str | frozenset[str]) -> str:
    """Answer a value for a message: of addresses those that the other one does not have."""
    if isinstance(value, str) or isinstance(beside, str):
        return str(value) or "none"
    extra = sorted(value - beside)
    return ", ".join(extra)[:100] or ("no other" if value else "none")


def _unheard(subject: str, own: Instance, other: Instance) -> Iterator[Difference]:
    """Unicast: each has to have the other among its peers."""
    for sender, hearer, place in ((own, other, "here"), (other, own, "there")):
        source = _address(_first(hearer, "unicast_src_ip"))
        if "unicast_peer" in sender and source and source not in _addresses(sender, "unicast_peer"):
            said = f"unicast_peer {place} has no {source[:50]}: advertisements do not reach it"
            yield Difference(subject, said, ERROR)
