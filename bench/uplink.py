"""Uplinks: what a switch costs, what asking 100 uplinks × 5 targets costs, and what is lost beside linux_failover.

Needs root, for network namespaces.
"""

import asyncio
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

from bench.measure import alternately
from lvsctl.net.kernel import Net
from lvsctl.uplink.intent import default_route
from lvsctl.uplink.keeper import Keeper
from lvsctl.uplink.model import Settings, Target, Uplink
from lvsctl.uplink.saved import Files
from lvsctl.vocabulary import Family
from tests.support import netns
from tests.support.isps import Isps, other_namespace
from tests.support.uplink_stage import Stage
from tests.support.uplink_stories import SCENARIOS
from tests.support.veths import ip

UPLINKS, TARGETS, BEATS = 100, 5, 8
OWN = ip_address("10.0.0.2")


def run() -> None:
    """Print the tables."""
    if os.geteuid() != 0:
        print("uplink: needs root, for network namespaces")
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LVSCTL_ROOT"] = folder
        _switch()
        _probing()
        _losses()
        del os.environ["LVSCTL_ROOT"]


def _switch() -> None:
    with Isps() as isps, Net() as net:
        ways = [default_route(each.uplink(), 50, ip_address(each.address)) for each in isps.isps]

        def ours() -> None:
            for way in ways:
                net.replace_route(way)

        def theirs() -> None:
            for way in ways:
                subprocess.run(["ip", "route", "replace", *str(way).split()], check=True)

        found = alternately(ours, theirs)
    print(
        f"a switch, one RTM_NEWROUTE: {found.ours / 2 * 1e3:.2f} ms; `ip route replace`: {found.theirs / 2 * 1e3:.2f} ms"
    )


def _probing() -> None:
    with _many():
        cpu, beats, memory, good = asyncio.run(_probe())
    per_second = UPLINKS * TARGETS
    print(
        f"{UPLINKS} uplinks × {TARGETS} targets, each once a second ({per_second} pings/s): "
        f"{100 * cpu / beats:.0f} % of a core, {memory:.0f} MiB, {good} of {UPLINKS} good"
    )


async def _probe() -> tuple[float, float, float, int]:
    uplinks = tuple(
        Uplink(
            f"isp{number}",
            Family.INET,
            f"eth{number}",
            ip_address(f"10.{number}.0.1"),
            2001 + number,
            targets=tuple(Target(ip_address(f"198.51.100.{each}")) for each in range(1, TARGETS + 1)),
            quorum=3,
        )
        for number in range(UPLINKS)
    )
    keeper = Keeper(Settings(uplinks), Files("many"))
    stop, ready = asyncio.Event(), asyncio.Event()
    running = asyncio.ensure_future(keeper.run(stop, ready=ready.set))
    await ready.wait()
    await asyncio.sleep(4)
    before, begun = time.process_time(), time.monotonic()
    await asyncio.sleep(BEATS)
    cpu, took = time.process_time() - before, time.monotonic() - begun
    good = sum(keeper.ward.is_good(each.key) for each in uplinks)
    stop.set()
    await running
    return cpu, took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, good


@contextmanager
def _many() -> Iterator[None]:
    """Have many uplinks, behind which the kernel of another namespace answers."""
    with other_namespace() as world, netns.fresh():
        path = f"/proc/{os.getpid()}/fd/{world}"
        lines = ["link set lo up"]
        for number in range(UPLINKS):
            lines += [
                f"link add eth{number} type veth peer name far{number} netns {path}",
                f"link set eth{number} up",
                f"address add 10.{number}.0.2/24 dev eth{number}",
            ]
        ip(*lines)
        with netns.inside(path):
            netns.sysctl("net.ipv4.icmp_ratelimit", 0)
            netns.sysctl("net.ipv4.icmp_msgs_per_sec", 100000)
            far = [
                "link set lo up",
                *(f"address add 198.51.100.{each}/32 dev lo" for each in range(1, TARGETS + 1)),
            ]
            for number in range(UPLINKS):
                far += [f"link set far{number} up", f"address add 10.{number}.0.1/24 dev far{number}"]
            ip(*far)
        yield


def _losses() -> None:
    with tempfile.TemporaryDirectory() as folder, Stage(Path(folder)) as stage:
        outcomes = {name: stage.outcome(name) for name in SCENARIOS}
    print(f"\n{'packets, 100 a second':24} {'sent':>6} {'lost':>6} {'switches':>9}")
    for name, each in outcomes.items():
        lost = each.notes.get("lost on the cut", each.lost)
        print(f"{name:24} {each.sent:6} {lost:6} {each.switches:9}")
