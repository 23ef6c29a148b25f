"""The agent keeps uplinks while the spec declares some, and takes a new declaration without a switch."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import pytest

from lvsctl.agent.uplinks import Uplinks
from lvsctl.host.lock import locked
from lvsctl.spec.uplinks import Uplinks as Declared
from lvsctl.uplink.saved import Files
from tests.support.veths import cables, ip

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make network namespaces")

DECLARED = Declared.model_validate(
    {
        "targets": ["198.51.100.1"],
        "providers": {"isp1": {"interface": "eth0", "gateway": ["10.0.0.1"], "address": ["10.0.0.2"]}},
    }
)


@pytest.fixture(autouse=True)
def _root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LVSCTL_ROOT", str(tmp_path))


async def soon(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - routes have no event to wait for
            await asyncio.sleep(0.05)


def played(story: Callable[[], Awaitable[None]]) -> None:
    with cables("eth0"):
        ip("address add 10.0.0.2/24 dev eth0")
        asyncio.run(asyncio.wait_for(story(), 60))


def defaults() -> str:
    return ip("route show default")


def test_uplinks_are_kept_until_the_spec_declares_none_and_their_routes_stay() -> None:
    async def story() -> None:
        declared: list[Declared | None] = [DECLARED]
        uplinks = Uplinks(lambda: declared[-1], pytest.fail)
        keeping = asyncio.create_task(uplinks.serve())
        await soon(lambda: "via 10.0.0.1 dev eth0" in defaults())
        ip("route del default via 10.0.0.1 dev eth0")
        await soon(lambda: "via 10.0.0.1 dev eth0" in defaults())
        declared.append(None)
        uplinks.renew()
        await keeping
        assert "via 10.0.0.1 dev eth0" in defaults()
        waiting = asyncio.create_task(uplinks.serve())
        await asyncio.sleep(0.2)
        assert not waiting.done()
        waiting.cancel()

    played(story)


def test_a_reload_forgets_no_sample() -> None:
    async def story() -> None:
        uplinks = Uplinks(lambda: DECLARED.model_copy(update={"interval": Decimal("0.05")}), pytest.fail)

        def samples() -> int:
            told = Files().told(time.time()) or {"uplinks": []}
            return max(
                (target["samples"] for each in told["uplinks"] for target in each["targets"]), default=0
            )

        keeping = asyncio.create_task(uplinks.serve())
        await soon(lambda: samples() > 20)
        uplinks.renew()
        await keeping
        Files().status.unlink()
        keeping = asyncio.create_task(uplinks.serve())
        await soon(samples)
        assert samples() > 20
        uplinks.renew()
        await keeping

    played(story)


def test_somebody_else_keeps_them_is_said_and_tried_again_later() -> None:
    async def story() -> None:
        said: list[str] = []
        uplinks = Uplinks(lambda: DECLARED, said.append)
        with locked(Files().lock):
            keeping = asyncio.create_task(uplinks.serve())
            await soon(lambda: said)
        assert said[0].startswith("uplinks: ")
        assert defaults() == ""
        uplinks.renew()
        await keeping

    played(story)
