"""The three ways to reach the fake say the same: sockets, an httpx transport in made-up time, and no httpx at all."""

import asyncio
from collections.abc import Iterator

import pytest

from lvsctl.failover.observation import Observation
from lvsctl.failover.provider import Accepted, Unknown
from lvsctl.failover.robot import BASE_URL, HetznerRobot
from lvsctl.failover.transport import Client, Link
from tests.fakes.hetzner.faults import KINDS
from tests.fakes.hetzner.front import Front
from tests.fakes.hetzner.server import HetznerFake
from tests.fakes.hetzner.simulated import SimulatedTransport, run
from tests.fakes.hetzner.worlds import (
    LB2,
    USER,
    VIP,
    freely,
    furnished,
    link,
    login,
    robot_over,
    robot_state,
    simulated_robot,
)

HANGS = ("hang", "slow", "hang-on-accept")
"""Over sockets these take as long as one is willing to wait; test_robot does, once each."""


@pytest.fixture(scope="module")
def shared() -> Iterator[HetznerFake]:
    with HetznerFake() as fake:
        yield fake


def told(answer: object) -> tuple[object, ...]:
    """What a claim could tell apart."""
    match answer:
        case Unknown(cut=cut):
            return ("Unknown", cut)
        case Observation(active=active, status=status) | Accepted(Observation(active=active, status=status)):
            return (type(answer).__name__, active, status)
        case _:
            return (type(answer).__name__,)


async def both(robot: HetznerRobot) -> list[tuple[object, ...]]:
    """Ask one question and for one change."""
    answers = [told(await robot.observe(VIP, spend=freely)), told(await robot.assign(VIP, LB2, spend=freely))]
    await robot.aclose()
    return answers


async def over_transport(front: Front) -> list[tuple[object, ...]]:
    transport = SimulatedTransport(front)
    return await both(HetznerRobot(Client(BASE_URL, login(), Link(), transport=transport), USER))


async def without_httpx(front: Front) -> list[tuple[object, ...]]:
    return await both(simulated_robot(front))


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_looks_the_same(shared: HetznerFake, kind: str, *, applied: bool) -> None:
    shared.fronts["robot"].faults.clear()
    furnished(shared)
    shared.fault("robot", kind, applied=applied)
    answers = []
    if kind not in HANGS:
        answers.append(asyncio.run(both(robot_over(shared, link(shared, connect=9, read=9, change=9)))))
    for way in (over_transport, without_httpx):
        front = Front("robot", robot_state())
        front.faults.add(kind, applied=applied)
        answers.append(run(way(front)))
    assert answers.count(answers[0]) == len(answers), answers


def test_without_faults_too(shared: HetznerFake) -> None:
    shared.fronts["robot"].faults.clear()
    furnished(shared)
    answers = [asyncio.run(both(robot_over(shared)))]
    answers += [run(way(Front("robot", robot_state()))) for way in (over_transport, without_httpx)]
    assert answers[0] == answers[1] == answers[2]
    assert [each[0] for each in answers[0]] == ["Observation", "Accepted"]
