"""Says in words which way a reply goes, and why. Pure."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from lvsctl.net.model import LOCAL, RouteType, Way
from lvsctl.returnpath.check import Seen, described, is_lan, way_of
from lvsctl.returnpath.intent import Intended, ReturnPath
from lvsctl.returnpath.walk import Packet, Passed, decision, walk
from lvsctl.vocabulary import Address


class Explanation(NamedTuple):
    """One reply's way."""

    src: Address
    dst: Address
    way: Way | str
    """Text: why there is none."""
    passed: tuple[Passed, ...]
    expected: str
    """What the spec wants; empty when it says nothing about the address."""
    right: bool | None
    """Whether it is what the spec wants; None when it wants nothing."""
    is_here: bool
    agrees: bool
    """The kernel's word and the rules as we read them say the same."""


def explain(src: Address, dst: Address, intended: Intended, seen: Seen) -> Explanation:
    """Answer which way a reply from *src* to *dst* goes."""
    way = way_of(src, dst, seen)
    passed = walk(Packet(src, dst), seen.host.rules, seen.host.routes)
    path = next((each for each in intended.paths if each.address == src), None)
    return Explanation(
        src,
        dst,
        way,
        passed,
        _expected(path),
        None if path is None else _is_right(way, path),
        any(each.address == src for each in seen.host.addresses),
        _agrees(way, passed),
    )


def lines(found: Explanation) -> Iterator[str]:
    """Yield the explanation, line by line."""
    reply = f"a reply from {found.src} to {found.dst}"
    if isinstance(found.way, str):
        yield f"{reply} has no way: {found.way}"
    elif found.way.type is not RouteType.UNICAST:
        yield f"{reply} goes nowhere: {found.way.type} (table {found.way.table})"
    else:
        yield f"{reply} leaves by {described(found.way)}"
    if not found.is_here:
        yield f"{found.src} is not on this host: this is where rules and tables would lead"
    # The first rule of every host asks for its own addresses, which clients have not.
    yield from (f"  {_rule(each)}" for each in found.passed if each.route or each.rule.table != LOCAL)
    if not found.agrees:
        yield "  the kernel says otherwise than these rules as lvsctl reads them; it is the kernel that decides"
    if found.right is None:
        yield "the spec has no return path for this address: any way is as good as another"
    elif found.right and isinstance(found.way, Way) and is_lan(found.way):
        yield f"as it should be: the main table knows {found.way.matched}, so {found.expected} is not for it"
    elif found.right:
        yield "as it should be"
    else:
        yield f"it should leave by {found.expected}"


def _rule(passed: Passed) -> str:
    rule = passed.rule
    source = f"from {rule.src}" if rule.src else "from all"
    head = f"rule {rule.priority} ({source})"
    if rule.action != "lookup":
        return f"{head}: {rule.action}"
    table = {254: "main", 253: "default", 255: "local"}.get(rule.table, str(rule.table))
    if passed.route is None:
        return f"{head}: table {table} has nothing for it"
    if not passed.taken:
        why = "this rule takes no default" if rule.suppress_prefixlength == 0 else "this rule passes it over"
        return f"{head}: table {table} has {passed.route}, but {why}"
    return f"{head}: table {table} has {passed.route}"


def _expected(path: ReturnPath | None) -> str:
    return f"{path.interface} via {path.gateway} (table {path.table})" if path else ""


def _is_right(way: Way | str, path: ReturnPath) -> bool:
    if isinstance(way, str) or way.type is not RouteType.UNICAST:
        return False
    return is_lan(way) or (way.dev, way.gateway) == (path.interface, path.gateway)


def _agrees(way: Way | str, passed: tuple[Passed, ...]) -> bool:
    last = decision(passed)
    route = last.route if last else None
    if isinstance(way, str) or route is None or route.type is not RouteType.UNICAST:
        return isinstance(way, str) is not (route is not None and route.type is RouteType.UNICAST)
    if len(route.next_hops) > 1:
        return any((hop.dev, hop.gateway) == (way.dev, way.gateway) for hop in route.next_hops)
    return (way.dev, way.gateway, way.table) == (route.dev, route.gateway, route.table)


def as_json(found: Explanation) -> Mapping[str, object]:
    """Answer the explanation as JSON has it (docs/reference/json.md)."""
    way = found.way
    return {
        "from": str(found.src),
        "to": str(found.dst),
        "way": None
        if isinstance(way, str)
        else {
            "type": str(way.type),
            "interface": way.dev,
            "gateway": str(way.gateway) if way.gateway else None,
            "table": way.table,
            "metric": way.metric,
            "proto": way.proto,
        },
        "why_not": way if isinstance(way, str) else None,
        "here": found.is_here,
        "rules": [_rule(each) for each in found.passed],
        "expected": found.expected or None,
        "right": found.right,
    }
