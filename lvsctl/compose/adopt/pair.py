"""Merge what several directors have into one spec: what they share, `nodes`, and `per_node` for the rest."""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from lvsctl.compose.adopt.reading import Plain

Data = dict[str, Any]

_ABSENT = object()


def merge(datas: Mapping[str, Data]) -> Data:
    """Answer one spec's raw data for the raw data of each node, which it uses up; it means the same on each node."""
    nodes: dict[str, Data] = {name: {} for name in datas}
    _lift_unicast(datas, nodes)
    _lift_priority(datas, nodes)
    _lift_router_id(datas, nodes)
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
    """Let router_id follow from the node where every node has its own."""
    blocks = {name: data.get("global_defs", {}) for name, data in datas.items()}
    ids = [block.get("router_id") for block in blocks.values()]
    if None in ids or len(set(ids)) < len(ids):
        return
    for name, block in blocks.items():
        router_id = block.pop("router_id")
        if router_id != name:
            nodes[name]["router_id"] = router_id
        if not block:
            del datas[name]["global_defs"]


def _lift_priority(datas: Mapping[str, Data], nodes: dict[str, Data]) -> None:
    """Let priorities follow from the node where each node has one for all of its instances."""
    per_node = {name: {each.get("priority") for each in _instances(data)} for name, data in datas.items()}
    if not all(len(priorities) == 1 and None not in priorities for priorities in per_node.values()):
        return
    for name, data in datas.items():
        nodes[name]["priority"] = per_node[name].pop()
        for instance in _instances(data):
            del instance["priority"]


def _lift_unicast(datas: Mapping[str, Data], nodes: dict[str, Data]) -> None:
    """Let unicast peers follow from the nodes' addresses, instance by instance, where they say just that."""
    addresses = {name: _sources(data) for name, data in datas.items()}
    if len(datas) == 1 or not all(addresses.values()):
        return
    lifted = False
    for title in set.intersection(*(set(data.get("vrrp_instances", {})) for data in datas.values())):
        instances = {name: data["vrrp_instances"][title] for name, data in datas.items()}
        if _follows(instances, addresses):
            lifted = True
            for instance in instances.values():
                del instance["unicast_src_ip"], instance["unicast_peer"]
                instance["unicast"] = Plain("true")
    for name in nodes if lifted else ():
        own = list(addresses[name].values())
        nodes[name]["address"] = own[0] if len(own) == 1 else own


def _sources(data: Data) -> dict[int, str]:
    """Answer the source of unicast advertisements by family; nothing when a family has several."""
    sources: dict[int, str] = {}
    for instance in _instances(data):
        source = instance.get("unicast_src_ip")
        if source is not None and sources.setdefault(_family(source), source) != source:
            return {}
    return sources


def _follows(instances: Mapping[str, Data], addresses: Mapping[str, dict[int, str]]) -> bool:
    """Answer whether source and peers of an instance are, on every node, what its family's addresses say."""
    families = {_family(str(instance.get("unicast_src_ip"))) for instance in instances.values()}
    family = families.pop()
    if families or not family or not all(family in own for own in addresses.values()):
        return False
    return all(
        instance["unicast_src_ip"] == addresses[name][family]
        and instance.get("unicast_peer") == [own[family] for other, own in addresses.items() if other != name]
        for name, instance in instances.items()
    )


def _family(address: str) -> int:
    try:
        return ip_address(address).version
    except ValueError:
        return 0


def _instances(data: Data) -> list[Data]:
    return list(data.get("vrrp_instances", {}).values())
