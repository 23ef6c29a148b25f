"""Judges whether every address answers through its own gateway. Pure: what is there comes in as :class:`Seen`.

A finding says what was seen, why it matters, and what to do. Notes are worth knowing and nothing to repair.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from ipaddress import ip_address
from shlex import quote
from typing import NamedTuple

from lvsctl.net.model import MAIN, Route, RouteType, Way
from lvsctl.returnpath.boot import Race
from lvsctl.returnpath.intent import Host, Intended, Plan, ReturnPath, in_the_way, plan
from lvsctl.returnpath.walk import Packet, decision, walk
from lvsctl.vocabulary import Address, Family, family_of

FAR: Mapping[Family, Address] = {
    Family.INET: ip_address("9.9.9.9"),
    Family.INET6: ip_address("2620:fe::9"),
}
"""A destination far away, to ask about; no packet is sent there."""

FIX = "lvsctl return-path fix"
RENDER = "lvsctl render --reload -o /etc/keepalived/keepalived.conf"


class Severity(StrEnum):
    """How bad it is."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Finding(NamedTuple):
    """One thing that was found out."""

    id: str
    severity: Severity
    subject: str
    """The address, interface or file it is about."""
    what: str
    why: str
    remedy: str
    """A command, or what to change; empty for a note."""

    def __str__(self) -> str:
        return f"{self.subject}: {self.severity} {self.id}: {self.what}"


class Seen(NamedTuple):
    """What was looked at."""

    host: Host
    ways: Mapping[tuple[Address, Address], Way | str] = {}
    """What the kernel answers for a reply from an address the host has, to a destination; text: why there is no way."""
    rp_filter: Mapping[str, int] = {}
    """Per interface the effective one: the larger of its own and that of ``all``."""
    drops: int | None = None
    """Packets dropped for it (TcpExt IPReversePathFilter)."""
    races: tuple[Race, ...] = ()
    clients: tuple[Address, ...] = ()
    """Destinations to ask about besides the one far away."""
    trouble: tuple[str, ...] = ()
    """What could not be looked at."""

    def destinations(self, family: Family) -> tuple[Address, ...]:
        """Answer where replies of *family* go."""
        return (FAR[family], *(each for each in self.clients if family_of(each) is family))


def findings(intended: Intended, seen: Seen) -> tuple[Finding, ...]:
    """Answer what there is to say about the host."""
    local = {each.address for each in seen.host.addresses}
    return (
        *_drift(intended, seen),
        *_links(intended, seen.host),
        *(finding for path in intended.paths for finding in _of_path(path, seen, local)),
        *_addresses(intended, seen.host),
        *_unstated(intended, seen),
        *_defaults(seen.host),
        *_drops(seen),
        *(_race(race, intended) for race in seen.races),
    )


# --- what lvsctl makes


def _drift(intended: Intended, seen: Seen) -> Iterator[Finding]:
    steps = plan(intended, seen.host)
    missing = Plan(routes=steps.routes, rules=steps.rules)
    if missing:
        yield Finding(
            "missing",
            Severity.ERROR,
            "return paths",
            f"{sum(1 for _ in missing.steps())} routes and rules of lvsctl's are missing; the first:"
            f" {next(missing.commands())}",
            "Without them an address answers through whatever the main table's default is.",
            FIX,
        )
    for route in in_the_way(intended, seen.host):
        flag = "-6 " if route.family is Family.INET6 else ""
        yield Finding(
            "missing",
            Severity.ERROR,
            f"table {route.table}",
            f"a route that is not lvsctl's has the place of its own: {route}",
            "lvsctl takes away nothing that others made, so the addresses of this table answer by that route.",
            f"ip {flag}route del {route}; {FIX}",
        )
    left = Plan(old_addresses=steps.old_addresses, old_rules=steps.old_rules, old_routes=steps.old_routes)
    if left:
        yield Finding(
            "leftover",
            Severity.WARNING,
            "return paths",
            f"of lvsctl's, and the spec wants them no more: {'; '.join(str(each) for _, each in left.steps())}",
            "They still decide where replies go.",
            FIX,
        )


# --- one address


def _of_path(path: ReturnPath, seen: Seen, local: set[Address]) -> Iterator[Finding]:
    if path.address in local or path.is_ours:
        for dst in seen.destinations(path.family):
            yield from _way(path, seen, dst)
    else:
        yield Finding(
            "elsewhere",
            Severity.NOTE,
            str(path.address),
            f"not on this host: VRRP instance {path.instance} brings it and its way back",
            "On a BACKUP that is as it should be.",
            "",
        )
    if path.real_servers and not path.is_ours and not seen.host.reroutes and not path.forwarded:
        yield Finding(
            "snat-reroute",
            Severity.ERROR,
            str(path.address),
            "net.ipv4.vs.snat_reroute is 0, and the spec does not say so",
            "Answers of real servers (NAT) then go by their own address, for which keepalived has no rules.",
            "sysctl -w net.ipv4.vs.snat_reroute=1, or state it under sysctl: in the spec and render",
        )


def _links(intended: Intended, host: Host) -> Iterator[Finding]:
    for interface in dict.fromkeys(path.interface for path in intended.paths):
        if interface not in host.links:
            said, do = "there is no such interface", "correct return_paths in the spec"
        elif not host.links[interface]:
            said, do = "it is down", f"ip link set {quote(interface)} up"
        else:
            continue
        mine = ", ".join(str(path.address) for path in intended.paths if path.interface == interface)
        why = f"There is no other way for {mine}: replies are refused, rather than sent elsewhere."
        yield Finding("link", Severity.ERROR, interface, said, why, do)


def _way(path: ReturnPath, seen: Seen, dst: Address) -> Iterator[Finding]:
    found = way_of(path.address, dst, seen)
    if isinstance(found, str) or found.type is not RouteType.UNICAST:
        why = "Clients get no reply at all."
        said = found if isinstance(found, str) else str(found.type)
        # While the interface is not up, nothing else helps; _links says what does.
        do = _remedy(path) if seen.host.links.get(path.interface) else ""
        yield Finding("no-way", Severity.ERROR, str(path.address), f"no way to {dst}: {said}", why, do)
        return
    if is_lan(found) and dst != FAR[path.family]:
        return
    is_strict = seen.rp_filter.get(path.interface) == 1
    if (found.dev, found.gateway) != (path.interface, path.gateway):
        yield Finding(
            "wrong-way",
            Severity.ERROR,
            str(path.address),
            f"replies to {dst} leave by {described(found)}, not by {path.interface} via {path.gateway}",
            "Ping and connect may seem to work, and every request is lost: what comes in by one gateway and is"
            " answered through another is dropped or given another address on the way.",
            _remedy(path)
            if not is_lan(found)
            else f"the main table's {found.matched} is half a default: give it a table of its own",
        )
        if is_strict and found.dev != path.interface:
            yield Finding(
                "rp-filter",
                Severity.ERROR,
                path.interface,
                f"rp_filter is strict (1), and replies of {path.address} leave by {found.dev}",
                "The kernel drops what comes in for it, before any program sees it.",
                _remedy(path),
            )
    elif found.table == MAIN:
        yield Finding(
            "by-default",
            Severity.WARNING,
            str(path.address),
            f"replies to {dst} leave by {described(found)}: the right way, because it is the default now",
            "After the next boot another default may be the one.",
            _remedy(path),
        )


def _remedy(path: ReturnPath) -> str:
    return FIX if path.is_ours else RENDER


def way_of(src: Address, dst: Address, seen: Seen) -> Way | str:
    """Answer the kernel's word where it gives one, else where the rules and tables lead."""
    if (told := seen.ways.get((src, dst))) is not None:
        return told
    last = decision(walk(Packet(src, dst), seen.host.rules, seen.host.routes))
    if last is None:
        return "no rule leads to a route"
    if last.route is None:
        return last.rule.action
    return _as_way(last.route)


def _as_way(route: Route) -> Way:
    return Way(
        route.type,
        route.dev,
        route.gateway,
        route.table,
        route.prefsrc,
        route.metric,
        route.proto,
        route.dst,
    )


def is_lan(way: Way) -> bool:
    """Answer whether *way* is one that the main table knows apart from its default: return paths leave it alone."""
    return way.table == MAIN and way.matched is not None and way.matched.prefixlen > 0


def described(way: Way) -> str:
    """Say where *way* leads and which route says so."""
    where = way.dev + (f" via {way.gateway}" if way.gateway else "")
    table = "main" if way.table == MAIN else str(way.table)
    metric = f", metric {way.metric}" if way.metric else ""
    proto = "" if way.proto is None else f", {PROTOS.get(way.proto, f'proto {way.proto}')}"
    return f"{where} (table {table}{metric}{proto})"


PROTOS = {
    2: "the kernel's",
    3: "set at boot or by hand",
    4: "static",
    9: "from router advertisements",
    16: "from DHCP",
    18: "keepalived's",
    118: "lvsctl's",
}
"""Who a route says it is from (rtnetlink.h, rt_protos)."""


# --- the host


def _addresses(intended: Intended, host: Host) -> Iterator[Finding]:
    there = {each.address: each for each in host.addresses}
    for each in intended.addresses:
        found = there.get(each.address)
        if found is None:
            yield Finding(
                "address-missing",
                Severity.ERROR,
                str(each.address),
                f"this failover IP is not on the host; {each.dev} is to have it",
                "When the provider points it here, its packets are dropped. Both directors have it all the time.",
                FIX,
            )
        elif found.preferred_lft != 0:
            yield Finding(
                "address-preferred",
                Severity.WARNING,
                str(each.address),
                f"this failover IP may be chosen as the source of the host's own connections ({found})",
                "Whatever is sent from it while it points elsewhere is never answered.",
                f"ip address change {found.interface} dev {quote(found.dev)} preferred_lft 0, and likewise in the boot files",
            )


def _unstated(intended: Intended, seen: Seen) -> Iterator[Finding]:
    here = {each.address for each in seen.host.addresses}
    for address, interface in intended.unstated:
        family = family_of(address)
        gateways = [
            route.gateway
            for route in seen.host.routes
            if route.family is family and route.is_default and route.dev == interface and route.gateway
        ] + [
            each.gateway
            for race in seen.races
            for each in race.of
            if not race.guest and each.interface == interface and each.family is family and each.gateway
        ]
        found = way_of(address, FAR[family], seen)
        if address not in here or not gateways or isinstance(found, str) or found.dev == interface:
            continue
        yield Finding(
            "unstated",
            Severity.ERROR,
            str(address),
            f"it is on {interface}, and its replies leave by {described(found)}",
            "The interface has a gateway of its own, which the packets probably came in by.",
            f"in the spec: return_paths: {{{address}: {{interface: {interface}, gateway: {gateways[0]}}}}}",
        )


def _defaults(host: Host) -> Iterator[Finding]:
    found: dict[tuple[Family, int], list[str]] = {}
    for route in host.routes:
        if route.table == MAIN and route.is_default and route.type is RouteType.UNICAST:
            hops = [f"{hop.dev} via {hop.gateway}" if hop.gateway else hop.dev for hop in route.next_hops]
            found.setdefault((route.family, route.metric), []).extend(hops)
    for (family, metric), hops in found.items():
        if len(set(hops)) > 1:
            yield Finding(
                "ambiguous-default",
                Severity.ERROR,
                "default" if family is Family.INET else "default (IPv6)",
                f"{len(hops)} default routes with metric {metric}: {'; '.join(hops)}",
                "Replies are spread over them, or go by whichever was first.",
                "give each a metric of its own",
            )


def _drops(seen: Seen) -> Iterator[Finding]:
    if seen.drops and 1 in seen.rp_filter.values():
        yield Finding(
            "rp-filter-drops",
            Severity.NOTE,
            "rp_filter",
            f"{seen.drops} packets were dropped since boot, because their reply would leave elsewhere",
            "It may be what is looked for: net.ipv4.conf.all.log_martians=1 logs each.",
            "",
        )


def _race(race: Race, intended: Intended) -> Finding:
    covered = {path.interface for path in intended.paths}
    bare = [each.interface for each in race.of if each.interface not in covered]
    if race.guest:
        severity, more = Severity.WARNING, f" of guest {race.guest}"
    else:
        severity, more = (Severity.ERROR if bare else Severity.NOTE), ""
    why = "Whichever comes first at boot wins, and the other is refused (File exists). " + (
        f"What answers from {' and '.join(dict.fromkeys(bare))} then has the other's way back."
        if bare
        else "The return paths hold, whichever it is."
    )
    return Finding(
        "boot-race",
        severity,
        f"boot{more}",
        str(race),
        why,
        "keep one, or give them metrics; and return_paths for an address of each interface" if bare else "",
    )


def worst(found: Iterable[Finding]) -> bool:
    """Answer whether there is anything to repair."""
    return any(each.severity is not Severity.NOTE for each in found)
