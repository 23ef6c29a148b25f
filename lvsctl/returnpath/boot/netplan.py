"""Default routes in netplan's YAML files (netplan-yaml(5)). Pure; nothing is merged: each file speaks for itself."""

from collections.abc import Iterator
from typing import Any

import yaml

from lvsctl.returnpath.boot.model import EVERYWHERE, Default, Unreadable, number, stated
from lvsctl.vocabulary import Family

KINDS = frozenset({"ethernets", "bonds", "bridges", "vlans", "wifis", "modems", "tunnels", "dummy-devices"})
DHCP_METRIC = 100
"""What netplan has networkd give routes from DHCP, unless told otherwise."""
YES = frozenset({"true", "yes", "on", "y"})


def defaults(file: str, text: str) -> Iterator[Default]:
    """Yield the default routes that *text* declares. Raises Unreadable for what is no YAML."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise Unreadable("no YAML that can be read") from error
    for kind, section in _items(_at(root, "network")):
        if kind in KINDS:
            for name, link in _items(section):
                yield from _of_link(file, name, link)


def _of_link(file: str, name: str, link: Any) -> Iterator[Default]:
    for key, node in _items(link):
        line = node.start_mark.line + 1
        if key in {"gateway4", "gateway6"}:
            found = stated(file, line, name, _text(node))
        elif key in {"dhcp4", "dhcp6"} and _text(node).lower() in YES:
            found = _by_dhcp(file, line, name, link, key)
        else:
            found = None
        if found:
            yield found
    for route in _list(_at(link, "routes")):
        if _text(_at(route, "to")) in EVERYWHERE and _text(_at(route, "table")) in {"", "254", "main"}:
            metric = number(_text(_at(route, "metric")))
            found = stated(file, route.start_mark.line + 1, name, _text(_at(route, "via")), metric)
            if found:
                yield found


def _by_dhcp(file: str, line: int, name: str, link: Any, key: str) -> Default | None:
    if key == "dhcp6":
        return None  # the gateway of IPv6 comes from router advertisements
    overrides = _at(link, f"{key}-overrides")
    if _text(_at(overrides, "use-routes")).lower() in {"false", "no", "off", "n"}:
        return None
    metric = number(_text(_at(overrides, "route-metric")), DHCP_METRIC)
    return Default(file, line, name, None, Family.INET, metric)


def _items(node: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield _text(key), value


def _at(node: Any, key: str) -> Any:
    return next((value for name, value in _items(node) if name == key), None)


def _list(node: Any) -> list[Any]:
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _text(node: Any) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""
