"""Rules about the sorry server: that it answers when it is all there is, and hurts nobody before. LVS200 to LVS229."""

from collections.abc import Iterator

from lvsctl.compose.maintenance import (
    form_of,
    is_maintained,
    passes_over_weight_0,
    templates_expire,
)
from lvsctl.compose.rules.effective import node_addresses, ports, protocol_of, service_family, sorry_method
from lvsctl.compose.rules.rule import ERROR, NOTE, WARNING, Broken, of_spec
from lvsctl.compose.rules.services import at
from lvsctl.keepalived.grammar import version
from lvsctl.sorry.form import DEFAULT_SCHEDULER
from lvsctl.spec.resolve import family_of
from lvsctl.spec.spec import Spec
from lvsctl.spec.virtual_server import SorryServer, VirtualServer
from lvsctl.vocabulary import endpoint

Served = Iterator[tuple[str, VirtualServer, SorryServer]]

REINSTATES = (2, 3, 0)
"""The first release that puts living real servers back when a reload removes an active sorry server."""
HAS_FILE_CHECK = (2, 1, 0)
EXPIRE = "sysctl: {net.ipv4.vs.expire_quiescent_template: 1}"


def with_sorry(spec: Spec) -> Served:
    """Yield the services that have a sorry server with an address."""
    for name, service in spec.virtual_servers.items():
        if (sorry := service.sorry_server) is not None and not sorry.is_local:
            yield name, service, sorry


@of_spec(
    "LVS200",
    ERROR,
    "A sorry server on a loopback address",
    reason="The kernel drops packets from outside that NAT sends to 127.0.0.0/8 or ::1 (ip_vs_xmit.c), route_localnet or not: every client hangs until its timeout. A test from the director itself works.",
    remedy="Write sorry_server: {}, the local backend at the node's own address; or an own address that is not loopback.",
)
def loopback_sorry(spec: Spec) -> Iterator[Broken]:
    """Under DR and TUN the address does not matter: the packet goes to the service's own."""
    for name, service, sorry in with_sorry(spec):
        if sorry.address and sorry.address.is_loopback and sorry_method(service) == "NAT":
            yield Broken(
                at(name, "sorry_server"),
                f"clients of {sorry.address} hang: the kernel drops what NAT sends to loopback; write sorry_server: {{}}",
            )


@of_spec(
    "LVS201",
    ERROR,
    "A sorry server on another port under DR or TUN",
    reason="Only NAT rewrites the port. keepalived resets it to the service's, and nothing listens there when it is needed (check_data.c; ip_vs_xmit.c).",
    remedy="Write sorry_server_lvs_method: NAT, or use the service's own port.",
)
def sorry_port_change(spec: Spec) -> Iterator[Broken]:
    """`sorry_server: {}` gets NAT by itself."""
    for name, service, sorry in with_sorry(spec):
        expected = {0} if service.fwmark is not None else ports(service, spec)
        how = sorry_method(service)
        if how != "NAT" and sorry.port and expected and expected != {sorry.port}:
            wanted = " or ".join(map(str, sorted(expected)))
            yield Broken(
                at(name, "sorry_server"),
                f"{how} keeps the client's port {wanted}, so nothing reaches port {sorry.port}: write sorry_server_lvs_method: NAT",
            )


@of_spec(
    "LVS202",
    ERROR,
    "A sorry server of another family",
    reason="The kernel refuses it unless the packets are tunnelled (ip_vs_ctl.c): when the last real server fails there is nobody at all.",
    remedy="Use an address of the service's family, or sorry_server_lvs_method TUN.",
)
def sorry_family(spec: Spec) -> Iterator[Broken]:
    """A service by firewall mark has the family of its real servers."""
    for name, service, sorry in with_sorry(spec):
        expected = service_family(service, spec)
        if (
            expected
            and sorry.address
            and sorry.address.version != expected
            and sorry_method(service) != "TUN"
        ):
            yield Broken(at(name, "sorry_server"), f"{sorry.address} is not IPv{expected}, as the service is")


@of_spec(
    "LVS203",
    ERROR,
    "The local sorry backend has no address here",
    reason="sorry_server: {} stands for the node's own address of the service's family; without one there is no sorry server, and clients are refused when it is needed.",
    remedy="Give the node an address of that family under nodes; a list holds one of each.",
)
def homeless_sorry(spec: Spec) -> Iterator[Broken]:
    """`nodes` names each director's own addresses."""
    for name, service in spec.virtual_servers.items():
        if service.sorry_server is not None and service.sorry_server.is_local:
            family = family_of(service) or 4
            lacking = [node for node, each in spec.nodes.items() if each.address_of(family) is None]
            who = (
                f"{' and '.join(lacking)} has no IPv{family} address"
                if lacking
                else "there are no nodes with addresses"
            )
            yield Broken(at(name, "sorry_server"), f"{who} for the local sorry backend")


@of_spec(
    "LVS204",
    ERROR,
    "The local sorry backend for a service that is not TCP",
    reason="The backend speaks HTTP over TCP. A UDP or SCTP client gets no answer from it, and waits.",
    remedy="Name a sorry server that speaks the protocol, bound to that very address; or leave sorry_server out.",
)
def sorry_protocol(spec: Spec) -> Iterator[Broken]:
    """Known by the node's own address and the port of `sorry`."""
    own = node_addresses(spec)
    port = spec.sorry.port if spec.sorry else 8503
    for name, service, sorry in with_sorry(spec):
        if protocol_of(service) in ("UDP", "SCTP") and sorry.address in own and sorry.port == port:
            yield Broken(
                at(name, "sorry_server"),
                f"the local sorry backend speaks HTTP over TCP, but this service is {service.protocol}",
            )


@of_spec(
    "LVS205",
    WARNING,
    "A UDP sorry server on the director itself",
    reason="A server bound to 0.0.0.0 answers from the address the kernel picks, not from the one that was asked: clients drop the answer and time out (measured: kernel 6.1).",
    remedy="Bind it to exactly this address, then ignore this rule with that as the reason; or run it on another machine.",
)
def udp_sorry_here(spec: Spec) -> Iterator[Broken]:
    """Only for addresses of the nodes and of the service."""
    own = node_addresses(spec)
    port = spec.sorry.port if spec.sorry else 8503
    for name, service, sorry in with_sorry(spec):
        is_here = sorry.address in own or sorry.address == service.address
        if protocol_of(service) == "UDP" and is_here and sorry.port != port:
            yield Broken(
                at(name, "sorry_server"),
                f"a server bound to all addresses answers from another one than {sorry.address}: bind it to that",
            )


@of_spec(
    "LVS206",
    ERROR,
    "The sorry server is a real server",
    reason="`keepalived -t` says nothing. The one that has just failed is then asked to apologise, without any check (keepalived issue 2601; 2.3.3 crashes on it).",
    remedy="Write sorry_server: {}, or another machine.",
)
def sorry_is_real(spec: Spec) -> Iterator[Broken]:
    """Same address and port; without a port each has the service's."""
    for name, service, sorry in with_sorry(spec):
        default = service.port or 0
        if any(
            each.address == sorry.address and (each.port or default) == (sorry.port or default)
            for each in service.real_servers
        ):
            yield Broken(
                at(name, "sorry_server"),
                f"{endpoint(sorry.address, sorry.port or default)} is one of the real servers",
            )


@of_spec(
    "LVS207",
    NOTE,
    "A sorry server on the director under DR or TUN",
    reason="For a local destination the kernel ignores address and port (ip_vs_xmit.c): the packet arrives at the service's own address and port, and something has to listen there, on the director.",
    remedy="Listen on the service's address and port, or on 0.0.0.0; or write sorry_server_lvs_method: NAT.",
)
def local_sorry_unmoved(spec: Spec) -> Iterator[Broken]:
    """Addresses of nodes, the service's own and loopback are local."""
    own = node_addresses(spec)
    for name, service, sorry in with_sorry(spec):
        if sorry_method(service) == "NAT" or service.address is None or sorry.address is None:
            continue
        if sorry.address.is_loopback or sorry.address in own or sorry.address == service.address:
            yield Broken(
                at(name, "sorry_server"),
                f"it has to listen on {endpoint(service.address, service.port or 0)}, not on {sorry.address}",
            )


@of_spec(
    "LVS210",
    ERROR,
    "Weight 0 where the scheduler does not pass over it",
    reason="dh, and sh and mh without their fallback, keep sending clients to a server of weight 0, who are refused: with an idle sorry server in the table 5 of 40 while everything was healthy, 35 of 40 during maintenance (measured: kernel 6.1).",
    remedy="Set sh-fallback or mh-fallback; for dh remove the keyword: lvsctl then adds and removes servers.",
)
def blackholes(spec: Spec) -> Iterator[Broken]:
    """`maintenance: resident`, `inhibit_on_failure` and `sorry_server_inhibit` all keep servers at weight 0."""
    for name, service in spec.virtual_servers.items():
        if passes_over_weight_0(service) or service.lvs_sched not in ("sh", "mh", "dh"):
            continue
        way_out = (
            "remove it"
            if service.lvs_sched == "dh"
            else f"remove it, or set {service.lvs_sched}-fallback: true"
        )
        for path in _keeps_weight_0(service):
            yield Broken(
                at(name, *path),
                f"{service.lvs_sched} sends clients to servers of weight 0, who are refused: {way_out}",
            )


@of_spec(
    "LVS211",
    ERROR,
    "Weight 0 for clients that persistence binds",
    reason="A persistence template keeps its client on a server of weight 0 (ip_vs_sched_persist): 10 of 20 clients stayed on a dead one, and all on the real servers during maintenance (measured: kernel 6.1).",
    remedy="Set net.ipv4.vs.expire_quiescent_template to 1 on both directors and state it in the spec under sysctl; or remove the keyword.",
)
def binds_to_weight_0(spec: Spec) -> Iterator[Broken]:
    """The statement under `sysctl` is checked by `lvsctl doctor` on the node."""
    if templates_expire(spec):
        return
    for name, service in spec.virtual_servers.items():
        if service.is_persistent:
            for path in _keeps_weight_0(service):
                yield Broken(
                    at(name, *path),
                    f"clients stay bound to servers of weight 0: remove it, or state {EXPIRE}",
                )


def _keeps_weight_0(service: VirtualServer) -> Iterator[tuple[str | int, ...]]:
    if service.maintenance == "resident" and is_maintained(service):
        yield ("maintenance",)
    if service.inhibit_on_failure:
        yield ("inhibit_on_failure",)
    if service.sorry_server_inhibit:
        yield ("sorry_server_inhibit",)
    if not service.inhibit_on_failure:
        for index, server in enumerate(service.real_servers):
            if server.inhibit_on_failure:
                yield ("real_servers", index, "inhibit_on_failure")
                return


@of_spec(
    "LVS212",
    NOTE,
    "Maintenance breaks connections here",
    reason="For this scheduler, or with persistence, the sorry server cannot wait at weight 0, so `lvsctl sorry on` removes the real servers: connections in progress end, and a few clients notice.",
    remedy="Set sh-fallback or mh-fallback; with persistence state expire_quiescent_template under sysctl. Nothing to do for dh, or when that is acceptable.",
)
def plain_maintenance(spec: Spec) -> Iterator[Broken]:
    """Only where `maintenance` is `auto`: who writes `plain` knows."""
    for name, service in spec.virtual_servers.items():
        if (
            service.maintenance != "auto"
            or not is_maintained(service)
            or form_of(service, spec) == "resident"
        ):
            continue
        scheduler = service.lvs_sched or DEFAULT_SCHEDULER
        if passes_over_weight_0(service):
            why = f"clients are bound by persistence: state {EXPIRE}"
        elif scheduler in ("sh", "mh"):
            why = f"{scheduler} does not pass over weight 0: set {scheduler}-fallback: true"
        else:
            why = f"{scheduler} does not pass over weight 0"
        yield Broken(at(name, "sorry_server"), f"`lvsctl sorry on` ends connections in progress: {why}")


@of_spec(
    "LVS213",
    ERROR,
    "Maintenance files need keepalived 2.1.0",
    reason="`lvsctl sorry` switches a service through a FILE_CHECK, which keepalived has since 2.1.0.",
    remedy="Raise target_version to what is installed, or write maintenance: off.",
)
def maintenance_is_too_new(spec: Spec) -> Iterator[Broken]:
    """For services with a sorry server, unless `maintenance: off`."""
    if version(spec.target_version) >= HAS_FILE_CHECK:
        return
    for name, service in spec.virtual_servers.items():
        if is_maintained(service):
            yield Broken(
                at(name, "sorry_server"),
                f"keepalived {spec.target_version} has no FILE_CHECK: write maintenance: off",
            )


@of_spec(
    "LVS214",
    NOTE,
    "Never remove a sorry server while it answers",
    reason="When a reload removes an active sorry server, keepalived before 2.3.0 leaves the service empty although real servers are alive (issues 490 and 2428): clients are refused until each server fails and recovers.",
    remedy="Before removing sorry_server from a service check `lvsctl sorry status`; or update to 2.3.0 and raise target_version.",
)
def sorry_removal(spec: Spec) -> Iterator[Broken]:
    """Said once for a spec."""
    if version(spec.target_version) >= REINSTATES:
        return
    for name, service in spec.virtual_servers.items():
        if service.sorry_server is not None and service.owner == "keepalived":
            yield Broken(
                at(name, "sorry_server"),
                f"a reload of keepalived {spec.target_version} that removes it while it answers leaves the service empty",
            )
            return


@of_spec(
    "LVS215",
    NOTE,
    "A sorry backend that no service uses",
    reason="The settings under sorry are those of the local backend; no service sends anybody there.",
    remedy="Write sorry_server: {} in the services, or remove sorry.",
)
def idle_backend(spec: Spec) -> Iterator[Broken]:
    """Known by the nodes' own addresses and the port of `sorry`."""
    if spec.sorry is None or not spec.virtual_servers:
        return
    own = node_addresses(spec)
    for service in spec.virtual_servers.values():
        sorry = service.sorry_server
        if sorry is not None and (sorry.is_local or (sorry.address in own and sorry.port == spec.sorry.port)):
            return
    yield Broken(("sorry",), "no service has sorry_server: {}")
