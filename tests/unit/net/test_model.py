"""How routes and rules are written: as words of ip(8) that a shell can be given."""

from ipaddress import ip_address, ip_interface, ip_network

from lvsctl.net.model import HostAddress, NextHop, Route, Rule
from lvsctl.vocabulary import Family

NASTY = "e;$(id)&'"
"""An interface may be called so, in the kernel and in a spec."""
QUOTED = "'e;$(id)&'\"'\"''"


def test_words_are_quoted_where_a_shell_would_read_more_into_them() -> None:
    way = NextHop(NASTY, ip_address("192.0.2.1"), onlink=True)
    route = Route(ip_network("0.0.0.0/0"), 1001, 10, (way,))
    assert f"via 192.0.2.1 dev {QUOTED} onlink" in str(route)
    assert f"iif {QUOTED}" in str(Rule(Family.INET, 1000, iif=NASTY))
    assert f"dev {QUOTED}" in str(HostAddress(ip_interface("192.0.2.9/32"), NASTY))


def test_others_stay_as_they_are() -> None:
    way = NextHop("eth0.7@x", ip_address("fe80::1"))
    assert "'" not in str(Route(ip_network("::/0"), 1001, 10, (way,)))
