"""The agent of one node: everything that is heard and every timer, tied to what follows from it.

One event loop. What blocks (kernel, /proc, the spec) is done in threads; what has to outlive us is on disk before it
counts. The order at a transition: the failover IPs' keepers are woken first, then the steps begin.
"""

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from traceback import format_tb
from typing import TYPE_CHECKING, Any, Final

from lvsctl.agent import alert, picture, status, systemd
from lvsctl.agent.board import Board, Listeners
from lvsctl.agent.desk import Desk
from lvsctl.agent.ears import Basket, Line
from lvsctl.agent.failovers import Failovers
from lvsctl.agent.metrics import COUNTERS, Metrics, families, text
from lvsctl.agent.model import Account, Word
from lvsctl.agent.saved import shelf
from lvsctl.agent.sentry import Sentry, watched
from lvsctl.agent.setting import Options, Setting, setting
from lvsctl.agent.steps import Course, Step
from lvsctl.agent.uplinks import Uplinks
from lvsctl.agent.verbs import Verbs
from lvsctl.agent.ways import Ways
from lvsctl.agent.witness import Asking, Witness
from lvsctl.errors import Invalid, LvsctlError
from lvsctl.failover.command import in_thread
from lvsctl.failover.observation import FailoverAddress
from lvsctl.failover.shelf import HostClock
from lvsctl.host.paths import run_folder
from lvsctl.host.start import finish

if TYPE_CHECKING:
    from lvsctl.keepalived.process import Process
    from lvsctl.spec.notify import Action

log = logging.getLogger("lvsctl.agent")

PULSE: Final = 1.0
"""Seconds between two looks at what nobody tells: whether keepalived lives, and the FIFO is still the same."""

QUIET: Final = 0.2
"""Seconds between two writes of status.json."""

LOWER: Final = 5.0
"""Seconds between two times that keepers are woken because of adverts of a lower priority, which come every second."""

GRACE: Final = 0.6
"""Seconds that calls under way get at the end. What is cut off is written down, and looked after by the next agent."""

ALERT_WITHIN: Final = 60.0
MOST_COMPLAINTS: Final = 200


class Agent:
    """The agent of one node, from :meth:`open` to :meth:`close`."""

    def __init__(self, options: Options, found: Setting, host: str) -> None:
        self.options = options
        self.setting = found
        self.clock = HostClock()
        self.counters = dict.fromkeys(COUNTERS, 0)
        self.spec_trouble: str | None = None
        self.loaded = self.started = time.time()
        self._host = host
        self._alerts = alert.Alerts()
        self._said: set[str] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._reloading = asyncio.Lock()
        self._doubt = asyncio.Event()
        self._quorum = asyncio.Event()
        self._quorums: dict[str, None] = {}
        self._changed = asyncio.Event()
        self._news: asyncio.Condition = asyncio.Condition()
        self._lower_at: dict[str, float] = {}
        self.process: Process | None = None
        self._is_open = False
        self.witness = Witness(options.keepalived)
        asking = Asking(self._asked)
        listeners = Listeners(
            self._instance_changed, self._lower, self._quorum_changed, self._doubt.set, self.complain
        )
        self.board = Board(shelf(self.clock), asking, self._drain, self.clock.now, listeners)
        self.line = Line(found.fifo, self._heard, self._reject, self.clock.now)
        self.basket = Basket(
            run_folder() / "spool", self._owners(), self._heard, self.board.save, self._reject, self.clock.now
        )
        self.failovers = Failovers(self.board, self.clock, self._address_changed)
        self.desk = Desk(found.spec, found.node, self.complain)
        self.verbs = Verbs(found, self.desk, self.failovers.ring)
        self.uplinks = Uplinks(lambda: self.setting.spec.uplinks, self.complain)
        self.courses: dict[str, Course] = {}
        self.sentry: Sentry | None = None
        self.metrics: Metrics | None = None

    async def open(self) -> None:
        """Begin. Raises LvsctlError when something that was asked for cannot be had."""
        await self._metrics(self.setting)
        self.board.configure(self.setting.interest, int(time.time()))
        await self.failovers.configure(self.setting.spec, self.setting.node)
        self.line.renew()
        self.line.drain()
        await self.basket.empty()
        await self.board.settle()
        self._is_open = True
        for name in self.board.interest.instances:
            self._begin(name)
        for service in self.board.memory.quorums:
            self._quorum_changed(service)
        self._spawn(self.desk.serve)
        self._spawn(self._settle)
        self._spawn(self._follow)
        self._spawn(self._pulse)
        self._spawn(self._write)
        self._doubt.set()
        if not self.options.once:
            self._spawn(self.basket.serve)
            self._spawn(self.uplinks.serve)
            self._spawn(Ways(lambda: self.setting.spec, self.complain).serve)
            self._sentry(self.setting)

    async def close(self) -> None:
        """End within a second; what was under way is written down."""
        self._is_open = False
        if self.metrics is not None:
            self.metrics.close()
        if self.sentry is not None:
            self.sentry.end()
        for task in self._tasks:
            task.cancel()
        ending = [self.failovers.end(GRACE), *(each.end() for each in self.courses.values())]
        await asyncio.gather(*ending, *self._tasks, return_exceptions=True)
        self.line.close()
        self.board.save()
        self._write_status(heartbeat=False)

    async def reload(self) -> None:
        """Take the spec anew. One that cannot be used changes nothing, and is told."""
        async with self._reloading:
            await self._reload()

    async def _reload(self) -> None:
        try:
            found = await in_thread(lambda: setting(self.options, self._host))
            await self._metrics(found)
        except LvsctlError as error:
            self.spec_trouble = str(error.faults[0]) if isinstance(error, Invalid) else error.message
            log.warning("the spec cannot be used, so the one before stays: %s", self.spec_trouble)
            self.changed()
            return
        self.setting = self.verbs.setting = found
        self.spec_trouble, self.loaded = None, time.time()
        self.board.configure(found.interest, int(time.time()))
        self.basket.owners = self._owners()
        self.line.move(found.fifo)
        self.desk.configure(found.spec, found.node)
        self.uplinks.renew()
        if not self.options.once:
            self._sentry(found)
        await self.failovers.configure(found.spec, found.node)
        self._doubt.set()
        for name in self.board.interest.instances:
            self._begin(name)
        log.info("the spec was read anew")
        self.changed()

    def is_at_rest(self) -> bool:
        """Answer whether there is nothing left to do until something happens."""
        return (
            not self.board.doubts
            and not any(each.busy for each in self.courses.values())
            and not self.desk.waiting
            and not self._quorums
            and self.failovers.is_at_rest()
        )

    def changed(self) -> None:
        """Write status.json soon."""
        self._changed.set()

    async def news(self) -> None:
        """Wait until there is something new to say about a failover IP."""
        async with self._news:
            await self._news.wait()

    def complain(self, line: str) -> None:
        """Log *line*, once."""
        if line not in self._said:
            self._said = {*self._said, line} if len(self._said) < MOST_COMPLAINTS else {line}
            log.warning("%s", line)

    def document(self, *, heartbeat: bool = True) -> status.Doc:
        """Answer what status.json holds now."""
        return picture.document(self, heartbeat=heartbeat)

    def epoch(self, at: float) -> float:
        """Answer a time of our clock in seconds since 1970."""
        return round(time.time() - self.clock.now() + at, 3)

    # What is heard

    def _heard(self, words: list[Word]) -> None:
        self.counters["events"] += len(words)
        self.board.hear(words)

    def _drain(self) -> None:
        self.line.drain()

    def _reject(self, line: str) -> None:
        self.counters["rejected"] += 1
        self.complain(line)

    def _asked(self) -> Account:
        self.counters["questions"] += 1
        return self.witness.ask()

    def _instance_changed(self, name: str) -> None:
        """An instance is in another state: the keepers first, for the address is what visitors wait for."""
        self.failovers.ring(name)
        self.counters["transitions"] += 1
        instance = self.board.instance(name)
        fields = {
            "VRRP_INSTANCE": name,
            "VRRP_STATE": instance.state.value,
            "GENERATION": str(instance.generation),
            "SOURCE": instance.by.value,
        }
        log.info("%s is %s (%s)", name, instance.state, instance.by, extra={"fields": fields})
        if self._is_open:
            self._begin(name)
        self.changed()

    def _begin(self, name: str) -> None:
        """Begin the steps of the state that *name* is in; of one that had its turn, those that are about what is."""
        instance = self.board.instance(name)
        had_turn = instance.generation <= instance.done
        actions = [each for each in self.setting.actions(instance.state) if not (had_turn and each.run)]
        self._course(name).begin(actions, lambda: self.board.done(name, instance.generation))

    def _course(self, subject: str) -> Course:
        if subject not in self.courses:
            self.courses[subject] = Course(subject, self.verbs, clock=self.clock.now, tell=self._step_ended)
        return self.courses[subject]

    def _step_ended(self, line: str, step: Step) -> None:
        log.info("%s", line)
        self.counters["steps_failed"] += step.outcome == "failed"
        self.changed()

    def _lower(self, name: str) -> None:
        """Wake the keepers at once, and then once in a while as long as it goes on."""
        now, loop = self.clock.now(), asyncio.get_running_loop()
        due = self._lower_at.get(name, 0.0)
        if now >= due:
            self._lower_at[name] = now + LOWER
            self.failovers.ring(name)
            loop.call_later(LOWER, self.failovers.ring, name)

    def _quorum_changed(self, service: str) -> None:
        self._quorums[service] = None
        self._quorum.set()
        self.changed()

    def _address_changed(self, _ip: FailoverAddress) -> None:
        self.changed()
        self._once(self._tell_news())

    async def _tell_news(self) -> None:
        async with self._news:
            self._news.notify_all()

    # What goes on all the time

    def _spawn(self, serve: Callable[[], Awaitable[None]]) -> None:
        """Run *serve* for ever; a defect in it ends neither it nor the others."""

        async def for_ever() -> None:
            while True:
                try:
                    await serve()
                except Exception as error:  # noqa: BLE001 - the agent goes on without what is broken
                    # Where it happened, and not what was said: messages quote, and some of what passes is secret.
                    log.error(  # noqa: TRY400 - see above
                        "a defect of lvsctl: %s\n%s",
                        type(error).__name__,
                        "".join(format_tb(error.__traceback__)),
                    )
                    await asyncio.sleep(PULSE)

        self._once(for_ever())

    def _once(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _settle(self) -> None:
        """Ask keepalived as long as something is in doubt."""
        await self._doubt.wait()
        self._doubt.clear()
        if self.board.doubts and not await self.board.settle():
            self.changed()
            await asyncio.sleep(PULSE)
            self._doubt.set()

    async def _follow(self) -> None:
        """Do what the spec says about quorums, in the order in which they were heard of."""
        await self._quorum.wait()
        self._quorum.clear()
        while self._quorums:
            service = next(iter(self._quorums))
            del self._quorums[service]
            quorums = self.board.memory.quorums
            if service not in quorums:
                continue
            up = quorums[service].up
            down = [name for name, each in quorums.items() if not each.up]
            await self.desk.quorum(service, up=up, down=down)
            policy = self.setting.notify.quorum.get(service)
            actions: tuple[Action, ...] = () if policy is None else (policy.up if up else policy.down)
            self._course(f"quorum of {service}").begin([each for each in actions if each.sorry is None])

    async def _pulse(self) -> None:
        """Look at what nobody tells."""
        self.line.renew()
        self.board.save()
        try:
            found = await in_thread(self.witness.alive)
        except LvsctlError as error:
            self.complain(f"keepalived cannot be looked at: {error.message}")
            found = self.process
        if found != self.process:
            self.process = found
            self.board.doubts |= set(self.board.interest.instances)
            self._doubt.set()
        self._alert()
        await asyncio.sleep(PULSE)

    async def _write(self) -> None:
        """Write status.json when something changed, and as a heartbeat; after what is urgent about a change."""
        self._write_status(heartbeat=not self.options.once)
        systemd.tell("WATCHDOG=1")
        with suppress(TimeoutError):
            async with asyncio.timeout(status.EVERY - QUIET):
                await self._changed.wait()
        await asyncio.sleep(QUIET)
        self._changed.clear()

    def _write_status(self, *, heartbeat: bool) -> None:
        try:
            status.write(self.document(heartbeat=heartbeat))
        except LvsctlError as error:
            self.complain(f"status.json: {error.message}")

    def _alert(self) -> None:
        settings = self.setting.agent.alert
        if settings is None:
            return
        wrong = alert.wrong(self.document())
        for call in self._alerts.due(wrong, after=settings.after * 60.0, now=self.clock.now()):
            self.counters["alerts"] += 1
            log.error("alert: %s: %s: %s", *call)
            self._once(self._call((*settings.run, *call)))

    async def _call(self, argv: tuple[str, ...]) -> None:
        try:
            if code := await finish(
                argv, timeout=ALERT_WITHIN, heard=lambda line: log.info("alert: %s", line)
            ):
                log.error("the alert command ended with %d", code)
        except LvsctlError as error:
            log.error("the alert command: %s", error.message)  # noqa: TRY400 - the message says it

    # What a spec brings along

    def _owners(self) -> frozenset[int]:
        return self.setting.owners | {os.geteuid()}

    def _sentry(self, found: Setting) -> None:
        if self.sentry is not None:
            self.sentry.end()
        self.sentry = Sentry(watched(found.spec, found.node), lambda line: log.warning("%s", line))
        self.sentry.start()

    async def _metrics(self, found: Setting) -> None:
        if self.metrics is not None and self.metrics.where == found.metrics:
            return
        fresh = None
        if found.metrics is not None:
            fresh = Metrics(*found.metrics, lambda: text(families(self.document(), time.time())))
            await fresh.listen()
        if self.metrics is not None:
            self.metrics.close()
        self.metrics = fresh
