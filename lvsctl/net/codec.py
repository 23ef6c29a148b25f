"""Between pyroute2's messages and :mod:`lvsctl.net.model`. Pure.

pyroute2 drops keywords it does not know without a word (``metric=`` becomes 0, ``onlink=True`` nothing), so nobody
but the functions here writes its keywords: what is passed on is exactly what they are known to take.
"""

from collections.abc import Iterator, Mapping
from ipaddress import ip_interface, ip_network
from typing import Any

from lvsctl.net.model import (
    EVERYWHERE,
    HostAddress,
    Link,
    Lookup,
    NextHop,
    Route,
    RouteType,
    Rule,
    Way,
)
from lvsctl.vocabulary import Address, Family, as_address, family_of

Message = Mapping[str, Any]
Names = Mapping[int, str]
"""Names of links by their index."""

AF = {Family.INET: 2, Family.INET6: 10}
FAMILY_OF = {number: family for family, number in AF.items()}

TYPES = {
    1: RouteType.UNICAST,
    2: RouteType.LOCAL,
    3: RouteType.BROADCAST,
    4: RouteType.ANYCAST,
    5: RouteType.MULTICAST,
    6: RouteType.BLACKHOLE,
    7: RouteType.UNREACHABLE,
    8: RouteType.PROHIBIT,
    9: RouteType.THROW,
}
"""``RTN_*`` of linux/rtnetlink.h."""

NOWHERE = frozenset({RouteType.BLACKHOLE, RouteType.UNREACHABLE, RouteType.PROHIBIT, RouteType.THROW})

ACTIONS = {1: "lookup", 2: "goto", 3: "nop", 6: "blackhole", 7: "unreachable", 8: "prohibit"}
"""``FR_ACT_*`` of linux/fib_rules.h."""

IFF_UP, IFF_LOOPBACK, IFF_LOWER_UP = 0x1, 0x8, 0x10000
IFA_F_SECONDARY, IFA_F_NODAD, IFA_F_DADFAILED, IFA_F_DEPRECATED, IFA_F_TENTATIVE = (
    0x01,
    0x02,
    0x08,
    0x20,
    0x40,
)
RTNH_F_DEAD, RTNH_F_ONLINK, RTNH_F_LINKDOWN = 0x1, 0x4, 0x10
RTM_F_CLONED = 0x200
FIB_RULE_INVERT = 0x2
FOREVER = 0xFFFFFFFF
NO_SUPPRESSION = 0xFFFFFFFF

LOOKUP_TABLE, FIB_MATCH = 0x1000, 0x2000
"""Flags of RTM_GETROUTE: tell the real table (IPv4 says main otherwise; IPv6 refuses it), tell the route itself."""


def attributes(message: Message) -> dict[str, Any]:
    """Answer the attributes of *message* by their names."""
    return dict(message.get("attrs") or ())


def _wide(found: Mapping[str, Any], name: str, narrow: int) -> int:
    """Answer a number from its attribute, for which the message's own field may be too narrow."""
    return int(found[name]) if name in found else narrow


def link(message: Message) -> Link:
    """Read a link."""
    found = attributes(message)
    flags = message["flags"]
    return Link(
        index=message["index"],
        name=found["IFLA_IFNAME"],
        is_up=bool(flags & IFF_UP),
        has_carrier=bool(flags & IFF_LOWER_UP),
        mac=found.get("IFLA_ADDRESS", ""),
        kind=attributes(found.get("IFLA_LINKINFO") or {}).get("IFLA_INFO_KIND", ""),
        master=found.get("IFLA_MASTER", 0),
        is_loopback=bool(flags & IFF_LOOPBACK),
    )


def host_address(message: Message, names: Names) -> HostAddress:
    """Read an address of this host."""
    found = attributes(message)
    flags = _wide(found, "IFA_FLAGS", message["flags"])
    # An IPv4 address with preferred_lft 0 is flagged, and its cache info says forever.
    lasts = 0 if flags & IFA_F_DEPRECATED else found.get("IFA_CACHEINFO", {}).get("ifa_preferred", FOREVER)
    address = found.get("IFA_LOCAL") or found["IFA_ADDRESS"]
    return HostAddress(
        interface=ip_interface(f"{address}/{message['prefixlen']}"),
        dev=names.get(message["index"], ""),
        is_tentative=bool(flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)),
        is_secondary=bool(flags & IFA_F_SECONDARY) and message["family"] == AF[Family.INET],
        preferred_lft=None if lasts == FOREVER else lasts,
        proto=found.get("IFA_PROTO", 0),
    )


def route(message: Message, names: Names) -> Route:
    """Read a route."""
    found = attributes(message)
    family = FAMILY_OF[message["family"]]
    prefsrc = found.get("RTA_PREFSRC")
    table = _wide(found, "RTA_TABLE", message["table"])
    kind = TYPES.get(message["type"], RouteType.OTHER)
    return Route(
        dst=_network(found.get("RTA_DST"), message["dst_len"]) or EVERYWHERE[family],
        table=table,
        metric=found.get("RTA_PRIORITY", 0),
        # IPv6 hangs a route that leads nowhere on the loopback.
        next_hops=() if kind in NOWHERE else tuple(_next_hops(message, found, names)),
        type=kind,
        proto=message["proto"],
        prefsrc=as_address(prefsrc) if prefsrc else None,
        scope=message["scope"],
    )


def rule(message: Message) -> Rule:
    """Read a rule."""
    found = attributes(message)
    table = _wide(found, "FRA_TABLE", message["table"])
    suppressed = found.get("FRA_SUPPRESS_PREFIXLEN", NO_SUPPRESSION)
    return Rule(
        family=FAMILY_OF[message["family"]],
        priority=found.get("FRA_PRIORITY", 0),
        table=table,
        src=_network(found.get("FRA_SRC"), message["src_len"]),
        dst=_network(found.get("FRA_DST"), message["dst_len"]),
        iif=found.get("FRA_IIFNAME", ""),
        oif=found.get("FRA_OIFNAME", ""),
        fwmark=found.get("FRA_FWMARK", 0),
        fwmask=found.get("FRA_FWMASK", 0),
        suppress_prefixlength=None if suppressed == NO_SUPPRESSION else suppressed,
        proto=found.get("FRA_PROTOCOL", 0),
        action=ACTIONS.get(message["action"], "other"),
        is_inverted=bool(message["flags"] & FIB_RULE_INVERT),
    )


def way(message: Message, prefsrc: str | None, names: Names) -> Way:
    """Read the answer to a lookup made with the flags of :func:`asked`."""
    found = route(message, names)
    return Way(
        type=found.type,
        dev=found.dev,
        gateway=found.gateway,
        table=found.table,
        prefsrc=as_address(prefsrc) if prefsrc else found.prefsrc,
        metric=found.metric,
        proto=found.proto,
        matched=found.dst,
    )


def of_route(each: Route, indices: Mapping[str, int]) -> dict[str, Any]:
    """Answer pyroute2's keywords for a route. KeyError names a link that is not there."""
    keywords: dict[str, Any] = {
        "family": AF[each.family],
        "dst": str(each.dst),
        "table": each.table,
        "priority": each.metric,
        "proto": each.proto,
        "scope": each.scope,
    }
    if each.type is not RouteType.UNICAST:
        keywords["type"] = each.type.value
    if each.prefsrc:
        keywords["prefsrc"] = str(each.prefsrc)
    hops = [_of_hop(hop, each.family, indices) for hop in each.next_hops]
    if len(hops) > 1:
        keywords["multipath"] = [
            hop | {"hops": given.weight - 1} for hop, given in zip(hops, each.next_hops, strict=True)
        ]
    elif hops:
        keywords |= hops[0]
    return keywords


def _of_hop(hop: NextHop, family: Family, indices: Mapping[str, int]) -> dict[str, Any]:
    keywords: dict[str, Any] = {"oif": indices[hop.dev]}
    if hop.gateway and family_of(hop.gateway) != family:
        keywords["via"] = {"family": AF[family_of(hop.gateway)], "addr": str(hop.gateway)}
    elif hop.gateway:
        keywords["gateway"] = str(hop.gateway)
    if hop.onlink:
        keywords["flags"] = RTNH_F_ONLINK
    return keywords


def of_address(each: HostAddress, indices: Mapping[str, int]) -> dict[str, Any]:
    """Answer pyroute2's keywords for an address that lasts. KeyError names a link that is not there.

    IPv6 does without duplicate address detection: what both directors have on purpose is no mistake.
    """
    keywords: dict[str, Any] = {
        "family": AF[each.family],
        "index": indices[each.dev],
        "address": str(each.address),
        "local": str(each.address),
        "prefixlen": each.interface.network.prefixlen,
        "IFA_PROTO": each.proto,
    }
    if each.preferred_lft is not None:
        keywords["IFA_CACHEINFO"] = {"ifa_preferred": each.preferred_lft, "ifa_valid": FOREVER}
    if each.family is Family.INET6:
        keywords["IFA_FLAGS"] = IFA_F_NODAD
    return keywords


def of_rule(each: Rule) -> dict[str, Any]:
    """Answer pyroute2's keywords for a rule. ValueError for one that this lvsctl only reads."""
    if each.action != "lookup" or each.is_inverted:
        raise ValueError(f"no rule of lvsctl's: {each}")
    keywords: dict[str, Any] = {
        "family": AF[each.family],
        "priority": each.priority,
        "table": each.table,
        "protocol": each.proto,
        "action": "to_tbl",
    }
    for name, network in (("src", each.src), ("dst", each.dst)):
        if network:
            keywords |= {name: str(network.network_address), f"{name}_len": network.prefixlen}
    for name, value in (("iifname", each.iif), ("oifname", each.oif)):
        if value:
            keywords[name] = value
    if each.fwmark or each.fwmask:
        keywords |= {"fwmark": each.fwmark, "fwmask": each.fwmask}
    if each.suppress_prefixlength is not None:
        keywords["suppress_prefixlen"] = each.suppress_prefixlength
    return keywords


def asked(lookup: Lookup, indices: Mapping[str, int]) -> dict[str, Any]:
    """Answer pyroute2's keywords for a lookup, without flags. KeyError names a link that is not there."""
    length = lookup.dst.max_prefixlen
    keywords: dict[str, Any] = {"family": AF[family_of(lookup.dst)], "dst": str(lookup.dst)}
    if lookup.src:
        keywords |= {"src": str(lookup.src), "src_len": length}
    for name, value in (("oif", lookup.oif), ("iif", lookup.iif)):
        if value:
            keywords[name] = indices[value]
    if lookup.fwmark:
        keywords["mark"] = lookup.fwmark
    return keywords


def match_flags(dst: Address) -> int:
    """Answer the flags with which the kernel tells the route it has found, for the family of *dst*."""
    return FIB_MATCH | (LOOKUP_TABLE if family_of(dst) is Family.INET else 0)


def _network(address: str | None, length: int) -> Any:
    return ip_network(f"{address}/{length}", strict=False) if address else None


def _next_hops(message: Message, found: Mapping[str, Any], names: Names) -> Iterator[NextHop]:
    if several := found.get("RTA_MULTIPATH"):
        for hop in several:
            yield _next_hop(attributes(hop), hop["oif"], hop["flags"], names, hop.get("hops", 0) + 1)
    elif "RTA_OIF" in found:
        yield _next_hop(found, found["RTA_OIF"], message["flags"], names)


def _next_hop(found: Mapping[str, Any], index: int, flags: int, names: Names, weight: int = 1) -> NextHop:
    gateway = found.get("RTA_GATEWAY") or (found.get("RTA_VIA") or {}).get("addr")
    return NextHop(
        dev=names.get(index, ""),
        gateway=as_address(gateway) if gateway else None,
        weight=weight,
        onlink=bool(flags & RTNH_F_ONLINK),
        is_down=bool(flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN)),
    )
