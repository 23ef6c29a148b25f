"""Doctor on real machines: what it finds there, and that the command it names mends it."""

from collections.abc import Collection

import pytest

from lvsctl.compose.render import render
from lvsctl.doctor.examine import Report, examine
from lvsctl.doctor.model import Machine, Role
from lvsctl.doctor.this_host import ThisHost
from lvsctl.spec.document import read as read_text
from lvsctl.spec.load import Declared, load
from tests.support.hosts import Host, Net
from tests.support.keepalived import CONFIG, Keepalived

SPEC = """
nodes: {lb1: {address: 10.0.0.11, priority: 150}, lb2: {address: 10.0.0.12, priority: 100}}
notify: none
vrrp_instances:
  VI_1: {interface: eth0, virtual_router_id: 51, unicast: true, virtual_ipaddress: [10.0.0.100/24, 10.0.0.101/24]}
virtual_servers:
  web:
    address: 10.0.0.100
    port: 80
    lvs_sched: wlc
    lvs_method: DR
    checks: [{TCP_CHECK: {connect_timeout: 1}}]
    real_servers: [{address: 10.0.0.21}]
  api:
    owner: lvsctl
    address: 10.0.0.101
    port: 80
    lvs_sched: mh
    lvs_method: NAT
    real_servers: [{address: 10.0.0.21}]
"""


def declared() -> Declared:
    return load(read_text(SPEC, file="lvs.yaml"))


def examined(host: Host, role: Role, *, only: Collection[str]) -> dict[str, list[str]]:
    """Answer what is found on *host*: the commands that mend it, by the id of the check."""
    with host.inside():
        report: Report = examine(Machine(role, ThisHost(host.path("/")), declared(), "lb1"))
    assert [each for each in report.unread if set(each.checks) & set(only)] == []
    found: dict[str, list[str]] = {}
    for each in report.findings:
        if each.id in only:
            found.setdefault(each.id, []).append(each.remedy)
    return found


def mend(host: Host, remedies: Collection[str]) -> None:
    """Run the commands of findings, up to what is said about keeping it."""
    for each in remedies:
        host.run(["sh", "-ec", each.partition(", and the same")[0]])


KEEPALIVED = ("LVD500", "LVD501", "LVD502", "LVD601", "LVD602")


@pytest.mark.kernel(timeout=120)
@pytest.mark.keepalived
def test_a_director_with_its_keepalived() -> None:
    with Net() as net:
        host = net.host("lb1", eth0="lan 10.0.0.11/24")
        kernel = ("LVD200", "LVD220", "LVD300", "LVD301", "LVD600")
        text = render(declared(), "lb1").text
        found = examined(host, Role.DIRECTOR, only=(*KEEPALIVED, *kernel))
        assert set(found) == {"LVD200", "LVD220", "LVD500", "LVD502", "LVD600"}

        mend(host, [*found["LVD200"], *found["LVD220"]])
        keepalived = Keepalived(host, text)
        keepalived.wait_started()
        host.ipvsadm("-R", stdin="-A -t 10.0.0.101:80 -s mh\n-a -t 10.0.0.101:80 -r 10.0.0.21:80 -m -w 1\n")
        assert examined(host, Role.DIRECTOR, only=(*KEEPALIVED, *kernel)) == {}

        host.write(CONFIG, text.replace("priority 150", "priority 151"))
        assert set(examined(host, Role.DIRECTOR, only=KEEPALIVED)) == {"LVD501", "LVD502"}
        keepalived.reload()
        assert set(examined(host, Role.DIRECTOR, only=KEEPALIVED)) == {"LVD502"}
        host.write(CONFIG, text)
        keepalived.reload()

        host.ipvsadm("-R", stdin="-D -t 10.0.0.100:80\n-A -t 10.9.9.9:80 -s rr\n")
        assert set(examined(host, Role.DIRECTOR, only=KEEPALIVED)) == {"LVD601", "LVD602"}
        keepalived.stop()
        assert "LVD500" in examined(host, Role.DIRECTOR, only=KEEPALIVED)


REALSERVER = ("LVD210", "LVD211", "LVD240", "LVD241", "LVD242", "LVD400")


@pytest.mark.kernel
def test_a_real_server_for_dr() -> None:
    with Net() as net:
        host = net.host("web", eth0="lan 10.0.0.21/24", eth1="other 10.2.0.21/24")
        host.ip("route add default via 10.0.0.12")
        found = examined(host, Role.REALSERVER, only=REALSERVER)
        assert set(found) == {"LVD210", "LVD211", "LVD241", "LVD242"}
        assert found["LVD241"] == ["ip addr add 10.0.0.100/32 dev lo"]

        mend(host, dict.fromkeys([*found["LVD210"], *found["LVD211"]]))
        host.ip(
            "address add 10.0.0.100/24 dev lo",
            "route replace default via 10.0.0.1",
            "route append default via 10.2.0.1",
        )
        found = examined(host, Role.REALSERVER, only=REALSERVER)
        assert set(found) == {"LVD240", "LVD400"}
        mend(host, found["LVD240"])
        host.ip("route del default via 10.2.0.1")
        assert examined(host, Role.REALSERVER, only=REALSERVER) == {}
