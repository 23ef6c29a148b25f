"""A visitor, two directors with 503 servers and a real server behind one; and ``lvsctl sorry`` on a director."""

import http.client
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lvsctl.cli.main import run
from tests.support.hosts import Host, Net

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


RULES = f"-A -t {VIP}:80 -s rr\n-a -t {VIP}:80 -r 10.1.0.21:8080 -m -w 3\n"


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
        with self.client.inside():
            connection = http.client.HTTPConnection(VIP, port, timeout=5)
            try:
                connection.request("GET", "/")
                return connection.getresponse().status
            finally:
                connection.close()


def serve(host: Host, address: str, port: int, status: int) -> None:
    host.start([sys.executable, "-S", "-c", SERVER, address, str(port), str(status)])


def listen(host: Host, ports: Sequence[int]) -> bool:
    with host.inside():
        sockets = Path("/proc/thread-self/net/tcp").read_text()
    return all(f":{port:04X} " in sockets for port in ports)


class Lvsctl:
    """The command line on one director, in this process; the network namespace is the director's."""

    def __init__(self, host: Host, node: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.where = ["--netns", f"/proc/{host.pid}/ns/net"]
        self.host, self.node, self._capsys = host, node, capsys
        self.spec = folder / "lvs.yaml"
        self.spec.write_text(SPEC)
        self.err = ""

    def __call__(self, verb: str, *arguments: str, spec: bool = True) -> tuple[int, str]:
        known = ["--spec", str(self.spec), "--node", self.node] if spec else []
        status = run(["sorry", verb, *known, *self.where, *arguments])
        out, self.err = self._capsys.readouterr()
        return status, out

    def json(self, verb: str, *arguments: str, spec: bool = True) -> tuple[int, dict[str, Any]]:
        status, out = self(verb, "--json", *arguments, spec=spec)
        document: dict[str, Any] = json.loads(out)
        return status, document
