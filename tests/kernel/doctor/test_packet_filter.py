"""IPVS beside iptables on a real kernel: what doctor finds is what clients meet, and its command mends it."""

import pytest

from lvsctl.doctor.examine import examine
from lvsctl.doctor.model import Machine, Role
from lvsctl.doctor.this_host import ThisHost
from lvsctl.spec.document import read as read_text
from lvsctl.spec.load import load
from tests.support.hosts import Host, Net
from tests.support.require import require

SPEC = """
nodes: {lb1: {address: 10.0.0.11}}
virtual_servers:
  web: {owner: lvsctl, address: 10.0.0.100, port: 80, lvs_method: NAT, real_servers: [{address: 10.0.0.21, port: 80}]}
"""
SERVER = """
import socket
listening = socket.create_server(("", 80))
print("ready", flush=True)
while True:
    conn, peer = listening.accept()
    conn.sendall(peer[0].encode())
    conn.close()
"""
CLIENT = """
import socket
with socket.create_connection(("10.0.0.100", 80), timeout=2) as conn:
    print(conn.recv(64).decode())
"""
MASQUERADE = ["iptables-legacy", "-t", "nat", "-A", "POSTROUTING", "-d", "10.0.0.21", "-j", "MASQUERADE"]


def found(host: Host, *ids: str) -> dict[str, str]:
    with host.inside():
        machine = Machine(
            Role.DIRECTOR, ThisHost(host.path("/")), load(read_text(SPEC, file="lvs.yaml")), "lb1"
        )
        report = examine(machine)
    assert [each for each in report.unread if set(each.checks) & set(ids)] == []
    return {each.id: each.remedy for each in report.findings if each.id in ids}


@pytest.mark.kernel(timeout=120)
def test_masquerade_sees_packets_of_ipvs_only_with_its_conntrack() -> None:
    require("iptables-legacy")
    with Net() as net:
        director = net.host("lb1", eth0="lan 10.0.0.11/24 10.0.0.100/24")
        server = net.host("web", eth0="lan 10.0.0.21/24")
        client = net.host("client", eth0="lan 10.0.0.50/24")
        server.start(["python3", "-c", SERVER]).wait_for("ready")
        director.sysctl("net.ipv4.ip_forward", 1)
        director.sysctl("net.ipv4.vs.conntrack", 0)
        director.ipvsadm(
            "-R", stdin="-A -t 10.0.0.100:80 -s rr\n-a -t 10.0.0.100:80 -r 10.0.0.21:80 -m -w 1\n"
        )
        director.run(MASQUERADE)

        def ask() -> str:
            return client.run(["python3", "-c", CLIENT], check=False).stdout.strip()

        # The server answers the client itself, which is in its own network.
        assert ask() == ""
        remedy = found(director, "LVD232", "LVD235")
        assert set(remedy) == {"LVD232"}
        director.run(["sh", "-ec", remedy["LVD232"].partition(", and the same")[0]])
        assert ask() == "10.0.0.11"
        assert found(director, "LVD232", "LVD235") == {}
        director.run([*MASQUERADE[:3], "-F"])
        assert set(found(director, "LVD232", "LVD235")) == {"LVD235"}
