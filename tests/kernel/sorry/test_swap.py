"""The swap in a real kernel: many kinds of service at once, the sysctls of the namespace, many processes, full disks."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lvsctl.errors import Denied, Unavailable
from lvsctl.ipvs import restore
from lvsctl.ipvs.model import Dest, DestKey, Persistence, Service, Table, Tunnel, VirtualServer
from lvsctl.sorry.errors import SnapshotCorrupt
from lvsctl.sorry.model import Holder, Target
from lvsctl.sorry.node import Node, this_node
from lvsctl.sorry.swap import off, on
from lvsctl.vocabulary import Family, ForwardingMethod, Scheduler, SchedulerFlag, ServiceKey, TunnelType
from tests.support import netns
from tests.support.ipvs import ran
from tests.support.swaps import HOLD, KINDS, NAT, OPERATOR, R1, R2, R3, SORRY, WEB, exact, server

pytestmark = pytest.mark.kernel

TUN = Dest(ForwardingMethod.TUN, 4, 100, 50, Tunnel(TunnelType.GUE, 6080))
DR = Dest(ForwardingMethod.DR, 2, 10)
R6, SORRY6 = DestKey.of("2001:db8::11", 80), DestKey.of("2001:db8::100", 8503)
ANY_PORT = ServiceKey.tcp("10.0.0.101", 0)
PROCESSES = 50
HOLDERS = (Holder.OPERATOR, Holder.TIMER, Holder.QUORUM, Holder.NOTIFY)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LVSCTL_ROOT", str(tmp_path))
    with netns.fresh():
        ran("ip", "link", "set", "lo", "up")
        yield


@pytest.fixture
def node() -> Iterator[Node]:
    with this_node() as node:
        yield node


def target(key: ServiceKey = WEB, sorry: DestKey = SORRY) -> Target:
    return Target(key, str(key), sorry, NAT, set_sysctl=True)


def picture() -> tuple[str, list[list[str]]]:
    """What another program sees."""
    thresholds = [line.split()[:4] for line in ran("ipvsadm", "-Ln", "--thresholds").splitlines()]
    return ran("ipvsadm", "-Sn"), thresholds


def every_kind() -> Table:
    table: dict[ServiceKey, VirtualServer] = {}
    for number, (scheduler, flags) in enumerate(KINDS):
        if scheduler == Scheduler.TWOS:
            continue  # not built for the lab's kernel
        key = ServiceKey.tcp(f"10.0.1.{number}", 80)
        table[key] = server(scheduler, flags=flags, persistent=bool(number % 2), r1=3, r2=0, r3=5)
        table[key._replace(port=81)] = server(scheduler, flags=flags, sorry=0, r3=5, r1=1)
    table[ServiceKey.udp("10.0.0.100", 53)] = VirtualServer(
        Service("rr", one_packet=True), {R1: NAT, R2: TUN}
    )
    table[ServiceKey.fwmark(5)] = VirtualServer(Service("dh"), {R3: DR, R2: DR._replace(weight=0), R1: DR})
    table[ServiceKey.fwmark(5, Family.INET6)] = VirtualServer(
        Service("mh", SchedulerFlag.MH_PORT, persistence=Persistence(100, 64)), {R6: DR}
    )
    table[ServiceKey.tcp("2001:db8::100", 80)] = VirtualServer(Service("wrr"), {R6: NAT, R1: TUN})
    table[ANY_PORT] = VirtualServer(Service(persistence=Persistence(300)), {R2: NAT, R1: TUN})
    return table


def targets(table: Table) -> list[Target]:
    return [target(key, SORRY if key.family is Family.INET else SORRY6) for key in table]


@pytest.mark.parametrize("cutting", [False, True])
def test_services_of_every_kind_go_and_come_back_exactly(node: Node, cutting: bool) -> None:
    restore(node.ipvs, every_kind())
    untouched, seen = exact(node.ipvs), picture()
    outcomes = on(node, targets(node.ipvs.table()), OPERATOR, HOLD, cut=cutting)
    for key, (service, dests) in node.ipvs.table().items():
        assert [str(dest_key) for dest_key, dest in dests.items() if dest.weight] in (
            [str(SORRY)],
            [str(SORRY6)],
        ), key
        assert service.persistence is None or key == ANY_PORT
    assert {outcome.key for outcome in outcomes if outcome.plan.sysctls} >= {ANY_PORT}
    assert node.sysctls.get("expire_nodest_conn") == cutting
    assert node.sysctls.get("expire_quiescent_template") != cutting
    off(node, [outcome.key for outcome in outcomes], OPERATOR)
    assert exact(node.ipvs) == untouched
    assert picture() == seen
    assert not node.sysctls.get("expire_nodest_conn")
    assert not node.sysctls.get("expire_quiescent_template")


def test_fifty_processes_that_switch_on_and_off_leave_the_table_as_it_was(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Fifty that look for the lock a hundred times a second leave the lab's one processor little for anything else.
    monkeypatch.setattr("lvsctl.host.lock._POLL", 0.2)
    restore(node.ipvs, {WEB: server("sh", persistent=True, r1=3, r2=0, r3=5)})
    untouched = exact(node.ipvs)
    # Once here, so that not every child has to load the same modules.
    on(node, [target()], OPERATOR, HOLD)
    off(node, [WEB], OPERATOR)
    children = [_switching(number) for number in range(PROCESSES)]
    failed = [pid for pid in children if os.waitpid(pid, 0)[1]]
    assert not failed
    off(node, [WEB], OPERATOR, force=True)
    assert exact(node.ipvs) == untouched
    assert not node.journal.all().snapshots


def _switching(number: int) -> int:
    """Start a process that switches on, or off: two for each holder."""
    pid = os.fork()
    if pid:
        return pid
    holder, status = HOLDERS[number // 2 % len(HOLDERS)], 1
    try:
        with this_node() as node:
            if number % 2:
                off(node, [WEB], holder, wait=0, patience=100)
            else:
                on(node, [target()], holder, HOLD, patience=100)
        status = 0
    finally:
        os._exit(status)


@contextmanager
def small_disk(node: Node) -> Iterator[Path]:
    node.journal.folder.mkdir(parents=True)
    folder = str(node.journal.folder)
    ran("mount", "-t", "tmpfs", "-o", "size=64k,mode=755", "small", folder)
    try:
        yield Path(folder)
    finally:
        ran("umount", folder)


def fill(folder: Path) -> None:
    with (folder / "rest").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError as error:
            assert error.errno == errno.ENOSPC


class TestDisk:
    def test_on_a_full_one_nothing_is_switched_on_and_nothing_is_changed(self, node: Node) -> None:
        restore(node.ipvs, {WEB: server(r1=1)})
        untouched = exact(node.ipvs)
        with small_disk(node) as folder:
            fill(folder)
            with pytest.raises(Unavailable, match="No space left on device"):
                on(node, [target()], OPERATOR, HOLD)
            assert exact(node.ipvs) == untouched
            assert [path.name for path in folder.iterdir()] == ["rest"]

    def test_one_that_fills_while_on_keeps_nobody_from_holding_and_switching_off(self, node: Node) -> None:
        restore(node.ipvs, {WEB: server("sh", r1=1, r2=2)})
        untouched = exact(node.ipvs)
        with small_disk(node) as folder:
            on(node, [target()], OPERATOR, HOLD)
            fill(folder)
            on(node, [target()], Holder.QUORUM, HOLD._replace(reason="many words " * 20))
            off(node, [WEB], OPERATOR)
            off(node, [WEB], Holder.QUORUM)
            assert exact(node.ipvs) == untouched
            assert not node.journal.all().snapshots

    def test_a_folder_that_cannot_be_written_is_named_and_nothing_is_changed(self, node: Node) -> None:
        restore(node.ipvs, {WEB: server(r1=1)})
        untouched = exact(node.ipvs)
        with small_disk(node) as folder:
            ran("mount", "-o", "remount,ro", str(folder))
            with pytest.raises((Denied, Unavailable), match=r"sorry.*Read-only file system"):
                on(node, [target()], OPERATOR, HOLD)
        assert exact(node.ipvs) == untouched

    def test_a_snapshot_that_cannot_be_read_is_never_guessed_at(self, node: Node) -> None:
        restore(node.ipvs, {WEB: server(r1=1)})
        on(node, [target()], OPERATOR, HOLD)
        while_on = exact(node.ipvs)
        node.journal.path(WEB).write_bytes(b"\0" * 8192)
        with pytest.raises(SnapshotCorrupt):
            off(node, [WEB], OPERATOR)
        with pytest.raises(SnapshotCorrupt):
            on(node, [target()], OPERATOR, HOLD)
        assert exact(node.ipvs) == while_on
