"""Steps of a transition: in order, each on its own, and no longer than their transition is the newest."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from lvsctl.agent.steps import Course
from lvsctl.errors import LvsctlError, Unavailable
from lvsctl.host.start import MOST_LINES, finish
from lvsctl.spec.notify import Action


def action(word: str) -> Action:
    return Action.model_validate({"run": [word]})


class Doer:
    def __init__(self) -> None:
        self.done: list[str] = []

    async def do(self, action: Action, subject: str) -> str:
        del subject
        (what,) = action.run or ()
        self.done.append(what)
        if what == "fail":
            raise LvsctlError("it failed")
        if what == "defect":
            raise ZeroDivisionError
        if what == "hang":
            await asyncio.sleep(3600)
        return "so it is"


def played(play: Callable[[Course, Doer], Awaitable[None]]) -> tuple[list[str], list[str], list[str]]:
    """Answer what was done, what was told, and the outcomes."""
    told: list[str] = []
    doer = Doer()

    async def all_of_it() -> Course:
        course = Course("VI_1", doer, clock=time.monotonic, tell=lambda line, _: told.append(line))
        await play(course, doer)
        return course

    course = asyncio.run(all_of_it())
    return doer.done, told, [step.outcome for step in course.steps]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what is waited for is not made to tell
            await asyncio.sleep(0.01)


async def rest(course: Course) -> None:
    await until(lambda: not course.busy)


def test_a_step_that_fails_or_is_a_defect_keeps_no_other_from_its_turn() -> None:
    async def play(course: Course, _doer: Doer) -> None:
        course.begin([action("a"), action("fail"), action("defect"), action("b")])
        await rest(course)

    done, told, outcomes = played(play)
    assert done == ["a", "fail", "defect", "b"]
    assert outcomes == ["done", "failed", "failed", "done"]
    assert "VI_1: run fail: failed: it failed" in told
    assert "VI_1: run defect: failed: a defect of lvsctl: ZeroDivisionError" in told


def test_a_newer_transition_ends_the_work_on_the_older_one() -> None:
    async def play(course: Course, doer: Doer) -> None:
        course.begin([action("hang"), action("never")])
        await until(lambda: doer.done)
        course.begin([action("new")])
        await rest(course)

    done, told, outcomes = played(play)
    assert (done, outcomes) == (["hang", "new"], ["done"])
    assert "VI_1: run hang: stopped: a newer transition" in told


def test_of_a_storm_of_transitions_the_first_and_the_last_are_done_and_few_between() -> None:
    async def play(course: Course, _doer: Doer) -> None:
        for number in range(1000):
            course.begin([action(str(number))])
            await asyncio.sleep(0)
        await rest(course)

    done, _, _ = played(play)
    assert done[-1] == "999"
    assert len(done) < 20


def test_what_comes_after_the_steps_comes_only_when_all_had_their_turn() -> None:
    noted: list[str] = []

    async def play(course: Course, doer: Doer) -> None:
        course.begin([action("hang")], lambda: noted.append("hung"))
        await until(lambda: doer.done)
        course.begin([action("b")], lambda: noted.append("b"))
        await rest(course)
        await course.end()

    played(play)
    assert noted == ["b"]


# Programs


def test_a_program_is_heard_on_both_streams_and_its_status_is_the_answer() -> None:
    heard: list[str] = []
    script = "echo one; echo -n two >&2; printf '\\033[2J'; exit 3"
    assert asyncio.run(finish(["/bin/sh", "-c", script], timeout=20, heard=heard.append)) == 3
    assert heard == ["one", "two\\x1b[2J"]


def test_a_program_that_talks_without_end_fills_neither_memory_nor_log() -> None:
    heard: list[str] = []
    script = "yes | head -c 5000000; head -c 3000000 /dev/zero"
    assert asyncio.run(finish(["/bin/sh", "-c", script], timeout=20, heard=heard.append)) == 0
    assert len(heard) <= MOST_LINES
    assert max(map(len, heard)) < 5000


@pytest.mark.parametrize("how", ["deadline", "cancelled"])
def test_a_program_ends_with_its_group(tmp_path: Path, how: str) -> None:
    script = f"sleep 3600 & echo $! > {tmp_path}/pid; sync; mv {tmp_path}/pid {tmp_path}/child; wait"

    async def ended() -> None:
        work = asyncio.ensure_future(
            finish(["/bin/sh", "-c", script], timeout=0.5 if how == "deadline" else 30)
        )
        await until((tmp_path / "child").exists)
        if how == "cancelled":
            work.cancel()
        await work

    with pytest.raises(Unavailable if how == "deadline" else asyncio.CancelledError):
        asyncio.run(ended())
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 10
    while _runs(child):
        assert time.monotonic() < deadline, "the grandchild lives on"
        time.sleep(0.01)


def test_whoever_is_left_behind_with_the_pipe_holds_nobody_up() -> None:
    assert asyncio.run(finish(["/bin/sh", "-c", "sleep 3600 & exit 0"], timeout=20)) == 0


def test_a_program_that_is_not_there_is_unavailable_and_gets_no_environment_of_ours() -> None:
    with pytest.raises(Unavailable, match="/not/there: cannot be started"):
        asyncio.run(finish(["/not/there"], timeout=5))
    os.environ["LVSCTL_TEST_VARIABLE"] = "x"
    heard: list[str] = []
    try:
        asyncio.run(finish(["/usr/bin/env"], timeout=5, heard=heard.append))
    finally:
        del os.environ["LVSCTL_TEST_VARIABLE"]
    assert {line.partition("=")[0] for line in heard} <= {"PATH", "LC_ALL", "PWD"}


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
