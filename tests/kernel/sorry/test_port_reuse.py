"""The one visitor who may still see a real server: whoever comes again from the same source port within two minutes.

With DR and TUN the director never sees a connection end, so the kernel takes the new one for the old one. It sends it
elsewhere only where expire_nodest_conn is 1 and the old server's weight is 0. No visitor is lost either way.
"""

import pytest

from lvsctl.ipvs import DeleteService, ForwardingMethod, KernelIpvs
from tests.support.matrix import METHODS, Cell, place_of, set_up
from tests.support.sorry_topology import Lab
from tests.support.switches import KernelWay
from tests.support.traffic import SORRY, Outcome

pytestmark = pytest.mark.kernel

NAT = ForwardingMethod.NAT


@pytest.mark.parametrize("expire_nodest", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_who_comes_again_from_the_same_port(lab: Lab, method: ForwardingMethod, expire_nodest: bool) -> None:
    cell = Cell("rr", False, "ipv4", method, expire_nodest, False, True)
    place, switch = place_of(lab, cell), KernelWay()
    port = 2000 + METHODS.index(method) * 2 + expire_nodest
    clients = place.clients[:4]
    lab.client.sysctl("net.ipv4.tcp_max_tw_buckets", 0)  # or the client's own kernel would not let it
    with lab.director.inside(), KernelIpvs() as ipvs:
        set_up(lab, ipvs, cell, place)
        lab.traffic().once(clients, place.targets, port=port)
        switch.on(place)
        again = lab.traffic().once(clients, place.targets, port=port)
        switch.off(place)
        ipvs.send([DeleteService(place.key)])
    lab.client.sysctl("net.ipv4.tcp_max_tw_buckets", 4096)
    assert all(each.outcome is Outcome.ANSWERED for each in again)
    from_sorry = [each.server == SORRY for each in again]
    assert all(from_sorry) if method is NAT or expire_nodest else not any(from_sorry)
