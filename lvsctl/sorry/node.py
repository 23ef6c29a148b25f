"""What a swap touches on this node: the table, the snapshots, the sysctls, the clock.

They come as one value, so that a test can stand between a swap and each of its effects.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from lvsctl.ipvs.backend import Ipvs
from lvsctl.ipvs.kernel import KernelIpvs
from lvsctl.sorry.journal import Journal
from lvsctl.sorry.sysctl import KernelSysctls, Sysctls


class Node(NamedTuple):
    """The table of one network namespace, and what belongs to it."""

    ipvs: Ipvs
    journal: Journal
    sysctls: Sysctls
    boot_id: str
    now: Callable[[], float] = time.time
    """Seconds since the epoch."""


@contextmanager
def this_node(*, netns: str | None = None) -> Iterator[Node]:
    """Open the node's table, or that of its network namespace *netns*. Raises NoIpvs, NotRoot or Unavailable."""
    with KernelIpvs(netns=netns) as ipvs:
        yield Node(ipvs, Journal(netns=netns), KernelSysctls(netns=netns), boot_id())


def boot_id() -> str:
    """Answer what tells this boot of the kernel from any other; empty where /proc is not there."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
