"""Random bad hours for a pair of directors, and what has to be true of each.

A schedule is a seed. The same seed is the same hour, on every machine.
"""

import random
from typing import Final

from lvsctl.failover.claim import Phase
from tests.support.failover_robot import LOOK_TROUBLES, MOVE_TROUBLES
from tests.support.failover_sim import Pair, over_quota, too_close
from tests.support.failover_world import IP, START, TARGETS, Trouble, World

HOUR: Final = 3600.0
CALM: Final = 3 * HOUR
EVENTS: Final = ("link", "link", "power", "power", "agent", "agent", "blind", "hold", "flap")


def hour_of(seed: int) -> tuple[World, Pair]:
    """Let the hour *seed* happen, then calm come, and answer how things are then. AssertionError says what was wrong."""
    dice = random.Random(seed)
    world = World(dice)
    pair = Pair(world)
    pair.boot()
    length = dice.choice((600.0, 1200.0, HOUR))
    _draw_robot(world, dice, length)
    for _ in range(dice.randrange(1, 7)):
        _draw_event(pair, dice, START + dice.uniform(0, length))
    world.run(START + length + 300)
    calm(pair)
    judge(world, pair)
    return world, pair


def _draw_robot(world: World, dice: random.Random, length: float) -> None:
    profile = world.profile
    profile.visibility = dice.choice(("early", "late"))
    profile.status_field = dice.random() < 0.6
    profile.disconnect = dice.choice(("completes", "abandons"))
    profile.switch_s = dice.uniform(28, 60)
    world.windows.form = dice.choice(("fixed", "sliding"))
    where = dice.choice((None, *TARGETS, "192.0.2.99"))
    world.robot.add_server(9, "192.0.2.99")
    world.ip = world.robot.add_failover(str(IP), 0, where and str(where))
    for _ in range(dice.randrange(0, 5)):
        since = START + dice.uniform(0, length)
        lasts = dice.choice((5.0, 60.0, 600.0))
        kind = dice.choice(LOOK_TROUBLES + MOVE_TROUBLES * 2)
        node = dice.choice((None, 0, 1))
        world.troubles.append(Trouble(kind, since, since + lasts, node, dice.choice((1.0, 0.5))))


def _draw_event(pair: Pair, dice: random.Random, when: float) -> None:
    world, node = pair.world, dice.choice(pair.nodes)
    length = dice.choice((1.0, 4.0, 30.0, 200.0, 900.0))
    match dice.choice(EVENTS):
        case "link":
            world.at(when, lambda: pair.wire(on=False))
            world.at(when + length, lambda: pair.wire(on=True))
        case "power":
            world.at(when, lambda: pair.power(node.number, on=False))
            world.at(when + length, lambda: pair.power(node.number, on=True))
        case "agent":
            world.at(when, node.kill)
            world.at(when + length, lambda: node.start() if pair.up[node.number] else None)
        case "blind":
            world.at(when, lambda: setattr(node, "blind", True))
            world.at(when + length, lambda: setattr(node, "blind", False))
        case "hold":
            world.at(when, lambda: setattr(node, "hold", "an incident"))
            world.at(when + length, lambda: setattr(node, "hold", None))
        case "flap":
            for n in range(dice.choice((3, 20))):
                world.at(when + 4 * n, lambda: pair.power(0, on=False))
                world.at(when + 4 * n + dice.choice((0.5, 3.8)), lambda: pair.power(0, on=True))


def calm(pair: Pair) -> None:
    """End all that is wrong and let time pass; let an operator act on the alarm that says it needs one."""
    world = pair.world
    world.troubles.clear()
    world.profile.stale_s = 0
    for node in pair.nodes:
        node.blind, node.hold = False, None
        pair.power(node.number, on=True)
        node.start()
    pair.wire(on=True)
    for _ in range(2):
        world.run(world.now + CALM, lambda: _settled(pair) or _gave_up(pair))
        for node in pair.masters():
            if node.claim.value.phase is Phase.YIELDED:
                assert node.report is not None
                assert node.report.alarm, f"{node.name} yielded without an alarm"
                node.keeper.order()
                node.ring()
                world.orders += 1


def _settled(pair: Pair) -> bool:
    masters = pair.masters()
    if len(masters) != 1 or masters[0].claim.value.phase is not Phase.HELD or not _owner_is_master(pair):
        return False
    return pair.world.ip.move is None


def _gave_up(pair: Pair) -> bool:
    """Answer whether the master yielded, and has looked once more since all was well."""
    masters, calm = pair.masters(), pair.world.now - 700
    return len(masters) == 1 and all(
        node.claim.value.phase is Phase.YIELDED and node.claim.value.since < calm for node in masters
    )


def _owner_is_master(pair: Pair) -> bool:
    return [str(TARGETS[node.number]) for node in pair.masters()] == [pair.world.owner()]


def judge(world: World, pair: Pair) -> None:
    assert len(pair.masters()) == 1, "calm has one master"
    assert _owner_is_master(pair), (
        f"the address is at {world.owner()}, the master is {pair.masters()[0].name}"
    )
    assert not (wrong := over_quota(world.calls)), wrong
    assert not (wrong := too_close(world.moves)), wrong
    assert "OVER-QUOTA" not in {call.outcome for call in world.calls}, "Robot had to refuse a call"
