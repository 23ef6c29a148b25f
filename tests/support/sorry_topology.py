"""A director between visitors and real servers, on which every kind of service can be tried with real traffic.

    client ── outer 10.0.0.0/24 ── director ── inner 10.1.0.0/24 ── r1 … r4
                    └───────────────────────────────────────────────┘  (answers of DR and TUN)

One set of hosts serves NAT, DR and TUN, IPv4, IPv6 and firewall marks: all virtual addresses are local (by a route,
not one by one) to the director and to the real servers, which answer from them through the outer switch and from
their own address through the director. Nobody asks who has a virtual address: the client has a route. Each cell gets
addresses and a mark of its own, so that connections and persistence templates of an earlier one cannot matter.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple, Self

from lvsctl.host.run import run
from lvsctl.ipvs import DestKey, Family, ForwardingMethod, ServiceKey
from tests.support.hosts import Net
from tests.support.loop import Loop
from tests.support.traffic import SORRY, Servers, Target, Traffic

REALS = ("r1", "r2", "r3", "r4")
PORT, REAL_PORT, SORRY_PORT = 80, 8080, 8081
CLIENTS = 40


class Place(NamedTuple):
    """Where one cell happens: its service, what visitors ask for, and who is there."""

    key: ServiceKey
    targets: tuple[Target, ...]
    clients: tuple[str, ...]
    reals: tuple[DestKey, ...]
    sorry: DestKey


class Lab:
    """The hosts, their servers and the loop that all sockets are in. One per module: cells follow each other."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._places = 0

    def __enter__(self) -> Self:
        net = self._stack.enter_context(Net())
        self.client = net.host("client", eth0="outer 10.0.0.2/24 fd00::2/64")
        self.director = net.host(
            "director", eth0="outer 10.0.0.1/24 fd00::1/64", eth1="inner 10.1.0.1/24 fd01::1/64"
        )
        self.reals = {
            name: net.host(name, eth0=f"inner 10.1.0.{n}/24 fd01::{n}/64", eth1="outer")
            for n, name in enumerate(REALS, 11)
        }
        self._route()
        self.loop = self._stack.enter_context(Loop(self.client))
        self._serve()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def traffic(self) -> Traffic:
        """Make visitors of the client."""
        return Traffic(self.loop)

    def place(self, family: Family, *, marked: bool, method: ForwardingMethod, targets: int) -> Place:
        """Find room for a cell whose visitors ask *targets* addresses; only marked ones may ask more than one."""
        self._places += 1
        number = self._places
        six = family is Family.INET6
        network = f"fd09:0:0:{number:x}::" if six else f"10.{128 + (number >> 8)}.{number & 255}."
        addresses = [f"{network}{host:x}" if six else f"{network}{host}" for host in range(1, targets + 1)]
        if marked:
            self._mark(family, number, network)
        key = ServiceKey.fwmark(number, family) if marked else ServiceKey.tcp(addresses[0], PORT)
        port = _real_port(method, marked=marked)
        inner = "fd01::" if six else "10.1.0."
        return Place(
            key,
            tuple((address, PORT) for address in addresses),
            tuple(f"fd02::{n:x}" if six else f"10.2.0.{n}" for n in range(1, CLIENTS + 1)),
            tuple(DestKey.of(f"{inner}{n}", port) for n in range(11, 11 + len(REALS))),
            # masq to an own address and another port reaches a local server whatever the real servers' method
            DestKey.of(f"{inner}1" if marked else addresses[0], SORRY_PORT),
        )

    def leave(self, place: Place) -> None:
        """Forget a cell's mark: each costs every packet a look."""
        if place.key.mark:
            self._tc(f"filter del dev eth0 parent ffff: prio {place.key.mark}")

    def _mark(self, family: Family, number: int, network: str) -> None:
        six = family is Family.INET6
        match = f"ip6 dst {network}/64" if six else f"ip dst {network}0/24"
        selected = f"protocol {'ipv6' if six else 'ip'} prio {number} u32 match {match}"
        self._tc(f"filter add dev eth0 parent ffff: {selected} action skbedit mark {number}")

    def _tc(self, command: str) -> None:
        with self.director.inside():
            finished = run(["tc", *command.split()], timeout=30)
        assert not finished.status, finished

    def _route(self) -> None:
        self.client.sysctl("net.ipv6.ip_nonlocal_bind", 1)
        self.client.ip(
            *_local("10.2.0.0/24", "fd02::/64"),
            *("route add 10.128.0.0/9 via 10.0.0.1", "route add fd09::/48 via fd00::1"),
        )
        self.director.sysctl("net.ipv4.ip_forward", 1)
        self.director.sysctl("net.ipv6.conf.all.forwarding", 1)
        self.director.ip(
            *_local("10.128.0.0/9", "fd09::/48"),
            *("route add 10.2.0.0/24 via 10.0.0.2", "route add fd02::/64 via fd00::2"),
        )
        self._tc("qdisc add dev eth0 ingress")
        for number, real in enumerate(self.reals.values(), 11):
            real.ip(*_real(number))
            real.run(["ip", "-6", "rule", "add", "from", "fd09::/48", "lookup", "100"])  # no batch takes it

    def _serve(self) -> None:
        servers = Servers(self.loop)
        self._stack.callback(servers.close)
        for name, real in self.reals.items():
            with real.inside():
                servers.listen(name, PORT, REAL_PORT)
        with self.director.inside():
            servers.listen(SORRY, SORRY_PORT)


def _real_port(method: ForwardingMethod, *, marked: bool) -> int:
    if marked:
        return 0  # whatever was asked for
    return REAL_PORT if method is ForwardingMethod.NAT else PORT


def _local(*networks: str) -> Iterator[str]:
    return (f"route add local {network} dev lo" for network in networks)


def _real(number: int) -> Iterator[str]:
    """Yield what makes a host a real server for NAT, DR and TUN."""
    yield from _local("10.128.0.0/9", "fd09::/48")
    yield "route add default via 10.1.0.1"
    yield "route add ::/0 via fd01::1"
    # noprefixroute: only answers from a virtual address leave through the outer switch
    yield f"address add 10.0.0.{number}/24 dev eth1 noprefixroute"
    yield f"address add fd00::{number}/64 dev eth1 noprefixroute"
    yield "route add 10.0.0.2/32 dev eth1 table 100"
    yield "route add fd00::2/128 dev eth1 table 100"
    yield "route add 10.2.0.0/24 via 10.0.0.2 dev eth1 onlink table 100"
    yield "route add fd02::/64 via fd00::2 dev eth1 onlink table 100"
    yield "rule add from 10.128.0.0/9 lookup 100"
    yield f"link add tun4 type ipip local 10.1.0.{number}"
    yield f"link add tun6 type ip6tnl mode ip6ip6 local fd01::{number}"
    yield "link set tun4 up"
    yield "link set tun6 up"
