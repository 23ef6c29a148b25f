"""The machine of the postmortem (seed 002), in namespaces of this kernel: a guest with two gateways behind a NAT host.

::

    client 198.51.100.7 ── isp ── 192.0.2.2 host 10.0.0.1 ── eth0 10.1.0.101 guest
                            └──────── 193.70.55.1 ────────── eth1 193.70.55.124 ┘

``host`` forwards port 80 of its own address to the guest and masquerades what leaves. The guest's boot writes the two
default routes of Proxmox in the order it is given; the second one is refused. IPv6 is the same with fd00::/64 and
2001:db8:5::/64, and without NAT.
"""

import os
import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support import netns
from tests.support.veths import ip

CLIENT, CLIENT6 = "198.51.100.7", "2001:db8:c::7"
HOST = "192.0.2.2"
VIP, GATEWAY = "193.70.55.124", "193.70.55.1"
INSIDE, INSIDE_GATEWAY = "10.1.0.101", "10.0.0.1"
VIP6, GATEWAY6 = "2001:db8:5::10", "2001:db8:5::1"

NAT = f"""
table ip nat {{
  chain in {{ type nat hook prerouting priority -100; ip daddr {HOST} tcp dport 80 dnat to {INSIDE}; }}
  chain out {{ type nat hook postrouting priority 100; oifname "up0" masquerade; }}
}}
table ip6 filter {{
  chain through {{ type filter hook forward priority 0; ip6 saddr 2001:db8:5::/64 drop; }}
}}
"""
"""IPv6 has no masquerade to spoil the replies; there it is the ingress filter of who gets them."""

BOOT = {
    "eth0": (
        "link set eth0 up",
        f"address add {INSIDE}/24 dev eth0",
        f"route add {INSIDE_GATEWAY} dev eth0",
        f"route add default via {INSIDE_GATEWAY} dev eth0",
    ),
    "eth1": (
        "link set eth1 up",
        f"address add {VIP}/32 dev eth1",
        f"route add {GATEWAY} dev eth1",
        f"route add default via {GATEWAY} dev eth1",
    ),
}
"""What Proxmox's ``post-up`` lines of each interface do."""

BOOT6 = {
    "eth0": ("-6 address add fd00::101/64 dev eth0 nodad", "-6 route add default via fd00::1 dev eth0"),
    "eth1": (
        f"-6 address add {VIP6}/64 dev eth1 nodad",
        f"-6 route add default via {GATEWAY6} dev eth1",
    ),
}


def missing() -> str:
    """Say what this machine lacks for the topology; empty when nothing."""
    if os.geteuid() != 0:
        return "only root can make network namespaces"
    return (
        ""
        if shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin")
        else "nft is not installed: the NAT host needs it"
    )


ECHO = struct.pack("!BBHHH", 8, 0, 0xF7FF - 7 - 1, 7, 1)
"""An echo request with its checksum, id 7 and sequence number 1."""


class Box:
    """One network namespace."""

    def __init__(self) -> None:
        with netns.fresh():
            self._handle = os.open(netns.OWN, os.O_RDONLY | os.O_CLOEXEC)
            for each in ("all", "default"):
                netns.sysctl(f"net.ipv6.conf.{each}.accept_dad", 0)
                netns.sysctl(f"net.ipv4.conf.{each}.rp_filter", 0)
            ip("link set lo up")

    @property
    def path(self) -> str:
        """What names it, also to ``--netns``."""
        return f"/proc/{os.getpid()}/fd/{self._handle}"

    def ip(self, *lines: str) -> str:
        """Run ``ip`` commands in it."""
        with netns.inside(self.path):
            return "".join(_one(line) for line in lines)

    def sysctl(self, name: str, value: object) -> None:
        """Set a sysctl in it."""
        with netns.inside(self.path):
            netns.sysctl(name, value)

    def close(self) -> None:
        """Let it go."""
        os.close(self._handle)


def _one(line: str) -> str:
    done = subprocess.run(
        ["ip", *line.split()],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
    )
    if done.returncode and "File exists" not in done.stderr:
        raise AssertionError(f"ip {line}: {done.stderr}")
    return done.stdout + done.stderr


class TwoGateways:
    """The topology; :meth:`boot` before anything is asked."""

    def __init__(self) -> None:
        self.client, self.isp, self.host, self.guest = self.boxes = tuple(Box() for _ in range(4))
        self._server: socket.socket | None = None
        self._wire()

    def _wire(self) -> None:
        for left, name, right, other in (
            (self.isp, "client0", self.client, "eth0"),
            (self.isp, "host0", self.host, "up0"),
            (self.isp, "guest1", self.guest, "eth1"),
            (self.host, "in0", self.guest, "eth0"),
        ):
            left.ip(f"link add {name} type veth peer name {other} netns {right.path}", f"link set {name} up")
        self.client.ip(
            "link set eth0 up",
            f"address add {CLIENT}/24 dev eth0",
            "route add default via 198.51.100.1",
            f"-6 address add {CLIENT6}/64 dev eth0 nodad",
            "-6 route add default via 2001:db8:c::1",
        )
        self.isp.ip(
            "address add 198.51.100.1/24 dev client0",
            "-6 address add 2001:db8:c::1/64 dev client0 nodad",
            "address add 192.0.2.1/24 dev host0",
            f"address add {GATEWAY}/24 dev guest1",
            f"-6 address add {GATEWAY6}/64 dev guest1 nodad",
        )
        self.host.ip(
            "link set up0 up",
            f"address add {HOST}/24 dev up0",
            "route add default via 192.0.2.1",
            f"address add {INSIDE_GATEWAY}/32 dev in0",
            "-6 address add fd00::1/64 dev in0 nodad",
            "route add 10.1.0.0/24 dev in0",
        )
        for box in (self.isp, self.host):
            box.sysctl("net.ipv4.ip_forward", 1)
            box.sysctl("net.ipv6.conf.all.forwarding", 1)
        with netns.inside(self.host.path):
            subprocess.run(["/usr/sbin/nft", "-f", "-"], input=NAT, text=True, check=True, timeout=30)

    def boot(self, *order: str) -> str:
        """Bring the guest's interfaces up in *order*, and serve; answer what the boot complained about."""
        said = "".join(self.guest.ip(*BOOT[name], *BOOT6[name]) for name in order)
        with netns.inside(self.guest.path):
            self._server = serving()
        return said

    def close(self) -> None:
        """End it."""
        if self._server is not None:
            self._server.shutdown(socket.SHUT_RDWR)
            self._server.close()
        for box in self.boxes:
            box.close()

    # --- what the client sees

    def pings(self, address: str) -> bool:
        """Answer whether an echo comes back to the client."""
        with (
            netns.inside(self.client.path),
            socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as icmp,
        ):
            icmp.settimeout(1)
            icmp.sendto(ECHO, (address, 0))
            with suppress(TimeoutError):
                while True:
                    data, (source, _) = icmp.recvfrom(200)
                    if source == address and data[20] == 0:
                        return True
        return False

    def connects(self, address: str) -> bool:
        """Answer whether the client can connect, which is all that ``nc -z`` asks."""
        with netns.inside(self.client.path), suppress(OSError), socket.create_connection((address, 80), 1):
            return True
        return False

    def gets(self, address: str) -> bool:
        """Answer whether the client gets an answer to a request."""
        with netns.inside(self.client.path):
            return gets(address)


def gets(address: str) -> bool:
    """Answer whether a request from where we are is answered."""
    with suppress(OSError), socket.create_connection((address, 80), 1) as to:
        to.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return to.recv(100).startswith(b"HTTP/1.0 200")
    return False


def serving() -> socket.socket:
    """Answer requests where we are, until the socket is closed."""
    server = socket.create_server(("::", 80), family=socket.AF_INET6, dualstack_ipv6=True)
    threading.Thread(target=_serve, args=(server,), daemon=True).start()
    return server


def _serve(server: socket.socket) -> None:
    with suppress(OSError):
        while True:
            client, _ = server.accept()
            threading.Thread(target=_answer, args=(client,), daemon=True).start()


def _answer(client: socket.socket) -> None:
    with client, suppress(OSError):
        client.settimeout(5)
        if client.recv(100):
            client.sendall(b"HTTP/1.0 200 OK\r\n\r\n")


@contextmanager
def booted(*order: str) -> Iterator[TwoGateways]:
    """Have the machine, its interfaces up in *order*."""
    machine = TwoGateways()
    try:
        machine.boot(*order)
        yield machine
    finally:
        machine.close()


def boot_files(folder: Path) -> Path:
    """Write what the guest of the postmortem has in /etc, and answer the folder that stands for its /."""
    path = folder / "etc/network/interfaces"
    path.parent.mkdir(parents=True)
    path.write_text(INTERFACES)
    return folder


INTERFACES = f"""\
auto lo
iface lo inet loopback

auto eth0
iface eth0 inet static
\taddress {INSIDE}/24
# --- BEGIN PVE ---
\tpost-up ip route add {INSIDE_GATEWAY} dev eth0
\tpost-up ip route add default via {INSIDE_GATEWAY} dev eth0
\tpre-down ip route del default via {INSIDE_GATEWAY} dev eth0
\tpre-down ip route del {INSIDE_GATEWAY} dev eth0
# --- END PVE ---

auto eth1
iface eth1 inet static
\taddress {VIP}/32
# --- BEGIN PVE ---
\tpost-up ip route add {GATEWAY} dev eth1
\tpost-up ip route add default via {GATEWAY} dev eth1
\tpre-down ip route del default via {GATEWAY} dev eth1
\tpre-down ip route del {GATEWAY} dev eth1
# --- END PVE ---
"""
