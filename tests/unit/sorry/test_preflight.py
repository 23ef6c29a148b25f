"""What is refused before anything changes, with the line that fixes it."""

from ipaddress import ip_address, ip_network

import pytest

from lvsctl.ipvs import Dest, DestKey, ForwardingMethod, ServiceKey
from lvsctl.sorry.listeners import Here, Socket
from lvsctl.sorry.model import Target
from lvsctl.sorry.preflight import Candidate, Objection, door, judged, objections, unasked
from lvsctl.sorry.probe import Door, Reply
from lvsctl.vocabulary import Protocol

OWN = tuple(
    ip_network(each) for each in ("127.0.0.0/8", "10.0.0.11", "203.0.113.10", "::1", "fd00::11", "fe80::1")
)


def here(*listening: str) -> Here:
    return Here(OWN, frozenset(_socket(each) for each in listening))


def _socket(text: str) -> Socket:
    key = ServiceKey.parse(text)
    assert key.protocol is not None
    assert key.address is not None
    return Socket(key.protocol, key.address, key.port)


def candidate(
    service: str,
    sorry: str,
    method: str = "NAT",
    *,
    name: str = "web",
    tls: bool = False,
    elsewhere: bool = False,
) -> Candidate:
    dest = Dest(ForwardingMethod(method))
    key = ServiceKey.parse(service)
    return Candidate(Target(key, name or str(key), DestKey.parse(sorry), dest), tls, elsewhere)


WEB, WEB6, DNS = "tcp/203.0.113.10:80", "tcp/[2001:db8::1]:80", "udp/203.0.113.10:53"
BACKEND = "tcp/10.0.0.11:8503"

FINE = [
    (candidate(WEB, "10.0.0.11:8503"), [BACKEND]),
    (candidate(WEB, "10.0.0.11:8503"), ["tcp/0.0.0.0:8503"]),
    (candidate(WEB, "10.0.0.11:8503"), ["tcp/[::]:8503"]),
    (candidate(WEB, "203.0.113.10:8503"), ["tcp/203.0.113.10:8503"]),
    (candidate(WEB6, "[fd00::11]:8503"), ["tcp/[fd00::11]:8503"]),
    (candidate(WEB, "127.0.0.1:1", "DR"), ["tcp/0.0.0.0:80"]),
    (candidate(WEB, "10.0.0.11:8503", "TUN"), ["tcp/203.0.113.10:80"]),
    (candidate(WEB6, "10.0.0.11:8503", "TUN"), ["tcp/[::]:80"]),
    (candidate(DNS, "10.0.0.11:5354"), ["udp/10.0.0.11:5354"]),
    (candidate("fwmark/5", "10.0.0.11:8503"), [BACKEND]),
    (candidate("fwmark/5", "10.0.0.11:0"), []),
    (candidate("fwmark/5", "127.0.0.1:80", "DR"), ["tcp/0.0.0.0:80"]),
    (candidate("sctp/203.0.113.10:80", "10.0.0.11:9"), []),
    (candidate(WEB, "192.0.2.9:80", elsewhere=True), []),
]  # fmt: skip


@pytest.mark.parametrize(("wanted", "listening"), FINE)
def test_what_reaches_a_sorry_server_is_accepted(wanted: Candidate, listening: list[str]) -> None:
    assert list(objections(wanted, here(*listening))) == []


REFUSED = [
    (
        candidate(WEB, "127.0.0.1:8503"), ["tcp/0.0.0.0:8503"],
        "clients of 127.0.0.1:8503 would hang: the kernel drops what NAT sends to loopback",
        "write sorry_server: {} under virtual_servers.web, and this node's address under nodes",
    ),
    (
        candidate(WEB6, "[::1]:8503", name=""), ["tcp/[::]:8503"],
        "clients of [::1]:8503 would hang: the kernel drops what NAT sends to loopback",
        "this node has: --sorry [fd00::11]:8503",
    ),
    (
        candidate(WEB, "10.0.0.12:8503", name=""), [BACKEND],
        "10.0.0.12 is no address of this node",
        "this node has: --sorry 10.0.0.11:8503, --sorry 203.0.113.10:8503",
    ),
    (
        candidate(WEB, "[fd00::11]:8503"), ["tcp/[::]:8503"],
        "fd00::11 is not IPv4, as the service is",
        "write sorry_server: {} under virtual_servers.web, and this node's address under nodes",
    ),
    (
        candidate(WEB, "10.0.0.11:8503"), ["tcp/127.0.0.1:8503", "udp/10.0.0.11:8503"],
        "nobody listens at 10.0.0.11:8503",
        "start it: systemctl start lvsctl-sorry",
    ),
    (
        candidate(WEB, "10.0.0.11:8503", "DR"), [BACKEND, "tcp/127.0.0.1:80"],
        "nobody listens at 203.0.113.10:80, where DR leaves the packets: for a destination on this node it ignores address and port",
        "write sorry_server_lvs_method: NAT under virtual_servers.web",
    ),
    (
        candidate("fwmark/5", "10.0.0.11:80", "TUN", name=""), [BACKEND],
        "nobody listens at port 80 of any own address, where TUN leaves the packets: for a destination on this node it ignores address and port",
        "--sorry-method NAT rewrites address and port",
    ),
    (
        candidate(DNS, "10.0.0.11:5354"), ["udp/0.0.0.0:5354"],
        "the server at UDP port 5354 is bound to all addresses: its answers leave from another one, and clients drop them",
        "bind it to 10.0.0.11",
    ),
    (
        candidate(DNS, "127.0.0.1:5354", "DR"), ["udp/0.0.0.0:53"],
        "the server at UDP port 53 is bound to all addresses: its answers leave from another one, and clients drop them",
        "bind it to 203.0.113.10",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("wanted", "listening", "message", "remedy"), REFUSED)
def test_what_would_hurt_clients_is_refused(
    wanted: Candidate, listening: list[str], message: str, remedy: str
) -> None:
    assert list(objections(wanted, here(*listening))) == [Objection(wanted.target.name, message, remedy)]


@pytest.mark.parametrize(
    ("wanted", "listening", "expected"),
    [
        (candidate(WEB, "10.0.0.11:8503"), [BACKEND], "http://10.0.0.11:8503"),
        (candidate(WEB, "10.0.0.11:8503", tls=True), [BACKEND], "https://10.0.0.11:8503"),
        (candidate(WEB, "203.0.113.10:8503"), ["tcp/0.0.0.0:8503"], "http://203.0.113.10:8503"),
        (candidate(WEB, "10.0.0.11:0"), [], "http://10.0.0.11:80"),
        (candidate(WEB, "127.0.0.1:1", "DR"), ["tcp/0.0.0.0:80"], "http://127.0.0.1:80"),
        (candidate(WEB6, "10.0.0.11:1", "TUN"), ["tcp/[::]:80"], "http://[::1]:80"),
        (candidate(WEB, "192.0.2.9:80", "DR", elsewhere=True), [], "http://192.0.2.9:80"),
    ],
)
def test_the_question_does_not_go_through_the_service(
    wanted: Candidate, listening: list[str], expected: str
) -> None:
    assert str(door(wanted, here(*listening))) == expected
    assert unasked(wanted, here(*listening)) == ""


@pytest.mark.parametrize(
    ("wanted", "listening", "why"),
    [
        (
            candidate(WEB, "127.0.0.1:1", "DR"),
            ["tcp/203.0.113.10:80"],
            "what is sent to the service's own address",
        ),
        (candidate(WEB, "203.0.113.10:80"), ["tcp/0.0.0.0:80"], "what is sent to the service's own address"),
        (
            candidate("tcp/203.0.113.10:0", "203.0.113.10:81"),
            ["tcp/0.0.0.0:81"],
            "what is sent to the service's own",
        ),
        (candidate("fwmark/5", "10.0.0.11:0"), [], "which port clients use is not known"),
        (candidate(DNS, "10.0.0.11:5354"), ["udp/10.0.0.11:5354"], "UDP has no page to ask for"),
    ],
)
def test_where_nobody_can_be_asked_it_is_said(wanted: Candidate, listening: list[str], why: str) -> None:
    assert unasked(wanted, here(*listening)).startswith(why)


PLAIN = Door(ip_address("10.0.0.11"), 8503)
TLS = PLAIN._replace(tls=True)
SMTP = candidate("tcp/203.0.113.10:25", "10.0.0.11:8503")
HTTP, HTTPS = candidate(WEB, "10.0.0.11:8503"), candidate(WEB, "10.0.0.11:8503", tls=True)


@pytest.mark.parametrize(
    ("wanted", "replies", "faults"),
    [
        (HTTP, {PLAIN: 503}, []),
        (HTTP, {PLAIN: 200}, ["http://10.0.0.11:8503 answers 200 to a page that does not exist, not 503: visitors and robots would believe it"]),
        (HTTP, {PLAIN: 404}, ["http://10.0.0.11:8503 answers 404 to a page that does not exist, not 503: visitors and robots would believe it"]),
        (HTTP, {PLAIN: 421}, ["http://10.0.0.11:8503 answers 421 to a page that does not exist, not 503: visitors and robots would believe it"]),
        (HTTP, {PLAIN: 0, TLS: 503}, []),
        (HTTP, {PLAIN: 400, TLS: 503}, []),
        (HTTP, {PLAIN: 0, TLS: 0}, ["http://10.0.0.11:8503 does not say sorry: nothing"]),
        (HTTPS, {TLS: 503, PLAIN: 503}, []),
        (HTTPS, {TLS: 503, PLAIN: 400}, []),
        (HTTPS, {TLS: 503, PLAIN: 200}, ["http://10.0.0.11:8503 answers 200 to a page that does not exist, not 503: visitors and robots would believe it"]),
        (HTTPS, {TLS: 0, PLAIN: 503}, ["https://10.0.0.11:8503 does not say sorry: nothing"]),
        (SMTP, {PLAIN: 421}, []),
        (SMTP, {PLAIN: 220, TLS: 0}, ["http://10.0.0.11:8503 answers 220 to a page that does not exist, not 503: visitors and robots would believe it"]),
    ],
)  # fmt: skip
def test_only_503_is_an_apology(wanted: Candidate, replies: dict[Door, int], faults: list[str]) -> None:
    found = judged(wanted, door(wanted, here(BACKEND)), lambda where: Reply(replies[where], "nothing"))
    assert [each.message for each in found] == faults


def test_a_mark_is_taken_for_tcp() -> None:
    assert candidate("fwmark/5", "10.0.0.11:8503").protocol is Protocol.TCP
