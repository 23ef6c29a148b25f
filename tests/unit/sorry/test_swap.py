"""Reboots, sysctls, cuts and refusals: cases of a swap written out."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from lvsctl.errors import Busy
from lvsctl.ipvs.errors import Refusal
from lvsctl.ipvs.lock import table_lock
from lvsctl.ipvs.memory import MemoryIpvs
from lvsctl.ipvs.model import DestKey, Persistence, Service, VirtualServer
from lvsctl.ipvs.steps import DeleteDest, EditDest, Step
from lvsctl.sorry.errors import AnotherSorry, NoSuchService
from lvsctl.sorry.model import Removal
from lvsctl.sorry.node import Node
from lvsctl.sorry.swap import off, on, reassert
from lvsctl.vocabulary import ServiceKey
from tests.support.swaps import (
    ANY_PORT,
    HOLD,
    NAT,
    OPERATOR,
    OTHER,
    OUT,
    R1,
    R2,
    R3,
    R4,
    SORRY,
    WEB,
    FixedSysctls,
    exact,
    meanwhile,
    memory_node,
    server,
    switch_off,
    switch_on,
    target,
    weights_of,
)


class TestReboot:
    def test_off_only_forgets_where_the_table_is_a_new_one(self, node: Node) -> None:
        switch_on(node)
        table = {WEB: server(r1=0, r3=7)}
        rebooted = node._replace(ipvs=MemoryIpvs(table), boot_id="next")
        outcome = switch_off(rebooted)
        assert outcome.plan.reasons == (
            "the table is a new one since the reboot: there is nothing to bring back",
        )
        assert exact(rebooted.ipvs) == exact(MemoryIpvs(table))
        assert node.journal.read(WEB) is None

    def test_off_brings_back_a_table_that_was_saved_while_on_and_restored(self, node: Node) -> None:
        before = exact(node.ipvs)
        switch_on(node)
        rebooted = node._replace(ipvs=MemoryIpvs(node.ipvs.table()), boot_id="next")
        switch_off(rebooted)
        assert exact(rebooted.ipvs) == before

    def test_the_sorry_comes_on_again_when_the_service_is_back(self, node: Node) -> None:
        switch_on(node)
        empty = node._replace(ipvs=MemoryIpvs({}), boot_id="next")
        assert reassert(empty) == ()
        table = {WEB: server(r1=2, r4=1)}
        rebooted = empty._replace(ipvs=MemoryIpvs(table))
        reassert(rebooted)
        assert weights_of(rebooted) == {R1: 0, R4: 0, SORRY: 1}
        switch_off(rebooted)
        assert exact(rebooted.ipvs) == exact(MemoryIpvs(table))

    def test_weights_of_0_that_a_saved_table_had_are_not_taken_for_what_was(self, node: Node) -> None:
        before = exact(node.ipvs)
        switch_on(node)
        rebooted = node._replace(ipvs=MemoryIpvs(node.ipvs.table()), boot_id="next")
        switch_on(rebooted)
        switch_off(rebooted)
        assert exact(rebooted.ipvs) == before


class TestSysctls:
    def sticky(self, tmp_path: Path, **values: int) -> Node:
        any_port = VirtualServer(Service(persistence=Persistence(300)), {R1: NAT})
        table = {ANY_PORT: any_port, WEB: server(r1=1), OTHER: server(r1=1)}
        return memory_node(tmp_path, table)._replace(sysctls=FixedSysctls(**values))

    def test_a_service_that_cannot_do_without_persistence_gets_its_real_servers_deleted(
        self, tmp_path: Path
    ) -> None:
        node = self.sticky(tmp_path)
        (outcome,) = on(node, [target(ANY_PORT)], OPERATOR, HOLD)
        assert outcome.plan.removal is Removal.DELETE
        assert "--set-sysctl" in outcome.plan.reasons[-1]
        assert node.sysctls.get("expire_quiescent_template") == 0

    def test_with_leave_the_sysctl_is_set_instead_and_restored(self, tmp_path: Path) -> None:
        node = self.sticky(tmp_path)
        (outcome,) = on(node, [target(ANY_PORT, set_sysctl=True)], OPERATOR, HOLD)
        assert outcome.plan.removal is Removal.WEIGHT
        assert outcome.plan.sysctls == {"expire_quiescent_template": 1}
        assert node.sysctls.get("expire_quiescent_template") == 1
        off(node, [ANY_PORT], OPERATOR)
        assert node.sysctls.get("expire_quiescent_template") == 0

    def test_where_it_is_1_anyway_it_is_left_alone(self, tmp_path: Path) -> None:
        node = self.sticky(tmp_path, expire_quiescent_template=1)
        (outcome,) = on(node, [target(ANY_PORT)], OPERATOR, HOLD)
        assert (outcome.plan.removal, outcome.plan.sysctls) == (Removal.WEIGHT, {})
        off(node, [ANY_PORT], OPERATOR)
        assert node.sysctls.get("expire_quiescent_template") == 1

    def test_the_last_swap_that_needs_it_restores_it(self, tmp_path: Path) -> None:
        node = self.sticky(tmp_path)
        for key in (WEB, OTHER):
            on(node, [target(key, set_sysctl=True)], OPERATOR, HOLD, cut=True)
        off(node, [WEB], OPERATOR)
        assert node.sysctls.get("expire_nodest_conn") == 1
        off(node, [OTHER], OPERATOR)
        assert node.sysctls.get("expire_nodest_conn") == 0

    def test_what_somebody_set_meanwhile_stays(self, tmp_path: Path) -> None:
        node = self.sticky(tmp_path)
        on(node, [target(ANY_PORT, set_sysctl=True)], OPERATOR, HOLD)
        node.sysctls.set("expire_quiescent_template", 2)
        off(node, [ANY_PORT], OPERATOR)
        assert node.sysctls.get("expire_quiescent_template") == 2


class TestCut:
    def test_it_may_be_said_of_a_sorry_that_is_on(self, node: Node) -> None:
        before = exact(node.ipvs)
        switch_on(node)
        switch_on(node, cut=True)
        assert weights_of(node) == {SORRY: 1}
        switch_off(node)
        assert exact(node.ipvs) == before

    def test_what_others_had_removed_by_then_stays_removed(self, node: Node) -> None:
        switch_on(node)
        meanwhile(node, DeleteDest(WEB, R1))
        switch_on(node, cut=True)
        switch_off(node)
        assert weights_of(node) == {R2: 0, R3: 5}


class TestRefusals:
    def test_a_service_that_is_not_there_is_named_before_anything_changes(self, node: Node) -> None:
        before = exact(node.ipvs)
        with pytest.raises(NoSuchService, match=re.escape("tcp/10.0.0.100:443")):
            on(node, [target(), target(OTHER)], OPERATOR, HOLD)
        assert exact(node.ipvs) == before
        assert node.journal.read(WEB) is None

    def test_another_sorry_than_the_one_that_is_on_is_refused(self, node: Node) -> None:
        switch_on(node)
        with pytest.raises(AnotherSorry, match=re.escape("is on with 10.0.0.100:8503, not 10.0.1.4:8080")):
            on(node, [target(dest_key=R4)], OPERATOR, HOLD)

    def test_a_sorry_that_the_kernel_refuses_takes_no_real_server_out(self, node: Node) -> None:
        class Watched(MemoryIpvs):
            least = 10**9

            def send(self, steps: Iterable[Step]) -> tuple[Refusal, ...]:
                refusals = super().send(steps)
                self.least = min(self.least, sum(d.weight for d in self.table()[WEB].dests.values()))
                return refusals

        ipvs = Watched(node.ipvs.table())
        node = node._replace(ipvs=ipvs)
        v6 = DestKey.of("2001:db8::1", 80)
        with pytest.raises(Exception, match="other address family"):
            on(node, [target(dest_key=v6)], OPERATOR, HOLD)
        assert ipvs.least == 8
        assert node.journal.read(WEB) is None

    def test_somebody_who_fights_for_a_weight_is_reported_and_everything_taken_back(self, node: Node) -> None:
        class Fought(MemoryIpvs):
            def send(self, steps: Iterable[Step]) -> tuple[Refusal, ...]:
                refusals = super().send(steps)
                super().send([EditDest(WEB, R1, NAT._replace(weight=3))])
                return refusals

        before = node.ipvs.table()
        node = node._replace(ipvs=Fought(before))
        with pytest.raises(Exception, match=re.escape("not as applied: tcp/10.0.0.100:80")):
            switch_on(node)
        assert exact(node.ipvs) == exact(MemoryIpvs(before))
        assert node.journal.read(WEB) is None

    def test_another_lvsctl_at_work_is_waited_for_and_then_named(self, node: Node) -> None:
        with table_lock(), pytest.raises(Busy):
            on(node, [target()], OPERATOR, HOLD, patience=0.01)


def test_ovf_gets_a_heavy_sorry_because_it_gives_nobody_more_connections_than_its_weight(
    tmp_path: Path,
) -> None:
    node = memory_node(tmp_path, {WEB: server("ovf", r1=100)})
    switch_on(node)
    assert weights_of(node)[SORRY] == 65535


def test_mh_gets_a_sorry_that_is_met_soon_and_one_that_lingers_has_the_least_share(tmp_path: Path) -> None:
    node = memory_node(tmp_path, {WEB: server("mh", r1=100, r2=50)})
    switch_on(node)
    assert weights_of(node)[SORRY] == 150
    steps = switch_off(node).plan.steps
    # Its share goes by the last weight above 0.
    assert steps.index(EditDest(WEB, SORRY, NAT)) < steps.index(EditDest(WEB, SORRY, OUT))


def test_hundreds_of_services_are_one_batch(tmp_path: Path) -> None:
    class Counting(MemoryIpvs):
        calls = 0

        def send(self, steps: Iterable[Step]) -> tuple[Refusal, ...]:
            self.calls += 1
            return super().send(steps)

    keys = [ServiceKey.tcp(f"10.2.{n >> 8}.{n & 255}", 80) for n in range(300)]
    table = {key: server(r1=1, r2=2) for key in keys}
    ipvs = Counting(table)
    node = memory_node(tmp_path, {})._replace(ipvs=ipvs)
    on(node, [target(key) for key in keys], OPERATOR, HOLD)
    assert ipvs.calls == 2
    off(node, keys, OPERATOR)
    assert exact(ipvs) == exact(MemoryIpvs(table))
    assert len(node.journal.all().snapshots) == 0
