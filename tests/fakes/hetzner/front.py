"""An API with its faults and its journal: what a client sees, and what a test reads. Pure but for its dice."""

from dataclasses import dataclass, field, replace
from typing import Protocol

from tests.fakes.hetzner.faults import Fault, Faults
from tests.fakes.hetzner.journal import Journal
from tests.fakes.hetzner.message import Reply, Request
from tests.fakes.hetzner.state import Move


class Api(Protocol):
    """What Robot's and Cloud's states have in common."""

    def handle(self, request: Request, now: float) -> Reply:
        """Answer *request* at *now*."""

    def settle(self, now: float) -> None:
        """Let everything happen that was to happen until *now*."""


@dataclass(slots=True)
class Front:
    """One API as the network shows it. ``handle`` is the whole of it; sockets and simulations only carry."""

    name: str
    api: Api
    journal: Journal = field(default_factory=Journal)
    faults: Faults = field(default_factory=Faults)

    def handle(self, request: Request, now: float) -> Reply:
        """Answer *request* at *now*, spoiled by whatever fault is due, and write it down."""
        fault = self.faults.pick(request, now)
        if fault is not None and fault.goes_first:
            self.api.settle(now)
            reply = fault.instead(now)
        else:
            reply = self.api.handle(request, now)
            if fault is not None:
                reply = self._spoiled(reply, fault)
        self._write(request, now, reply, fault)
        return reply

    def _spoiled(self, reply: Reply, fault: Fault) -> Reply:
        spoiled = fault.spoil(reply)
        move = self.last_move() if reply.begun else None
        if move is not None and fault.late and fault.kind != "delay":
            move.done_at += fault.late
            move.dataplane_at += fault.late
        early = fault.kind in ("reset", "closed")  # the connection breaks at once; the change goes on
        return replace(spoiled, at=0.0) if early else spoiled

    def last_move(self) -> Move | None:
        """Answer the change of routing that was begun last, where the API keeps them."""
        world = getattr(self.api, "world", None)
        return world.moves[-1] if world is not None and world.moves else None

    def _write(self, request: Request, now: float, reply: Reply, fault: Fault | None) -> None:
        response = reply.response
        self.journal.add(
            t=now,
            api=self.name,
            source=request.source,
            method=request.method,
            path=request.path,
            form=request.form or request.json,
            user=reply.user,
            status=response.status,
            outcome=response.outcome,
            begun=reply.begun,
            lock_wait=response.lock_wait,
            fault=fault.kind if fault else "",
            at=max(now, reply.at),
        )
