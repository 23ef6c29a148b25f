"""Plays scenarios of :mod:`tests.support.uplink_stories`, several at the same time, each in a process of its own.

Threads of one process would wait for each other: a provider that answers 0.1 s late has lost the probe, and then a
test measures the interpreter's lock. So one program loads everything once and forks for each scenario. It asks to be
run before whatever else the machine does, and goes on without.
"""

import asyncio
import os
import pickle
import subprocess
import sys
import time
import traceback
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from lvsctl.host.files import make_folder
from lvsctl.uplink.keeper import Keeper
from lvsctl.uplink.saved import Files
from tests.support.isps import INTERVAL, Isps, Traffic, be_impatient_with_neighbours
from tests.support.linux_failover import LinuxFailover
from tests.support.uplink_stories import SCENARIOS, Outcome, Scenario, Story

AT_ONCE: Final = 10
PATIENCE: Final = 120.0
"""Seconds that an outcome is waited for."""
REPOSITORY: Final = Path(__file__).parents[2]


def played(name: str, scenario: Scenario) -> Outcome:
    with Isps(scenario.count, same_gateway=scenario.same_gateway) as isps:
        if scenario.is_impatient:
            be_impatient_with_neighbours()
        outcome = asyncio.run(_play(isps, name, scenario))
    assert not isps.internet.overflowed, "packets were lost by the stand-in for the Internet"
    outcome.notes["latest"] = isps.internet.latest
    return outcome


async def _play(isps: Isps, name: str, scenario: Scenario) -> Outcome:
    files = Files(name)
    make_folder(files.state.parent)
    heard = files.state.with_name("heard")
    settings = replace(
        scenario.settings(isps.settings(scenario.family)),
        track_file=str(files.state.with_name("track")),
        run=("sh", "-c", f'echo "$@" >>"{heard}"', "-"),
    )
    actor = LinuxFailover(settings, isps) if scenario.baseline else Keeper(settings, files)
    story = Story(isps, files, actor, Traffic(isps, family=scenario.family), settings)
    stop = asyncio.Event()
    acting = asyncio.ensure_future(actor.run(stop))
    assert await story.until(lambda: story.has_begun)
    await asyncio.sleep(3 * INTERVAL)
    noting = asyncio.ensure_future(_note(story))
    flowing = asyncio.ensure_future(story.traffic.flow())
    await asyncio.sleep(0.2)
    try:
        await asyncio.wait_for(scenario.script(story), 30)
    finally:
        flowing.cancel()
        await story.traffic.settled()
        noting.cancel()
        story.look()
        stop.set()
        await asyncio.wait_for(acting, 10)
        story.traffic.close()
    story.notes["heard"] = story.heard
    foreign = sum(isp.foreign for isp in isps.isps)
    traffic = story.traffic
    return Outcome(
        traffic.sent, traffic.lost(), len(traffic.refused), tuple(story.seen), foreign, story.notes
    )


async def _note(story: Story) -> None:
    while True:
        story.look()
        await asyncio.sleep(0.005)


# --- all of them


class Stage:
    """Scenarios that are played while the block lasts. *root* is an empty folder for them."""

    def __init__(self, root: Path, names: Iterable[str] = SCENARIOS) -> None:
        self._root = root
        self._names = tuple(names)

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", __name__, str(self._root), *self._names]
        self._child = subprocess.Popen(command, cwd=REPOSITORY, start_new_session=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._child.pid, 9)
        self._child.wait()

    def outcome(self, name: str) -> Outcome:
        """Wait for what came of the scenario *name*. Raises what went wrong in it."""
        path = _place(self._root, name)
        for _ in range(int(PATIENCE / 0.05)):
            if path.exists():
                found = pickle.loads(path.read_bytes())  # noqa: S301 - our own child wrote it
                if isinstance(found, Outcome):
                    return found
                raise AssertionError(f"{name}: {found}")
            if self._child.poll() is not None and not path.exists():
                break
            time.sleep(0.05)
        raise AssertionError(f"{name}: there is no outcome")


def _place(root: Path, name: str) -> Path:
    return root / f"{name}.outcome"


def _come_first() -> None:
    """Be run before others, as root may: all of it needs less than half a processor, and a limit stands behind that.

    A better nice value alone is not enough. On a machine with six times as much to do as it can, the providers answered
    up to 170 ms late with one, and up to 28 ms as a real-time process; what a probe waits for is 100 ms.
    """
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, -15)
        Path("/proc/self/autogroup").write_text("-15")
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


def _play_all(root: Path, names: Iterable[str]) -> None:
    _come_first()
    os.environ["LVSCTL_ROOT"] = str(root)
    import_module("pyroute2")  # which lvsctl loads when it needs it, and here once for all
    playing = 0
    for name in names:
        time.sleep(0.1)  # they need most at their beginning
        if playing >= AT_ONCE:
            os.wait()
            playing -= 1
        if os.fork() == 0:
            _play_one(root, name)
        playing += 1
    for _ in range(playing):
        os.wait()


def _play_one(root: Path, name: str) -> None:
    found: object
    try:
        found = played(name, SCENARIOS[name])
    except BaseException:  # noqa: BLE001 - whatever it is, the test that waits for it shows it
        found = traceback.format_exc()
    new = root / f"{name}.new"
    new.write_bytes(pickle.dumps(found))
    new.rename(_place(root, name))
    os._exit(0)


if __name__ == "__main__":
    _play_all(Path(sys.argv[1]), sys.argv[2:])
