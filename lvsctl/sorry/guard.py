"""Keep the sorries that are on: see when somebody puts a real server back, take it out again, and say who it was.

keepalived, a colleague's ipvsadm, a reload: whoever changes a service whose sorry is on lets visitors through to real
servers that shall have none. The kernel tells nobody, so the table is looked at, 20 to 100 times a second, for at
most a tenth of one CPU. The same loop keeps the time: a hold that ends, a sorry whose last request was answered.

:class:`Guard` is one step at a time: call :meth:`Guard.step`, sleep for as long as it says, in whatever loop there is.
What deserves a real look is decided in :mod:`~lvsctl.sorry.glance`; here are the effects.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Final, NamedTuple

from lvsctl.errors import Busy, LvsctlError
from lvsctl.ipvs.steps import describe
from lvsctl.sorry import cooperative, culprit, lingering, swap, ways
from lvsctl.sorry.glance import Watched, disturbed, watched
from lvsctl.sorry.model import Holder, Outcome, Phase, Snapshot, Way
from lvsctl.sorry.node import Node
from lvsctl.sorry.owner import Keepalived, Owners
from lvsctl.sorry.parting import LATER
from lvsctl.sorry.switch import Switch
from lvsctl.vocabulary import ServiceKey

SHORTEST: Final = 0.010
"""Seconds between two looks; a reload lets real servers in for 12 to 41 ms."""

SHARE: Final = 10
"""A look may take one part in so many of the time: from 5 ms for a look on, it comes less often than every 50 ms."""

IDLE: Final = 0.2
"""Seconds between two looks whether there is anything to guard."""

CHORES: Final = 1.0
"""Seconds between two rounds of what is not urgent."""

PATH: Final = "/proc/thread-self/net/ip_vs"


class Expired(NamedTuple):
    """A hold that has ended by itself."""

    key: ServiceKey
    holder: Holder
    until: float


def expired(snapshots: Iterable[Snapshot], now: float) -> Iterator[Expired]:
    """Yield the holds whose time has come, *now* being seconds since the epoch. Pure."""
    for snapshot in snapshots:
        for holder, hold in snapshot.holders.items():
            if hold.until is not None and hold.until <= now and snapshot.phase is not Phase.LINGERING:
                yield Expired(snapshot.key, holder, hold.until)


def guarded(snapshots: Iterable[Snapshot]) -> list[Snapshot]:
    """Answer those of *snapshots* that the table has to agree with. Pure.

    Not those that only overload holds: there the sorry stands beside the real servers.
    """
    return [
        each
        for each in snapshots
        if each.phase is not Phase.LINGERING and set(each.holders) != {Holder.OVERLOAD}
    ]


class Guard:
    """Guards the sorries of one node. *owners* looks who owns what, *tell* takes one line for the log."""

    def __init__(self, node: Node, owners: Callable[[], Owners], tell: Callable[[str], None]) -> None:
        self._node = node
        self._owners = owners
        self._tell = tell
        self._found: Mapping[ServiceKey, Snapshot] = {}
        self._watched: list[Watched] = []
        self._known: Owners | None = None
        self._marks: culprit.Marks = {}
        self._journal_changed: int | None = None
        self._chores_at = 0.0
        self._said: set[str] = set()
        self._untold: list[Outcome] = []

    def step(self) -> float:
        """Look once, repair what needs it, and answer how many seconds to sleep.

        Errors are told, not raised: a guard that ends guards nothing.
        """
        begun = time.monotonic()
        try:
            self._refresh(begun)
            if not self._found:
                return IDLE
            looked = time.monotonic()
            wrong = disturbed(_table(), self._watched)
            cost = time.monotonic() - looked
            if wrong:
                self._repair(wrong)
            if begun >= self._chores_at:
                self._chores()
                took = time.monotonic() - begun
                self._chores_at = begun + took + max(CHORES, took * SHARE)
            elif self._untold and not wrong:
                self._tell_who()
        except LvsctlError as error:
            self._complain(error)
            return IDLE
        return max(SHORTEST, cost * SHARE)

    def run(self, going_on: Callable[[], bool]) -> None:
        """Step until *going_on* says no, in the foreground."""
        while going_on():
            time.sleep(self.step())

    def _refresh(self, now: float) -> None:
        """Read the snapshots when one may have come or gone, and once in a while because they change in place."""
        changed = _changed(self._node)
        if changed == self._journal_changed and now < self._chores_at:
            return
        self._journal_changed = changed
        found = self._node.journal.all()
        for fault in found.faults:
            self._complain(fault)
        if found.snapshots and not self._found:
            self._marks = culprit.marks()
        self._found = found.snapshots
        self._watched = [
            watched(each)
            for each in guarded(found.snapshots.values())
            if each.phase is not Phase.SWITCHING_OFF  # its visitors are on their way back
        ]

    def _repair(self, keys: Iterable[ServiceKey]) -> None:
        by_way: dict[Way, list[ServiceKey]] = {way: [] for way in Way}
        for key in keys:
            by_way[self._found[key].way].append(key)
        done: list[Outcome] = []
        with suppress(Busy):  # a verb runs, and knows what it does
            if by_way[Way.KERNEL]:
                done += swap.reassert(self._node, by_way[Way.KERNEL], patience=0)
            if by_way[Way.KEEPALIVED]:
                done += cooperative.reassert(self._node, by_way[Way.KEEPALIVED])
        self._untold += (each for each in done if each.plan.steps)

    def _tell_who(self) -> None:
        """Say what was repaired, now that there is time: who comes in bursts is not waited for by an inquiry."""
        now = culprit.marks()
        owners = self._look() if now != self._marks else self._known or self._look()
        for each in self._untold:
            who = culprit.suspect(_owner(owners, each.key), self._marks, now)
            steps = "; ".join(describe(step) for step in each.plan.steps)
            self._tell(
                f"{each.name}: the sorry is on, and somebody let visitors past it ({who}); put right: {steps}"
            )
        self._untold.clear()
        self._marks = now

    def _switches(self, keys: Iterable[ServiceKey]) -> list[Switch]:
        owners = self._known or self._look()
        found = [(key, _owner(owners, key)) for key in keys]
        if any(owner is None or not owner.is_alive for _, owner in found):
            owners = self._look()
            found = [(key, _owner(owners, key)) for key, _ in found]
        return [
            Switch(self._found[key].target, owner)
            for key, owner in found
            if owner is not None and owner.maintenance is not None
        ]

    def _look(self) -> Owners:
        self._known = self._owners()
        return self._known

    def _chores(self) -> None:
        if self._untold:
            self._tell_who()
        due = list(expired(self._found.values(), self._node.now()))
        for key, holder, _ in due:
            targets = {key: self._found[key].target}
            done = ways.off(self._node, [key], self._look(), holder, targets=targets, grace=LATER)
            for each in done:
                what = "and others still hold it on" if each.held_by else "the real servers are back"
                self._tell(f"{each.name}: the time of the sorry is over ({holder}): {what}")
        if any(each.phase is Phase.LINGERING for each in self._found.values()):
            for each in lingering.reap(self._node, patience=0):
                if each.phase is None:
                    self._tell(f"{each.name}: the last request to the sorry was answered: it is gone")
        self._complete()

    def _complete(self) -> None:
        """Bring to an end what was cut off: half way on it goes on, half way off it goes off."""
        ours = {each.key: each for each in guarded(self._found.values())}
        halfway = {key: each for key, each in ours.items() if each.phase in _HALF_WAY}
        back = [key for key, each in halfway.items() if each.way is Way.KERNEL and not each.holders]
        forth = [key for key, each in halfway.items() if each.way is Way.KERNEL and each.holders]
        theirs = [
            each
            for each in self._switches(
                key for key, snapshot in ours.items() if snapshot.way is Way.KEEPALIVED
            )
            if cooperative.is_due(each, ours[each.target.key])
        ]
        with suppress(Busy):  # a verb runs: it was not cut off
            if back:
                # A holder of our own: whoever takes hold at this moment is not released.
                swap.off(self._node, back, Holder.OVERLOAD, wait=0, patience=0)
            if forth:
                swap.reassert(self._node, forth, patience=0)
            if theirs:
                for each in cooperative.complete(self._node, theirs):
                    self._tell(f"{each.name}: {each.plan.reasons[0]}")

    def _complain(self, error: LvsctlError) -> None:
        """Say what is wrong, but not a hundred times a second."""
        if not isinstance(error, Busy) and error.message not in self._said:
            self._said = {*self._said, error.message} if len(self._said) < _MANY else {error.message}
            self._tell(f"the sorries cannot be guarded: {error.message}")


_MANY: Final = 100
_HALF_WAY: Final = (Phase.SWITCHING_ON, Phase.SWITCHING_OFF)


def _owner(owners: Owners, key: ServiceKey) -> Keepalived | None:
    found = owners.of(key)
    return found if isinstance(found, Keepalived) else None


def _changed(node: Node) -> int | None:
    with suppress(OSError):
        return node.journal.folder.stat().st_mtime_ns
    return None


def _table() -> bytes:
    with suppress(OSError), open(PATH, "rb") as file:  # noqa: PTH123 - a path of the kernel's, read 100 times a second
        return file.read()
    return b""
