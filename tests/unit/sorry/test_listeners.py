"""What is own, and who listens, read as the kernel tells it."""

import socket
from ipaddress import ip_address, ip_network

import pytest

from lvsctl.sorry.listeners import Here, Socket, look, sockets
from lvsctl.vocabulary import Family, Protocol

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0B00000A:2137 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 183 1
   1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 184 1
   2: 0100007F:1FA5 0100007F:AD4E 06 00000000:00000000 03:00000A43 00000000     0        0 0 3
"""
UDP6 = """\
  sl  local_address                         remote_address                        st tx_queue
   7: B80D0120000000000000000001000000:0035 00000000000000000000000000000000:0000 07 00000000
   8: 00000000000000000000000000000000:14E9 00000000000000000000000001000000:0035 01 00000000
"""


def own(*networks: str) -> tuple[object, ...]:
    return tuple(ip_network(each) for each in networks)


def test_the_lines_of_the_kernel_are_read() -> None:
    assert set(sockets(Protocol.TCP, TCP.splitlines())) == {
        Socket(Protocol.TCP, ip_address("10.0.0.11"), 8503),
        Socket(Protocol.TCP, ip_address("0.0.0.0"), 80),
    }
    assert list(sockets(Protocol.UDP, UDP6.splitlines())) == [
        Socket(Protocol.UDP, ip_address("2001:db8::1"), 53)
    ]


@pytest.mark.parametrize(
    ("bound", "asked", "expected"),
    [
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("0.0.0.0", "10.0.0.2", True),
        ("::", "10.0.0.2", True),
        ("0.0.0.0", "fd00::1", False),
        ("10.0.0.1", None, True),
    ],
)
def test_a_socket_of_all_addresses_takes_what_comes(bound: str, asked: str | None, expected: bool) -> None:
    here = Here((), frozenset({Socket(Protocol.TCP, ip_address(bound), 80)}))
    address = ip_address(asked) if asked else None
    assert here.listens(Protocol.TCP, address, 80) is expected
    assert not here.listens(Protocol.UDP, address, 80)
    assert not here.listens(Protocol.TCP, address, 81)


def test_own_is_what_is_routed_here() -> None:
    here = Here(
        own("127.0.0.0/8", "10.0.0.11/32", "192.0.2.0/24", "fd00::11/128", "fe80::1/128"), frozenset()
    )
    assert here.is_own(ip_address("192.0.2.77"))
    assert not here.is_own(ip_address("10.0.0.12"))
    assert here.addresses(Family.INET) == [ip_address("10.0.0.11")]
    assert here.addresses(Family.INET6) == [ip_address("fd00::11")]


def test_this_machine_is_seen_as_it_is() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        here = look()
    assert here.listens(Protocol.TCP, ip_address("127.0.0.1"), port)
    assert not here.is_wildcard(Protocol.TCP, ip_address("127.0.0.1"), port)
    assert here.is_own(ip_address("127.0.0.1"))
    assert not here.is_own(ip_address("203.0.113.77"))
