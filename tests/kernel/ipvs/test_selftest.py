"""The Linux kernel's own selftest of IPVS, with ``lvsctl ipvsadm`` as the ipvsadm on the PATH.

The script is the kernel's (GPL) and not ours to ship: tests/kernel-selftest takes it out of the distribution's
linux-source, LVSCTL_KERNEL_SELFTEST names another. What it proves is told again below: one real connection, in each mode.
"""

import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lvsctl.host.netns import inside
from tests.support.ipvs import fresh_netns, ran
from tests.support.require import refuse, require

pytestmark = pytest.mark.kernel

VIP, PORT = "207.175.44.110", 8080
SCRIPT = Path(os.environ.get("LVSCTL_KERNEL_SELFTEST", "/var/cache/lvsctl-tests/ipvs.sh"))
PATIENT = """\
case "$1" in -l) exec /usr/bin/nc "$@" ;; esac
until /usr/bin/nc "$@"; do sleep 0.1; done
"""
"""The script gives its server 0.2 s to listen, which a busy machine does not always make; its own limit is 2 s."""


@pytest.fixture
def on_path(tmp_path: Path) -> dict[str, str]:
    """An environment in which ``ipvsadm`` is lvsctl's, and ``nc`` waits for its server."""
    program = "import sys; sys.argv[1:1] = ['ipvsadm']; from lvsctl.cli.entry import main; main()"
    _write(tmp_path / "ipvsadm", f'exec {sys.executable} -c {shlex.quote(program)} "$@"')
    _write(tmp_path / "nc", PATIENT)
    return {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}:/usr/sbin:/sbin"}


def _write(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


@pytest.mark.kernel(timeout=150)
def test_the_kernels_selftest_passes(on_path: dict[str, str]) -> None:
    require("nc", name="kernel")
    if not SCRIPT.exists():
        refuse("kernel", f"the kernel's ipvs.sh is not at {SCRIPT}: tests/kernel-selftest (root) fetches it")
    done = subprocess.run(
        ["sh", SCRIPT], env=on_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, "PASS" in done.stdout) == (0, True), done.stdout + done.stderr


class Net:
    """A client, a director and a real server; the director is reached over one wire, the server over another."""

    def __init__(self, client: str, director: str, server: str, env: dict[str, str]) -> None:
        self.client, self.director, self.server, self.env = client, director, server, env
        self._wire(client, "10.0.0.2", director, "10.0.0.1")
        self._wire(director, "172.16.0.1", server, "172.16.0.2")
        ran("ip", "-n", client, "route", "add", f"{VIP}/32", "via", "10.0.0.1")
        ran("ip", "-n", server, "route", "add", "10.0.0.0/24", "via", "172.16.0.1")
        ran("ip", "-n", director, "address", "add", f"{VIP}/32", "dev", "lo")
        self.sysctl(director, "net.ipv4.ip_forward=1")

    def _wire(self, a: str, a_address: str, b: str, b_address: str) -> None:
        here, there = f"to-{b[-9:]}", f"to-{a[-9:]}"
        ran("ip", "link", "add", here, "netns", a, "type", "veth", "peer", "name", there, "netns", b)
        for netns, name, address in ((a, here, a_address), (b, there, b_address)):
            ran("ip", "-n", netns, "address", "add", f"{address}/24", "dev", name)
            ran("ip", "-n", netns, "link", "set", name, "up")

    def sysctl(self, netns: str, *settings: str) -> None:
        ran("ip", "netns", "exec", netns, "sysctl", "-qw", *settings)

    def ipvsadm(self, line: str) -> None:
        argv = ["ip", "netns", "exec", self.director, "ipvsadm", *line.split()]
        subprocess.run(argv, env=self.env, check=True, timeout=60)

    def connects(self) -> str:
        """Answer what the server sees of a connection from the client: its peer and its data."""
        listening = inside(self.server, lambda: socket.create_server(("0.0.0.0", PORT)))
        with (
            listening,
            inside(self.client, lambda: socket.create_connection((VIP, PORT), timeout=10)) as client,
        ):
            listening.settimeout(10)
            accepted, peer = listening.accept()
            with accepted:
                client.sendall(b"hello")
                return f"{peer[0]} {accepted.recv(5).decode()}"


@pytest.fixture
def net(on_path: dict[str, str]) -> Iterator[Net]:
    with fresh_netns() as client, fresh_netns() as director, fresh_netns() as server:
        yield Net(client, director, server, on_path)


def test_masquerading_carries_a_connection(net: Net) -> None:
    net.ipvsadm(f"-A -t {VIP}:{PORT} -s rr")
    net.ipvsadm(f"-a -m -t {VIP}:{PORT} -r 172.16.0.2:{PORT}")
    assert net.connects() == "10.0.0.2 hello"


def test_direct_routing_carries_a_connection(net: Net) -> None:
    net.ipvsadm(f"-A -t {VIP}:{PORT} -s rr")
    net.ipvsadm(f"-a -t {VIP}:{PORT} -r 172.16.0.2:{PORT}")
    ran("ip", "-n", net.server, "address", "add", f"{VIP}/32", "dev", "lo")
    # The answer passes the director, which holds the same address: it must not take it for a forgery.
    net.sysctl(
        net.director, *(f"net.ipv4.conf.{name}.accept_local=1" for name in ("all", f"to-{net.server[-9:]}"))
    )
    net.sysctl(
        net.director, *(f"net.ipv4.conf.{name}.rp_filter=0" for name in ("all", f"to-{net.server[-9:]}"))
    )
    assert net.connects() == "10.0.0.2 hello"


def test_a_tunnel_carries_a_connection(net: Net) -> None:
    net.ipvsadm(f"-A -t {VIP}:{PORT} -s rr")
    net.ipvsadm(f"-a -i -t {VIP}:{PORT} -r 172.16.0.2:{PORT}")
    subprocess.run(["modprobe", "ipip"], check=False, timeout=60)
    ran("ip", "-n", net.server, "link", "add", "tunnel0", "type", "ipip", "local", "172.16.0.2")
    ran("ip", "-n", net.server, "link", "set", "tunnel0", "up")
    ran("ip", "-n", net.server, "address", "add", f"{VIP}/32", "dev", "tunnel0")
    net.sysctl(net.server, *(f"net.ipv4.conf.{name}.rp_filter=0" for name in ("all", "tunnel0")))
    net.sysctl(
        net.director, *(f"net.ipv4.conf.{name}.accept_local=1" for name in ("all", f"to-{net.server[-9:]}"))
    )
    net.sysctl(
        net.director, *(f"net.ipv4.conf.{name}.rp_filter=0" for name in ("all", f"to-{net.server[-9:]}"))
    )
    assert net.connects() == "10.0.0.2 hello"
