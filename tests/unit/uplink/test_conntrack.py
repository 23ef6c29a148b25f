"""After a switch, connections with a fixed address go on by the new uplink; those that heal or are others' stay."""

import os
import socket
import struct
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import pytest

from lvsctl.net import conntrack
from lvsctl.net.kernel import Net
from lvsctl.uplink import routes
from lvsctl.uplink.model import Uplink
from lvsctl.vocabulary import Family, as_address
from tests.support import netns
from tests.support.isps import ECHO, FAR, Isps, other_namespace
from tests.support.veths import ip

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make network namespaces")

OIFNAME, SNAT, POSTROUTING = 7, 0, 100


def nat(kind: str) -> None:
    """Have the namespace rewrite the source of what leaves by each uplink; skip where the kernel cannot."""
    from pyroute2.nftables.expressions import genex, masq
    from pyroute2.nftables.main import NFTables

    def leaving(name: str) -> Any:
        data = {"attrs": [("NFTA_DATA_VALUE", name.encode().ljust(16, b"\0"))]}
        return [
            genex("meta", OrderedDict(key=OIFNAME, dreg=1)),
            genex("cmp", OrderedDict(sreg=1, op=0, data=data)),
        ]

    def snat(address: str) -> Any:
        data = {"attrs": [("NFTA_DATA_VALUE", socket.inet_aton(address))]}
        return [
            genex("immediate", OrderedDict(dreg=1, data=data)),
            genex("nat", OrderedDict(type=SNAT, family=2, reg_addr_min=1)),
        ]

    try:
        tables = NFTables(nfgen_family=2)
        tables.table("add", name="nat")
        tables.chain(
            "add", table="nat", name="out", hook="postrouting", type="nat", priority=POSTROUTING, policy=1
        )
        for number in (0, 1):
            does = masq() if kind == "masquerade" else snat(f"10.{number}.0.2")
            tables.rule("add", table="nat", chain="out", expressions=(leaving(f"eth{number}"), does))
        tables.close()
    except Exception as error:  # noqa: BLE001 - pyroute2 raises what it likes
        pytest.skip(f"this kernel has no nftables NAT: {error}")


class Lan:
    """A machine behind the host, with one connection that it keeps."""

    def __init__(self, handle: int) -> None:
        path = f"/proc/{os.getpid()}/fd/{handle}"
        ip(
            f"link add lan0 type veth peer name up0 netns {path}",
            "link set lan0 up",
            "address add 10.77.0.1/24 dev lan0",
        )
        netns.sysctl("net.ipv4.ip_forward", 1)
        with netns.inside(path):
            ip("link set up0 up", "address add 10.77.0.2/24 dev up0", "route add default via 10.77.0.1")
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect((FAR, ECHO))
        self._socket.settimeout(0.3)

    def is_answered(self, tries: int = 1) -> bool:
        for each in range(tries):
            self._socket.send(struct.pack("!I", each))
            try:
                self._socket.recv(64)
            except OSError:
                continue
            return True
        return False

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["masquerade", "fixed SNAT"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def world(kind: str) -> Iterator[tuple[Isps, Lan]]:
    with other_namespace() as handle, Isps() as isps:
        lan = Lan(handle)
        nat(kind)
        yield isps, lan
        lan.close()


def uplinks(isps: Isps) -> tuple[Uplink, Uplink]:
    first, second = isps.settings().uplinks
    return first, second


def test_a_kept_connection_survives_a_switch(world: tuple[Isps, Lan], kind: str) -> None:
    isps, lan = world
    old, new = uplinks(isps)
    with Net() as net:

        def use(uplink: Uplink) -> None:
            routes.apply(net, routes.planned(net, (old, new), {Family.INET: uplink.name}, 50))

        use(old)
        assert lan.is_answered(3)
        use(new)
        if kind == "fixed SNAT":
            assert not lan.is_answered(2), "it goes out of the new uplink with the old one's address"
            assert isps[1].foreign == 2
        assert routes.forget_old(net, old, new) == 1, "masquerade would heal; this saves the packet it takes"
        assert lan.is_answered(2)
        assert isps[1].echoed >= 1
        assert routes.forget_old(net, old, new) == 0, "what goes by the new uplink stays"


def test_no_connections_are_no_fault() -> None:
    with netns.fresh():
        assert conntrack.forget(Family.INET, {as_address("10.0.0.2")}) == 0
        assert conntrack.forget(Family.INET6, {as_address("2001:db8::2")}) == 0
        assert conntrack.forget(Family.INET, ()) == 0
