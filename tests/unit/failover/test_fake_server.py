"""The fake on sockets: its own process, its admin port, its clock, and clients that leave in the middle."""

import asyncio
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lvsctl.failover.observation import Observation
from lvsctl.failover.provider import Accepted, Unknown
from lvsctl.failover.robot import HetznerRobot
from lvsctl.failover.transport import Client, Link
from tests.fakes.hetzner.clock import Clock
from tests.fakes.hetzner.server import HetznerFake
from tests.fakes.hetzner.simulated import run
from tests.fakes.hetzner.tls import Tls
from tests.fakes.hetzner.worlds import (
    LB2,
    PASSWORD,
    USER,
    VIP,
    freely,
    furnished,
    link,
    login,
    robot_over,
)

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def still() -> Iterator[HetznerFake]:
    with HetznerFake(clock=Clock()) as fake:
        yield furnished(fake)


def admin(url: str, path: str, asked: object = None) -> Any:
    data = None if asked is None else json.dumps(asked).encode()
    request = urllib.request.Request(f"{url}{path}", data)  # noqa: S310 - the fake's own address
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - likewise
        return json.load(answer)


async def until(happened: Callable[[], bool]) -> None:
    """Wait until something in another thread or process has *happened*."""
    for _ in range(1000):
        if await asyncio.to_thread(happened):
            return
        await asyncio.sleep(0.01)
    pytest.fail("it did not happen")


def test_time_stands_still_until_somebody_advances_it(still: HetznerFake) -> None:
    async def story() -> None:
        robot = robot_over(still, link(still, change=30))
        moving = asyncio.ensure_future(robot.assign(VIP, LB2, spend=freely))
        await until(lambda: bool(still.journal.posts()))
        seen = await robot.observe(VIP, spend=freely)
        assert isinstance(seen, Observation)
        assert not seen.is_settled_on(LB2)
        still.clock.advance(29)
        await asyncio.sleep(0.05)
        assert not moving.done()
        still.clock.advance(1)
        assert isinstance(await moving, Accepted)

    asyncio.run(story())
    assert still.dataplane("203.0.113.10") == LB2


@pytest.mark.parametrize(("behaviour", "ends_at"), [("completes", "192.0.2.12"), ("abandons", "192.0.2.11")])
def test_a_client_that_leaves_in_the_middle(still: HetznerFake, behaviour: str, ends_at: str) -> None:
    still.robot.profile.disconnect = behaviour  # type: ignore[assignment]  # one of the two
    found = asyncio.run(robot_over(still, link(still, change=0.6)).assign(VIP, LB2, spend=freely))
    assert isinstance(found, Unknown)
    assert found.cut
    (move,) = still.robot.world.moves
    if behaviour == "abandons":
        asyncio.run(until(lambda: move.state == "abandoned"))
    still.clock.advance(60)
    assert still.dataplane("203.0.113.10") == ends_at


def test_a_rate_makes_an_hour_short() -> None:
    with HetznerFake(clock=Clock(rate=1000)) as fake:
        furnished(fake)
        assert isinstance(asyncio.run(robot_over(fake).assign(VIP, LB2, spend=freely)), Accepted)
        (post,) = fake.journal.posts()
        assert fake.clock.now() - post.t >= 30


def test_it_runs_as_a_process_and_is_told_what_to_be(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    state.write_text(
        json.dumps(
            {
                "robot": {
                    "servers": [
                        {"number": 1, "ip": "192.0.2.11", "net": "2001:db8:1::"},
                        {"number": 2, "ip": "192.0.2.12"},
                    ],
                    "users": [{"login": USER, "password": PASSWORD}],
                    "failovers": [{"ip": "203.0.113.10", "owner": 1, "active": "192.0.2.11"}],
                    "profile": {"switch_s": 5},
                },
                "cloud": {
                    "servers": [{"id": 41, "name": "lb1"}],
                    "tokens": [{"token": "t", "name": "all"}],
                    "floating_ips": [{"id": 1, "name": "vip", "ip": "203.0.113.20", "server": 41}],
                },
                "metadata": {"127.0.0.1": {"instance-id": "41"}},
            }
        )
    )
    ca = tmp_path / "ca.pem"
    argv = [
        sys.executable,
        "-m",
        "tests.fakes.hetzner",
        "--rate",
        "0",
        "--state",
        str(state),
        "--ca",
        str(ca),
    ]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:
        try:
            assert process.stdout is not None
            addresses = json.loads(process.stdout.readline())
            talked_to(addresses, ca)
        finally:
            process.terminate()
        assert process.wait(5) == 0


def talked_to(addresses: dict[str, str], ca: Path) -> None:
    url = addresses["admin"]
    through = Link(verify=Tls(ca, {}).client_context(), read=2, change=10)
    robot = HetznerRobot(Client(addresses["robot"], login(), through), USER)
    admin(url, "/_fake/faults", {"api": "robot", "faults": [{"kind": "html-502", "count": 1}]})

    async def story() -> None:
        await robot.observe(VIP, spend=freely)
        moving = asyncio.ensure_future(robot.assign(VIP, LB2, spend=freely))
        await until(lambda: len(admin(url, "/_fake/journal")) == 2)
        await asyncio.to_thread(admin, url, "/_fake/clock", {"advance": 5})
        assert isinstance(await moving, Accepted)

    asyncio.run(story())
    assert admin(url, "/_fake/dataplane") == {
        "robot": {"203.0.113.10": "192.0.2.12"},
        "cloud": {"203.0.113.20": 41},
    }
    first, second = admin(url, "/_fake/journal")
    assert (first["fault"], first["status"], second["begun"]) == ("html-502", 502, True)
    assert admin(url, "/_fake/state")["robot_moves"][0]["state"] == "applied"
    assert admin(url, "/hetzner/v1/metadata/instance-id") == 41
    for path, asked, status in (
        ("/nothing", None, 404),
        ("/_fake/faults", {"api": "robot", "faults": [{"kind": "no-such"}]}, 400),
        ("/_fake/state", {"robot": {"profile": {"no_such": 1}}}, 400),
    ):
        with pytest.raises(urllib.error.HTTPError) as caught:
            admin(url, path, asked)
        assert caught.value.code == status
        caught.value.close()


def test_made_up_time_ends_when_everybody_waits_for_nothing() -> None:
    async def hopeless() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="every task waits"):
        run(hopeless())

    async def an_hour() -> float:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await asyncio.sleep(3600)
        return loop.time() - begun

    assert run(an_hour()) == pytest.approx(3600)
