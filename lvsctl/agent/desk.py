"""The sorries that transitions and quorums ask for, switched one batch at a time.

A request stands until it is done or a later one for the same service and holder takes its place; so what is asked
last is what becomes of it, and a service whose keepalived is just starting gets its sorry as soon as it has started.
"""

import asyncio
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from lvsctl.compose.sorry_targets import Switchable, switchable
from lvsctl.errors import LvsctlError
from lvsctl.failover.command import in_thread
from lvsctl.sorry import owner, ways
from lvsctl.sorry.journal import Journal
from lvsctl.sorry.model import Hold, Holder, Outcome, Phase
from lvsctl.sorry.node import Node, this_node
from lvsctl.sorry.preflight import examine
from lvsctl.sorry.quorum import Action, Policy, Quorum, Request, follow
from lvsctl.spec.notify import Action as Step
from lvsctl.spec.spec import Spec

FIRST, LONGEST = 1.0, 60.0
"""Seconds between two attempts, growing."""

USER = "lvsctl-agent"


class Wish(NamedTuple):
    """One service that a holder wants sorry, or no longer."""

    name: str
    holder: Holder
    on: bool
    reason: str


class Desk:
    """Takes wishes at any time; :meth:`serve` carries them out. *tell* gets a line for the log."""

    def __init__(self, spec: Spec, node: str, tell: Callable[[str], None]) -> None:
        self.configure(spec, node)
        self._tell = tell
        self._waiting: dict[tuple[str, Holder], Wish] = {}
        self._came = asyncio.Event()
        self._done = asyncio.Condition()
        self.trouble: Mapping[str, str] = {}
        """What keeps wishes from being carried out, by service."""

    def configure(self, spec: Spec, node: str) -> None:
        """Take services and policy from another spec."""
        self._services = switchable(spec, node)
        self._policy = policy(spec)

    @property
    def waiting(self) -> int:
        """How many wishes are not carried out yet."""
        return len(self._waiting)

    def want(self, wishes: Iterable[Wish]) -> None:
        """Have *wishes* carried out."""
        for each in wishes:
            self._waiting[each.name, each.holder] = each
        self._came.set()

    async def quorum(self, service: str, *, up: bool, down: Collection[str]) -> tuple[Request, ...]:
        """Ask the policy what follows from the quorum of *service*, want that, and answer it."""
        said = Quorum.UP if up else Quorum.DOWN
        held = await in_thread(sorry_now)
        requests = follow(self._policy, service, said, down=down, held=held)
        self.want(Wish(each.name, Holder.QUORUM, each.on, each.reason) for each in requests)
        return requests

    async def settled(self, wishes: Iterable[Wish]) -> None:
        """Wait until none of *wishes* is waiting any more."""
        mine = list(wishes)
        async with self._done:
            await self._done.wait_for(
                lambda: not any(self._waiting.get((each.name, each.holder)) is each for each in mine)
            )

    async def serve(self) -> None:
        """Carry out what comes, for ever."""
        pause = FIRST
        while True:
            await self._came.wait()
            self._came.clear()
            batch = list(self._waiting.values())
            services = self._services
            done, trouble = await in_thread(lambda: carry_out(services, batch))  # noqa: B023 - awaited at once
            self._note(done, trouble)
            async with self._done:
                self._done.notify_all()
            if not self._waiting:
                pause = FIRST
            elif not self._came.is_set():
                asyncio.get_running_loop().call_later(pause, self._came.set)
                pause = min(pause * 2, LONGEST)

    def _note(self, done: Iterable[Wish], trouble: Mapping[str, str]) -> None:
        for each in done:
            if self._waiting.get((each.name, each.holder)) is each:
                del self._waiting[each.name, each.holder]
        for name, why in trouble.items():
            if self.trouble.get(name) != why:
                self._tell(f"{name}: its sorry cannot be switched: {why}")
        self.trouble = trouble


def policy(spec: Spec) -> Policy:
    """Answer what the spec says under ``notify: quorum:`` about sorries."""
    quorum = spec.notify.quorum if spec.notify else {}
    return {
        name: {Quorum.DOWN: _sorries(actions.down), Quorum.UP: _sorries(actions.up)}
        for name, actions in quorum.items()
    }


def sorry_now() -> frozenset[str]:
    """Answer the services whose sorry lvsctl has on."""
    found = Journal().all().snapshots.values()
    return frozenset(each.name for each in found if each.phase is not Phase.LINGERING)


def carry_out(
    services: Mapping[str, Switchable], wishes: Iterable[Wish]
) -> tuple[list[Wish], dict[str, str]]:
    """Switch what *wishes* say; answer those that are done, and by service why others are not."""
    done: list[Wish] = []
    trouble: dict[str, str] = {}
    try:
        with this_node() as node:
            owners = owner.look()
            trouble = unheard(services, wishes)
            for each in wishes:
                if each.on and each.name in trouble:
                    continue
                try:
                    _switch(node, owners, services, each)
                    done.append(each)
                except LvsctlError as error:
                    trouble[each.name] = error.message
    except LvsctlError as error:
        trouble |= {each.name: error.message for each in wishes if each not in done}
    return done, trouble


def unheard(services: Mapping[str, Switchable], wishes: Iterable[Wish]) -> dict[str, str]:
    """Answer why services that are to be sorry would be unheard: well servers must not be taken out for that.

    A sorry server is asked once, and only when its address is right, so one that hangs costs seconds for all of them.
    """
    held = sorry_now()
    names = {each.name for each in wishes if each.on and each.name in services} - held
    reasons: dict[str, str] = {}
    for probe in (False, True):
        asked = [each for name in sorted(names - reasons.keys()) for each in services[name].candidates]
        for found in examine(asked, probe=probe).objections:
            reasons.setdefault(found.name, f"{found.message} ({found.remedy})")
    return reasons


def _switch(
    node: Node, owners: owner.Owners, services: Mapping[str, Switchable], wish: Wish
) -> tuple[Outcome, ...]:
    service = services.get(wish.name)
    if service is None:
        raise LvsctlError("the spec has no such service")
    targets = {each.target.key: each.target for each in service.candidates}
    if not wish.on:
        return ways.off(node, list(targets), owners, wish.holder, targets=targets)
    if service.why_not:
        raise LvsctlError(service.why_not)
    which = ways.by_owner((ways.Wish(each, service.owner) for each in targets.values()), owners)
    hold = Hold(node.now(), wish.reason, None, USER, os.getpid())
    return ways.on(node, which, wish.holder, hold)


def _sorries(actions: Iterable[Step]) -> tuple[Action, ...]:
    return tuple(Action(each.sorry == "on", each.services) for each in actions if each.sorry is not None)
