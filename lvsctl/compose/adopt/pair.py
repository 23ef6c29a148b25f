"""Merge what several directors have into one spec: what they share, `nodes`, and `per_node` for the rest."""

from collections.abc import Mapping
from typing import Any

Data = dict[str, Any]

_ABSENT = object()


def merge(datas: Mapping[str, Data]) -> Data:
    """Answer one spec's raw data for the raw data of each node; it means the same on each node."""
    nodes: dict[str, Data] = {name: {} for name in datas}
    _lift_router_id(datas, nodes)
    _lift_priority(datas, nodes)
    _lift_unicast(datas, nodes)
    base, differing = shared(dict(datas))
    spec: Data = {"nodes": nodes, **(base if isinstance(base, dict) else {})}
    if per_node := {name: rest for name, rest in differing.items() if rest}:
        spec["per_node"] = per_node
    return spec


def shared(values: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Answer what all of *values* have in common, and for each name what has to be merged over that."""
    given = list(values.values())
    if all(value == given[0] for value in given[1:]):
        return given[0], {}
    if not all(isinstance(value, dict) for value in given):
        return _ABSENT, {name: value for name, value in values.items() if value is not _ABSENT}
    base: Data = {}
    rest: dict[str, Data] = {name: {} for name in values}
    for key in dict.fromkeys(key for value in given for key in value):
        common, differing = shared({name: value.get(key, _ABSENT) for name, value in values.items()})
        if common is not _ABSENT:
            base[key] = common
        for name, own in differing.items():
            rest[name][key] = own
    return base, {name: own for name, own in rest.items() if own}


def _lift_router_id(datas: Mapping[str, Data], nodes: dict[str, Data]) -> None:
    """Let router_id follow from the node when every node has one."""
    blocks = {name: data.get("global_defs", {}) for name, data in datas.items()}
    if not all("router_id" in block for block in blocks.values()):
        return
    if len({block["router_id"] for block in blocks.values()}) == 1 and len(blocks) > 1:
        return
    for name, block in blocks.items():
        router_id = block.pop("router_id")
        if router_id != name:
            nodes[name]["router_id"] = router_id
        if not block:
            del datas[name]["global_defs"]


def _lift_priority(datas: Mapping[str, Data], nodes: dict[str, Data]) -> None:
    """Let priorities follow from the node when each node has one for all of its instances."""
    per_node = {name: {each.get("priority") for each in _instances(data)} for name, data in datas.items()}
    if not all(len(priorities) == 1 and None not in priorities for priorities in per_node.values()):
        return
    for name, data in datas.items():
        nodes[name]["priority"] = per_node[name].pop()
        for instance in _instances(data):
            del instance["priority"]


def _lift_unicast(datas: Mapping[str, Data], nodes: dict[str, Data]) -> None:
    """Let unicast peers follow from the nodes' addresses where each node names all the others and itself."""
    sources = {
        name: {each.get("unicast_src_ip") for each in _instances(data)} for name, data in datas.items()
    }
    if len(datas) == 1 or not all(len(own) == 1 and None not in own for own in sources.values()):
        return
    addresses = {name: own.pop() for name, own in sources.items()}
    for name, data in datas.items():
        others = {address for other, address in addresses.items() if other != name}
        if any(set(each.get("unicast_peer", ())) != others for each in _instances(data)):
            return
    for name, data in datas.items():
        nodes[name]["address"] = addresses[name]
        for instance in _instances(data):
            del instance["unicast_src_ip"], instance["unicast_peer"]
            instance["unicast"] = "true"


def _instances(data: Data) -> list[Data]:
    return list(data.get("vrrp_instances", {}).values())
