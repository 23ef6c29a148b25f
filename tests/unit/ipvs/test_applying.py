"""Applying: refused steps are told, what was done is taken back, what was not done is noticed."""

import errno
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.ipvs.applying import NotAsApplied, apply, change, restore
from lvsctl.ipvs.errors import Refusal, StepsRefused
from lvsctl.ipvs.memory import MemoryIpvs
from lvsctl.ipvs.model import Dest, Service, Table, VirtualServer
from lvsctl.ipvs.planning import plan
from lvsctl.ipvs.steps import (
    AddDest,
    AddService,
    DeleteDest,
    DeleteService,
    EditDest,
    EditService,
    Flush,
    Step,
    undo,
)
from lvsctl.vocabulary import ForwardingMethod
from tests.support.ipvs import MARK, NAT, R1, R2, WEB, keys, servers

START: Table = {WEB: VirtualServer(Service("sh"), {R1: NAT, R2: NAT})}


class Meddled(MemoryIpvs):
    """A table in which somebody else deletes a service whenever it is changed."""

    def send(self, steps: Iterable[Step]) -> tuple[Refusal, ...]:
        refusals = super().send(steps)
        super().send([DeleteService(WEB)])
        return refusals


def test_a_refused_step_is_told_and_the_others_are_taken_back() -> None:
    ipvs = MemoryIpvs(START)
    bad = AddDest(WEB, R1, NAT)
    steps: list[Step] = [
        EditService(WEB, Service("rr")),
        bad,
        DeleteDest(WEB, R2),
        AddService(MARK, Service()),
    ]
    with pytest.raises(StepsRefused) as refused:
        apply(ipvs, steps, START)
    assert ipvs.table() == START
    assert refused.value.refusals == ((bad, errno.EEXIST),)
    assert refused.value.reversed
    assert "3 other steps had been applied, now taken back" in refused.value.message
    assert "exists already" in refused.value.message
    assert refused.value.hint


def test_without_rollback_what_was_done_stays() -> None:
    ipvs = MemoryIpvs(START)
    with pytest.raises(StepsRefused, match="left in place") as refused:
        apply(ipvs, [DeleteDest(WEB, R2), AddDest(WEB, R1, NAT)], START, rollback=False)
    assert list(ipvs.table()[WEB].dests) == [R1]
    assert not refused.value.reversed


def test_what_somebody_else_changed_is_noticed() -> None:
    with pytest.raises(NotAsApplied, match="not as applied: tcp/"):
        apply(Meddled(START), [EditService(WEB, Service("rr"))], START)


def test_what_somebody_else_changed_elsewhere_is_none_of_our_business() -> None:
    apply(Meddled(START), [AddService(MARK, Service())], START)


def test_a_flush_is_verified_too() -> None:
    apply(MemoryIpvs(START), [Flush()], START)


@given(st.data())
def test_undoing_every_prefix_of_a_plan_gives_the_table_before_it(data: st.DataObject) -> None:
    def table() -> Table:
        return {key: data.draw(servers(key)) for key in data.draw(st.lists(keys, max_size=3, unique=True))}

    before, after = table(), table()
    steps = [*plan(before, after, prune=before), Flush()]
    for cut in range(len(steps) + 1):
        ipvs = MemoryIpvs(before)
        ipvs.send(steps[:cut])
        assert ipvs.send(undo(steps[:cut], before)) == ()
        assert ipvs.table() == before


def test_what_cannot_be_taken_back_is_left_out() -> None:
    assert undo([EditDest(MARK, R1, NAT), DeleteDest(MARK, R1)], START) == []


def test_change_reads_plans_and_applies() -> None:
    ipvs = MemoryIpvs(START)
    desired = {WEB: VirtualServer(Service("sh"), {R1: Dest(ForwardingMethod.NAT, 5)})}
    done = change(ipvs, desired)
    assert done.before == START
    assert len(done.steps) == 2
    assert change(ipvs, desired).steps == ()
    assert ipvs.table() == desired


def test_restore_is_exact_in_order_too_and_deletes_the_rest() -> None:
    ipvs = MemoryIpvs({**START, MARK: VirtualServer(Service(), {})})
    wanted = {WEB: VirtualServer(Service("sh"), {R2: NAT, R1: NAT})}
    restore(ipvs, wanted)
    assert list(ipvs.table()) == [WEB]
    assert list(ipvs.table()[WEB].dests) == [R2, R1]
