"""Others change the table while it is read, or while we change it: no wrong answer, no lost update, no deadlock."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lvsctl.ipvs import KernelIpvs, VirtualServer, change, decode, encode, table_lock, wire
from lvsctl.ipvs.model import DestKey, Service
from lvsctl.ipvs.netlink import Socket
from lvsctl.ipvs.steps import AddDest, AddService, DeleteDest, DeleteService, Step
from lvsctl.vocabulary import ServiceKey
from tests.support.ipvs import NAT, WEB, fresh_netns

pytestmark = pytest.mark.kernel

READINGS = 1000


def dest(number: int) -> DestKey:
    return DestKey.of(f"10.1.{number >> 8}.{number & 255}", 80)


@contextmanager
def process(work: Callable[[], object]) -> Iterator[int]:
    """Run *work* in a process of its own, for as long as the block."""
    pid = os.fork()
    if not pid:
        try:
            work()
        finally:
            os._exit(1)
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def churn(netns: str, steps: list[Step]) -> None:
    """Delete and add again for ever, one message at a time so that a reader gets in between."""
    with KernelIpvs(netns=netns) as ipvs:
        while True:
            for step in steps:
                ipvs.send([step])
                os.sched_yield()


def naive(netns: str) -> list[DestKey]:
    """Read the destinations once, as one reads without knowing better."""
    reader = decode.DestReader()
    with Socket("IPVS", netns=netns) as link:
        parts = link.dump(wire.GET_DEST, encode.service_attribute(WEB))
        return [reader.read(entry, WEB.family)[0] for part in parts for entry in part]


@pytest.mark.kernel(timeout=300)
def test_a_thousand_readings_during_churn_are_right() -> None:
    """Half of the destinations come and go, the other half never moves: it has to be there, once, every time."""
    firm = {dest(number) for number in range(1, 200, 2)}
    loose = [dest(number) for number in range(0, 200, 2)]
    moves = [step for key in loose for step in (DeleteDest(WEB, key), AddDest(WEB, key, NAT))]
    with fresh_netns() as netns, KernelIpvs(netns=netns) as ipvs:
        ipvs.send([AddService(WEB, Service()), *(AddDest(WEB, dest(number), NAT) for number in range(200))])
        with process(lambda: churn(netns, list(moves))):
            wrong = sum(not firm <= ipvs.table()[WEB].dests.keys() for _ in range(READINGS))
            torn = sum(
                len(found := naive(netns)) != len(set(found)) or not firm <= set(found)
                for _ in range(READINGS)
            )
    assert wrong == 0
    assert torn > 0, "reading carelessly was right as well: this churn proves nothing"


def test_services_that_come_and_go_do_not_hide_the_others() -> None:
    keys = [ServiceKey.tcp("10.0.0.1", port) for port in range(1, 301)]
    moves = [step for key in keys[::2] for step in (DeleteService(key), AddService(key, Service()))]
    with fresh_netns() as netns, KernelIpvs(netns=netns) as ipvs:
        ipvs.send([AddService(key, Service()) for key in keys])
        with process(lambda: churn(netns, list(moves))):
            for _ in range(20):
                assert set(keys[1::2]) <= ipvs.table().keys()


def test_sixteen_writers_lose_no_update_and_do_not_block_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each adds its own destinations to one service by reading, planning and applying the whole of it."""
    monkeypatch.setenv("LVSCTL_ROOT", str(tmp_path))
    writers, rounds = 16, 3

    def write(netns: str, number: int) -> None:
        for turn in range(rounds):
            with KernelIpvs(netns=netns) as ipvs, table_lock(timeout=60):
                server = ipvs.table()[WEB]
                dests = {**server.dests, dest(number * rounds + turn + 1): NAT}
                change(ipvs, {WEB: VirtualServer(server.service, dests)})
        os._exit(0)

    with fresh_netns() as netns, KernelIpvs(netns=netns) as ipvs:
        ipvs.send([AddService(WEB, Service())])
        pids = []
        for number in range(writers):
            pid = os.fork()
            if not pid:
                try:
                    write(netns, number)
                finally:
                    os._exit(1)
            pids.append(pid)
        deadline = time.monotonic() + 100
        statuses = []
        for pid in pids:
            while not (ended := os.waitpid(pid, os.WNOHANG))[0] and time.monotonic() < deadline:
                time.sleep(0.02)
            statuses.append(ended)
        assert [os.waitstatus_to_exitcode(status) for _, status in statuses] == [0] * writers
        assert len(ipvs.table()[WEB].dests) == writers * rounds
