"""Keep the sorries that are on: see when somebody puts a real server back, take it out again, and say who it was.

keepalived, a colleague's ipvsadm, a reload: whoever changes a service whose sorry is on lets visitors through to real
servers that shall have none. The kernel tells nobody (its generic netlink family has no multicast group), so the
table is looked at, up to 100 times a second, for less than a tenth of one CPU. The same loop keeps the time: a hold
that ends, a sorry whose last request was answered.

:class:`Guard` is one step at a time: call :meth:`Guard.step`, sleep for as long as it says, in whatever loop there is.
What deserves a real look is decided in :mod:`~lvsctl.sorry.glance`; here are the effects.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple

from lvsctl.errors import Busy, LvsctlError
from lvsctl.sorry import cooperative, lingering, swap, ways
from lvsctl.sorry.glance import Watched, disturbed, reset, watched
from lvsctl.sorry.inquiry import Inquiry
from lvsctl.sorry.model import Holder, Outcome, Phase, Snapshot, Way
from lvsctl.sorry.node import Node
from lvsctl.sorry.owner import Keepalived, Owners
from lvsctl.sorry.parting import LATER
from lvsctl.sorry.switch import Switch
from lvsctl.vocabulary import ServiceKey

SHORTEST: Final = 0.010
"""Seconds between two looks; a reload lets real servers in for 12 to 41 ms."""

SHARE: Final = 12
"""A look may take one part in so many of a processor: one of 5 ms comes every 60 ms, one of 25 ms every 300 ms."""

SETTINGS: Final = 8
"""Every so many looks, the services' own settings are read, too: what /proc lacks of them is changed rarely."""

ROUNDS: Final = 500
"""In so many looks, every service is looked at in every detail once: for thresholds, which /proc lacks, too."""

REREAD: Final = 10.0
"""Seconds between two readings of the snapshots when nothing says that one has changed."""

IDLE: Final = 0.2
"""Seconds between two looks whether there is anything to guard."""

CHORES: Final = 1.0
"""Seconds between two rounds of what is not urgent."""

LAST_WORDS: Final = 3.0
"""Seconds for which a guard that ends waits to hear who it was."""

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
        self._ours: list[Snapshot] = []
        self._next = 0
        self._looks = 0
        self._cost = 0.0
        self._known: Owners | None = None
        self._inquiry = Inquiry(owners)
        self._stamp: int | None = None
        self._reread_at = 0.0
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
                self._tell_who()
                return IDLE
            # Before anything that may fail again and again: time goes on for the other services, too.
            if begun >= self._chores_at:
                self._chores()
                took = time.monotonic() - begun
                self._chores_at = begun + took + max(CHORES, took * SHARE)
            # Of the processor: on a busy machine it shall not look less often.
            looked = time.thread_time()
            wrong = self._wrong()
            if not wrong:
                self._repair(self._next_few())
            # On average: looks differ, and some kernels count in ticks.
            self._cost += (time.thread_time() - looked - self._cost) / SETTINGS
            if wrong:
                self._repair(wrong)
            self._tell_who()
        except LvsctlError as error:
            self._complain(error)
            return IDLE
        return max(SHORTEST, self._cost * SHARE)

    def run(self, going_on: Callable[[], bool]) -> None:
        """Step until *going_on* says no, in the foreground."""
        while going_on():
            time.sleep(self.step())
        for _ in range(2):  # the inquiry that is under way, and the one about what came after it
            self._inquiry.wait(LAST_WORDS)
            self._tell_who()

    def _refresh(self, now: float) -> None:
        """Read the snapshots when one was written, and once in a while: a writer may be killed before it says so."""
        stamp = self._node.journal.stamp()
        if stamp == self._stamp and now < self._reread_at:
            return
        self._stamp = stamp
        found = self._node.journal.all()
        self._reread_at = now + max(REREAD, (time.monotonic() - now) * SHARE * SHARE)
        for fault in found.faults:
            self._complain(fault)
        if found.snapshots and not self._found:
            self._inquiry.begin()
        self._found = found.snapshots
        on = [
            each
            for each in guarded(found.snapshots.values())
            if each.phase is not Phase.SWITCHING_OFF  # its visitors are on their way back
        ]
        self._watched = [watched(each) for each in on]
        self._ours = [each for each in on if each.way is Way.KERNEL]

    def _wrong(self) -> list[ServiceKey]:
        wrong = disturbed(_table(), self._watched)
        self._looks += 1
        if self._ours and self._looks % SETTINGS == 0:
            wrong += reset(self._node.ipvs.services(), self._ours)
        return list(dict.fromkeys(wrong))

    def _next_few(self) -> list[ServiceKey]:
        """Answer whose turn it is to be looked at in every detail: /proc lacks the thresholds of a sorry."""
        count = -(-len(self._ours) // ROUNDS)
        some = self._ours[self._next : self._next + count]
        self._next = self._next + count if self._next + count < len(self._ours) else 0
        return [each.key for each in some]

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
        """Have it found out who it was, and say what was found."""
        if self._untold and self._inquiry.ask(self._untold):
            self._untold = []
        for line in self._inquiry.lines():
            self._tell(line)

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
        """Do what is not urgent: each for itself, because a service that cannot be switched must not keep up the others."""
        for each in list(expired(self._found.values(), self._node.now())):
            with self._complaining(self._found[each.key].name):
                self._end(each)
        if waiting := [key for key, each in self._found.items() if each.phase is Phase.LINGERING]:
            with self._complaining():
                self._reap(waiting)
        with self._complaining():
            self._complete()

    def _end(self, over: Expired) -> None:
        key, holder, _ = over
        targets = {key: self._found[key].target}
        for each in ways.off(self._node, [key], self._look(), holder, targets=targets, grace=LATER):
            what = "and others still hold it on" if each.held_by else "the real servers are back"
            self._tell(f"{each.name}: the time of the sorry is over ({holder}): {what}")

    def _reap(self, waiting: list[ServiceKey]) -> None:
        for each in lingering.reap(self._node, waiting, patience=0):
            if each.phase is None:
                self._tell(f"{each.name}: the last request to the sorry was answered: it is gone")

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

    @contextmanager
    def _complaining(self, name: str = "") -> Iterator[None]:
        try:
            yield
        except LvsctlError as error:
            self._complain(error, name)

    def _complain(self, error: LvsctlError, name: str = "") -> None:
        """Say what is wrong, but not a hundred times a second."""
        what = f"{name}: the time of the sorry is over, but" if name else "the sorries cannot be guarded:"
        line = f"{what} {error.message}"
        if not isinstance(error, Busy) and line not in self._said:
            self._said = {*self._said, line} if len(self._said) < _MANY else {line}
            self._tell(line)


_MANY: Final = 100
_HALF_WAY: Final = (Phase.SWITCHING_ON, Phase.SWITCHING_OFF)


def _owner(owners: Owners, key: ServiceKey) -> Keepalived | None:
    found = owners.of(key)
    return found if isinstance(found, Keepalived) else None


def _table() -> bytes:
    with suppress(OSError), open(PATH, "rb") as file:  # noqa: PTH123 - a path of the kernel's, read 100 times a second
        return file.read()
    return b""
