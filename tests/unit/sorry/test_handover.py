from collections.abc import Iterable

from hypothesis import given

from lvsctl.ipvs.memory import MemoryIpvs
from lvsctl.ipvs.model import Dest, DestKey, Service, VirtualServer
from lvsctl.ipvs.steps import AddDest, Step
from lvsctl.sorry import liveness
from lvsctl.sorry.beginning import Circumstances, fresh
from lvsctl.sorry.handover import (
    come_back,
    coming_back,
    corrections,
    go_over,
    is_on,
    leftovers,
    raise_reals,
    raise_sorry,
    reassert,
    restore_settings,
    strangers_back,
)
from lvsctl.sorry.model import Removal
from tests.support.swaps import NAT, R1, R2, R3, R4, SORRY, WEB, server, target, virtual_servers

FILE = "lvsctl_web"


def real(key: DestKey, *, failed: int = 0, waits: bool = True, weight: int = 1) -> liveness.RealServer:
    """A real server as keepalived holds it; with failures, the maintenance file is one of them if it *waits*."""
    files = frozenset({FILE}) if failed and waits else frozenset[str]()
    return liveness.RealServer(key, NAT._replace(weight=weight), not failed, failed, files)


def told(*reals: liveness.RealServer, up: bool = False, quorum: int = 1) -> liveness.VirtualServer:
    return liveness.VirtualServer(quorum, 0, up, reals)


def after(before: VirtualServer, steps: list[Step]) -> dict[DestKey, int]:
    """The weights when *steps* were taken, none of which was refused."""
    ipvs = MemoryIpvs({WEB: before})
    assert not ipvs.send(steps)
    return {key: dest.weight for key, dest in ipvs.table()[WEB].dests.items()}


def test_the_sorry_is_raised_where_it_is_not() -> None:
    assert after(server(r1=1), list(raise_sorry(server(r1=1), target()))) == {R1: 1, SORRY: 1}
    resident = server(r1=1, sorry=0)
    assert after(resident, list(raise_sorry(resident, target()))) == {R1: 1, SORRY: 1}
    assert not list(raise_sorry(server(sorry=1), target()))


def test_only_who_waits_for_the_file_alone_comes_back() -> None:
    alive, dead, other = real(R1, failed=1), real(R2, failed=2), real(R3, failed=1, waits=False)
    assert coming_back(told(alive, dead, other), FILE) == (alive,)


def test_nobody_comes_back_when_it_is_not_enough_for_the_quorum() -> None:
    one, two = real(R1, failed=1), real(R2, failed=1, weight=2)
    assert coming_back(told(one, two, real(R3, failed=2), quorum=4), FILE) == ()
    assert coming_back(told(one, two, quorum=3), FILE) == (one, two)


def test_the_real_servers_are_raised_in_the_order_they_had() -> None:
    before, now = server(r3=1, r1=1, r2=1), server(sorry=1)
    coming = tuple(real(key, failed=1) for key in (R1, R2, R3, R4))
    steps = list(raise_reals(WEB, now, before, coming))
    assert [step.dest_key for step in steps if isinstance(step, AddDest)] == [R3, R1, R2, R4]
    resident = server(r1=0, r2=0, sorry=1)
    assert after(resident, list(raise_reals(WEB, resident, before, coming[:1]))) == {R1: 1, R2: 0, SORRY: 1}


def test_one_that_died_meanwhile_goes_out_again() -> None:
    now = server(r1=1, r2=1, sorry=0)
    word = told(real(R1), real(R2, failed=1, waits=False), up=True)
    assert after(now, list(corrections(now, target(), Removal.WEIGHT, word))) == {R1: 1, R2: 0, SORRY: 0}
    assert after(now, list(corrections(now, target(), Removal.DELETE, word))) == {R1: 1}


def test_one_that_keepalived_added_at_weight_0_gets_its_weight() -> None:
    now = server(r1=0, r2=1, sorry=1)
    word = told(real(R1, weight=3), real(R2), real(R3), up=True)
    assert after(now, list(corrections(now, target(), Removal.WEIGHT, word))) == {
        R1: 3,
        R2: 1,
        R3: 1,
        SORRY: 0,
    }


def test_without_a_quorum_the_sorry_stays_and_everybody_else_goes() -> None:
    now = server(r1=1, r2=1, sorry=0)
    word = told(real(R1), real(R2, failed=1), quorum=2)
    assert after(now, list(corrections(now, target(), Removal.WEIGHT, word))) == {R1: 0, R2: 0, SORRY: 1}


def test_what_somebody_raised_while_on_goes_out_and_the_sorry_comes_first() -> None:
    now = server(r1=2, r2=0)
    steps = list(reassert(now, target(), Removal.WEIGHT))
    assert isinstance(steps[0], AddDest)
    assert after(now, steps) == {R1: 0, R2: 0, SORRY: 1}
    assert after(now, list(reassert(now, target(), Removal.DELETE))) == {R2: 0, SORRY: 1}
    assert is_on(server(r1=0, sorry=1), SORRY)
    assert not is_on(server(r1=1, sorry=1), SORRY)
    assert not is_on(server(r1=0, sorry=0), SORRY)


def test_what_is_not_keepalived_s_comes_back_as_it_was() -> None:
    before = server(r1=1, r4=5)
    now = VirtualServer(Service("rr"), {R1: NAT, R4: Dest(NAT.method, 0)})
    word = told(real(R1), up=True)
    assert after(now, list(strangers_back(now, before, word, target()))) == {R1: 1, R4: 5}
    assert not list(strangers_back(now, before, None, target()))


HERE = Circumstances("this-boot", 1000.0, {"expire_quiescent_template": 0, "expire_nodest_conn": 0})


def changed(before: VirtualServer, steps: Iterable[Step]) -> VirtualServer:
    """The service when *steps* were taken, none of which was refused."""
    ipvs = MemoryIpvs({WEB: before})
    assert not ipvs.send(list(steps))
    return ipvs.table()[WEB]


@given(virtual_servers())
def test_there_and_back_in_the_plain_form_is_the_service_as_it_was(before: VirtualServer) -> None:
    reals = tuple(real(key, weight=dest.weight) for key, dest in before.dests.items() if key != SORRY)
    before = VirtualServer(
        before.service,
        {key: NAT._replace(weight=dest.weight) for key, dest in before.dests.items() if key != SORRY},
    )
    snapshot = fresh(target(), before, {}, HERE).snapshot
    over = changed(before, go_over(before, snapshot))
    assert is_on(over, SORRY)
    assert over.dests.keys() == before.dests.keys() | {SORRY}
    assert not list(go_over(over, snapshot))
    alone = changed(over, leftovers(over, target()))
    assert set(alone.dests) == {SORRY}
    for on in (over, alone):
        back = changed(on, come_back(on, snapshot, *_word(reals)))
        assert back.dests[SORRY].weight == 0
        assert back.service.persistence == before.service.persistence
        off = changed(back, corrections(back, snapshot.target, Removal.DELETE, _word(reals)[0]))
        off = changed(off, restore_settings(off, snapshot))
        assert off.service == before.service
        assert {key: dest for key, dest in off.dests.items() if dest.weight} == {
            key: dest for key, dest in before.dests.items() if dest.weight
        }


def _word(
    reals: tuple[liveness.RealServer, ...],
) -> tuple[liveness.VirtualServer, tuple[liveness.RealServer, ...]]:
    return told(*reals, up=True), reals


def test_who_dies_while_the_sorry_is_waited_for_goes_out() -> None:
    before = server(r1=1, r2=1)
    snapshot = fresh(target(), before, {}, HERE).snapshot
    word = told(real(R1, failed=1), real(R2, failed=2))
    now = server(r1=1, r2=1, sorry=0)
    assert after(now, list(come_back(now, snapshot, word, (real(R1, failed=1),)))) == {R1: 1, SORRY: 0}
