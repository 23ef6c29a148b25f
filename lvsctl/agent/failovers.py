"""A keeper for each failover IP of the spec, all at once: none waits for another.

What a keeper does is :mod:`lvsctl.failover.keeper`'s; here it is opened, woken, replaced after a reload, and ended.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from lvsctl.agent.board import Board, InstanceTruth
from lvsctl.errors import LvsctlError
from lvsctl.failover.claim import Phase
from lvsctl.failover.credentials import located
from lvsctl.failover.hold import held
from lvsctl.failover.keeper import Bell, Keeper, Report, file_claim
from lvsctl.failover.ledger import Ledger, file_ledger
from lvsctl.failover.model import Nothing, Rules
from lvsctl.failover.observation import FailoverAddress
from lvsctl.failover.opening import Providers
from lvsctl.failover.provider import Provider
from lvsctl.failover.shelf import HostClock
from lvsctl.spec.failover_ips import FailoverIp
from lvsctl.spec.spec import Spec

AGAIN = 30.0
"""Seconds until a provider is opened again that could not be."""

AT_REST = frozenset({Phase.IDLE, Phase.HELD, Phase.YIELDED, Phase.REFUSED})
"""Where a claim only waits for something to happen."""

GRACE = 10.0
"""Seconds that a call under way gets when the spec has changed."""


class Opened(NamedTuple):
    """What a failover IP is kept with."""

    keeper: Keeper
    provider: Provider
    ledger: Ledger
    rules: Rules


class Kept:
    """One failover IP."""

    def __init__(self, entry: FailoverIp, clock: HostClock) -> None:
        self.entry = entry
        self.bell = Bell(clock)
        self.opened: Opened | None = None
        self.report: Report | None = None
        self.trouble: str | None = None
        """Why nothing keeps it."""
        self.ending = False
        self.task: asyncio.Task[None] | None = None


class Failovers:
    """The failover IPs of this node. *changed* is called whenever there is something new to say about one."""

    def __init__(self, board: Board, clock: HostClock, changed: Callable[[FailoverAddress], None]) -> None:
        self._board = board
        self._clock = clock
        self._changed = changed
        self._nodes = 2
        self._signature: object = None
        self._files: Mapping[str, object] = {}
        self._providers = Providers("", clock=clock.now)
        self.kept: dict[FailoverAddress, Kept] = {}

    async def configure(self, spec: Spec, node: str) -> None:
        """Keep what *spec* says. What has not changed goes on undisturbed."""
        files = _files(spec)
        signature = (node, len(spec.nodes), spec.notify, files)
        wanted = {each.ip: each for each in spec.failover_ips}
        anew = signature != self._signature
        left = [kept for ip, kept in self.kept.items() if anew or kept.entry != wanted.get(ip)]
        await self._end(left, GRACE)
        for kept in left:
            del self.kept[kept.entry.ip]
        if anew:
            await self._providers.aclose()
            replaced = {path for path in files if self._files.get(path, files[path]) != files[path]}
            self._files = files
            self._signature, self._nodes = signature, len(spec.nodes) or 2
            self._providers = Providers(node, clock=self._clock.now)
            self._forgive(each for each in wanted.values() if str(each.credentials) in replaced)
        for ip, entry in wanted.items():
            if ip not in self.kept:
                self.kept[ip] = self._begun(entry, node, why_not(entry, spec))

    def ring(self, instance: str) -> None:
        """Wake the keepers of the failover IPs that follow *instance*."""
        for each in self.kept.values():
            if each.entry.vrrp_instance == instance:
                each.bell.ring()

    def is_at_rest(self) -> bool:
        """Answer whether all of them have nothing to do until something happens."""
        return all(self._is_resting(each) for each in self.kept.values())

    def _is_resting(self, kept: Kept) -> bool:
        if kept.trouble is not None:
            return True
        report, truth = kept.report, self._board.instance(kept.entry.vrrp_instance).truth
        if report is None or report.truth.generation != truth.generation:
            return False
        return isinstance(report.action, Nothing) or report.claim.phase in AT_REST

    async def end(self, grace: float) -> None:
        """End all of them; calls under way get *grace* seconds. What they were doing is written down."""
        await self._end(list(self.kept.values()), grace)
        await self._providers.aclose()

    async def _end(self, left: list[Kept], grace: float) -> None:
        for each in left:
            each.ending = True
            each.bell.ring()
        tasks = {each.task for each in left if each.task is not None}
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    def _begun(self, entry: FailoverIp, node: str, why: str | None) -> Kept:
        kept = Kept(entry, self._clock)
        if why is not None:
            kept.trouble = why
        else:
            kept.task = asyncio.get_running_loop().create_task(self._keep(kept, node))
        return kept

    async def _keep(self, kept: Kept, node: str) -> None:
        while not kept.ending:
            try:
                kept.opened = opened = self._open(kept, node)
                kept.trouble = None
            except LvsctlError as error:
                kept.trouble = error.message
                self._changed(kept.entry.ip)
                await kept.bell(self._clock.now() + AGAIN)
                continue
            while not kept.ending:
                due = await opened.keeper.step()
                if not kept.ending:
                    await kept.bell(due)

    def _open(self, kept: Kept, node: str) -> Opened:
        entry, ip = kept.entry, kept.entry.ip
        provider = self._providers.of(entry)
        ledger = file_ledger(provider, self._nodes, self._clock)
        target = self._providers.here(entry)
        rules = Rules(target, provider.pace, f"{node} {ip}", provider.lists)

        def told(report: Report) -> None:
            kept.report = report
            self._changed(ip)

        keeper = Keeper(
            ip,
            provider,
            rules,
            claim=file_claim(ip, self._clock),
            ledger=ledger,
            truths=InstanceTruth(self._board, entry.vrrp_instance),
            clock=self._clock,
            hold=lambda: held(ip),
            on_change=told,
        )
        return Opened(keeper, provider, ledger, rules)

    def _forgive(self, entries: Iterable[FailoverIp]) -> None:
        """Lift lock-outs: whoever reloads with other credentials wants them tried."""
        for entry in entries:
            try:
                file_ledger(self._providers.of(entry), self._nodes, self._clock).forgive()
            except LvsctlError:
                continue  # its keeper says so


def why_not(entry: FailoverIp, spec: Spec) -> str | None:
    """Answer why nothing keeps *entry*, or None."""
    if entry.provider == "none":
        return "provider none: something else moves it"
    notify = spec.notify
    if notify is not None and (notify.off or all(each.verb != "failover" for each in notify.master)):
        return "notify.master in the spec has no failover"
    return None


def _files(spec: Spec) -> Mapping[str, object]:
    """Answer what tells the files of credentials and authorities from later ones of the same names."""
    named = [path for each in spec.failover_ips for path in (each.credentials, each.api and each.api.ca)]
    return {str(path): _identity(Path(path)) for path in named if path}


def _identity(path: Path) -> tuple[int, int, int] | None:
    try:
        status = located(path).stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
