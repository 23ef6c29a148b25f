"""The guard holds a sorry up against keepalived: reload, restart, stop, checks, and a file without maintenance."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lvsctl.sorry import behind, owner, swap
from lvsctl.sorry.guard import Guard
from lvsctl.sorry.model import Hold, Holder, Phase
from tests.support.cooperation import Cooperation, tell
from tests.support.hosts import wait_until
from tests.support.sorry_topology import REALS, Lab
from tests.support.traffic import NEW, SORRY, Outcome, Traffic

pytestmark = pytest.mark.kernel

WORKERS = 4


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as lab:
        yield lab


class Watchman:
    """A guard in a thread of its own, in the director's network."""

    def __init__(self, web: Cooperation) -> None:
        self.told: list[str] = []
        self._going_on = True
        self._looks = 0
        self._thread = threading.Thread(target=self._run, args=(web,), name="guard")

    def _run(self, web: Cooperation) -> None:
        with web.node() as node:
            Guard(node, owner.look, self.told.append).run(self._is_going_on)

    def _is_going_on(self) -> bool:
        self._looks += 1
        return self._going_on

    @contextmanager
    def on_duty(self) -> Iterator["Watchman"]:
        self._thread.start()
        try:
            assert wait_until(lambda: self._looks > 3)
            yield self
        finally:
            self._going_on = False
            self._thread.join()

    def await_told(self, *words: str) -> str:
        def told() -> list[str]:
            return [line for line in self.told if all(word in line for word in words)]

        assert wait_until(told, 15), self.told
        return told()[-1]


def visitors(lab: Lab, web: Cooperation) -> Traffic:
    traffic = lab.traffic()
    traffic.start(NEW, workers=WORKERS, clients=web.place.clients[:8], targets=web.place.targets)
    return traffic


@pytest.mark.parametrize("resident", [True, False], ids=["resident", "plain"])
def test_keepalived_reloads_restarts_and_stops_while_on(lab: Lab, *, resident: bool) -> None:
    web = Cooperation(lab, resident=resident)
    form = "resident" if resident else "plain"
    web.on()
    sorry = {web.place.sorry}
    with Watchman(web).on_duty() as guard:
        traffic = visitors(lab, web)
        traffic.wait_for({NEW: WORKERS}, after=time.monotonic())
        begun = len(traffic.seen)

        # Somebody at a shell gives a real server its weight back.
        web.raise_real(0)
        raised = time.monotonic()
        assert wait_until(lambda: web.up() == sorry)
        tell(f"{form}: out again {1000 * (time.monotonic() - raised):.0f} ms after ipvsadm had ended")
        guard.await_told("put right", str(web.place.reals[0]))
        web.keepalived.reload()
        for weight in (2, 3):
            web.keepalived.write(web.text(weight=weight))
            web.keepalived.reload()
            assert wait_until(lambda: web.up() == sorry)
        settled = time.monotonic()
        traffic.wait_for({NEW: 4 * WORKERS}, after=settled)
        seen = traffic.stop()[begun:]
        let_through = [each for each in seen if each.server in REALS]
        tell(f"{form}: {len(let_through)} of {len(seen)} visitors let through by ipvsadm and three reloads")
        assert {each.server for each in seen if each.opened > settled} == {SORRY}
        assert not [each for each in seen if each.outcome in (Outcome.REFUSED, Outcome.RESET)]

        web.keepalived.stop()
        assert not web.weights()
        web.keepalived = web.start(weight=3)
        assert wait_until(lambda: web.up() == sorry), web.weights()
        assert {each.server for each in lab.traffic().once(web.place.clients[:4], web.place.targets)} == {
            SORRY
        }
    assert web.off().phase is None
    assert set(web.weights().values()) <= {0, 3}
    assert web.up() == set(web.place.reals)
    web.end()


def test_behind_the_back_of_a_keepalived_without_a_maintenance_file(lab: Lab) -> None:
    web = Cooperation(lab, resident=True, rendered=False)
    found = web.owner()
    assert isinstance(found, owner.Keepalived)
    assert found.maintenance is None
    sorry = {web.place.sorry}
    with web.node() as node, Watchman(web).on_duty() as guard:
        swap.on(node, [web.target], Holder.OPERATOR, Hold(time.time()))
        swap.on(node, [web.target], Holder.TIMER, Hold(time.time(), until=time.time() + 1))
        assert web.up() == sorry
        guard.await_told("the time of the sorry is over", "others still hold it")
        web.keepalived.write(web.text(weight=5))
        web.keepalived.reload()
        said = guard.await_told("put right", str(web.place.reals[0]))
        assert "which read its configuration" in said
        assert wait_until(lambda: web.up() == sorry)

        # One dies and stays dead, one dies and comes back: keepalived gives it its weight, the guard takes it.
        mark = len(web.keepalived.log)
        web.kill(2)
        web.kill(3)
        web.await_checks(mark, failed=[2, 3])
        mark = len(web.keepalived.log)
        web.revive(2)
        web.await_checks(mark, success=[2])
        assert wait_until(lambda: web.up() == sorry)
        (outcome,) = behind.off(node, [(web.place.key, found)], Holder.OPERATOR)
    assert outcome.phase in (None, Phase.LINGERING)
    assert web.up() == set(web.place.reals[:3]), (web.weights(), guard.told)
    web.revive(3)
    web.await_up(web.place.reals)
    web.end()
