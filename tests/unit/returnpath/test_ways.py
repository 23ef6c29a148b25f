"""The agent's part: return paths are there from the start, and come back after whatever happens to them."""

import asyncio
import os
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

import pytest

from lvsctl.agent.ways import Ways
from lvsctl.net.kernel import Net
from lvsctl.net.model import PROTO
from lvsctl.spec.load import read
from lvsctl.vocabulary import Family
from tests.support.hosts import wait_until
from tests.support.veths import cables, ip

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make network namespaces")

SPEC = """
return_paths: {203.0.113.10: {interface: eth1, gateway: 203.0.113.1}}
vrrp_instances: {VI_1: {interface: eth0, virtual_router_id: 5, virtual_ipaddress: [10.0.0.9/32]}}
failover_ips: [{ip: 203.0.113.10, provider: command, command: [/x], vrrp_instance: VI_1}]
"""


def what_is_there() -> tuple[bool, list[int], list[int]]:
    with Net() as net:
        return (
            any(each.address == ip_address("203.0.113.10") for each in net.addresses()),
            [route.metric for route in net.routes(Family.INET, 1001)],
            [rule.priority for rule in net.rules(Family.INET) if rule.proto == PROTO],
        )


EVERYTHING = (True, [10, 4278198272], [1000, 1001])


async def until(condition: Callable[[], object]) -> None:
    assert await asyncio.to_thread(wait_until, condition)


async def until_everything_is_there() -> None:
    await until(lambda: what_is_there() == EVERYTHING)


async def played(spec: Path) -> None:
    complaints: list[str] = []
    resolved = read(spec).spec("")
    task = asyncio.create_task(Ways(lambda: resolved, complaints.append).serve())
    await until_everything_is_there()
    for harm in (
        ("link set eth1 down",),
        ("address del 203.0.113.10/32 dev eth1",),
        ("rule del priority 1001", "rule del priority 1000"),
    ):
        await asyncio.to_thread(ip, *harm)
        if "down" in harm[0]:
            await until(lambda: any("eth1: error link: it is down" in each for each in complaints))
            await asyncio.to_thread(ip, "link set eth1 up")
        await until_everything_is_there()
    task.cancel()
    await asyncio.wait({task})


def test_whatever_is_lost_comes_back(tmp_path: Path) -> None:
    (tmp_path / "lvs.yaml").write_text(SPEC)
    with cables("eth0", "eth1"):
        asyncio.run(played(tmp_path / "lvs.yaml"))
