"""The guard's cheap look misses nothing that a real look would mend, and decodes no more than it has to."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.ipvs.memory import MemoryIpvs
from lvsctl.ipvs.model import Dest, DestKey, Persistence, Service, Table, VirtualServer
from lvsctl.ipvs.steps import EditDest
from lvsctl.sorry import guard as guarding
from lvsctl.sorry import swap
from lvsctl.sorry.glance import disturbed, reset, watched
from lvsctl.sorry.guard import ROUNDS, SETTINGS, Guard
from lvsctl.sorry.model import Phase, Removal, Snapshot, Target, Way
from lvsctl.sorry.owner import Owners
from lvsctl.sorry.plan import on_plan, while_on
from lvsctl.vocabulary import ForwardingMethod, SchedulerFlag, ServiceKey
from tests.support.swaps import HOLD, NAT, OPERATOR, R1, R2, R3, SORRY, WEB, memory_node, server, target

CROWD = 150
METHODS = {ForwardingMethod.NAT: "Masq", ForwardingMethod.DR: "Route", ForwardingMethod.TUN: "Tunnel"}


def proc(table: Table) -> bytes:
    """/proc/net/ip_vs of a table of IPv4 TCP services, as ip_vs_info_seq_show writes it, visitors and all."""
    lines = ["IP Virtual Server version 1.2.1 (size=4096)", "Prot LocalAddress:Port Scheduler Flags"]
    lines += ["  -> RemoteAddress:Port Forward Weight ActiveConn InActConn"]
    for key, each in table.items():
        lines.append(f"TCP  {int(key.address or 0):08X}:{key.port:04X} {each.service.scheduler} ")
        for (address, port), dest in each.dests.items():
            settings = f"{METHODS[dest.method]:<7s} {dest.weight:<6d} {7:<10d} {0:<10d}"
            lines.append(f"  -> {int(address):08X}:{port:04X}      {settings}")
    return ("\n".join(lines) + "\n").encode()


def snapshot(removal: Removal, during: Service) -> Snapshot:
    before = server("sh", r1=1, r2=2)
    heavy = target()._replace(dest=NAT._replace(weight=3))
    return Snapshot(WEB, "web", Way.KERNEL, Phase.ON, heavy, removal, before, during, {OPERATOR: HOLD}, "")


weights = st.sampled_from([0, 1, 2, 3, 4, 65535, 2**31 - 1])
somehow = st.tuples(st.sampled_from(list(METHODS)), weights).map(lambda both: Dest(*both))
services = st.builds(
    Service,
    st.sampled_from(["sh", "rr", "mh"]),
    st.sampled_from([SchedulerFlag.NONE, SchedulerFlag.SH_FALLBACK]),
    persistence=st.none() | st.just(Persistence()),
)


@given(
    st.dictionaries(st.sampled_from([R1, R2, R3, SORRY]), somehow),
    services,
    services,
    st.sampled_from(list(Removal)),
)
def test_a_look_sees_whatever_a_real_look_would_mend_and_nothing_else(
    dests: dict[DestKey, Dest], actual: Service, during: Service, removal: Removal
) -> None:
    one = snapshot(removal, during)
    table = {WEB: VirtualServer(actual, dests)}
    seen = disturbed(proc(table), [watched(one)]) + reset({WEB: actual}, [one])
    steps, _ = on_plan(table[WEB], one)
    assert bool(seen) is bool(steps), steps


@given(
    st.dictionaries(st.sampled_from([R1, R2, R3, SORRY]), somehow, min_size=1), st.sampled_from(list(Removal))
)
def test_what_is_as_the_swap_made_it_is_not_looked_at_again(
    dests: dict[DestKey, Dest], removal: Removal
) -> None:
    one = snapshot(removal, Service("rr"))
    on = while_on(dests, one.target, removal)
    assert disturbed(proc({WEB: VirtualServer(one.service, on)}), [watched(one)]) == []


class Counted(MemoryIpvs):
    """A table that counts what is read of it."""

    def __init__(self, table: Table) -> None:
        super().__init__(table)
        self.read: list[tuple[str, int]] = []

    def table(self, only: Any = None) -> Table:
        found = super().table(only)
        self.read.append(("table", len(found)))
        return found

    def services(self) -> dict[ServiceKey, Service]:
        self.read.append(("services", 0))
        return super().services()


def nobody() -> Owners:
    return Owners((), ())


@pytest.fixture
def crowd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Guard, Counted]:
    """A guard over CROWD services, all of them on."""
    keys = [ServiceKey.tcp(f"10.1.{i >> 8}.{i & 255}", 80) for i in range(CROWD)]
    ipvs = Counted({key: server("sh", r1=1, r2=2) for key in keys})
    monkeypatch.setenv("LVSCTL_ROOT", str(tmp_path))
    node = memory_node(tmp_path, {})._replace(ipvs=ipvs)
    swap.on(node, [Target(key, str(key), SORRY, NAT) for key in keys], OPERATOR, HOLD)
    monkeypatch.setattr(guarding, "_table", lambda: proc(MemoryIpvs.table(ipvs)))
    guard = Guard(node, nobody, lambda _: None)
    guard.step()
    ipvs.read.clear()
    return guard, ipvs


def read_of(reads: Iterable[tuple[str, int]], what: str) -> list[int]:
    return [count for kind, count in reads if kind == what]


def test_a_look_at_many_services_reads_hardly_any_in_full(
    crowd: tuple[Guard, Counted], monkeypatch: pytest.MonkeyPatch
) -> None:
    guard, ipvs = crowd
    parsed = 0

    def parse(*_: object) -> None:
        nonlocal parsed
        parsed += 1

    monkeypatch.setattr("lvsctl.sorry.journal._parse", parse)
    for _ in range(4 * SETTINGS):
        guard.step()
    assert set(read_of(ipvs.read, "table")) == {-(-CROWD // ROUNDS)}
    assert len(read_of(ipvs.read, "services")) == 4
    assert parsed == 0

    # One that was put back is mended by that very look, and no other service is read for it.
    key = ServiceKey.tcp("10.1.0.7", 80)
    ipvs.read.clear()
    ipvs.send([put_back(ipvs, key)])
    guard.step()
    assert ipvs.table([key])[key].dests[R1].weight == 0
    assert sum(read_of(ipvs.read[:-1], "table")) <= 4


def put_back(ipvs: MemoryIpvs, key: ServiceKey) -> EditDest:
    return EditDest(key, R1, MemoryIpvs.table(ipvs, [key])[key].dests[R1]._replace(weight=9))
