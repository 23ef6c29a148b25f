"""Rules about virtual servers and their real servers, checks and sorry servers apart. LVS100 to LVS110."""

from collections.abc import Iterator
from typing import NamedTuple

from lvsctl.compose.rules.effective import (
    Address,
    method,
    ports,
    protocol_of,
    quorum_of,
    service_family,
    weights,
)
from lvsctl.compose.rules.rule import ERROR, NOTE, WARNING, Broken, Path, of_spec
from lvsctl.compose.rules.tracking import unknown
from lvsctl.spec.spec import Spec
from lvsctl.spec.virtual_server import VirtualServer
from lvsctl.vocabulary import endpoint


def at(name: str, *more: str | int) -> Path:
    """Answer the path of a virtual server, or of something in it."""
    return ("virtual_servers", name, *more)


class _Span(NamedTuple):
    """The addresses that a service takes, one after another."""

    kind: tuple[object, ...]
    """What else has to be equal for two services to be the same: protocol and port, or the family of a mark."""
    first: int
    last: int
    name: str
    path: Path


@of_spec(
    "LVS100",
    ERROR,
    "One service twice",
    reason="`keepalived -t` says nothing. The kernel has one service per address, port and protocol, so both share it: a real server of one is removed because a check of the other failed.",
    remedy="Join the two, or give one another address, port or protocol.",
)
def duplicate_service(spec: Spec) -> Iterator[Broken]:
    """Also through `virtual_server_groups`, whose ranges may overlap."""
    spans: dict[tuple[object, ...], list[_Span]] = {}
    for name, service in spec.virtual_servers.items():
        for span in _spans(name, service, spec):
            spans.setdefault(span.kind, []).append(span)
    for same in spans.values():
        yield from _overlaps(sorted(same, key=lambda span: span.first))


def _overlaps(spans: list[_Span]) -> Iterator[Broken]:
    reach = spans[0]
    for span in spans[1:]:
        if span.first <= reach.last:
            yield Broken(
                span.path,
                f"{span.name} takes the same packets as {reach.name}: the kernel has one service for both",
            )
        if span.last > reach.last:
            reach = span


def _spans(name: str, service: VirtualServer, spec: Spec) -> Iterator[_Span]:
    protocol = protocol_of(service)
    if service.address is not None:
        place = int(service.address)
        kind = (service.address.version, protocol, service.port or 0)
        yield _Span(kind, place, place, name, at(name))
    elif service.fwmark is not None:
        yield _Span(("fwmark", service.ip_family), service.fwmark, service.fwmark, name, at(name))
    for entry in spec.virtual_server_groups.get(service.group or "", ()):
        if entry.address is not None:
            first, last = entry.address.first, entry.address.last
            yield _Span(
                (first.version, protocol, entry.port or 0), int(first), int(last), name, at(name, "group")
            )
        elif entry.fwmark is not None:
            yield _Span(("fwmark", entry.family), entry.fwmark, entry.fwmark, name, at(name, "group"))


@of_spec(
    "LVS101",
    ERROR,
    "One real server twice",
    reason="keepalived removes the second one with its weight and checks; where only one of them states the port it does not notice, and the kernel refuses the second.",
    remedy="Keep one entry; a larger weight gives it more connections.",
)
def duplicate_real_server(spec: Spec) -> Iterator[Broken]:
    """By address and port within one service; without a port it is the service's."""
    for name, service in spec.virtual_servers.items():
        default = service.port or 0
        # Numbers hash much faster than addresses, and here nearly always all differ.
        keys = [(int(server.address), server.port or default) for server in service.real_servers]
        if len(set(keys)) < len(keys):
            yield from _repeated(name, service, default)


def _repeated(name: str, service: VirtualServer, default: int) -> Iterator[Broken]:
    seen: dict[tuple[Address, int], int] = {}
    for index, server in enumerate(service.real_servers):
        key = (server.address, server.port or default)
        if key in seen:
            yield Broken(
                at(name, "real_servers", index), f"{endpoint(*key)} is real_servers[{seen[key]}] already"
            )
        seen.setdefault(key, index)


@of_spec(
    "LVS102",
    ERROR,
    "An unknown group",
    reason="`keepalived -t` says nothing, and the service does not exist.",
    remedy="Declare it under virtual_server_groups, or correct the name.",
)
def unknown_group(spec: Spec) -> Iterator[Broken]:
    """`group` of a virtual server."""
    for name, service in spec.virtual_servers.items():
        if service.group is not None and service.group not in spec.virtual_server_groups:
            yield Broken(
                at(name, "group"), unknown(service.group, spec.virtual_server_groups, "virtual_server_groups")
            )


@of_spec(
    "LVS103",
    NOTE,
    "A group that no service uses",
    reason="Its addresses are served by nobody: probably a service was to use it.",
    remedy="Use it in a virtual server, or remove it.",
)
def unused_group(spec: Spec) -> Iterator[Broken]:
    """An entry of `virtual_server_groups`."""
    used = {service.group for service in spec.virtual_servers.values()}
    for name in spec.virtual_server_groups.keys() - used:
        yield Broken(("virtual_server_groups", name), f"no virtual server uses {name}")


@of_spec(
    "LVS104",
    ERROR,
    "Another port under DR or TUN",
    reason="Only NAT rewrites the port; DR and TUN hand the packet on as it is (ip_vs_xmit.c). keepalived resets the port, so checks ask a port that no client reaches, or the other way round.",
    remedy="Leave the real server's port out, and have it listen on the service's port; or use lvs_method NAT.",
)
def port_change(spec: Spec) -> Iterator[Broken]:
    """A firewall mark has no port at all, so there a real server has none either."""
    for name, service in spec.virtual_servers.items():
        shared = method(service.lvs_method)
        if shared == "NAT" and not any(server.lvs_method for server in service.real_servers):
            continue
        expected = {0} if service.fwmark is not None else ports(service, spec)
        for index, server in enumerate(service.real_servers):
            how = method(server.lvs_method, service.lvs_method)
            if how != "NAT" and server.port and expected and expected != {server.port}:
                wanted = " or ".join(map(str, sorted(expected)))
                path = at(name, "real_servers", index)
                yield Broken(
                    (*path, "port"),
                    f"{how} keeps the port that the client asked for ({wanted}), not {server.port}",
                )


@of_spec(
    "LVS105",
    ERROR,
    "A real server of another family",
    reason="The kernel refuses it unless the packets are tunnelled (ip_vs_ctl.c): the real server never gets a connection, and keepalived logs it once.",
    remedy="Use an address of the service's family, or lvs_method TUN.",
)
def other_family(spec: Spec) -> Iterator[Broken]:
    """A service by firewall mark has the family of its real servers."""
    for name, service in spec.virtual_servers.items():
        version = service_family(service, spec)
        if version is None:
            continue
        for index, server in enumerate(service.real_servers):
            if server.address.version != version and method(server.lvs_method, service.lvs_method) != "TUN":
                path = at(name, "real_servers", index, "address")
                yield Broken(
                    path, f"{server.address} is not IPv{version}, as the service is: only TUN reaches it"
                )


@of_spec(
    "LVS106",
    WARNING,
    "A service that nobody serves",
    reason="Clients are refused: there is no real server with a weight, and no sorry server.",
    remedy="List real_servers, give one a weight above 0, or declare a sorry_server.",
)
def nobody_serves(spec: Spec) -> Iterator[Broken]:
    """For `owner: lvsctl`; what keepalived owns has to have real servers anyway."""
    for name, service in spec.virtual_servers.items():
        if not sum(weights(service)) and service.sorry_server is None:
            yield Broken(
                at(name), "no real server has a weight, and there is no sorry_server: clients are refused"
            )


@of_spec(
    "LVS107",
    WARNING,
    "One failure costs the quorum",
    reason="Below the quorum keepalived takes the living real servers out as well, and the sorry server comes in: one dead machine is then an outage.",
    remedy="Lower quorum so that the service lives on without its largest real server, or raise the weights of the others.",
)
def quorum_without_reserve(spec: Spec) -> Iterator[Broken]:
    """Only for `quorum` above 1: the weight that is left after the largest server failed, against quorum minus hysteresis."""
    for name, service in spec.virtual_servers.items():
        if quorum_of(service) == 1 or len(service.real_servers) < 2:  # noqa: PLR2004 - one server has no reserve
            continue
        each = weights(service)
        left, needed = sum(each) - max(each), quorum_of(service) - (service.hysteresis or 0)
        if left < needed:
            yield Broken(
                at(name, "quorum"),
                f"when the server of weight {max(each)} fails, {left} is left of the {needed} that are needed: the healthy ones are taken out, too",
            )


@of_spec(
    "LVS108",
    ERROR,
    "A quorum that never comes back",
    reason="Once lost, the quorum is regained at quorum plus hysteresis: more than all real servers together weigh, so the sorry server stays for ever (keepalived, update_quorum_state).",
    remedy="Lower quorum or hysteresis, or raise the weights.",
)
def quorum_out_of_reach(spec: Spec) -> Iterator[Broken]:
    """The sum of the weights has to be at least `quorum` + `hysteresis`."""
    for name, service in spec.virtual_servers.items():
        if not service.real_servers or not (service.quorum or service.hysteresis):
            continue
        needed, total = quorum_of(service) + (service.hysteresis or 0), sum(weights(service))
        if total < needed:
            yield Broken(
                at(name, "quorum"),
                f"the weights add up to {total}, but once lost it takes {needed} to come back",
            )


@of_spec(
    "LVS109",
    ERROR,
    "All ports without persistence",
    reason="A service for all ports has to be persistent, so keepalived makes it so, with 360 s, and calls the file wrong: clients then stick to their real server.",
    remedy="Write the ports in the group's lines, or persistence_timeout.",
)
def all_ports(spec: Spec) -> Iterator[Broken]:
    """A group's line without a port is all ports; one service by address is judged by its own fields."""
    for name, service in spec.virtual_servers.items():
        if service.group is not None and not service.is_persistent and 0 in ports(service, spec):
            yield Broken(
                at(name, "group"),
                f"{service.group} has lines without a port, which takes persistence_timeout",
            )


@of_spec(
    "LVS110",
    ERROR,
    "ha_suspend or a protocol for firewall marks",
    reason="A mark has neither address nor protocol: keepalived clears ha_suspend and ignores protocol, and calls the file wrong.",
    remedy="Remove the keyword, or put the marks into a group of their own.",
)
def not_for_marks(spec: Spec) -> Iterator[Broken]:
    """In groups; for one service by mark the field itself says so."""
    for name, service in spec.virtual_servers.items():
        entries = spec.virtual_server_groups.get(service.group or "", ())
        marks = sum(entry.fwmark is not None for entry in entries)
        if marks and service.ha_suspend:
            yield Broken(
                at(name, "ha_suspend"), f"{service.group} has firewall marks: keepalived clears ha_suspend"
            )
        if marks and marks == len(entries) and service.protocol is not None:
            yield Broken(
                at(name, "protocol"), f"{service.group} has firewall marks only: keepalived ignores protocol"
            )
