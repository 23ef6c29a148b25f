"""Random adds, edits and deletes: what we think the table is, what the kernel says, and what others read of it."""

import re

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from lvsctl.ipvs import KernelIpvs, MemoryIpvs, read_proc, rules
from lvsctl.ipvs.model import Dest, DestKey, Table
from lvsctl.ipvs.steps import AddDest, AddService, DeleteDest, DeleteService, EditDest, EditService, Step
from lvsctl.vocabulary import Family, ForwardingMethod, ServiceKey
from tests.support.ipvs import dests, fresh_netns, ipvsadm, keys, services

pytestmark = pytest.mark.kernel


class Tables(RuleBasedStateMachine):
    """The same steps to the kernel and to memory: both answer alike, and /proc agrees."""

    def __init__(self) -> None:
        super().__init__()
        self.space = fresh_netns()
        self.netns = self.space.__enter__()
        self.kernel = KernelIpvs(netns=self.netns)
        self.memory = MemoryIpvs()

    def teardown(self) -> None:
        try:
            self._check_with_ipvsadm()
        finally:
            self.kernel.close()
            self.space.__exit__(None, None, None)

    def send(self, *steps: Step) -> None:
        assert self.kernel.send(steps) == self.memory.send(steps)

    def some_service(self, data: st.DataObject) -> ServiceKey:
        return data.draw(st.sampled_from(sorted(self.memory.table(), key=str)))

    @rule(data=st.data())
    def add_a_service(self, data: st.DataObject) -> None:
        key = data.draw(keys)
        self.send(AddService(key, data.draw(services(key))))

    @rule(data=st.data())
    def edit_a_service(self, data: st.DataObject) -> None:
        key = data.draw(keys)
        self.send(EditService(key, data.draw(services(key))))

    @precondition(lambda self: self.memory.table())
    @rule(data=st.data())
    def delete_a_service(self, data: st.DataObject) -> None:
        self.send(DeleteService(self.some_service(data)))

    @precondition(lambda self: self.memory.table())
    @rule(data=st.data())
    def add_destinations(self, data: st.DataObject) -> None:
        key = self.some_service(data)
        self.send(
            *(AddDest(key, *found) for found in data.draw(st.lists(dests(key), min_size=1, max_size=5)))
        )

    @precondition(lambda self: self.memory.table())
    @rule(data=st.data())
    def edit_or_delete_destinations(self, data: st.DataObject) -> None:
        key = self.some_service(data)
        present = list(self.memory.table()[key].dests)
        for dest_key in data.draw(st.lists(st.sampled_from(present), max_size=3)) if present else []:
            _, dest = data.draw(dests(key))
            mixed = dest.method is not ForwardingMethod.TUN
            self.send(
                EditDest(key, dest_key, dest)
                if not mixed or data.draw(st.booleans())
                else DeleteDest(key, dest_key)
            )

    @invariant()
    def both_hold_the_same(self) -> None:
        held, known = self.kernel.table(), self.memory.table()
        assert held == known
        assert {key: list(server.dests) for key, server in held.items()} == {
            key: list(server.dests) for key, server in known.items()
        }

    @invariant()
    def proc_agrees(self) -> None:
        assert _coarse(read_proc(netns=self.netns).table) == _coarse(self.memory.table())

    def _check_with_ipvsadm(self) -> None:
        table = self.memory.table()
        saved = ipvsadm(self.netns, "-Sn").splitlines()
        without_thresholds = re.sub(r" -x \d+ -y \d+", "", rules.write(table)).splitlines()
        assert sorted(saved) == sorted(without_thresholds)
        listed = re.findall(r"-> (\S+) +(\d+) +(\d+) +0 +0", ipvsadm(self.netns, "-Ln", "--thresholds"))
        limits = [
            (str(key), str(dest.upper), str(dest.lower))
            for server in table.values()
            for key, dest in server.dests.items()
        ]
        assert sorted(listed) == sorted(limits)


def _coarse(table: Table) -> object:
    """What /proc tells: no thresholds, tunnels and flags; of a mark not its family, of IPv6 not one-packet scheduling."""
    found: list[tuple[object, ...]] = []
    for key, (service, present) in table.items():
        if key.mark:
            found.append((key.mark, str(service.scheduler)))
            continue
        shown: list[tuple[DestKey, Dest]] = [(k, Dest(d.method, d.weight)) for k, d in present.items()]
        one_packet = service.one_packet and key.family is Family.INET
        found.append((str(key), str(service.scheduler), one_packet, service.persistence, shown))
    return sorted(found, key=repr)


@pytest.mark.kernel(timeout=300)
def test_model_kernel_and_proc_agree_after_every_step() -> None:
    run_state_machine_as_test(
        Tables,
        settings=settings(
            max_examples=20,
            stateful_step_count=15,
            phases=[Phase.generate],
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        ),
    )
