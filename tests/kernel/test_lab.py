import os
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.kernel


def test_the_kernel_is_not_this_machines() -> None:
    assert "UML" in Path("/proc/cpuinfo").read_text() or "umlinux" in Path("/proc/cpuinfo").read_text()


def test_ipvs_and_its_schedulers_are_there() -> None:
    subprocess.run(["ipvsadm", "-A", "-t", "10.9.9.9:80", "-s", "mh"], check=True)
    assert "mh" in subprocess.run(["ipvsadm", "-Sn"], capture_output=True, text=True, check=True).stdout
    subprocess.run(["ipvsadm", "-C"], check=True)


def test_what_is_written_stays_in_the_guest() -> None:
    Path("/etc/lvsctl-was-here").write_text("x")
    assert "overlay / overlay" in Path("/proc/mounts").read_text()
    assert os.environ["LVSCTL_LAB"]
