"""``lvsctl sorry`` from end to end in the lab: visitors, a director with a 503 server, a real server behind it."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lvsctl.cli.main import run
from tests.support.hosts import Host, Net, wait_until

pytestmark = pytest.mark.kernel

VIP = "10.0.0.100"
SERVER = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(int(sys.argv[3]))
        self.send_header("Retry-After", "120")
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Answer).serve_forever()
"""
SPEC = """
nodes:
  lb1: {address: 10.0.0.11}
  lb2: {address: 10.0.0.12}
virtual_servers:
  web:
    address: 10.0.0.100
    port: 80
    owner: lvsctl
    lvs_sched: rr
    sorry_server: {}
    real_servers: [{address: 10.1.0.21, port: 8080, weight: 3}]
  mail: {address: 10.0.0.100, port: 25, owner: lvsctl, real_servers: [{address: 10.1.0.21}]}
"""
FETCH = """
import http.client, sys
connection = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=5)
connection.request("GET", "/")
print(connection.getresponse().status)
"""


class Lab:
    """The hosts; :attr:`lb1` and :attr:`lb2` are the directors."""

    def __init__(self, net: Net) -> None:
        self.client = net.host("client", eth0="outer 10.0.0.2/24")
        self.lb1 = net.host("lb1", eth0=f"outer 10.0.0.11/24 {VIP}/32", eth1="inner 10.1.0.1/24")
        self.lb2 = net.host("lb2", eth0="outer 10.0.0.12/24")
        self.r1 = net.host("r1", eth0="inner 10.1.0.21/24")
        self.lb1.sysctl("net.ipv4.ip_forward", 1)
        self.r1.ip("route add default via 10.1.0.1")
        serve(self.r1, "0.0.0.0", 8080, 200)
        for host in (self.lb1, self.lb2):
            serve(host, "0.0.0.0", 8503, 503)
            serve(host, "0.0.0.0", 8200, 200)

    def status(self, port: int = 80) -> int:
        """Answer what a visitor gets."""
        import http.client

        with self.client.inside():
            connection = http.client.HTTPConnection(VIP, port, timeout=5)
            try:
                connection.request("GET", "/")
                return connection.getresponse().status
            finally:
                connection.close()


def serve(host: Host, address: str, port: int, status: int) -> None:
    host.start([sys.executable, "-S", "-c", SERVER, address, str(port), str(status)])


def listens(host: Host, port: int) -> bool:
    with host.inside():
        return f":{port:04X} " in Path("/proc/thread-self/net/tcp").read_text()


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Net() as net:
        made = Lab(net)
        for host, ports in ((made.r1, [8080]), (made.lb1, [8503, 8200]), (made.lb2, [8503, 8200])):
            assert all(wait_until(lambda port=port: listens(host, port)) for port in ports)
        yield made


class Lvsctl:
    """The command line on one director, in this process; the network namespace is the director's."""

    def __init__(self, host: Host, node: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.netns = f"/proc/{host.pid}/ns/net"
        self.host, self.node, self._capsys = host, node, capsys
        self.spec = folder / "lvs.yaml"
        self.spec.write_text(SPEC)
        self.err = ""

    def __call__(self, verb: str, *arguments: str, spec: bool = True) -> tuple[int, str]:
        known = ["--spec", str(self.spec), "--node", self.node] if spec else []
        status = run(["sorry", verb, *known, "--netns", self.netns, *arguments])
        out, self.err = self._capsys.readouterr()
        return status, out

    def json(self, verb: str, *arguments: str, spec: bool = True) -> tuple[int, dict[str, object]]:
        status, out = self(verb, "--json", *arguments, spec=spec)
        document: dict[str, object] = json.loads(out)
        return status, document


@pytest.fixture
def lvsctl(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Lvsctl]:
    monkeypatch.setenv("LVSCTL_ROOT", str(tmp_path))
    monkeypatch.setenv("SUDO_USER", "alice")
    lab.lb1.ipvsadm("-C")
    lab.lb1.ipvsadm("-R", stdin=f"-A -t {VIP}:80 -s rr\n-a -t {VIP}:80 -r 10.1.0.21:8080 -m -w 3\n")
    yield Lvsctl(lab.lb1, "lb1", tmp_path, capsys)


def test_on_and_off_by_a_name_of_the_spec(lab: Lab, lvsctl: Lvsctl) -> None:
    before = lab.lb1.ipvsadm("-Sn")
    assert lab.status() == 200
    assert lvsctl("status")[0] == 2

    status, planned = lvsctl("on", "web", "--dry-run")
    assert (status, lab.lb1.ipvsadm("-Sn")) == (0, before), lvsctl.err
    assert planned.splitlines() == [
        "+ tcp/10.0.0.100:80 -> 10.0.0.11:8503 NAT weight 1",
        "~ tcp/10.0.0.100:80 -> 10.1.0.21:8080 NAT weight 0",
    ]
    assert "web: the sorry would go on" in lvsctl.err

    assert lvsctl("on", "web", "--reason", "deploy") == (0, ""), lvsctl.err
    assert "web: the sorry is on\n" in lvsctl.err
    assert lab.status() == 503
    assert lvsctl("on", "w*") == (0, "")
    assert "web: the sorry is on already" in lvsctl.err

    status, found = lvsctl.json("status", "web")
    assert status == 0, found
    [service] = found["services"]
    assert (service["state"], service["way"], service["sorry"]) == ("on", "kernel", "10.0.0.11:8503")
    [held] = service["holders"]
    assert (held["holder"], held["by"], held["until"]) == ("operator", "alice", None)

    assert lvsctl("off", "web") == (0, ""), lvsctl.err
    assert (lab.status(), lvsctl("status", "web")[0]) == (200, 2)
    assert lab.lb1.ipvsadm("-Sn") == before
    assert lvsctl("off", "web") == (0, "")
    assert "web: the sorry is off already" in lvsctl.err
