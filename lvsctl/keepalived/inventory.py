"""What a keepalived works on: its instances and virtual servers, from a configuration or from its own account.

This is how lvsctl knows that a reload has arrived: the account of the running keepalived has to name what the
new file names. Pure. Names are keepalived's: ``VI_1``, ``[10.0.0.1]:tcp:80``, ``FWM 7``, ``[web]`` for a group.
"""

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from types import MappingProxyType
from typing import NamedTuple

from lvsctl.keepalived.config import Config, Statement


class RealServer(NamedTuple):
    """A real server and the weight it starts with."""

    address: str
    port: int
    weight: int


class Inventory(NamedTuple):
    """What a keepalived works on, or would."""

    instances: frozenset[str] = frozenset()
    virtual_servers: Mapping[str, frozenset[RealServer]] = MappingProxyType({})


def differences(wanted: Inventory, found: Inventory) -> tuple[str, ...]:
    """Say what *found* lacks, has in excess, or weighs otherwise; empty when they are the same."""
    said = [f"{name} is missing" for name in sorted(wanted.instances - found.instances)]
    said += [f"{name} should be gone" for name in sorted(found.instances - wanted.instances)]
    for name in sorted(wanted.virtual_servers.keys() | found.virtual_servers.keys()):
        here, there = wanted.virtual_servers.get(name), found.virtual_servers.get(name)
        if here is None:
            said.append(f"{name} should be gone")
        elif there is None:
            said.append(f"{name} is missing")
        elif here != there:
            said.append(f"{name} has other real servers or weights")
    return tuple(said)


def configured(config: Config) -> Inventory:
    """Answer what a keepalived works on that accepts *config* without complaint (2.2.7)."""
    names = (each.words[1] for each in config if each.keyword == "vrrp_instance" and len(each.words) > 1)
    servers = (each for each in config if each.keyword == "virtual_server" and each.body)
    return Inventory(
        frozenset(names), {_name(each): frozenset(_real_servers(each)) for each in servers if _has_real(each)}
    )


def _has_real(server: Statement) -> bool:
    # keepalived drops a virtual server without any: "has no real servers - ignoring".
    return any(each.keyword == "real_server" for each in server.body or ())


def _name(server: Statement) -> str:
    match server.words[1:]:
        case ("fwmark", mark):
            return f"FWM {int(mark)}" if mark.isdecimal() else f"FWM {mark}"
        case ("group", group):
            return f"[{group}]"
        case (address, port, *_):
            protocol = _last(server, "protocol", "UDP").lower()
            return f"[{_address(address)}]:{protocol}:{port}"
        case words:
            return " ".join(words)


def _real_servers(server: Statement) -> Iterator[RealServer]:
    default = _last(server, "weight", "1")
    for each in server.body or ():
        if each.keyword == "real_server" and len(each.words) > 1:
            port = each.words[2] if len(each.words) > 2 else "0"  # noqa: PLR2004  # real_server ADDRESS PORT
            weight = _last(each, "weight", default)
            yield RealServer(_address(each.words[1]), _number(port), _number(weight))


def _last(block: Statement, keyword: str, default: str) -> str:
    """Answer the value of *keyword* as keepalived takes it: the last one wins."""
    values = [each.words[1] for each in block.body or () if each.keyword == keyword and len(each.words) > 1]
    return values[-1] if values else default


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else -1


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        return text


_INSTANCE = re.compile(r"^ VRRP Instance = (.*)$", re.MULTILINE)
_BLOCK = re.compile(r"^ ------< Virtual server >------$(.*?)(?=^ ?------<|\Z)", re.MULTILINE | re.DOTALL)
_SERVER = re.compile(
    r" VS (?:VIP = (?P<address>\S+), VPORT = (?P<port>\d+)|FWMARK = (?P<mark>\d+)|GROUP = (?P<group>\[.*\]):\d+)$",
    re.MULTILINE,
)
_PROTOCOL = re.compile(r"^   protocol = (\w+)$", re.MULTILINE)
_REAL = re.compile(
    r"^   RIP = (\S+), RPORT = (\d+), .*?^   initial weight = (\d+)$", re.MULTILINE | re.DOTALL
)


def accounted(text: str) -> Inventory:
    """Answer what keepalived's own account says that it works on: the text of one dump, or of all."""
    servers = {
        _accounted_name(server, block[1]): frozenset(
            RealServer(_address(address), int(port), int(weight))
            for address, port, weight in _REAL.findall(block[1])
        )
        for block in _BLOCK.finditer(text)
        if (server := _SERVER.search(block[1]))
    }
    return Inventory(frozenset(_INSTANCE.findall(text)), servers)


def _accounted_name(server: re.Match[str], block: str) -> str:
    if server["group"]:
        return server["group"]
    if server["mark"]:
        return f"FWM {server['mark']}"
    protocol = found[1].lower() if (found := _PROTOCOL.search(block)) else "none"
    return f"[{_address(server['address'])}]:{protocol}:{server['port']}"
