"""Keeps the uplinks: asks, judges, switches, repairs, and tells. Runs in an event loop, the agent's or its own."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Coroutine, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from lvsctl.errors import LvsctlError
from lvsctl.uplink.choice import Choice, Decision
from lvsctl.uplink.events import Event, Runner, What, write_track_file
from lvsctl.uplink.gate import Gate, Made
from lvsctl.uplink.intent import is_linked, source_of
from lvsctl.uplink.model import How, Key, Sample, Settings, Target, Uplink
from lvsctl.uplink.probes import Pinger, ask
from lvsctl.uplink.report import status
from lvsctl.uplink.saved import HEARTBEAT, Files, Memory
from lvsctl.uplink.ward import GOOD, Ward
from lvsctl.uplink.watch import Watch
from lvsctl.vocabulary import Address, Family

log = logging.getLogger("lvsctl.uplink")

TICK: Final = 0.25
"""Seconds between two looks at what time alone changes: holds, an operator's word."""
CALM: Final = 0.02
"""Seconds to wait after news, because it comes in bursts."""
REPAIR: Final = 10.0
"""Seconds between two looks at routes and rules when there is no news."""
RETRY: Final = 1.0
"""The same, while packets do not take the uplink in use."""
LOUD: Final = 60.0
"""Seconds between two complaints about a forced uplink that is down."""


async def keep_uplinks(
    settings: Settings, stop: asyncio.Event, *, files: Files | None = None, before: "Keeper | None" = None
) -> "Keeper":
    """Keep the uplinks until *stop* is set. Routes and rules stay as they are then: a restart changes nothing.

    Answers the keeper, from which the next one may go on (*before*). Raises Busy when somebody else keeps them
    already; Denied, Unavailable when the kernel cannot be asked at the beginning. Later faults are logged, and tried
    again.
    """
    files = files or Files()
    with files.locked():
        keeper = Keeper(settings, files, before)
        await keeper.run(stop)
        return keeper


class Legacy(NamedTuple):
    """What one keeper leaves to the next; without a ward it comes from files."""

    saved: Memory
    ward: Ward | None = None
    waiting: tuple[Event, ...] = ()
    obstacles: Mapping[Family, str] = {}
    told_down: Collection[Family] = ()
    complained: Mapping[Family, float] = {}
    unwritten: Mapping[str, str] = {}


def _ward(settings: Settings, left: Legacy) -> Ward:
    if left.ward is not None:
        return Ward.after(left.ward, settings)
    return Ward(settings, left.saved.choices, left.saved.standings)


class Keeper:
    """What :func:`keep_uplinks` runs; the agent may ask it for :meth:`document` meanwhile.

    It goes on from the one *before*, which has ended, or from what the files remember.
    """

    def __init__(self, settings: Settings, files: Files, before: "Keeper | None" = None) -> None:
        self.settings = settings
        self._files = files
        left = Legacy(files.remember(time.time(), time.monotonic())) if before is None else before.legacy()
        self.ward = _ward(settings, left)
        self.obstacles: dict[Family, str] = dict(left.obstacles)
        """Why packets do not take the uplink in use; empty where they do."""
        self._former = left.ward.uplinks if left.ward else {}
        self._sources: dict[Key, Address | None] = {}
        self._pingers = {each.key: Pinger(each) for each in settings.uplinks}
        self._runner = Runner(settings.run, settings.run_timeout, log.warning, left.waiting)
        self._saved = left.saved if left.ward is None else left.saved.of(left.ward.same(settings))
        self._told_down = set(left.told_down)
        self._complained = dict(left.complained)
        self._tracked: int | None = None
        self._unwritten = dict(left.unwritten)
        """Why files, and the kernel's routes, could not be written; empty where they could. It is tried again."""
        self._changing = asyncio.Lock()
        self._gate = Gate(settings)

    def legacy(self) -> "Legacy":
        """Answer what the next one goes on from, once this one has ended."""
        waiting = self._runner.waiting
        told = self._told_down, self._complained
        return Legacy(self._saved, self.ward, waiting, self.obstacles, *told, self._unwritten)

    def document(self) -> dict[str, object]:
        """Answer how the uplinks are, as JSON's types."""
        return status(self.ward, self._sources, self.obstacles, time.time(), time.monotonic())

    # --- running

    async def run(self, stop: asyncio.Event, *, ready: Callable[[], object] = lambda: None) -> None:
        """Run until *stop* is set; *ready* is called once tables, rules and default routes are there."""
        try:
            with Watch() as watch:
                await self._begin()
                ready()
                jobs = [self._ask_for_ever(each, index) for index, each in enumerate(self.settings.uplinks)]
                await _until(stop, *jobs, self._mind(watch), self._tick_for_ever(), self._runner.run())
        finally:
            for pinger in self._pingers.values():
                pinger.close()
            self._save()
            await self._gate.close()

    async def _begin(self) -> None:
        """Make tables and rules, so that no probe goes a wrong way; then the first choice."""
        self._hear_wish()
        for family, name in (await self._gate.in_use()).items():
            if not self.ward.choices[family].active:
                self.ward.choices[family] = Choice(name, time.monotonic())
        decisions = list(self.ward.decide(time.monotonic()))
        self._learn(await self._gate.make(self.ward.active))
        for family, decision in decisions:
            self._announce(family, decision, await self._forget(family, decision))
        self._settle()

    async def _ask_for_ever(self, uplink: Uplink, index: int) -> None:
        """Ask all targets of *uplink* at every beat of its interval; beats that were slept through are left out."""
        loop = asyncio.get_running_loop()
        interval = self.settings.interval
        start = loop.time() + interval * index / len(self.settings.uplinks)
        beat = 0
        while True:
            await asyncio.sleep(max(0.0, start + beat * interval - loop.time()))
            samples = await asyncio.gather(*(self._ask(uplink, each) for each in uplink.targets))
            if self.ward.sampled(uplink.key, samples, time.monotonic()):
                await self._judge()
            beat = max(beat + 1, int((loop.time() - start) / interval))

    async def _ask(self, uplink: Uplink, target: Target) -> Sample:
        source = self._sources.get(uplink.key)
        if target.how is How.ICMP:
            return await self._pingers[uplink.key].ask(source, target, self.settings.timeout)
        return await ask(uplink, source, target, self.settings.timeout)

    async def _mind(self, watch: Watch) -> None:
        """Put right what link flaps, new addresses and others changed."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(RETRY if any(self.obstacles.values()) else REPAIR):
                    await watch.changed.wait()
                    await asyncio.sleep(CALM)
            watch.changed.clear()
            await self._remake()
            await self._judge()

    async def _tick_for_ever(self) -> None:
        told = 0.0
        while True:
            self._hear_wish()
            await self._judge()
            if time.monotonic() - told >= HEARTBEAT:
                self._wrote("status", self._files.tell(self.document()))
                told = time.monotonic()
            await asyncio.sleep(TICK)

    def _hear_wish(self) -> None:
        wish = self._files.wished()
        forced = wish.forced(time.time(), time.monotonic()) if wish else None
        for family, choice in self.ward.choices.items():
            if choice.forced is not None and forced is None:
                log.warning("%s: an operator's word to use %s is over", family, choice.forced.name)
        self.ward.wished(forced)

    # --- judging

    async def _judge(self) -> None:
        """Switch where that is due, and tell what is new."""
        async with self._changing:
            for family, decision in list(self.ward.decide(time.monotonic())):
                forgotten = await self._switch(family, decision)
                self._announce(family, decision, forgotten)
            self._settle()

    async def _switch(self, family: Family, decision: Decision) -> int:
        try:
            self._learn(await self._gate.make(self.ward.active))
        except LvsctlError as error:
            # The next look at routes and rules tries again; the choice stays.
            self._hinder(family, error.message)
            return 0
        return await self._forget(family, decision)

    async def _forget(self, family: Family, decision: Decision) -> int:
        key = Key(family, decision.old)
        old = self.ward.uplinks.get(key) or self._former.get(key)
        try:
            return await self._gate.forget(old, self.ward.uplinks[Key(family, decision.new)]) if old else 0
        except LvsctlError as error:
            self._trouble(error.message)
            return 0

    def _announce(self, family: Family, decision: Decision, forgotten: int) -> None:
        cause, more = decision.cause, f"; {forgotten} connections forgotten" if forgotten else ""
        log.warning(
            "%s: %s instead of %s: %s%s", family, decision.new, decision.old or "nothing", cause, more
        )
        self._happened(What.SWITCH, family, decision.new, cause, LVSCTL_OLD=decision.old)

    def _settle(self) -> None:
        """Tell what has changed since it was told last, and keep it."""
        for key, now in self.ward.standings.items():
            self._tell_change(key, self._known(key), self.ward.is_good(key), now.reason)
        for family in self.settings.families:
            self._tell_all_down(family)
        self._complain()
        self._track()
        self._save()

    def _known(self, key: Key) -> bool:
        before = self._saved.standings.get(key)
        return before is None or before.verdict in GOOD

    def _tell_change(self, key: Key, before: bool, now: bool, reason: str) -> None:  # noqa: FBT001 - a pair of truths
        if before and not now:
            log.warning("%s is down: %s", key, reason)
            self._happened(What.DOWN, key.family, key.name, reason)
        elif now and not before:
            log.warning("%s is good again", key)
            self._happened(What.UP, key.family, key.name, "good again")

    def _tell_all_down(self, family: Family) -> None:
        if not self.ward.are_all_down(family):
            self._told_down.discard(family)
        elif family not in self._told_down:
            self._told_down.add(family)
            name = self.ward.choices[family].active
            log.error("%s: no uplink is good; %s stays in use", family, name)
            self._happened(What.ALL_DOWN, family, name, "no uplink is good")

    def _complain(self) -> None:
        """Say loudly, and again, that what an operator wants to be used is down."""
        for family in self.settings.families:
            if not self.ward.is_forced_down(family):
                self._complained.pop(family, None)
                continue
            first = family not in self._complained
            if not first and time.monotonic() - self._complained[family] < LOUD:
                continue
            self._complained[family] = time.monotonic()
            choice = self.ward.choices[family]
            reason = self.ward.standings[Key(family, choice.active)].reason
            log.error(
                "%s: %s is DOWN and in use because an operator said so: %s", family, choice.active, reason
            )
            if first:
                self._happened(What.FORCED_DOWN, family, choice.active, reason)

    def _happened(self, what: What, family: Family, uplink: str, cause: str, **details: str) -> None:
        self._runner.take(Event(what, family, uplink, cause, details))

    def _track(self) -> None:
        value = self.ward.track_value
        if not self.settings.track_file or value == self._tracked:
            return
        try:
            write_track_file(Path(self.settings.track_file), value)
        except LvsctlError as error:
            self._wrote("track_file", error.message)
        else:
            self._wrote("track_file", "")
            self._tracked = value

    def _save(self) -> None:
        """Write the state when it says something new, or could not be written."""
        memory = Memory(dict(self.ward.choices), dict(self.ward.standings))
        is_new = _essence(memory) != _essence(self._saved)
        if not is_new and not self._unwritten.get("state"):
            return
        self._saved = memory
        try:
            self._files.keep(memory, time.time(), time.monotonic())
        except LvsctlError as error:
            self._wrote("state", error.message)
        else:
            self._wrote("state", "")
        if is_new:
            self._wrote("status", self._files.tell(self.document()))

    def _wrote(self, what: str, fault: str) -> None:
        """Keep whether *what* could be written, and tell of a *fault* once."""
        if fault and fault != self._unwritten.get(what):
            self._trouble(fault)
        self._unwritten[what] = fault

    # --- routes and rules

    async def _remake(self) -> None:
        """Make what is missing, and learn what is there."""
        async with self._changing:
            try:
                self._learn(await self._gate.make(self.ward.active))
            except LvsctlError as error:
                self._wrote("routes", error.message)
            else:
                self._wrote("routes", "")

    def _learn(self, made: Made) -> None:
        for family, obstacle in made.obstacles.items():
            self._hinder(family, obstacle)
        for key, uplink in self.ward.uplinks.items():
            self._sources[key] = source_of(uplink, made.host)
            if not is_linked(uplink, made.host):
                there = uplink.interface in made.host.links
                reason = f"{uplink.interface} {'has no carrier' if there else 'is not there'}"
                self.ward.unplugged(key, reason, time.monotonic())

    def _hinder(self, family: Family, obstacle: str) -> None:
        if obstacle and obstacle != self.obstacles.get(family):
            self._trouble(f"{self.ward.in_use(family)}: {obstacle}")
        self.obstacles[family] = obstacle

    @staticmethod
    def _trouble(message: str) -> None:
        log.error("%s", message)


def _essence(memory: Memory) -> object:
    """Answer what of *memory* is worth a write."""
    in_use = {family: (each.active, each.since) for family, each in memory.choices.items()}
    return in_use, {key: each.verdict for key, each in memory.standings.items()}


async def _until(stop: asyncio.Event, *jobs: Coroutine[Any, Any, None]) -> None:
    """Run *jobs*, which never end, until *stop* is set; raises what one of them raises."""
    tasks = [asyncio.ensure_future(each) for each in jobs]
    stopping = asyncio.ensure_future(stop.wait())
    try:
        done, _ = await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for each in done - {stopping}:
            each.result()
    finally:
        for each in (stopping, *tasks):
            each.cancel()
        await asyncio.gather(stopping, *tasks, return_exceptions=True)
