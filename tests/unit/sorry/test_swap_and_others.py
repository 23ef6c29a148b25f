"""What others do to a service while its sorry is on, who else wants it on, and visitors who stay on: cases written out."""

from pathlib import Path

import pytest

from lvsctl.ipvs.memory import MemoryIpvs
from lvsctl.ipvs.model import Persistence, Service
from lvsctl.ipvs.steps import AddDest, DeleteDest, EditDest, EditService
from lvsctl.sorry import lingering
from lvsctl.sorry.lingering import reap
from lvsctl.sorry.model import Hold, Holder, Phase
from lvsctl.sorry.node import Node
from lvsctl.sorry.swap import off, on, reassert
from lvsctl.vocabulary import SchedulerFlag
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
    busy,
    exact,
    meanwhile,
    memory_node,
    server,
    switch_off,
    switch_on,
    target,
    weights_of,
)


class TestWhatOthersDidMeanwhile:
    def test_a_removed_real_server_stays_removed_and_is_reported(self, node: Node) -> None:
        switch_on(node)
        meanwhile(node, DeleteDest(WEB, R1))
        outcome = switch_off(node)
        assert weights_of(node) == {R2: 0, R3: 5}
        assert outcome.plan.drift == (
            "tcp/10.0.0.100:80 -> 10.0.1.1:8080: was removed meanwhile, and stays removed",
        )

    def test_an_added_one_stays(self, node: Node) -> None:
        switch_on(node)
        meanwhile(node, AddDest(WEB, R4, NAT))
        assert "was added meanwhile, and stays, with weight 1" in switch_off(node).plan.drift[0]
        assert weights_of(node) == {R1: 3, R2: 0, R3: 5, R4: 1}

    def test_a_new_weight_is_kept_and_a_real_server_down_before_may_have_come_up(self, node: Node) -> None:
        switch_on(node)
        meanwhile(node, EditDest(WEB, R1, NAT._replace(weight=9)), EditDest(WEB, R2, NAT))
        drift = switch_off(node).plan.drift
        assert weights_of(node) == {R1: 9, R2: 1, R3: 5}
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
        assert list(weights_of(node).items()) == [(R1, 3), (R2, 0), (R3, 1)]


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
        assert weights_of(node) == {R1: 0, R2: 0, R3: 0, SORRY: 1, R4: 0}
        switch_off(node)
        assert weights_of(node) == {R1: 3, R2: 4, R3: 5, R4: 2}

    def test_a_sorry_that_was_deleted_comes_back(self, node: Node) -> None:
        switch_on(node)
        meanwhile(node, DeleteDest(WEB, SORRY))
        reassert(node)
        assert weights_of(node)[SORRY] == 1

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
        assert weights_of(node)[SORRY] == 1
        assert switch_off(node, Holder.QUORUM).phase is None
        assert weights_of(node) == {R1: 3, R2: 0, R3: 5}

    def test_who_holds_nothing_releases_nothing(self, node: Node) -> None:
        switch_on(node)
        assert list(switch_off(node, Holder.TIMER).held_by) == [OPERATOR]
        assert weights_of(node)[SORRY] == 1

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
        assert weights_of(node) == {R1: 3, R2: 0, R3: 5, SORRY: 0}
        assert switch_off(node).phase is Phase.LINGERING
        busy(node, active=0, inactive=9)
        (end,) = reap(node)
        assert end.phase is None
        assert exact(node.ipvs) == before
        assert reap(node) == ()

    def test_it_is_waited_for_until_somebody_has_had_enough(self, node: Node) -> None:
        switch_on(node)
        busy(node, active=1)
        wishes = iter([False, True])
        (outcome,) = off(node, [WEB], OPERATOR, wait=3600, enough=lambda: next(wishes))
        assert (outcome.phase, outcome.lingering) == (Phase.LINGERING, 1)

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
        assert SORRY not in weights_of(node)

    def test_on_again_remembers_what_the_service_is_by_then(self, node: Node) -> None:
        switch_on(node)
        busy(node, active=1)
        switch_off(node)
        meanwhile(node, EditDest(WEB, R1, OUT))
        switch_on(node)
        busy(node, active=0)
        switch_off(node)
        assert weights_of(node) == {R1: 0, R2: 0, R3: 5}

    def test_a_sorry_that_somebody_made_a_real_server_of_stays(self, node: Node) -> None:
        switch_on(node)
        busy(node, active=1)
        switch_off(node)
        meanwhile(node, EditDest(WEB, SORRY, NAT))
        busy(node, active=0)
        reap(node)
        assert weights_of(node)[SORRY] == 1
