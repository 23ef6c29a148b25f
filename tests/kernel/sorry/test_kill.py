"""The process is killed, with kill -9, before and after everything that it changes in a real kernel."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lvsctl.ipvs import restore
from lvsctl.ipvs.model import Dest, DestKey, Service, Tunnel, VirtualServer
from lvsctl.sorry.model import Target
from lvsctl.sorry.node import Node, this_node
from lvsctl.sorry.swap import off, on
from lvsctl.vocabulary import ForwardingMethod, ServiceKey, TunnelType
from tests.support import netns
from tests.support.ipvs import ran
from tests.support.swaps import HOLD, NAT, OPERATOR, R1, R2, R3, SORRY, WEB, Fuse, cut, exact, server

pytestmark = pytest.mark.kernel

TUN = Dest(ForwardingMethod.TUN, 4, 100, 50, Tunnel(TunnelType.GUE, 6080))
ANY = ServiceKey.tcp("10.0.0.100", 0)
V6 = ServiceKey.tcp("2001:db8::100", 80)
SORRY6 = DestKey.of("2001:db8::100", 8503)

CASES: dict[str, tuple[VirtualServer, bool]] = {
    "hashed and persistent": (server("sh", persistent=True, r1=3, r2=0, r3=5), False),
    "cut, with tunnels and thresholds": (VirtualServer(Service("rr"), {R2: TUN, R1: NAT, R3: TUN}), True),
}
"""Every other kind: the same in memory, in tests/unit/sorry/test_laws.py."""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LVSCTL_ROOT", str(tmp_path))
    with netns.fresh():
        ran("ip", "link", "set", "lo", "up")
        yield


def target(key: ServiceKey = WEB, sorry: DestKey = SORRY) -> Target:
    return Target(key, str(key), sorry, NAT, set_sysctl=True)


def picture() -> tuple[str, str]:
    """What another program sees."""
    thresholds = [line.split()[:4] for line in ran("ipvsadm", "-Ln", "--thresholds").splitlines()]
    return ran("ipvsadm", "-Sn"), str(thresholds)


def killed_at(moment: int, work: Callable[[Node], object]) -> bool:
    """Do *work* in a process that is killed at its effect number *moment*; answer whether it lived so long."""
    pid = os.fork()
    if not pid:
        status = 1
        try:
            with this_node() as node:
                work(cut(node, Fuse(moment, for_real=True)))
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(pid, 0)
    assert status in (0, signal.SIGKILL)
    return status == signal.SIGKILL


@pytest.mark.parametrize("case", CASES)
def test_off_brings_the_table_back_whenever_on_or_off_was_killed(case: str) -> None:
    before, cutting = CASES[case]
    with this_node() as node:
        restore(node.ipvs, {WEB: before})
        untouched, seen = exact(node.ipvs), picture()

        def switch_on(node: Node) -> None:
            on(node, [target()], OPERATOR, HOLD, cut=cutting)

        def switch_off(node: Node) -> None:
            # All that answers is this process, so nothing has to settle.
            off(node._replace(now=lambda: 0.0), [WEB], OPERATOR, wait=0)

        moments = 0
        while killed_at(moments, switch_on):
            if moments % 2:
                switch_on(node)
            switch_off(node)
            assert exact(node.ipvs) == untouched, moments
            assert not node.journal.all().snapshots
            moments += 1
        for moment in range(100):
            switch_on(node)
            died = killed_at(moment, switch_off)
            if moment % 2:
                switch_on(node)
            switch_off(node)
            assert exact(node.ipvs) == untouched, moment
            if not died:
                break
        assert moments > 8
        assert moment > 8
        assert picture() == seen
        assert node.sysctls.get("expire_nodest_conn") == 0
