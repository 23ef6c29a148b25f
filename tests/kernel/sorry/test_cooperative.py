"""A service that keepalived owns goes to its sorry and back, with a real keepalived and real visitors."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterable, Iterator

import pytest

from lvsctl.keepalived.process import children
from lvsctl.sorry import cooperative, maintenance, swapping
from lvsctl.sorry import switch as switch_module
from lvsctl.sorry.managed import Maintenance
from lvsctl.sorry.model import Hold, Holder, Phase
from lvsctl.sorry.parting import LATER, Grace
from lvsctl.sorry.switch import WrongSorry
from tests.support.cooperation import FILE, Cooperation, Kind, tell
from tests.support.hosts import wait_until
from tests.support.sorry_topology import REALS, Lab
from tests.support.traffic import KEPT, LOST, NEW, SORRY, Outcome, Request

pytestmark = pytest.mark.kernel

FLIPS = 8
WORKERS = 4


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as lab:
        yield lab


@pytest.fixture(params=["resident", "plain"])
def web(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Cooperation]:
    service = Cooperation(lab, resident=request.param == "resident")
    yield service
    service.end()


def lost(requests: Iterable[Request]) -> Counter[str]:
    return Counter(str(each.outcome) for each in requests if each.outcome in LOST)


def answered(requests: Iterable[Request], since: float, until: float) -> set[str]:
    """Who answered over connections that were opened in this time."""
    return {each.server for each in requests if each.server and since < each.opened < until}


def test_every_flip_and_every_death_under_load(web: Cooperation, lab: Lab) -> None:
    owner = web.switch().owner
    assert owner.maintenance == Maintenance("lvsctl_web", FILE)
    assert owner.server.form == ("resident" if web.resident else "plain")
    before = web.weights()

    traffic = lab.traffic()
    traffic.start(NEW, workers=WORKERS, clients=web.place.clients[:8], targets=web.place.targets)
    spans = []
    for _ in range(FLIPS):
        assert web.on().phase is Phase.ON
        since = time.monotonic()
        traffic.wait_for({NEW: 2 * WORKERS}, after=since)
        until = time.monotonic()
        assert web.off().phase is None
        traffic.wait_for({NEW: 2 * WORKERS}, after=time.monotonic())
        spans.append((since, until))
    assert web.weights() == before

    # While on, one real server dies and keepalived is asked to bring back the others only.
    web.on()
    since, said = time.monotonic(), len(web.keepalived.log)
    web.kill(3)
    web.await_checks(said, failed=[3])
    until = time.monotonic()
    assert web.off().phase is None
    back = time.monotonic()
    assert web.up() == set(web.place.reals[:3])
    traffic.wait_for({NEW: 3 * WORKERS}, after=back)
    spans.append((since, until))

    # Another dies, and the dead one comes back, while on: who is alive then comes back, and nobody else.
    web.on()
    since, said = time.monotonic(), len(web.keepalived.log)
    web.revive(3)
    web.kill(0)
    web.await_checks(said, failed=[0], success=[3])
    until = time.monotonic()
    assert web.off().phase is None
    alive = time.monotonic()
    assert web.up() == set(web.place.reals[1:])
    traffic.wait_for({NEW: 3 * WORKERS}, after=alive)
    spans.append((since, until))
    requests = traffic.stop()

    gone = lost(requests)
    tell(f"{owner.server.form}: {len(requests)} requests, lost: {dict(gone)}")
    assert not gone, web.keepalived.log
    for since, until in spans:
        assert answered(requests, since, until) <= {SORRY}
    assert answered(requests, back, spans[-1][0] - 1) <= {*REALS[:3], SORRY}
    assert answered(requests, alive, time.monotonic()) <= set(REALS[1:])
    assert answered(requests, 0, time.monotonic()) == {*REALS, SORRY}
    if web.resident:
        assert "error" not in web.keepalived.log

    # A flap while off is keepalived's business, and nobody is in its way.
    web.revive(0)
    web.await_up(web.place.reals)


@pytest.fixture
def idle(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Cooperation]:
    service = Cooperation(lab, getattr(request, "param", None))
    yield service
    service.end()


@pytest.mark.parametrize(
    "idle", [Kind(resident=False, scheduler="sh", expire_nodest=1)], indirect=True, ids=str
)
def test_who_does_not_hang_up_is_not_hung_up_on_while_a_guard_waits(idle: Cooperation, lab: Lab) -> None:
    web = idle
    before, rules, file = web.weights(), web.rules(), web.switch().file
    traffic = lab.traffic()
    traffic.start(KEPT, workers=WORKERS, clients=web.place.clients[:8], targets=web.place.targets)
    traffic.wait_for({KEPT: 2 * WORKERS}, after=0)
    assert web.on(grace=LATER).lingering == WORKERS
    assert web.complete() == ()
    assert not maintenance.read(file)
    assert web.mapping(web.place.clients) == [SORRY] * len(web.place.clients)
    assert web.off(grace=LATER).phase is Phase.SWITCHING_OFF
    assert web.up() == set(web.place.reals)
    assert wait_until(web.complete, 15)
    assert web.rules() == rules

    assert web.on(grace=LATER).lingering == WORKERS
    requests = traffic.stop()
    assert not lost(requests)
    assert answered(requests, 0, time.monotonic()) <= set(REALS)
    assert wait_until(web.complete, 15)
    assert maintenance.read(file)
    assert set(web.weights()) == {web.place.sorry}
    assert web.off().phase is None
    assert (web.weights(), web.rules()) == (before, rules)


@pytest.mark.parametrize("idle", [Kind(resident=False)], indirect=True, ids=str)
def test_whoever_does_not_hang_up_in_time_is_cut_without_a_guard(idle: Cooperation, lab: Lab) -> None:
    web = idle
    traffic = lab.traffic()
    traffic.start(KEPT, workers=1, clients=web.place.clients[:1], targets=web.place.targets)
    traffic.wait_for({KEPT: 2}, after=0)
    drawn: list[int] = []
    outcome = web.on(grace=Grace(1.5, progress=lambda left, _: drawn.append(left)))
    assert "1 connections of the real servers had not ended after 1.5 s, and were cut" in outcome.plan.reasons
    assert set(drawn) == {1}
    assert set(web.weights()) == {web.place.sorry}
    assert wait_until(lambda: lost(traffic.seen), 15)
    assert set(lost(traffic.stop())) == {str(Outcome.HUNG)}
    assert web.off().phase is None


def test_who_holds_it_and_what_is_refused(idle: Cooperation) -> None:
    before = idle.weights()
    idle.on(Holder.OPERATOR)
    idle.on(Holder.QUORUM)
    assert idle.off(Holder.OPERATOR).held_by.keys() == {Holder.QUORUM}
    assert idle.up() == {idle.place.sorry}
    assert idle.off(Holder.QUORUM).phase is None
    assert idle.weights() == before
    assert idle.off(Holder.QUORUM).phase is None

    wrong = idle.target._replace(dest_key=idle.place.sorry._replace(port=9))
    with idle.node() as node, pytest.raises(WrongSorry, match=r"not .*:9"):
        cooperative.on(node, [idle.switch()._replace(target=wrong)], Holder.OPERATOR, Hold(0))
    assert idle.weights() == before


def test_a_keepalived_that_does_not_swap_is_told_and_everything_is_as_before(
    idle: Cooperation, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = idle.weights()
    monkeypatch.setattr(swapping, "PATIENCE", 0.5)
    monkeypatch.setattr(switch_module, "ANSWER", 0.5)
    switch = idle.switch()
    (checker,) = children(switch.owner.daemon)
    os.kill(checker.pid, signal.SIGSTOP)
    with idle.node() as node, pytest.raises(swapping.NotSwapped, match="did not take"):
        cooperative.on(node, [switch], Holder.OPERATOR, Hold(0))
    os.kill(checker.pid, signal.SIGCONT)
    assert not maintenance.read(switch.file)
    idle.await_up(idle.place.reals)
    assert idle.weights() == before


@pytest.mark.parametrize(
    "idle", [Kind(resident=True), Kind(resident=False, scheduler="sh")], indirect=True, ids=str
)
def test_a_swap_that_was_killed_anywhere_comes_to_an_end(idle: Cooperation) -> None:
    before, file = idle.weights(), idle.switch().file
    for verb, at in (("on", 1), ("on", 4), ("off", 1), ("off", 4), ("off", 8)):
        if verb == "off":
            idle.on()
        assert idle.killed(verb, at), (verb, at)
        if at % 2:
            with idle.node() as node:
                (outcome,) = cooperative.complete(node, [idle.switch()])
            assert outcome.phase is (Phase.ON if verb == "on" else None)
            assert idle.up() == ({idle.place.sorry} if verb == "on" else set(idle.place.reals))
        assert idle.off().phase is None
        assert idle.weights() == before, (verb, at)
        assert not maintenance.read(file)
        with idle.node() as node:
            assert node.journal.read(idle.place.key) is None
