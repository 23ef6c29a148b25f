"""The keeper with real files, real processes and real signals: what a killed one leaves, the next one finds."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lvsctl.failover.budget import Purpose
from lvsctl.failover.claim import Phase
from lvsctl.failover.keeper import Bell, Keeper, Report, file_claim
from lvsctl.failover.ledger import file_ledger
from lvsctl.failover.model import Nothing, Observe, Rules, Wait
from lvsctl.failover.provider import Call
from lvsctl.failover.shelf import HostClock
from lvsctl.host.lock import locked
from tests.support.failover_child import HERE, IP, Master, Scripted

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LVSCTL_ROOT", str(tmp_path))


@contextmanager
def child(shown: str) -> Iterator[subprocess.Popen[str]]:
    argv = [sys.executable, "-m", "tests.support.failover_child", shown]
    with subprocess.Popen(argv, cwd=ROOT, env={**os.environ}, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str], last: str) -> list[str]:
    """Answer what *process* says up to *last*."""
    assert process.stdout is not None
    words = []
    for line in process.stdout:
        words.append(line.strip())
        if words[-1] == last:
            return words
    raise AssertionError(f"ended without {last}: {words}")


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_killed_while_its_post_is_out_is_followed_by_one_that_only_looks(
    sign: signal.Signals,
) -> None:
    with child("elsewhere") as first:
        said(first, "POST")
        first.send_signal(sign)
        first.wait(5)
    left = file_claim(IP, HostClock()).read()
    assert left.phase is Phase.SENT
    assert left.sent is not None
    with child("elsewhere") as second:
        assert "POST" not in said(second, "GET")
        assert said(second, "sent") == ["sent"]
    with child("here") as third:
        assert "POST" not in said(third, "sent")
    provider = Scripted("here", HostClock())
    spent = [each.call for each in file_ledger(provider, 2, HostClock()).budget().account.spent]
    assert spent.count(Call.POST) == 1


def keeper(
    shown: str, reports: list[Report], *, hold: str | None = None, provider: Scripted | None = None
) -> Keeper:
    clock = HostClock()
    asked = provider or Scripted(shown, clock)
    return Keeper(
        IP,
        asked,
        Rules(HERE, asked.pace, seed="lb1"),
        claim=file_claim(IP, clock),
        ledger=file_ledger(asked, 2, clock),
        truths=Master(),
        clock=clock,
        hold=lambda: hold,
        on_change=reports.append,
    )


def test_a_plan_says_what_a_step_would_do_and_does_nothing() -> None:
    reports: list[Report] = []
    plan = keeper("here", reports).plan()
    assert plan == Observe(Purpose.CLAIM, Call.GET_ONE)
    assert not reports
    assert file_claim(IP, HostClock()).read().phase is Phase.IDLE
    assert isinstance(keeper("here", reports, hold="incident").plan(), Nothing)


def test_a_lock_that_somebody_keeps_is_tried_again_and_nothing_is_called() -> None:
    reports: list[Report] = []
    kept = keeper("here", reports)
    clock = HostClock()
    shelf = file_claim(IP, clock)
    with locked(shelf.lock):  # type: ignore[attr-defined] # the file's shelf has one
        due = asyncio.run(kept.step())
    assert due is not None
    assert due <= clock.now() + 1
    asyncio.run(kept.step())
    assert asyncio.run(kept.step()) is not None
    assert isinstance(reports[-1].action, Wait)
    assert reports[-1].holds is True


def test_a_defect_in_one_step_is_reported_without_what_it_says_and_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(Scripted):
        async def observe(self, *_args: object, **_options: object) -> None:  # type: ignore[override] # it never answers
            raise ValueError(f"Authorization: Basic {quoted}")

    quoted = "c2VjcmV0LW9uZQ"
    clock, reports = HostClock(), list[Report]()
    kept = keeper("here", reports, provider=Broken("here", clock))
    due = asyncio.run(kept.step())
    assert due is not None
    assert due > clock.now() + 30
    assert "ValueError" in (reports[-1].alarm or "")
    assert quoted not in caplog.text + repr(reports)
    assert "raise ValueError" in caplog.text, "where it happened is in the log"


def test_the_bell_ends_a_pause_and_never_swallows_a_cancellation() -> None:
    async def script() -> None:
        clock = HostClock()
        bell = Bell(clock)
        bell.ring()
        await bell(None)
        await bell(clock.now() - 1)
        task = asyncio.create_task(bell(None))
        await asyncio.sleep(0)
        bell.ring()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(script())
