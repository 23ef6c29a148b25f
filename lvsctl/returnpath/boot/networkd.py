"""Default routes in systemd-networkd's ``.network`` files and their drop-ins (systemd.network(5)). Pure."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

from lvsctl.returnpath.boot.model import EVERYWHERE, Default, number, stated
from lvsctl.vocabulary import Family

SUFFIXES = frozenset({".network", ".conf"})
DHCP_METRIC = 1024
DHCP_ON = frozenset({"yes", "true", "on", "1", "ipv4"})
OFF = frozenset({"no", "false", "off", "0"})


class _Entry(NamedTuple):
    section: int
    """Sections of the same name are things of their own: they are counted."""
    name: str
    key: str
    value: str
    line: int


def defaults(file: str, text: str) -> Iterator[Default]:
    """Yield the default routes that *text* declares. An interface is called as ``[Match]`` has it."""
    if PurePosixPath(file).suffix not in SUFFIXES:
        return
    entries = list(_entries(text))
    name = interface(file, text)
    for entry in entries:
        found = None
        if (entry.name, entry.key) == ("Network", "Gateway"):
            found = stated(file, entry.line, name, entry.value)
        elif (entry.name, entry.key) == ("Network", "DHCP") and entry.value.lower() in DHCP_ON:
            found = _by_dhcp(file, entry, name, entries)
        elif (entry.name, entry.key) == ("Route", "Gateway"):
            found = _by_route(file, entry, name, entries)
        if found:
            yield found


def interface(file: str, text: str) -> str:
    """Answer the interface that *file* is for, as ``[Match]`` has it; without one the file's own name."""
    return _last(list(_entries(text)), "Match", "Name") or PurePosixPath(file).name


def _by_dhcp(file: str, entry: _Entry, name: str, entries: list[_Entry]) -> Default | None:
    for section in ("DHCPv4", "DHCP"):
        for key in ("UseRoutes", "UseGateway"):
            if _last(entries, section, key).lower() in OFF:
                return None
    metric = _last(entries, "DHCPv4", "RouteMetric") or _last(entries, "DHCP", "RouteMetric")
    return Default(file, entry.line, name, None, Family.INET, number(metric, DHCP_METRIC))


def _by_route(file: str, entry: _Entry, name: str, entries: list[_Entry]) -> Default | None:
    said = {each.key: each.value for each in entries if each.section == entry.section}
    if said.get("Destination", "default") not in EVERYWHERE or said.get("Table", "main") not in {
        "main",
        "254",
    }:
        return None
    return stated(file, entry.line, name, entry.value, number(said.get("Metric", "")))


def _last(entries: list[_Entry], name: str, key: str) -> str:
    return next((each.value for each in reversed(entries) if (each.name, each.key) == (name, key)), "")


def _entries(text: str) -> Iterator[_Entry]:
    section, name = 0, ""
    for number_, line in enumerate(text.splitlines(), 1):
        if found := re.fullmatch(r"\s*\[(.+?)\]\s*", line):
            section, name = section + 1, found[1]
        elif "=" in line and not line.lstrip().startswith(("#", ";")):
            key, _, value = line.partition("=")
            yield _Entry(section, name, key.strip(), value.strip(), number_)
