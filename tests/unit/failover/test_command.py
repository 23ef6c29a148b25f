"""A command's status and its word count together; the provider `none` never pretends."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from lvsctl.failover.command import Command, in_thread
from lvsctl.failover.none import NoProvider
from lvsctl.failover.observation import ELSEWHERE, Observation, Status, as_target
from lvsctl.failover.provider import Accepted, Call, Failed, Refused, Unknown, Unreachable, Withheld
from tests.fakes.hetzner.worlds import LB1, LB2, VIP, VIP6, freely


def program(folder: Path, body: str) -> list[str]:
    path = folder / "mover"
    path.write_text(f'#!/bin/sh\necho "$@" >> {folder}/seen\n{body}\n')
    path.chmod(0o755)
    return [str(path), "--site", "a b"]


def command(folder: Path, body: str) -> Command:
    return Command(program(folder, body), LB1, clock=lambda: 7.0)


def observed(folder: Path, body: str) -> object:
    return asyncio.run(command(folder, body).observe(VIP, spend=freely))


class TestTheContract:
    def test_held_and_not_held(self, tmp_path: Path) -> None:
        assert observed(tmp_path, "echo hello; echo state=held") == Observation(LB1, Status.READY, 7.0)
        not_held = observed(tmp_path, "echo state=not-held; exit 2")
        assert not_held == Observation(ELSEWHERE, Status.READY, 7.0)

    @pytest.mark.parametrize(
        "body",
        [
            "exit 0",
            "exit 2",
            "echo state=held; exit 2",
            "echo state=not-held; exit 0",
            "echo state=unknown; exit 1",
            "echo state=held; exit 1",
            "echo state=held; echo state=not-held",
            "echo state=held >&2",
            "echo state=Held",
            "kill -9 $$",
        ],
    )
    def test_anything_else_is_unknown(self, tmp_path: Path, body: str) -> None:
        found = observed(tmp_path, body)
        assert isinstance(found, Unknown)
        assert not found.cut

    def test_a_missing_interpreter_ends_with_2_and_says_nothing(self, tmp_path: Path) -> None:
        script = Command(["/bin/sh", str(tmp_path / "not-there")], LB1)
        assert isinstance(asyncio.run(script.observe(VIP, spend=freely)), Unknown)
        missing = Command([str(tmp_path / "not-there")], LB1)
        found = asyncio.run(missing.assign(VIP, LB2, spend=freely))
        assert isinstance(found, Unreachable)
        assert found.certain

    def test_changes(self, tmp_path: Path) -> None:
        async def story(body: str) -> tuple[object, object]:
            mover = command(tmp_path, body)
            return await mover.assign(VIP, LB2, spend=freely), await mover.release(VIP6, spend=freely)

        held = asyncio.run(story("echo state=held"))
        assert held[0] == Accepted(Observation(LB2, Status.READY, 7.0))
        assert isinstance(held[1], Failed)
        let_go = asyncio.run(story("echo state=not-held; exit 2"))
        assert isinstance(let_go[0], Failed)
        assert let_go[1] == Accepted(Observation(None, Status.READY, 7.0))
        assert (tmp_path / "seen").read_text().splitlines()[:2] == [
            "--site a b assign 203.0.113.10 192.0.2.12",
            "--site a b release 2001:db8:f::/64 192.0.2.11",
        ]

    def test_one_that_takes_too_long_is_killed_and_unknown(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("lvsctl.failover.command.CHANGE_WITHIN", 0.2)
        found = asyncio.run(command(tmp_path, "sleep 60").assign(VIP, LB2, spend=freely))
        assert isinstance(found, Unknown)
        assert found.cut
        assert not found.certain

    def test_what_is_not_paid_for_does_not_run(self, tmp_path: Path) -> None:
        asked: list[Call] = []

        def no(call: Call) -> Withheld:
            asked.append(call)
            return Withheld("no")

        async def story() -> None:
            mover = command(tmp_path, "echo state=held")
            for found in (
                await mover.observe(VIP, spend=no),
                await mover.assign(VIP, LB2, spend=no),
                await mover.release(VIP, spend=no),
            ):
                assert found == Withheld("no")
            assert isinstance(await mover.observe_all(spend=no), Refused)

        asyncio.run(story())
        assert asked == [Call.GET_ONE, Call.POST, Call.DELETE]
        assert not (tmp_path / "seen").exists()


class TestItsThread:
    def test_a_thread_that_hangs_does_not_hold_up_the_end(self) -> None:
        async def story() -> None:
            task = asyncio.ensure_future(in_thread(lambda: time.sleep(5)))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        begun = time.monotonic()
        asyncio.run(story())
        assert time.monotonic() - begun < 4  # the thread sleeps for 5

    def test_what_it_raises_is_raised_where_it_is_awaited(self) -> None:
        def fail() -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            asyncio.run(in_thread(fail))
        assert asyncio.run(in_thread(lambda: 3)) == 3


def test_none_refuses_everything_and_spends_nothing() -> None:
    def no(call: Call) -> Withheld:
        raise AssertionError(call)

    async def story() -> list[Any]:
        none = NoProvider()
        answers = [
            await none.observe(VIP, spend=no),
            await none.observe_all(spend=no),
            await none.assign(VIP, as_target("anywhere"), spend=no),
            await none.release(VIP, spend=no),
        ]
        await none.aclose()
        return answers

    answers = asyncio.run(story())
    assert {type(each) for each in answers} == {Refused}
    assert "moves nothing" in answers[0].why
