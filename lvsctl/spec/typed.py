"""Where the operator typed what a resolved spec says: the way back from :mod:`lvsctl.spec.resolve`.

A pure function of paths; what position a path has in the text is the document's business.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from lvsctl.spec.spec import Spec

Path = tuple[str | int, ...]


def typed(spec: Spec, path: Path, node: str, data: dict[str, Any]) -> Path:
    """Answer where the value at *path* of *spec*, resolved for *node*, was typed.

    *data* is what *spec* was made of, untyped and merged: what stands there is its own origin. A path that leads
    to nothing in *data* means its nearest ancestor, as in Document.place; so the name of a node is its router_id.
    """
    if path[2:3] == ("real_servers",):
        return _check(spec, path)
    if node not in spec.nodes or _is_said(data, path[:3]):
        return path
    match path:
        case ("global_defs", "router_id"):
            return ("nodes", node, "router_id")
        case ("vrrp_instances", str(name), *field):
            return _of_instance(spec, name, tuple(field), node, data) or path
        case ("virtual_servers", str(name), *field):
            return _of_sorry(spec, name, tuple(field), node, data) or path
    return path


def _check(spec: Spec, path: Path) -> Path:
    """Checks of a service stand on the service, and come before those of the real server."""
    match path:
        case ("virtual_servers", str(name), "real_servers", int(_), "checks", int(index), *rest):
            shared = len(spec.virtual_servers[name].checks)
            if index < shared:
                return ("virtual_servers", name, "checks", index, *rest)
            return (*path[:5], index - shared, *rest)
    return path


def _of_instance(spec: Spec, name: str, field: Path, node: str, data: dict[str, Any]) -> Path | None:
    instance = spec.vrrp_instances[name]
    match field:
        case ("priority",) if instance.priority is not None:
            return ("nodes", node, "priority")
        case ("unicast_src_ip",):
            return _address(spec, [node], instance.unicast_src_ip, data)
        case ("unicast_peer",):
            return ("vrrp_instances", name, "unicast")
        case ("unicast_peer", int(index), *_):
            return _address(spec, spec.nodes, instance.unicast_peer[index].address, data)
    return None


def _of_sorry(spec: Spec, name: str, field: Path, node: str, data: dict[str, Any]) -> Path | None:
    """The local backend: `sorry_server` itself was typed, if only as ``{}``; what it stands for elsewhere."""
    server = spec.virtual_servers[name].sorry_server
    match field:
        case ("sorry_server", "address") if server is not None:
            return _address(spec, [node], server.address, data)
        case ("sorry_server", "port") if _is_said(data, ("sorry", "port")):
            return ("sorry", "port")
        case ("sorry_server_lvs_method", *_) if server is not None:
            return ("virtual_servers", name, "sorry_server")
    return None


def _address(
    spec: Spec, names: Iterable[str], address: IPv4Address | IPv6Address | None, data: dict[str, Any]
) -> Path | None:
    """Answer where *address* stands among the own addresses of the nodes *names*: alone, or in a list."""
    for name in names:
        own = spec.nodes[name].address
        if address in own:
            listed = isinstance(data["nodes"][name]["address"], list)
            return ("nodes", name, "address", *([own.index(address)] if listed else []))
    return None


def _is_said(data: Any, path: Path) -> bool:
    """Answer whether *data* has something at *path*: an empty block or list leaves it to the shorthands."""
    for step in path:
        data = data.get(step) if isinstance(data, dict) else None
    return bool(data)
