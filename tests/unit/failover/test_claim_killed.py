"""A keeper that dies at any *await*: the next one finds what it needs, and the address ends where it belongs."""

import itertools
import random

import pytest

from lvsctl.failover.claim import Claim, Phase
from lvsctl.failover.keeper import CLAIM_FORM
from lvsctl.failover.model import Truth, Vrrp
from lvsctl.failover.saved import claim_from, claim_to
from tests.support.failover_sim import Node, too_close
from tests.support.failover_world import START, TARGETS, Trouble, World

TROUBLES = ("", "cut-before", "cut-after", "hang", "not-complete-late", "unavailable")


def life(kill_at: int, trouble: str, disconnect: str, visibility: str) -> tuple[World, Node, Claim | None]:
    """Run one failover whose process dies at its await number *kill_at* and begins again 20 s later.

    The third of the answer is what the disk remembered of it, or None when it lived for 15 minutes.
    """
    world = World(random.Random(0))
    world.profile.disconnect = disconnect  # type: ignore[assignment] # parametrised by its values
    world.profile.visibility = visibility  # type: ignore[assignment] # likewise
    world.ip.active = str(TARGETS[1])
    world.troubles = [Trouble(trouble, START, START + 4)] if trouble else []
    node = Node(world, 0)
    node.kill_at = kill_at
    node.truth = Truth(Vrrp.MASTER, 1)
    node.start()
    while node.running and world.now < START + 900:
        world.run(world.now + 1)
    left = None if node.running else node.claim.value
    if left is not None:
        node.claim.value = claim_from(claim_to(left), 0.0)
        world.at(world.now + 20, node.start)
    world.run(world.now + 1200)
    return world, node, left


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("disconnect", ["completes", "abandons"])
@pytest.mark.parametrize("visibility", ["early", "late"])
def test_killed_at_every_await_the_next_run_converges(trouble: str, disconnect: str, visibility: str) -> None:
    phases = set()
    for kill_at in itertools.count(1):
        world, node, left = life(kill_at, trouble, disconnect, visibility)
        assert world.owner() == str(TARGETS[0]), f"killed at await {kill_at}"
        assert node.claim.value.phase is Phase.HELD
        assert not too_close(world.moves), world.calls
        if left is None:
            break
        phases.add(left.phase)
        if left.sent:
            again = [call.t for call in world.calls if call.kind == "post" and call.t > left.sent.at + 1]
            assert not again or again[0] >= left.sent.at + node.rules.pace.lock
    assert phases >= {Phase.SEEKING, Phase.AWAY, Phase.SENT, Phase.HELD}


def test_a_claim_file_that_is_lost_counts_as_a_post_under_way() -> None:
    world = World(random.Random(0))
    world.ip.active = str(TARGETS[1])
    node = Node(world, 0)
    node.truth = Truth(Vrrp.MASTER, 1)
    node.claim.value = CLAIM_FORM.lost(world.now)
    assert node.claim.value != Claim()
    node.start()
    world.run(START + 170)
    assert not world.moves
    world.run(START + 600)
    assert world.owner() == str(TARGETS[0])
