"""What a test finds in the kernel lab."""

import platform
import subprocess
from pathlib import Path

import pytest

from tests.support import netns
from tests.support.lab import kernel

pytestmark = pytest.mark.kernel

SCHEDULERS = ["rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "mh", "sed", "nq", "fo", "ovf"]


def test_the_kernel_is_user_mode_linux() -> None:
    assert platform.release() == kernel().release
    assert "User Mode Linux" in Path("/proc/cpuinfo").read_text()


def test_every_scheduler_loads_when_it_is_needed() -> None:
    lines = [f"-A -f {mark} -s {name}" for mark, name in enumerate(SCHEDULERS, 1)]
    with netns.fresh():
        subprocess.run(["ipvsadm", "-R"], input="\n".join(lines), text=True, check=True)
        said = subprocess.run(["ipvsadm", "-Sn"], capture_output=True, text=True, check=True).stdout
    assert sorted(said.split("\n")[:-1]) == sorted(lines)


@pytest.mark.parametrize("kind", ["dummy", "veth", "bridge", "macvlan", "vrf", "ipip", "vlan"])
def test_devices_of_every_kind_can_be_made(kind: str) -> None:
    options = {"vrf": "table 7", "vlan": "id 7", "ipip": "remote 192.0.2.1"}.get(kind, "")
    lower = "link base" if kind in ("macvlan", "vlan") else ""
    batch = f"link add base type dummy\nlink add {lower} name it type {kind} {options}\n"
    with netns.fresh():
        subprocess.run(["ip", "-batch", "-"], input=batch, text=True, check=True)
