"""Rules about health checks: that there are some, and that they ask what clients will ask. LVS300 to LVS319."""

from collections.abc import Iterator

from lvsctl.compose.rules.effective import protocol_of
from lvsctl.compose.rules.rule import ERROR, NOTE, WARNING, Broken, of_spec
from lvsctl.compose.rules.services import at
from lvsctl.compose.rules.shared_checks import asked
from lvsctl.compose.rules.tracking import unknown
from lvsctl.spec.check_base import Connecting, Paced
from lvsctl.spec.checks import Check
from lvsctl.spec.spec import Spec

SPEAKS = {
    "HTTP_GET": "TCP",
    "SSL_GET": "TCP",
    "TCP_CHECK": "TCP",
    "SMTP_CHECK": "TCP",
    "UDP_CHECK": "UDP",
    "DNS_CHECK": "UDP",
}
"""The transport of the checks that have one."""
DEFAULT_LOOP = 60


def body(check: Check) -> object:
    """Answer the block of *check*, whatever its kind."""
    return getattr(check, check.kind)


@of_spec(
    "LVS300",
    WARNING,
    "A real server that nobody checks",
    reason="keepalived takes it for alive for ever: when it dies it keeps getting its share of the clients, and no sorry server comes in.",
    remedy="Write checks: for the service, such as [{TCP_CHECK: {connect_timeout: 3}}].",
)
def no_checks(spec: Spec) -> Iterator[Broken]:
    """For services that keepalived owns; one finding per service."""
    for name, service in spec.virtual_servers.items():
        unchecked = [index for index, server in enumerate(service.real_servers) if not server.checks]
        if not unchecked or service.owner != "keepalived":
            continue
        if len(unchecked) == len(service.real_servers):
            yield Broken(
                at(name),
                "no real server has a health check: write checks: [{TCP_CHECK: {connect_timeout: 3}}]",
            )
        else:
            path = at(name, "real_servers", unchecked[0])
            yield Broken(
                path, f"{service.real_servers[unchecked[0]].address} has no health check, but others have"
            )


@of_spec(
    "LVS301",
    WARNING,
    "A check that speaks another protocol than the service",
    reason="It asks a port that has nothing to do with the service: a TCP check of a UDP service fails while the service is well, or succeeds because something else listens there (keepalived issue 765).",
    remedy="Use UDP_CHECK or DNS_CHECK for UDP, TCP_CHECK or HTTP_GET for TCP; or write connect_port with the port that is meant.",
)
def check_protocol(spec: Spec) -> Iterator[Broken]:
    """Not for firewall marks, nor with `connect_port`: then another port is meant. A DNS server speaks both."""
    for name, service, server, check, path in asked(spec):
        speaks, protocol = SPEAKS.get(check.kind), protocol_of(service)
        if speaks in (None, protocol) or protocol is None or check.kind == "DNS_CHECK":
            continue
        if getattr(body(check), "connect_port", None) is None:
            port = server.port or service.port or 0
            yield Broken(
                path,
                f"{check.kind} asks {speaks} port {port}, but {name} is {protocol}: write connect_port, or another check",
            )


@of_spec(
    "LVS302",
    ERROR,
    "A FILE_CHECK of an unknown file",
    reason="keepalived drops the check: the file can say what it wants, the real server stays in.",
    remedy="Declare the file under track_files, or correct the name.",
)
def unknown_file(spec: Spec) -> Iterator[Broken]:
    """`track_file` of FILE_CHECK."""
    for each in asked(spec):
        file = each.check.FILE_CHECK.track_file if each.check.FILE_CHECK else None
        if file is not None and file not in spec.track_files:
            yield Broken(each.path, unknown(file, spec.track_files, "track_files"))


@of_spec(
    "LVS303",
    ERROR,
    "A BFD_CHECK of a session that does not report",
    reason="keepalived drops the check of a session that does not exist, or that tells the VRRP process only ('not configured'): the real server stays in when the session goes down.",
    remedy="Declare the session under bfd_instances; write checker: true beside vrrp: true, or neither.",
)
def unknown_bfd(spec: Spec) -> Iterator[Broken]:
    """`name` of BFD_CHECK."""
    for each in asked(spec):
        if each.check.BFD_CHECK is None:
            continue
        name = each.check.BFD_CHECK.name
        session = spec.bfd_instances.get(name)
        if session is None:
            yield Broken(each.path, unknown(name, spec.bfd_instances, "bfd_instances"))
        elif session.vrrp and not session.checker:
            yield Broken(each.path, f"{name} tells the VRRP process only: write checker: true there")


@of_spec(
    "LVS304",
    ERROR,
    "A check without a port",
    reason="The real server has no port (it serves all, or a firewall mark), so the check connects to port 0, fails for ever, and the real server never gets a connection.",
    remedy="Write connect_port in the check, or use PING_CHECK.",
)
def portless_check(spec: Spec) -> Iterator[Broken]:
    """Neither the real server nor the service has a port."""
    for name, service in spec.virtual_servers.items():
        if service.port or service.group is not None:
            continue
        for index, server in enumerate(service.real_servers):
            for number, check in enumerate(server.checks) if not server.port else ():
                if check.kind in SPEAKS and getattr(body(check), "connect_port", None) is None:
                    path = at(name, "real_servers", index, "checks", number)
                    yield Broken(path, f"{check.kind} would connect to port 0: write connect_port")


@of_spec(
    "LVS305",
    WARNING,
    "The same check twice",
    reason="`keepalived -t` says nothing; the real server is asked twice as often, and one answer is worth no more than the other.",
    remedy="Remove one of them; checks of the service apply to every real server already.",
)
def check_twice(spec: Spec) -> Iterator[Broken]:
    """Within one real server, the service's checks included."""
    for name, service in spec.virtual_servers.items():
        for index, server in enumerate(service.real_servers):
            if len(server.checks) > 1:
                for number, each in enumerate(server.checks):
                    if each in server.checks[:number]:
                        yield Broken(
                            at(name, "real_servers", index, "checks", number),
                            f"this {each.kind} is there already",
                        )


@of_spec(
    "LVS306",
    WARNING,
    "One place is checked for all real servers",
    reason="With connect_ip in the checks of the service every real server is judged by the same machine: when that one fails all are taken out, and when another fails nobody notices.",
    remedy="Leave connect_ip out, or write it in the checks of each real server.",
)
def shared_target(spec: Spec) -> Iterator[Broken]:
    """`checks:` of a service with more than one real server."""
    for name, service in spec.virtual_servers.items():
        for index, check in enumerate(service.checks):
            target = getattr(body(check), "connect_ip", None)
            if target is not None and len({server.address for server in service.real_servers}) > 1:
                yield Broken(
                    at(name, "checks", index),
                    f"{check.kind} asks {target} for each of {len(service.real_servers)} real servers",
                )


@of_spec(
    "LVS307",
    NOTE,
    "A dead real server goes unnoticed for a minute",
    reason="keepalived checks every 60 s unless delay_loop says otherwise: that long clients are sent to a server that is gone.",
    remedy="Write delay_loop: 5 in the service, or whatever the real servers can bear.",
)
def slow_checks(spec: Spec) -> Iterator[Broken]:
    """When neither service, real server nor check states `delay_loop`."""
    told = ""
    for name, service, server, check, path in asked(spec):
        if name == told or service.delay_loop is not None or service.owner != "keepalived":
            continue
        block = body(check)
        if isinstance(block, Paced) and block.delay_loop is None and server.delay_loop is None:
            told = name
            yield Broken(
                path,
                f"{check.kind} runs every {DEFAULT_LOOP} s, as no delay_loop is written: write delay_loop: 5",
            )


@of_spec(
    "LVS308",
    WARNING,
    "A FILE_CHECK that only adds to the weight",
    reason="Without a weight anywhere it is 1: the number in the file is added to the real server's weight, so a 1 there makes it stronger instead of taking it down.",
    remedy="Write weight: 0 in the check or the track_file, so that any number but 0 takes the server down; or weight: -1 to lower it.",
)
def file_adds(spec: Spec) -> Iterator[Broken]:
    """Neither FILE_CHECK nor its `track_files` entry states a weight."""
    for each in asked(spec):
        block = each.check.FILE_CHECK
        file = spec.track_files.get(block.track_file) if block else None
        if block is not None and block.weight is None and file is not None and file.weight is None:
            yield Broken(
                each.path,
                f"the number in {block.track_file} is added to the weight: write weight: 0 to take the server down",
            )


@of_spec(
    "LVS309",
    ERROR,
    "A check from or to another family",
    reason="keepalived cannot bind to an address of one family and connect to the other: the check fails for ever, and the real server never gets a connection.",
    remedy="Write bindto with an address of the real server's family.",
)
def check_family(spec: Spec) -> Iterator[Broken]:
    """`bindto` without `connect_ip`; with both the field itself says so."""
    for each in asked(spec):
        block, target = body(each.check), each.server.address
        source = block.bindto if isinstance(block, Connecting) and not block.connect_ip else None
        if source is not None and source.version != target.version:
            yield Broken(each.path, f"bindto {source} cannot reach {target}: they are of different families")
