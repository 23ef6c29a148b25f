"""Holders, what others did while a sorry was on, reboots, sysctls, lingering: cases of a swap written out."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from lvsctl.errors import Busy
from lvsctl.ipvs.errors import Refusal
from lvsctl.ipvs.lock import table_lock
from lvsctl.ipvs.memory import MemoryIpvs
from lvsctl.ipvs.model import Connections, Counters, DestKey, Load, Persistence, Service, VirtualServer
from lvsctl.ipvs.steps import AddDest, DeleteDest, EditDest, EditService, Step
from lvsctl.sorry import lingering
from lvsctl.sorry.errors import AnotherSorry, NoSuchService
from lvsctl.sorry.lingering import reap
from lvsctl.sorry.model import Hold, Holder, Outcome, Phase, Removal
from lvsctl.sorry.node import Node
from lvsctl.sorry.swap import off, on, reassert
from lvsctl.vocabulary import SchedulerFlag, ServiceKey
from tests.support.swaps import (
    HOLD,
    NAT,
    OPERATOR,
    OUT,
    R1,
    R2,
    R3,
    R4,
    SORRY,
    WEB,
    FixedSysctls,
    exact,
    memory_node,
    server,
    target,
)

OTHER = ServiceKey.tcp("10.0.0.100", 443)
ANY_PORT = ServiceKey.tcp("10.0.0.100", 0)


@pytest.fixture(autouse=True)
def _root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LVSCTL_ROOT", str(tmp_path))


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return memory_node(tmp_path, {WEB: server(r1=3, r2=0, r3=5)})


def switch_on(node: Node, holder: Holder = OPERATOR, **options: bool) -> Outcome:
    (outcome,) = on(node, [target()], holder, HOLD, **options)
    return outcome


def switch_off(node: Node, holder: Holder = OPERATOR, **options: bool) -> Outcome:
    (outcome,) = off(node, [WEB], holder, wait=0, **options)
    return outcome


def weights(node: Node) -> Mapping[DestKey, int]:
    return {key: dest.weight for key, dest in node.ipvs.table()[WEB].dests.items()}


def meanwhile(node: Node, *steps: Step) -> None:
    assert node.ipvs.send(steps) == ()


def busy(node: Node, active: int, inactive: int = 0) -> None:
    """Pretend that the sorry has connections."""
    assert isinstance(node.ipvs, MemoryIpvs)
    node.ipvs.count(WEB, SORRY, Load(Connections(active, inactive), Counters()))


class TestWhatOthersDidMeanwhile:
    def test_a_removed_real_server_stays_removed_and_is_reported(self, node: Node) -> None:
        switch_on(node)
        meanwhile(node, DeleteDest(WEB, R1))
        outcome = switch_off(node)
        assert weights(node) == {R2: 0, R3: 5}
        assert outcome.plan.drift == (
            "tcp/10.0.0.100:80 -> 10.0.1.1:8080: was removed meanwhile, and stays removed",
        )

    def test_an_added_one_stays(self, node: Node) -> None:
        switch_on(node)
        meanwhile(node, AddDest(WEB, R4, NAT))
        assert "was added meanwhile, and stays, with weight 1" in switch_off(node).plan.drift[0]
        assert weights(node) == {R1: 3, R2: 0, R3: 5, R4: 1}

    def test_a_new_weight_is_kept_and_a_real_server_down_before_may_have_come_up(self, node: Node) -> None:
        switch_on(node)
        meanwhile(node, EditDest(WEB, R1, NAT._replace(weight=9)), EditDest(WEB, R2, NAT))
        drift = switch_off(node).plan.drift
        assert weights(node) == {R1: 9, R2: 1, R3: 5}
        assert [line.partition(": ")[2] for line in drift] == [
            "was given weight 9 meanwhile instead of 3, and keeps it",
            "was given weight 1 meanwhile instead of 0, and keeps it",
        ]

    def test_other_settings_are_kept_with_the_old_weight(self, node: Node) -> None:
        switch_on(node)
        meanwhile(node, EditDest(WEB, R1, OUT._replace(upper=50)))
        assert "other settings" in switch_off(node).plan.drift[0]
        assert node.ipvs.table()[WEB].dests[R1] == NAT._replace(weight=3, upper=50)

    def test_the_same_weight_again_is_no_drift(self, node: Node) -> None:
        switch_on(node)
        meanwhile(node, EditDest(WEB, R1, NAT._replace(weight=3)))
        assert switch_off(node).plan.drift == ()

    def test_with_force_it_is_exactly_as_it_was(self, node: Node) -> None:
        before = exact(node.ipvs)
        switch_on(node)
        meanwhile(
            node,
            DeleteDest(WEB, R1),
            AddDest(WEB, R4, NAT),
            EditService(WEB, Service("rr")),
            AddDest(WEB, R1, OUT),
        )
        assert switch_off(node, force=True).plan.drift == ()
        assert exact(node.ipvs) == before

    def test_another_scheduler_is_kept_and_what_the_swap_set_goes(self, tmp_path: Path) -> None:
        node = memory_node(tmp_path, {WEB: server("sh", persistent=True, r1=1)})
        switch_on(node)
        assert node.ipvs.table()[WEB].service == Service("sh", SchedulerFlag.SH_FALLBACK)
        meanwhile(node, EditService(WEB, Service("wlc")))
        outcome = switch_off(node)
        assert node.ipvs.table()[WEB].service == Service("wlc", persistence=Persistence(300))
        assert outcome.plan.drift == (
            "tcp/10.0.0.100:80: was given other settings meanwhile, which it keeps",
        )

    def test_a_scheduler_that_does_not_look_at_weights_comes_back_with_the_last_request(
        self, tmp_path: Path
    ) -> None:
        node = memory_node(tmp_path, {WEB: server("dh", r1=1, r2=1)})
        before = exact(node.ipvs)
        switch_on(node)
        assert node.ipvs.table()[WEB].service.scheduler == "rr"
        busy(node, 1)
        switch_off(node)
        # With the sorry at weight 0, dh would refuse some visitors.
        assert node.ipvs.table()[WEB].service.scheduler == "rr"
        busy(node, 0)
        reap(node, [WEB])
        assert exact(node.ipvs) == before

    @pytest.mark.parametrize("scheduler", ["dh", "sh"])
    def test_with_force_a_scheduler_that_others_replaced_comes_back(
        self, tmp_path: Path, scheduler: str
    ) -> None:
        node = memory_node(tmp_path, {WEB: server(scheduler, r1=1, r2=1)})
        before = exact(node.ipvs)
        switch_on(node)
        meanwhile(node, EditService(WEB, Service("wlc")))
        switch_off(node, force=True)
        assert exact(node.ipvs) == before

    def test_a_service_that_is_gone_needs_nothing(self, node: Node) -> None:
        switch_on(node)
        meanwhile(node, *(DeleteDest(WEB, key) for key in (R1, R2, R3, SORRY)))
        node = node._replace(ipvs=MemoryIpvs({}))
        outcome = switch_off(node)
        assert (outcome.phase, outcome.plan.steps) == (None, ())
        assert node.journal.read(WEB) is None

    def test_where_we_deleted_what_is_there_again_keeps_what_it_has(self, tmp_path: Path) -> None:
        node = memory_node(tmp_path, {WEB: server("rr", r1=3, r2=0, r3=5)})
        switch_on(node, cut=True)
        meanwhile(node, AddDest(WEB, R3, NAT))
        assert len(switch_off(node).plan.drift) == 1
        assert list(weights(node).items()) == [(R1, 3), (R2, 0), (R3, 1)]


class TestReassert:
    def test_nothing_is_done_where_nothing_changed(self, node: Node) -> None:
        switch_on(node)
        assert reassert(node) == ()

    def test_real_servers_that_came_back_go_again_and_off_gives_them_what_they_came_with(
        self, node: Node
    ) -> None:
        switch_on(node)
        meanwhile(node, EditDest(WEB, R2, NAT._replace(weight=4)), AddDest(WEB, R4, NAT._replace(weight=2)))
        (outcome,) = reassert(node)
        assert outcome.plan.steps == (
            EditDest(WEB, R2, OUT),
            EditDest(WEB, R4, OUT),
        )
        assert weights(node) == {R1: 0, R2: 0, R3: 0, SORRY: 1, R4: 0}
        switch_off(node)
        assert weights(node) == {R1: 3, R2: 4, R3: 5, R4: 2}

    def test_a_sorry_that_was_deleted_comes_back(self, node: Node) -> None:
        switch_on(node)
        meanwhile(node, DeleteDest(WEB, SORRY))
        reassert(node)
        assert weights(node)[SORRY] == 1

    def test_it_adds_no_holder(self, node: Node) -> None:
        switch_on(node, Holder.TIMER)
        meanwhile(node, EditDest(WEB, R1, NAT))
        reassert(node)
        snapshot = node.journal.read(WEB)
        assert snapshot is not None
        assert snapshot.holders == {Holder.TIMER: HOLD}


class TestHolders:
    def test_the_swap_back_waits_for_the_last_one(self, node: Node) -> None:
        switch_on(node)
        switch_on(node, Holder.QUORUM)
        outcome = switch_off(node)
        assert outcome.phase is Phase.ON
        assert list(outcome.held_by) == [Holder.QUORUM]
        assert weights(node)[SORRY] == 1
        assert switch_off(node, Holder.QUORUM).phase is None
        assert weights(node) == {R1: 3, R2: 0, R3: 5}

    def test_who_holds_nothing_releases_nothing(self, node: Node) -> None:
        switch_on(node)
        assert list(switch_off(node, Holder.TIMER).held_by) == [OPERATOR]
        assert weights(node)[SORRY] == 1

    def test_force_releases_all(self, node: Node) -> None:
        switch_on(node)
        switch_on(node, Holder.NOTIFY)
        assert switch_off(node, Holder.TIMER, force=True).phase is None

    def test_a_second_hold_keeps_since_when_the_first_was(self, node: Node) -> None:
        switch_on(node)
        on(node, [target()], OPERATOR, Hold(since=2000.0, reason="still"))
        snapshot = node.journal.read(WEB)
        assert snapshot is not None
        assert snapshot.holders[OPERATOR] == Hold(since=1000.0, reason="still")


class TestLingering:
    def test_the_sorry_stays_while_it_answers_and_goes_later(self, node: Node) -> None:
        before = exact(node.ipvs)
        switch_on(node)
        busy(node, active=2)
        outcome = switch_off(node)
        assert (outcome.phase, outcome.lingering) == (Phase.LINGERING, 2)
        assert weights(node) == {R1: 3, R2: 0, R3: 5, SORRY: 0}
        assert switch_off(node).phase is Phase.LINGERING
        busy(node, active=0, inactive=9)
        (end,) = reap(node)
        assert end.phase is None
        assert exact(node.ipvs) == before
        assert reap(node) == ()

    def test_handshakes_under_way_are_given_time(self, node: Node) -> None:
        node = node._replace(now=lambda: 1000.0)
        switch_on(node)
        busy(node, active=0, inactive=1)
        assert switch_off(node).phase is Phase.LINGERING
        assert switch_off(node._replace(now=lambda: 1000.0 + lingering.SETTLE)).phase is None

    def test_sh_keeps_its_fallback_flag_until_the_sorry_is_gone(self, tmp_path: Path) -> None:
        node = memory_node(tmp_path, {WEB: server("sh", r1=1)})
        switch_on(node)
        busy(node, active=1)
        switch_off(node)
        assert node.ipvs.table()[WEB].service.flags == SchedulerFlag.SH_FALLBACK
        busy(node, active=0)
        reap(node)
        assert node.ipvs.table()[WEB] == server("sh", r1=1)

    def test_off_with_force_ends_it_at_once(self, node: Node) -> None:
        switch_on(node)
        busy(node, active=1)
        switch_off(node)
        assert switch_off(node, force=True).phase is None
        assert SORRY not in weights(node)

    def test_on_again_remembers_what_the_service_is_by_then(self, node: Node) -> None:
        switch_on(node)
        busy(node, active=1)
        switch_off(node)
        meanwhile(node, EditDest(WEB, R1, OUT))
        switch_on(node)
        busy(node, active=0)
        switch_off(node)
        assert weights(node) == {R1: 0, R2: 0, R3: 5}

    def test_a_sorry_that_somebody_made_a_real_server_of_stays(self, node: Node) -> None:
        switch_on(node)
        busy(node, active=1)
        switch_off(node)
        meanwhile(node, EditDest(WEB, SORRY, NAT))
        busy(node, active=0)
        reap(node)
        assert weights(node)[SORRY] == 1


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
        assert weights(rebooted) == {R1: 0, R4: 0, SORRY: 1}
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
        assert weights(node) == {SORRY: 1}
        switch_off(node)
        assert exact(node.ipvs) == before

    def test_what_others_had_removed_by_then_stays_removed(self, node: Node) -> None:
        switch_on(node)
        meanwhile(node, DeleteDest(WEB, R1))
        switch_on(node, cut=True)
        switch_off(node)
        assert weights(node) == {R2: 0, R3: 5}


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
    assert weights(node)[SORRY] == 65535


def test_mh_gets_a_sorry_that_is_met_soon_and_one_that_lingers_has_the_least_share(tmp_path: Path) -> None:
    node = memory_node(tmp_path, {WEB: server("mh", r1=100, r2=50)})
    switch_on(node)
    assert weights(node)[SORRY] == 150
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
