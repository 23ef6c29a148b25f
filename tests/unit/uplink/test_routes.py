"""Putting routes in place, asked of the kernel itself."""

import os
from dataclasses import replace
from ipaddress import ip_address

import pytest

from lvsctl.net.kernel import Net
from lvsctl.uplink import routes
from lvsctl.uplink.model import Uplink
from lvsctl.vocabulary import Family
from tests.support import netns
from tests.support.veths import ip

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make network namespaces")

LTE = Uplink("lte", Family.INET, "eth0", ip_address("10.0.0.1"), 2001)
IN_USE = {Family.INET: "lte"}


def test_somebody_elses_route_in_an_uplinks_table_stays_and_is_told() -> None:
    with netns.fresh():
        ip("link add eth0 type veth peer name far", "link set eth0 up", "link set far up")
        ip("address add 10.0.0.2/24 dev eth0", "route add default via 10.0.0.9 table 2001 metric 10")
        with Net() as net:
            [other] = routes.apply(net, routes.planned(net, (LTE,), IN_USE, 50))
            assert "default via 10.0.0.9 dev eth0 metric 10" in ip("route show table 2001")
            assert "table 2001 has a route that is not lvsctl's" in routes.squatted(other)
            assert "default via 10.0.0.1 dev eth0 proto 118" in ip("route"), "the rest is made"
            ip("route del default via 10.0.0.9 table 2001 metric 10")
            assert not routes.apply(net, routes.planned(net, (LTE,), IN_USE, 50))
            moved = replace(LTE, gateway=ip_address("10.0.0.7"))
            assert not routes.apply(net, routes.planned(net, (moved,), IN_USE, 50))
            assert "default via 10.0.0.7 dev eth0 proto 118 metric 10" in ip("route show table 2001")
