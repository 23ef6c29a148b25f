"""Let the sorry in while every real server is full, and take it out again: the effects of :mod:`~lvsctl.sorry.overload`.

The sorry stands beside the real servers then, so nobody is put out. A snapshot with the holder OVERLOAD remembers that
it is ours to take out, also after a crash. While somebody else holds the sorry of a service, this has nothing to do.

:class:`Overload` is one look at a time, as the guard is: call :meth:`Overload.step`, sleep, again.
"""

import time
from collections.abc import Callable, Container, Iterator, Sequence
from typing import Final

from lvsctl.errors import Busy, LvsctlError
from lvsctl.ipvs.applying import apply
from lvsctl.ipvs.lock import table_lock
from lvsctl.ipvs.model import DestKey, Load, Observation, VirtualServer
from lvsctl.ipvs.steps import EditService, Step
from lvsctl.sorry.course import TEMPLATES, heavy_enough
from lvsctl.sorry.model import Hold, Holder, Phase, Removal, Snapshot, Target, Way
from lvsctl.sorry.node import Node
from lvsctl.sorry.overload import Watch, is_of_use, let_in, may_stay, take_out, watch
from lvsctl.vocabulary import ServiceKey

EVERY: Final = 0.05
"""Seconds between two looks. Visitors who come faster than was seen in the last one may be refused until the next."""

SHARE: Final = 10
"""A look may take one part in so many of the time."""

REASON: Final = "every real server is at its upper threshold"


class Overload:
    """Watches services that have thresholds; *targets* are their sorries, *tell* takes one line for the log.

    *keepalived* has those of the services that a keepalived owns.
    """

    def __init__(
        self,
        node: Node,
        targets: Sequence[Target],
        tell: Callable[[str], None],
        *,
        keepalived: Container[ServiceKey] = (),
    ) -> None:
        self._node = node
        self._targets = targets
        self._tell = tell
        self._keepalived = keepalived
        self._seen: dict[ServiceKey, Watch] = {}
        self._said: dict[ServiceKey, str] = {}

    def step(self) -> float:
        """Look once, act where needed, and answer how many seconds to sleep. Errors are told, not raised."""
        begun = time.monotonic()
        for target in self._targets:
            try:
                self._look(target)
            except Busy:
                continue  # a verb runs: it looks different when that is done
            except LvsctlError as error:
                self._complain(target, error)
        return max(EVERY, (time.monotonic() - begun) * SHARE)

    def _complain(self, target: Target, error: LvsctlError) -> None:
        """Say what is wrong with one service, but not twenty times a second."""
        if self._said.get(target.key) != error.message:
            self._said[target.key] = error.message
            self._tell(f"{target.name}: cannot be watched for overload: {error.message}")

    def _look(self, target: Target) -> None:
        seen = self._node.ipvs.observe_one(target.key)
        server = seen.table.get(target.key)
        if server is None or not is_of_use(server):
            return
        known = self._seen.get(target.key)
        before = known or self._remembered(target, server)
        now = watch(server, loads(seen, target.key), target.dest_key, before)
        # An earlier process may have been killed when it had said that it lets the sorry in, and had not.
        if now.full is not before.full or (now.full and known is None):
            now = now._replace(full=self._switch(target, on=now.full))
        self._seen[target.key] = now

    def _remembered(self, target: Target, server: VirtualServer) -> Watch:
        """Answer what an earlier process knew: when it let the sorry in, all of them were full."""
        snapshot = self._node.journal.read(target.key)
        if snapshot is None or Holder.OVERLOAD not in snapshot.holders:
            return Watch()
        return Watch(frozenset(key for key in server.dests if key != target.dest_key), full=True)

    def _switch(self, target: Target, *, on: bool) -> bool:
        """Let the sorry in or take it out, and answer whether it is in."""
        with table_lock(timeout=0):
            snapshot = self._node.journal.read(target.key)
            if snapshot is not None and snapshot.phase is not Phase.LINGERING:
                if set(snapshot.holders) != {Holder.OVERLOAD}:
                    return False  # somebody else's: overload's own is over
            else:
                snapshot = None
            server = self._node.ipvs.observe_one(target.key).table.get(target.key)
            if server is None:
                return False
            if on and snapshot is not None:
                if not self._complete(snapshot, server):
                    return on
            elif on:
                self._let_in(target, server)
            elif snapshot is not None:
                self._take_out(snapshot, server)
        what = (
            f"{REASON}: the sorry takes the visitors that they cannot"
            if on
            else "a real server has room again"
        )
        self._tell(f"{target.name}: {what}")
        return on

    def _let_in(self, target: Target, server: VirtualServer) -> None:
        others = (dest for key, dest in server.dests.items() if key != target.dest_key)
        heavy = target._replace(dest=heavy_enough(target.dest, server.service, others))
        steps = list(let_in(target.key, server, heavy))
        service = next((step.service for step in steps if isinstance(step, EditService)), server.service)
        now = self._node.now()
        self._node.journal.write(
            [
                Snapshot(
                    key=target.key,
                    name=target.name,
                    way=Way.KEEPALIVED if target.key in self._keepalived else Way.KERNEL,
                    phase=Phase.ON,
                    target=heavy,
                    removal=Removal.WEIGHT,
                    before=server,
                    service=service,
                    holders={Holder.OVERLOAD: Hold(now, REASON)},
                    boot_id=self._node.boot_id,
                    since=now,
                )
            ]
        )
        self._apply(steps, target.key, server)

    def _complete(self, snapshot: Snapshot, server: VirtualServer) -> bool:
        """Let the sorry in as *snapshot* says, and answer whether it was not. What was before stays remembered."""
        steps = list(let_in(snapshot.key, server, snapshot.target))
        self._apply(steps, snapshot.key, server)
        return bool(steps)

    def _take_out(self, snapshot: Snapshot, server: VirtualServer) -> None:
        sorry = snapshot.target.dest_key
        expire = self._node.sysctls.get(TEMPLATES) == 1
        resident = sorry in snapshot.before.dests
        # keepalived would "add" its sorry server where it stands at weight 0, and nobody would be served.
        lingers = snapshot.way is Way.KERNEL and may_stay(snapshot.before, templates_expire=expire)
        steps = take_out(snapshot.key, server, snapshot.before, snapshot.target, resident=resident or lingers)
        self._apply(list(steps), snapshot.key, server)
        if resident or not lingers:
            self._node.journal.remove([snapshot.key])
        else:
            gone = snapshot._replace(phase=Phase.LINGERING, holders={}, since=self._node.now())
            self._node.journal.write([gone])

    def _apply(self, steps: list[Step], key: ServiceKey, server: VirtualServer) -> None:
        apply(self._node.ipvs, steps, {key: server}, verify=False)


def loads(seen: Observation, key: ServiceKey) -> dict[DestKey, Load]:
    """Answer what was observed of the destinations of *key*."""
    return dict(_of(seen, key))


def _of(seen: Observation, key: ServiceKey) -> Iterator[tuple[DestKey, Load]]:
    return ((dest_key, load) for (of, dest_key), load in seen.dests.items() if of == key)
