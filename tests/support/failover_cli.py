"""A node with a spec, credentials and the fake provider, and ``lvsctl`` as a process of its own on it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import yaml

from tests.fakes.hetzner.server import HetznerFake
from tests.fakes.hetzner.worlds import PASSWORD, TOKEN, USER, furnished

ROOT = Path(__file__).resolve().parents[2]
LVSCTL = Path(sys.executable).parent / "lvsctl"
VIP = "203.0.113.10"
VIP6 = "2001:db8:f::/64"
CLOUD_VIP = "203.0.113.20"


def renewed(fake: HetznerFake) -> HetznerFake:
    """Answer *fake* with a world of its own for the next test, on the same sockets."""
    furnished(fake)
    fake.journal._entries.clear()
    for front in fake.fronts.values():
        front.faults.clear()
    return fake


class Ended(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str


class Station:
    """One node's files below *folder*, in a world of *fake*; both failover IPs of Robot point at lb1."""

    def __init__(self, folder: Path, fake: HetznerFake) -> None:
        self.folder = folder
        self.fake = fake
        for part in ("etc/lvsctl", "run/lvsctl", "var/lib/lvsctl"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        self.credentials = folder / "etc/lvsctl/hetzner.cred"
        self.credentials.write_text(f"user={USER}\npassword={PASSWORD}\ntoken={TOKEN}\n")
        self.credentials.chmod(0o600)
        self.ca = folder / "etc/lvsctl/ca.pem"
        self.ca.write_bytes(Path(fake.tls.ca_file).read_bytes())
        self.spec = folder / "etc/lvsctl/lvs.yaml"
        self.write_spec()

    def write_spec(self) -> None:
        robot = {"provider": "hetzner-robot", "vrrp_instance": "VI_1", "credentials": str(self.credentials)}
        api = {"ca": str(self.ca)}
        entries = [
            {"ip": VIP, **robot, "targets": {"lb1": "192.0.2.11", "lb2": "192.0.2.12"}},
            {"ip": VIP6, **robot, "targets": {"lb1": "2001:db8:1::/64", "lb2": "2001:db8:2::/64"}},
        ]
        spec = {
            "nodes": {"lb1": {"address": "10.0.0.11"}, "lb2": {"address": "10.0.0.12"}},
            "vrrp_instances": {
                "VI_1": {"interface": "eth0", "virtual_router_id": 51, "virtual_ipaddress": ["10.0.0.100/24"]}
            },
            "failover_ips": [each | {"api": {"url": self.fake.robot_url, **api}} for each in entries],
        }
        self.spec.write_text(yaml.safe_dump(spec))

    def environment(self, node: str = "lb1") -> dict[str, str]:
        """Answer the environment of a command on *node*, which has files of its own."""
        home = self.folder / node
        (home / "run/lvsctl").mkdir(parents=True, exist_ok=True)
        return {
            "PATH": os.environ["PATH"],
            "LVSCTL_ROOT": str(home),
            "LVSCTL_SPEC": str(self.spec),
            "LC_ALL": "C.UTF-8",
        }

    def start(self, *arguments: str, node: str = "lb1") -> subprocess.Popen[str]:
        """Start ``lvsctl`` on *node*."""
        return subprocess.Popen(
            [LVSCTL, *arguments],
            env=self.environment(node),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def lvsctl(self, *arguments: str, node: str = "lb1") -> Ended:
        """Run ``lvsctl`` on *node* to its end."""
        with self.start(*arguments, node=node) as child:
            out, err = child.communicate(timeout=60)
        return Ended(child.returncode, out, err)

    def failover(self, verb: str, *arguments: str, node: str = "lb1") -> Ended:
        """Run ``lvsctl failover VERB … --node NODE``."""
        return self.lvsctl("failover", verb, *arguments, "--node", node, node=node)
