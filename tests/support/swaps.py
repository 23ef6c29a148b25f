"""What the tests of a swap share: a node in memory, services of every kind, a node that dies at its nth effect."""

import os
import signal
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from lvsctl.ipvs.memory import MemoryIpvs
from lvsctl.ipvs.model import (
    Connections,
    Counters,
    Dest,
    DestKey,
    Load,
    Persistence,
    Service,
    Table,
    VirtualServer,
)
from lvsctl.ipvs.steps import Step
from lvsctl.sorry.journal import Journal
from lvsctl.sorry.model import Hold, Holder, Outcome, Snapshot, Target
from lvsctl.sorry.node import Node
from lvsctl.sorry.swap import off, on
from lvsctl.vocabulary import ForwardingMethod, Scheduler, SchedulerFlag, ServiceKey

WEB = ServiceKey.tcp("10.0.0.100", 80)
OTHER = ServiceKey.tcp("10.0.0.100", 443)
ANY_PORT = ServiceKey.tcp("10.0.0.100", 0)
SORRY = DestKey.of("10.0.0.100", 8503)
R1, R2, R3, R4 = (DestKey.of(f"10.0.1.{n}", 8080) for n in range(1, 5))
NAT = Dest(ForwardingMethod.NAT)
OUT = NAT._replace(weight=0)
HOLD = Hold(since=1000.0, reason="test", user="root", pid=1)
OPERATOR = Holder.OPERATOR


class FixedSysctls:
    """Sysctls in memory."""

    def __init__(self, **values: int) -> None:
        self.values = {"expire_quiescent_template": 0, "expire_nodest_conn": 0, **values}

    def get(self, name: str) -> int:
        return self.values.get(name, 0)

    def set(self, name: str, value: int) -> None:
        self.values[name] = value


class Clock:
    """A clock that goes on by two seconds with every look: whatever has to settle has settled."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        self.time += 2
        return self.time


def target(key: ServiceKey = WEB, dest_key: DestKey = SORRY, *, set_sysctl: bool = False) -> Target:
    return Target(key, "web", dest_key, NAT, set_sysctl)


def server(
    scheduler: str = "wlc", *, flags: int = 0, persistent: bool = False, **weights: int
) -> VirtualServer:
    """A virtual server: ``server("sh", r1=1, r2=0)``."""
    known = {"r1": R1, "r2": R2, "r3": R3, "r4": R4, "sorry": SORRY}
    service = Service(scheduler, SchedulerFlag(flags), persistence=Persistence(300) if persistent else None)
    return VirtualServer(service, {known[name]: NAT._replace(weight=w) for name, w in weights.items()})


def memory_node(folder: Path, table: Table, *, boot_id: str = "this-boot") -> Node:
    return Node(MemoryIpvs(table), Journal(folder / "sorry"), FixedSysctls(), boot_id, Clock())


def exact(ipvs: Any) -> list[tuple[ServiceKey, Service, list[tuple[DestKey, Dest]]]]:
    """The whole table of something that has one, with the order of destinations, to be compared."""
    return [(key, each.service, list(each.dests.items())) for key, each in ipvs.table().items()]


def switch_on(node: Node, holder: Holder = OPERATOR, *, cut: bool = False) -> Outcome:
    (outcome,) = on(node, [target()], holder, HOLD, cut=cut)
    return outcome


def switch_off(node: Node, holder: Holder = OPERATOR, *, force: bool = False) -> Outcome:
    (outcome,) = off(node, [WEB], holder, wait=0, force=force)
    return outcome


def weights_of(node: Node) -> Mapping[DestKey, int]:
    return {key: dest.weight for key, dest in node.ipvs.table()[WEB].dests.items()}


def meanwhile(node: Node, *steps: Step) -> None:
    assert node.ipvs.send(steps) == ()


def busy(node: Node, active: int, inactive: int = 0) -> None:
    """Pretend that the sorry has connections."""
    assert isinstance(node.ipvs, MemoryIpvs)
    node.ipvs.count(WEB, SORRY, Load(Connections(active, inactive), Counters()))


class Killed(BaseException):
    """The process is gone: nothing of it runs any more, neither handlers nor clean-up."""


class Fuse:
    """Burns with every effect, and kills at the one before or after which it was set to.

    It raises Killed; *for_real* it sends SIGKILL, so use it in a process that may go.
    """

    def __init__(self, burns_at: int, *, for_real: bool = False) -> None:
        self.count = 0
        self._burns_at = burns_at
        self._for_real = for_real

    def burn(self) -> None:
        if self.count == self._burns_at:
            if self._for_real:
                os.kill(os.getpid(), signal.SIGKILL)
            self.count = 10**9
            raise Killed
        self.count += 1


class _CutIpvs:
    """A table that loses the process before, between and after any steps of a batch."""

    def __init__(self, ipvs: Any, fuse: Fuse) -> None:
        self._ipvs, self._fuse = ipvs, fuse

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ipvs, name)

    def send(self, steps: Iterable[Any]) -> tuple[Any, ...]:
        refusals: list[Any] = []
        for step in steps:
            self._fuse.burn()
            refusals += self._ipvs.send([step])
        self._fuse.burn()
        return tuple(refusals)


class _CutJournal(Journal):
    def __init__(self, journal: Journal, fuse: Fuse) -> None:
        super().__init__(journal.folder)
        self._fuse = fuse

    def write(self, snapshots: Iterable[Snapshot]) -> None:
        if some := list(snapshots):
            self._fuse.burn()
            super().write(some)
            self._fuse.burn()

    def remove(self, keys: Iterable[ServiceKey]) -> None:
        if some := list(keys):
            self._fuse.burn()
            super().remove(some)
            self._fuse.burn()


class _CutSysctls:
    def __init__(self, sysctls: Any, fuse: Fuse) -> None:
        self._sysctls, self._fuse = sysctls, fuse

    def get(self, name: str) -> int:
        return int(self._sysctls.get(name))

    def set(self, name: str, value: int) -> None:
        self._fuse.burn()
        self._sysctls.set(name, value)
        self._fuse.burn()


def cut(node: Node, fuse: Fuse) -> Node:
    """Answer *node* with *fuse* before and after each of its effects."""
    return node._replace(
        ipvs=_CutIpvs(node.ipvs, fuse),
        journal=_CutJournal(node.journal, fuse),
        sysctls=_CutSysctls(node.sysctls, fuse),
    )


@contextmanager
def surviving() -> Iterator[None]:
    """Go on after the process died."""
    with suppress(Killed):
        yield


KINDS: list[tuple[str, int]] = [
    *((str(each), 0) for each in Scheduler),
    ("sh", SchedulerFlag.SH_FALLBACK),
    ("mh", SchedulerFlag.MH_FALLBACK),
    ("sh", SchedulerFlag.SH_PORT),
]
"""Every scheduler, with the flags that matter."""


@st.composite
def virtual_servers(draw: st.DrawFn) -> VirtualServer:
    """Services of every kind; the sorry may be there already, at any place and weight."""
    scheduler, flags = draw(st.sampled_from(KINDS))
    persistence = Persistence(300) if draw(st.booleans()) else None
    service = Service(scheduler, SchedulerFlag(flags), persistence=persistence)
    dests = {}
    for key in draw(st.permutations([R1, R2, R3, SORRY]))[: draw(st.integers(0, 4))]:
        upper = draw(st.sampled_from([0, 100]))
        weight = draw(st.sampled_from([0, 1, 7]))
        dests[key] = Dest(ForwardingMethod.NAT, weight, upper, upper // 2)
    return VirtualServer(service, dests)
