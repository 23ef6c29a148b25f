"""Two directors, the real keepalived, a provider's router, a client that never stops asking; and then something breaks.

Each trial does it to two addresses at once: one that `lvsctl agent` moves, and one that bash and curl in notify_master
move. What is asserted: whose packets end up where VRRP says, and how many calls that took. How long it took is in
docs/reference/failover-outages.md; the lab's clock is no judge.
"""

import time
from collections.abc import Mapping
from functools import partial

import pytest

from tests.support.failover_pair import LVSCTL, SCRIPT, WAYS, Director, Pair
from tests.support.failover_trial import Row, Trial, pair_trial

pytestmark = pytest.mark.kernel(timeout=150)


def unplug(director: Director, pair: Pair) -> None:
    """Pull all cables of *director*."""
    pair.net.cable(director.host, "eth1", "eth0", plugged=False)  # no last advert gets out


def plug(director: Director, pair: Pair) -> None:
    """Plug them in again."""
    pair.net.cable(director.host, "eth0", "eth1", plugged=True)


def moved_once(rows: Mapping[str, Row]) -> bool:
    """Answer whether lvsctl moved its address with one POST for a mastership, and changed nothing else."""
    ours = rows[LVSCTL]
    return 1 <= ours.begun <= ours.posts <= ours.masterships and ours.others == 0


def nothing_was_asked_for(rows: Mapping[str, Row]) -> bool:
    """Answer whether lvsctl changed nothing."""
    return (rows[LVSCTL].posts, rows[LVSCTL].others) == (0, 0)


def test_the_masters_keepalived_is_killed(pair: Pair) -> None:
    def start() -> None:
        pair.lb1.start_keepalived(pair.config(pair.lb1))

    with pair_trial(pair, "the master's keepalived is killed") as trial:
        killed = trial.part("killed", pair.lb1.kill_keepalived, owner=pair.lb2, script=True)
        back = trial.part("started again", start, owner=pair.lb1, script=True)
    assert moved_once(killed)
    assert moved_once(back)
    # Both directors have the address, so the old one serves until the provider has switched.
    assert killed[LVSCTL].outage.longest < 1.0
    assert back[LVSCTL].outage.longest < 1.0


def test_the_masters_host_is_lost(pair: Pair) -> None:
    def lost() -> None:
        unplug(pair.lb1, pair)
        pair.lb1.kill_keepalived()
        pair.lb1.kill_agent()

    def back() -> None:
        plug(pair.lb1, pair)
        pair.lb1.start_agent()
        pair.lb1.start_keepalived(pair.config(pair.lb1))

    with pair_trial(pair, "the master's host is lost") as trial:
        gone = trial.part("lost", lost, owner=pair.lb2, script=True)
        again = trial.part("back", back, owner=pair.lb1, script=True)
    assert moved_once(gone)
    assert moved_once(again)
    assert gone[LVSCTL].outage.lost


def test_the_masters_uplink_is_cut(pair: Pair) -> None:
    host = pair.lb1.host
    with pair_trial(pair, "the master's uplink is cut") as trial:
        cut = trial.part(
            "cut", lambda: pair.net.cable(host, "eth0", plugged=False), owner=pair.lb2, script=True
        )
        back = trial.part(
            "mended", lambda: pair.net.cable(host, "eth0", plugged=True), owner=pair.lb1, script=True
        )
    assert moved_once(cut)
    assert moved_once(back)


def test_the_api_is_down_when_the_master_is_lost(pair: Pair) -> None:
    faults = pair.fake.fronts["robot"].faults
    faults.add("maintenance")
    try:
        with pair_trial(pair, "the API is down, and then the master's host is lost, too", api=False) as trial:
            alone = trial.part("API down", lambda: time.sleep(2))
            lost = trial.part(
                "host lost, API back later", lambda: lose_and_repair(pair, trial), owner=pair.lb2
            )
            back = trial.part("host back", lambda: plug(pair.lb1, pair), owner=pair.lb1, script=True)
    finally:
        faults.clear()
    assert nothing_was_asked_for(alone)
    assert not alone[LVSCTL].outage.lost
    script = lost[SCRIPT]
    assert moved_once(lost)
    # One POST, one 503, and nobody who tries again: the visitors have to wait for the old master.
    assert (script.posts, script.begun, script.owner, script.outage.ends) == (1, 0, "lb1", False)
    assert moved_once(back)


def lose_and_repair(pair: Pair, trial: Trial) -> None:
    """Lose the master's host; the API comes back when both ways have been refused."""
    unplug(pair.lb1, pair)
    seen = len(pair.fake.journal)
    for way in WAYS:
        trial.wait(partial(trial.has_asked, way, seen), f"{way} asks for nothing")
    pair.fake.fronts["robot"].faults.clear()


def test_both_hosts_are_lost(pair: Pair) -> None:
    def lost_and_back() -> None:
        for each in pair.directors:
            unplug(each, pair)
        trial.wait(
            lambda: not any(each.is_master("VI_1") for each in pair.directors), "somebody stays master"
        )
        plug(pair.lb1, pair)
        trial.wait(lambda: pair.lb1.is_master("VI_1"), "lb1 does not become master")
        plug(pair.lb2, pair)

    with pair_trial(pair, "both hosts are lost") as trial:
        rows = trial.part("lost, and back, the master first", lost_and_back, owner=pair.lb1, script=True)
    # The address still points at the master that comes back: nothing has to be moved.
    assert nothing_was_asked_for(rows)
    assert rows[LVSCTL].outage.ends
