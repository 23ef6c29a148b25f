"""What the agent answers to requests on its socket: the verbs of ``lvsctl failover`` (:mod:`lvsctl.agent.requests`)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from lvsctl.agent.agent import Agent
from lvsctl.agent.failovers import Kept, Opened
from lvsctl.agent.picture import addresses
from lvsctl.errors import LvsctlError, Unavailable, Usage
from lvsctl.failover import hold as holds_file
from lvsctl.failover.budget import Purpose
from lvsctl.failover.claim import Phase
from lvsctl.failover.keeper import file_claim
from lvsctl.failover.model import Looked, Vrrp
from lvsctl.failover.observation import FailoverAddress, Observation, as_failover_address
from lvsctl.failover.provider import Accepted, AlreadyThere, Reading
from lvsctl.failover.transitions import advance

Doc = dict[str, Any]

LONGEST_WAIT: Final = 3600.0
LONGEST_REASON: Final = 200
FINAL: Final = frozenset({Phase.YIELDED, Phase.REFUSED})
"""Where an order has led to nothing, and waiting will not help."""


class Answers:
    """Answers for one agent."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def __call__(self, request: Doc) -> AsyncIterator[Doc]:
        """Answer *request*, as a handler of requests does."""
        verbs: dict[str, Callable[[Doc], AsyncIterator[Doc]]] = {
            "status": self._status,
            "assign": self._assign,
            "release": self._release,
            "hold": self._hold,
            "resume": self._resume,
            "reload": self._reload,
        }
        verb = verbs.get(request["verb"])
        if verb is None:
            raise Usage(f"the agent knows no verb {request['verb']!r:.40}")
        return verb(request)

    async def _status(self, request: Doc) -> AsyncIterator[Doc]:
        chosen = self._chosen(request)
        if request.get("fresh") is True:
            readings = await asyncio.gather(*(self._look(each) for each in chosen if each.opened))
            for kept, trouble in zip([each for each in chosen if each.opened], readings, strict=True):
                if trouble:
                    yield self._said(chosen) | {"said": {str(kept.entry.ip): trouble}}
        yield self._said(chosen)

    async def _assign(self, request: Doc) -> AsyncIterator[Doc]:
        kept, wait = self._one(request), _seconds(request.get("wait", 0))
        opened = _opened(kept)
        if (why := holds_file.held(kept.entry.ip)) is not None:
            raise LvsctlError(f"{kept.entry.ip} is on hold: {why}", hint="lvsctl failover resume")
        truth = await self._agent.board.confirm(kept.entry.vrrp_instance)
        if truth.state is not Vrrp.MASTER:
            raise LvsctlError(
                f"{kept.entry.ip}: {kept.entry.vrrp_instance} is {truth.state} here, and only the master takes it",
                hint="make this node the master first, or run it on the other one",
            )
        ordered = self._agent.clock.now()
        opened.keeper.order()
        kept.bell.ring()
        deadline = asyncio.get_running_loop().time() + wait
        while wait and not self._arrived(kept, ordered):
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                raise LvsctlError(f"{kept.entry.ip} is not here after {wait:g} s; the agent goes on")
            yield self._said([kept])
            try:
                async with asyncio.timeout(left):
                    await self._agent.news()
            except TimeoutError:
                continue
        yield self._said([kept])

    def _arrived(self, kept: Kept, ordered: float) -> bool:
        """Answer whether the address points here. Raises LvsctlError when it will not come.

        What the keeper said before it got the order at *ordered* does not count.
        """
        report = kept.report
        if report is None or report.at <= ordered or report.claim.ordered:
            return False
        if report.holds:
            return True
        if report.hold is not None:
            raise LvsctlError(f"{kept.entry.ip} is on hold: {report.hold}")
        if report.truth.state is not Vrrp.MASTER:
            raise LvsctlError(f"{kept.entry.ip}: VRRP is {report.truth.state} here by now")
        if report.claim.phase in FINAL:
            raise LvsctlError(f"{kept.entry.ip}: {report.alarm or report.claim.why}")
        return False

    async def _release(self, request: Doc) -> AsyncIterator[Doc]:
        kept = self._one(request)
        opened = _opened(kept)
        ip = kept.entry.ip
        holds_file.hold(ip, _reason(request) or "released by the operator")
        kept.bell.ring()
        spend = opened.ledger.spender(Purpose.OPERATOR)
        answer = await opened.provider.release(ip, spend=spend)
        if spend.last:
            opened.ledger.answered(spend.last, answer)
        if not isinstance(answer, Accepted | AlreadyThere):
            raise LvsctlError(f"{ip}: {answer.why}", hint="it stays on hold: lvsctl failover resume")
        self._note(kept, opened, answer.observation if isinstance(answer, Accepted) else None)
        yield self._said([kept])

    async def _hold(self, request: Doc) -> AsyncIterator[Doc]:
        chosen, reason = self._chosen(request), _reason(request)
        changed = [
            str(each.entry.ip) for each in chosen if holds_file.hold(each.entry.ip, reason or "operator")
        ]
        yield await self._rung(chosen) | {"changed": changed}

    async def _resume(self, request: Doc) -> AsyncIterator[Doc]:
        chosen = self._chosen(request)
        changed = [str(each.entry.ip) for each in chosen if holds_file.resume(each.entry.ip)]
        yield await self._rung(chosen) | {"changed": changed}

    async def _reload(self, _request: Doc) -> AsyncIterator[Doc]:
        await self._agent.reload()
        if self._agent.spec_trouble:
            raise LvsctlError(f"the spec cannot be used, so the one before stays: {self._agent.spec_trouble}")
        yield {}

    async def _rung(self, chosen: list[Kept]) -> Doc:
        """Wake the keepers, give those that are idle the time to look, and say how it is."""
        for each in chosen:
            each.bell.ring()
        await asyncio.sleep(0.05)
        return self._said(chosen)

    async def _look(self, kept: Kept) -> str | None:
        """Ask the provider now; answer why it did not say."""
        opened = _opened(kept)
        spend = opened.ledger.spender(Purpose.OPERATOR)
        reading = await opened.provider.observe(kept.entry.ip, spend=spend)
        if spend.last:
            opened.ledger.answered(spend.last, reading)
        self._note(kept, opened, reading)
        return None if isinstance(reading, Observation) else reading.why

    def _note(self, kept: Kept, opened: Opened, reading: Reading | None) -> None:
        """Let the claim know what was seen, and have the keeper say how it is now."""
        if reading is not None:
            now = self._agent.clock.now()
            file_claim(kept.entry.ip, self._agent.clock).change(
                lambda claim: (advance(claim, Looked(reading), now=now, rules=opened.rules), None)
            )
        kept.bell.ring()

    def _said(self, chosen: list[Kept]) -> Doc:
        every = addresses(self._agent)
        return {"failover": {str(each.entry.ip): every[str(each.entry.ip)] for each in chosen}}

    def _chosen(self, request: Doc) -> list[Kept]:
        if request.get("ip") is None:
            return list(self._agent.failovers.kept.values())
        return [self._one(request)]

    def _one(self, request: Doc) -> Kept:
        ip = _address(request.get("ip"))
        kept = self._agent.failovers.kept.get(ip)
        if kept is None:
            known = ", ".join(map(str, self._agent.failovers.kept))
            raise Usage(
                f"the spec has no failover IP {ip}", hint=f"it has {known}" if known else "it has none"
            )
        return kept


def _opened(kept: Kept) -> Opened:
    if kept.opened is None:
        raise Unavailable(f"{kept.entry.ip}: {kept.trouble or 'nothing keeps it yet'}")
    return kept.opened


def _address(value: object) -> FailoverAddress:
    try:
        return as_failover_address(value if isinstance(value, str) else "")
    except ValueError:
        raise Usage(f"expected a failover IP, not {value!r:.60}") from None


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST_WAIT:
        raise Usage(f"expected 0 to {LONGEST_WAIT:g} seconds to wait, not {value!r:.40}")
    return float(value)


def _reason(request: Doc) -> str:
    reason = request.get("reason") or ""
    if not isinstance(reason, str) or not reason.isprintable() or len(reason) > LONGEST_REASON:
        raise Usage(f"expected a reason of at most {LONGEST_REASON} characters that show")
    return reason
