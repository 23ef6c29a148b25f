"""``lvsctl failover assign`` and ``release``: through the agent when it lives, else by the same files and locks."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lvsctl.cli.failover_addresses import Known, known
from lvsctl.cli.failover_hold import check_reason
from lvsctl.cli.output import print_json, say
from lvsctl.errors import Busy, LvsctlError, Unavailable, Usage, visible

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lvsctl.cli.failover_options import How, Where
    from lvsctl.failover.directly import Subject, Taken
    from lvsctl.failover.keeper import Report, Truths
    from lvsctl.failover.model import Truth
    from lvsctl.failover.provider import Answer
    from lvsctl.spec.failover_ips import FailoverIp

Doc = dict[str, Any]

DONE = 0

SLOWEST = 240.0
"""Seconds for the agent's answer to *release*: a provider takes up to a minute, and answers within 200 s or never."""


def assign(where: "Where", ip: str, how: "How", *, patience: float, force: bool, config: str | None) -> int:
    """Take *ip* and answer the exit code. Raises Usage, SpecInvalid, Busy, Denied or Unavailable."""
    found = known(where, ip)
    entry = found.entries[0]
    if how.dry_run:
        return _would(found, force=force, config=config, json=how.json)
    if found.has_spec:
        from lvsctl.cli.failover_agent import answer

        if force and answer({"verb": "status", "ip": str(entry.ip), "fresh": False}) is not None:
            raise Busy(
                "an agent runs, and does what VRRP says", hint="stop it first: systemctl stop lvsctl-agent"
            )
        said = None if force else _by_agent(entry, how, patience)
        if said is not None:
            return _assigned(str(entry.ip), said, how, patience)
    return _with(found, lambda subject: _take(subject, found, how, patience, force=force, config=config))


def release(where: "Where", ip: str, how: "How", *, yes: bool, reason: str) -> int:
    """Have *ip* point nowhere and answer the exit code. Raises as :func:`assign`."""
    check_reason(reason)
    found = known(where, ip)
    entry = found.entries[0]
    if how.dry_run:
        say(f"{entry.ip}: would be put on hold, and then point nowhere (one DELETE)", quiet=how.quiet)
        return DONE
    if not yes:
        raise Usage(
            f"after this {entry.ip} points nowhere, and nobody gets its packets: --yes is missing",
            hint="to move it, call `assign` on the other node; to freeze it, `hold`",
        )
    why = reason or "released by hand"
    if found.has_spec:
        from lvsctl.cli.failover_agent import answer

        if answer({"verb": "release", "ip": str(entry.ip), "reason": why}, silence=SLOWEST) is not None:
            return _released(entry, how)
    return _with(found, lambda subject: _give_up(subject, how, why))


def _by_agent(entry: "FailoverIp", how: "How", patience: float) -> Doc | None:
    from lvsctl.cli.failover_agent import SILENCE, answer

    progress = _Progress(str(entry.ip), quiet=how.quiet)
    request = {"verb": "assign", "ip": str(entry.ip), "wait": patience}
    return answer(
        request,
        silence=patience + SILENCE,
        tell=lambda doc: progress.tell(doc.get("failover", {}).get(str(entry.ip), {})),
    )


def _assigned(ip: str, said: Doc, how: "How", patience: float) -> int:
    if how.json:
        print_json({"outcome": "here" if patience else "ordered", "failover": said.get("failover", {})})
    else:
        say(f"{ip}: {'points here' if patience else 'the agent has the order'}", quiet=how.quiet)
    return DONE


def _released(entry: "FailoverIp", how: "How") -> int:
    if how.json:
        print_json({"outcome": "released", "ip": str(entry.ip)})
    else:
        say(f"{entry.ip}: points nowhere; it is on hold here until `lvsctl failover resume`", quiet=how.quiet)
    return DONE


def _with(found: Known, work: "Callable[[Subject], Awaitable[int]]") -> int:
    """Open the address, do *work*, close it."""

    async def do() -> int:
        from lvsctl.failover.directly import opened
        from lvsctl.failover.opening import Providers
        from lvsctl.failover.shelf import HostClock

        clock = HostClock()
        providers = Providers(found.node, clock=clock.now)
        try:
            return await work(opened(found.entries[0], found.node, found.nodes, providers, clock))
        finally:
            await providers.aclose()

    return asyncio.run(do())


async def _take(
    subject: "Subject", found: Known, how: "How", patience: float, *, force: bool, config: str | None
) -> int:
    from lvsctl.cli.failover_status import document
    from lvsctl.failover.directly import take

    progress = _Progress(str(subject.ip), quiet=how.quiet)

    def tell(report: "Report") -> None:
        progress.tell(document(subject.entry, subject.rules.target, report, subject.clock))

    truths = _truths(subject, found, force=force, config=config)
    taken = await take(subject, truths, patience=patience, tell=tell)
    return _told(subject, taken, how, waited=patience > 0)


def _told(subject: "Subject", taken: "Taken", how: "How", *, waited: bool) -> int:
    from lvsctl.cli.failover_status import document
    from lvsctl.failover.directly import Outcome

    if how.json:
        doc = (
            document(subject.entry, subject.rules.target, taken.report, subject.clock) if taken.report else {}
        )
        print_json({"outcome": str(taken.outcome), "why": taken.why, "failover": {str(subject.ip): doc}})
    if taken.outcome is Outcome.HERE:
        say(f"{subject.ip}: points here", quiet=how.quiet or how.json)
        return DONE
    why = visible(taken.why)
    if taken.outcome is Outcome.OPEN and not waited:
        raise Busy(f"{subject.ip} does not point here yet: {why}", hint="call it again, or with --wait")
    refused = taken.outcome is Outcome.FORBIDDEN
    hint = "" if refused else f"look later: lvsctl failover status {subject.ip} --fresh"
    how_far = "is not moved here" if refused else "did not come here in time"
    raise LvsctlError(f"{subject.ip} {how_far}: {why}", hint=hint)


async def _give_up(subject: "Subject", how: "How", reason: str) -> int:
    from lvsctl.failover.directly import give_up
    from lvsctl.failover.provider import Accepted, AlreadyThere

    answer = await give_up(subject, reason)
    if isinstance(answer, Accepted | AlreadyThere):
        return _released(subject.entry, how)
    raise _refusal(answer, str(subject.ip))


def _refusal(answer: "Answer", ip: str) -> LvsctlError:
    """Answer the error for a provider's fault; the address is on hold by now, and the message says so."""
    from lvsctl.failover import provider as p

    what = f"{ip} was not released: {visible(getattr(answer, 'why', str(answer)))}"
    hint = f"it is on hold: lvsctl failover resume {ip}"
    match answer:
        case p.Locked() | p.RateLimited() | p.Withheld():
            return Busy(what, hint=hint)
        case p.Unreachable() | p.Unavailable():
            return Unavailable(what, hint=hint)
        case _:
            return LvsctlError(what, hint=hint)


def _would(found: Known, *, force: bool, config: str | None, json: bool) -> int:
    async def tell(subject: "Subject") -> int:
        from lvsctl.failover.directly import plan
        from lvsctl.failover.model import Nothing, Observe, Post, Wait

        truths = _truths(subject, found, force=force, config=config)
        match plan(subject, await truths.confirm()):
            case Observe():
                would = f"would ask where it points, and move it to {subject.rules.target} if it is elsewhere"
            case Post(target=target):
                would = f"would move it to {target}"
            case Wait(why=why):
                would = f"would wait: {why}"
            case Nothing(why=why):
                would = f"would do nothing: {why}"
        if json:
            print_json({"ip": str(subject.ip), "would": would})
        else:
            print(f"{subject.ip}: {visible(would)}")
        return DONE

    return _with(found, tell)


def _truths(subject: "Subject", found: Known, *, force: bool, config: str | None) -> "Truths":
    from lvsctl.failover.directly import Declared

    return Declared() if force or not found.has_spec else _AskedKeepalived(subject, config)


class _AskedKeepalived:
    """What the keepalived of this node says of the address's VRRP instance, asked anew before a change."""

    def __init__(self, subject: "Subject", config: str | None) -> None:
        from lvsctl.agent.setting import CONFIG
        from lvsctl.agent.witness import Witness
        from lvsctl.host.paths import root

        self._witness = Witness(Path(config) if config else root() / CONFIG.lstrip("/"))
        self._instance = subject.entry.vrrp_instance
        self._generation = subject.claim.read().generation
        self._last: Truth | None = None

    def last(self) -> "Truth":
        if self._last is None:
            self._last = self._ask()
        return self._last

    async def confirm(self) -> "Truth":
        self._last = self._ask()
        return self._last

    def _ask(self) -> "Truth":
        from lvsctl.failover.model import Truth, Vrrp

        account = self._witness.ask()
        if account.standings is None:
            return Truth(Vrrp.UNKNOWN, self._generation)
        standing = account.standings.get(self._instance)
        return Truth(standing.state if standing else Vrrp.STOP, self._generation)


class _Progress:
    """Tells each new stage once, on standard error."""

    def __init__(self, ip: str, *, quiet: bool) -> None:
        self._ip = ip
        self._quiet = quiet
        self._said = ""

    def tell(self, doc: Doc) -> None:
        """Take what is known now."""
        if (doc.get("next") or {}).get("action") == "nothing":
            return  # how it ends is told at the end
        words = {
            "seeking": "looking where it points",
            "away": f"it points at {doc.get('active') or 'nowhere'}",
            "sent": "the provider was asked to move it",
            "moving": "a move is under way",
            "locked": "the provider is locked by another move",
            "held": "it points here",
        }
        said = words.get(str(doc.get("phase")), str(doc.get("phase")))
        why = doc.get("trouble") or doc.get("why")
        text = f"{said}: {why}" if why else said
        if text != self._said and doc.get("phase") not in {None, "idle", "held"}:
            self._said = text
            say(f"{self._ip}: {visible(text)}", quiet=self._quiet)
