"""The laws of a swap in the kernel's table, tried on services of every kind in memory."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lvsctl.ipvs.errors import Refusal
from lvsctl.ipvs.memory import MemoryIpvs
from lvsctl.ipvs.model import VirtualServer
from lvsctl.ipvs.steps import Step
from lvsctl.sorry.course import skips_weight_0
from lvsctl.sorry.model import Outcome
from lvsctl.sorry.node import Node
from lvsctl.sorry.swap import off, on
from lvsctl.vocabulary import ServiceKey
from tests.support.swaps import (
    HOLD,
    KINDS,
    OPERATOR,
    SORRY,
    WEB,
    Fuse,
    cut,
    exact,
    memory_node,
    server,
    surviving,
    target,
    virtual_servers,
)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with TemporaryDirectory(dir="/dev/shm") as name:
        yield Path(name)


def switch_on(node: Node, *, cut: bool = False, set_sysctl: bool = False) -> Outcome:
    (outcome,) = on(node, [target(set_sysctl=set_sysctl)], OPERATOR, HOLD, cut=cut)
    return outcome


def switch_off(node: Node, *, force: bool = False) -> Outcome:
    (outcome,) = off(node, [WEB], OPERATOR, force=force)
    return outcome


def now(node: Node) -> VirtualServer:
    return node.ipvs.table()[WEB]


def is_clean(node: Node) -> bool:
    """Nothing is left of a swap but the table."""
    gone = not node.journal.folder.exists() or not list(node.journal.folder.iterdir())
    return gone and not node.sysctls.get("expire_nodest_conn")


class TestOnAndOff:
    @given(virtual_servers(), st.booleans(), st.booleans(), st.booleans())
    @settings(deadline=None)
    def test_off_after_on_is_the_table_as_it_was_and_nothing_else_stays(
        self, folder: Path, before: VirtualServer, cutting: bool, set_sysctl: bool, force: bool
    ) -> None:
        node = memory_node(folder, {WEB: before})
        untouched = exact(node.ipvs)
        switch_on(node, cut=cutting, set_sysctl=set_sysctl)
        outcome = switch_off(node, force=force)
        assert exact(node.ipvs) == untouched
        assert (outcome.phase, outcome.plan.drift) == (None, ())
        assert is_clean(node)

    @pytest.mark.parametrize(("scheduler", "flags"), KINDS)
    @pytest.mark.parametrize("persistent", [False, True])
    def test_while_on_every_scheduler_can_choose_the_sorry_and_nothing_else(
        self, tmp_path: Path, scheduler: str, flags: int, persistent: bool
    ) -> None:
        before = server(scheduler, flags=flags, persistent=persistent, r1=3, r2=0, r3=5)
        node = memory_node(tmp_path, {WEB: before})
        switch_on(node)
        service, dests = now(node)
        assert [key for key, dest in dests.items() if dest.weight] == [SORRY]
        # Weight 0 harms nobody, or there is none of weight 0.
        assert skips_weight_0(service) or list(dests) == [SORRY]
        assert service.persistence is None

    @given(virtual_servers())
    @settings(max_examples=60, deadline=None)
    def test_on_and_off_said_twice_do_nothing_the_second_time(
        self, folder: Path, before: VirtualServer
    ) -> None:
        node = memory_node(folder, {WEB: before})
        switch_on(node)
        first = exact(node.ipvs)
        assert switch_on(node).plan.steps == ()
        assert exact(node.ipvs) == first
        switch_off(node)
        assert switch_off(node).plan.steps == ()
        assert exact(node.ipvs) == exact(MemoryIpvs({WEB: before}))

    @given(virtual_servers())
    @settings(max_examples=60, deadline=None)
    def test_a_dry_run_tells_the_steps_and_takes_none(self, folder: Path, before: VirtualServer) -> None:
        node = memory_node(folder, {WEB: before})
        (planned,) = on(node, [target()], OPERATOR, HOLD, dry_run=True)
        assert exact(node.ipvs) == exact(MemoryIpvs({WEB: before}))
        assert is_clean(node)
        assert switch_on(node).plan == planned.plan
        table = exact(node.ipvs)
        (planned,) = off(node, [WEB], OPERATOR, dry_run=True)
        assert exact(node.ipvs) == table
        assert switch_off(node).plan.steps[: len(planned.plan.steps)] == planned.plan.steps


class _Watched(MemoryIpvs):
    """A table that notes what it was after each step."""

    def __init__(self, table: dict[ServiceKey, VirtualServer]) -> None:
        super().__init__(table)
        self.seen: list[VirtualServer] = []

    def send(self, steps: Iterable[Step]) -> tuple[Refusal, ...]:
        refusals: list[Refusal] = []
        for step in steps:
            refusals += super().send([step])
            self.seen.append(self.table()[WEB])
        return tuple(refusals)


def serves(server: VirtualServer) -> bool:
    return any(dest.weight for dest in server.dests.values())


def has_real_server_up(server: VirtualServer) -> bool:
    return any(dest.weight for key, dest in server.dests.items() if key != SORRY)


@given(virtual_servers().filter(has_real_server_up), st.booleans())
@settings(deadline=None)
def test_at_no_moment_is_there_nobody_to_answer(folder: Path, before: VirtualServer, cutting: bool) -> None:
    ipvs = _Watched({WEB: before})
    node = memory_node(folder, {})._replace(ipvs=ipvs)
    switch_on(node, cut=cutting)
    switch_off(node)
    assert all(serves(moment) for moment in ipvs.seen)


class TestCuts:
    """The process dies before or after any effect, and in the middle of any batch; what comes next converges."""

    @given(st.data(), virtual_servers(), st.booleans())
    @settings(max_examples=25, deadline=None)
    def test_on_cut_anywhere_then_off_is_the_table_as_it_was(
        self, folder: Path, data: st.DataObject, before: VirtualServer, cutting: bool
    ) -> None:
        after_cuts(folder, before, cutting=cutting, resume=data.draw(st.sampled_from(["off", "on, off"])))

    @given(st.data(), virtual_servers(), st.booleans())
    @settings(max_examples=25, deadline=None)
    def test_off_cut_anywhere_then_off_or_on_and_off_is_the_table_as_it_was(
        self, folder: Path, data: st.DataObject, before: VirtualServer, cutting: bool
    ) -> None:
        resume = data.draw(st.sampled_from(["off", "on, off"]))
        forced = resume == "off" and data.draw(st.booleans())
        after_cuts(folder, before, cutting=cutting, resume=resume, in_off=True, forced=forced)


def after_cuts(
    folder: Path,
    before: VirtualServer,
    *,
    cutting: bool,
    resume: str,
    in_off: bool = False,
    forced: bool = False,
) -> None:
    untouched = exact(MemoryIpvs({WEB: before}))
    for moment in range(100):
        node = memory_node(folder, {WEB: before})
        fuse = Fuse(moment)
        if in_off:
            switch_on(node, cut=cutting, set_sysctl=True)
        with surviving():
            if in_off:
                switch_off(cut(node, fuse), force=forced)
            else:
                switch_on(cut(node, fuse), cut=cutting, set_sysctl=True)
        if resume == "on, off":
            switch_on(node, cut=cutting, set_sysctl=True)
            assert [key for key, dest in now(node).dests.items() if dest.weight] == [SORRY]
        switch_off(node)
        assert exact(node.ipvs) == untouched, moment
        assert is_clean(node), moment
        if fuse.count < 10**9:
            return
    raise AssertionError("more effects than anybody expected")
