"""Default routes in NetworkManager's profiles (nm-settings-keyfile(5)). Pure.

A profile without ``route-metric`` gets that of its kind of interface, and of two of one kind the second that comes up
gets the next higher one: the first wins, as with the other programs.
"""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import NamedTuple

from lvsctl.returnpath.boot.model import EVERYWHERE, Default, number, stated
from lvsctl.vocabulary import Family

METRICS: Mapping[str, int] = {
    "ethernet": 100,
    "802-3-ethernet": 100,
    "infiniband": 150,
    "bond": 300,
    "team": 350,
    "vlan": 400,
    "macvlan": 410,
    "bridge": 425,
    "tun": 450,
    "vxlan": 500,
    "dummy": 550,
    "wifi": 600,
    "802-11-wireless": 600,
    "ip-tunnel": 675,
    "gsm": 700,
}
"""What NetworkManager gives each kind (nm_device_get_route_metric_default)."""
ANY_METRIC = 950
YES = frozenset({"true", "yes", "on", "1"})
SECTIONS = {"ipv4": Family.INET, "ipv6": Family.INET6}


class _Said(NamedTuple):
    value: str
    line: int


Sections = Mapping[str, Mapping[str, _Said]]


def defaults(file: str, text: str) -> Iterator[Default]:
    """Yield the default routes that the profile *text* makes at boot."""
    said = _sections(text)
    if _value(said, "connection", "autoconnect").lower() in {"false", "no", "off", "0"}:
        return
    for name, family in SECTIONS.items():
        yield from _of_family(file, said, name, family)


def _of_family(file: str, said: Sections, name: str, family: Family) -> Iterator[Default]:
    section = said.get(name, {})
    method = _value(said, name, "method")
    never = _value(said, name, "never-default").lower() in YES
    elsewhere = _value(said, name, "route-table") not in {"", "0", "254"}
    if method in {"disabled", "ignore", "link-local", "shared"}:
        return
    metric = number(
        _value(said, name, "route-metric"), METRICS.get(_value(said, "connection", "type"), ANY_METRIC)
    )
    dev = _name(file, said)
    if not never and not elsewhere:
        for gateway in _gateways(section):
            if found := stated(file, gateway.line, dev, gateway.value, metric):
                yield found
        if (
            method == "auto"
            and family is Family.INET
            and _value(said, name, "ignore-auto-routes").lower() not in YES
        ):
            yield Default(file, section["method"].line, dev, None, family, metric)
    if not elsewhere:
        yield from _routes(file, section, dev, metric)


def _gateways(section: Mapping[str, _Said]) -> Iterator[_Said]:
    """Yield the gateway: of ``gateway``, or behind the comma of an address (``address1=10.0.0.2/24,10.0.0.1``)."""
    if "gateway" in section:
        yield section["gateway"]
        return
    for key, each in section.items():
        _, comma, gateway = each.value.partition(",")
        if key.startswith("address") and comma:
            yield each._replace(value=gateway.strip())
            return


def _routes(file: str, section: Mapping[str, _Said], dev: str, metric: int) -> Iterator[Default]:
    for key, each in section.items():
        if not key.startswith("route") or not key[5:].isdecimal():
            continue
        parts = [part.strip() for part in each.value.split(",")]
        options = section.get(f"{key}_options", _Said("", 0)).value
        tables = [part.partition("=")[2] for part in options.split(",") if part.startswith("table=")]
        if (
            parts[0] in EVERYWHERE
            and len(parts) > 1
            and not any(table not in {"", "0", "254"} for table in tables)
        ):
            own = number(parts[2], metric) if len(parts) > 2 else metric  # noqa: PLR2004 - destination, gateway, metric
            if found := stated(file, each.line, dev, parts[1], own):
                yield found


def _name(file: str, said: Sections) -> str:
    return (
        _value(said, "connection", "interface-name")
        or _value(said, "connection", "id")
        or PurePosixPath(file).name.removesuffix(".nmconnection")
    )


def _value(said: Sections, section: str, key: str) -> str:
    return said.get(section, {}).get(key, _Said("", 0)).value


def _sections(text: str) -> dict[str, dict[str, _Said]]:
    found: dict[str, dict[str, _Said]] = {}
    here: dict[str, _Said] = {}
    for line, raw in enumerate(text.splitlines(), 1):
        words = raw.strip()
        if words.startswith("[") and words.endswith("]"):
            here = found.setdefault(words[1:-1], {})
        elif "=" in words and not words.startswith(("#", ";")):
            key, _, value = words.partition("=")
            here[key.strip()] = _Said(value.strip(), line)
    return found
