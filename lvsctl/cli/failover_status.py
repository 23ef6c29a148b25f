"""``lvsctl failover status``: ask the agent, else the files, else the provider, and tell in three words."""

import asyncio
import time
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from lvsctl.cli.failover_addresses import Known, known, node_of, why
from lvsctl.cli.output import print_json, say
from lvsctl.errors import LvsctlError, Usage, visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lvsctl.cli.failover_options import Where
    from lvsctl.failover.keeper import Report
    from lvsctl.failover.observation import Target
    from lvsctl.failover.opening import Providers
    from lvsctl.failover.shelf import HostClock
    from lvsctl.spec.failover_ips import FailoverIp

Doc = dict[str, Any]

STALE = 300.0
"""Seconds after which what the agent saw is unknown."""


SILENCE = 30.0
"""Seconds for the agent's answer; a fresh look takes 10 for each request to the provider at most."""


class State(IntEnum):
    """Whether an address points here; the value is the exit code."""

    HELD = 0
    UNKNOWN = 1
    NOT_HELD = 2

    @property
    def word(self) -> str:
        """The word on standard output."""
        return self.name.lower().replace("_", "-")


def status(where: "Where", ip: str | None, *, fresh: bool, json: bool, quiet: bool) -> int:
    """Answer the exit code. Whatever goes wrong, but for wrong usage, is *unknown*."""
    try:
        found = known(where, ip)
        docs = documents(found, ip, fresh=fresh)
    except Usage:
        raise
    except LvsctlError as error:
        return _nothing_known(error, ip, json=json)
    states = {address: state(doc) for address, doc in docs.items()}
    overall = max(states.values(), key=(State.HELD, State.NOT_HELD, State.UNKNOWN).index)
    if json:
        print_json(
            {
                "state": overall.word,
                "failover": {ip: _with_state(doc, states[ip]) for ip, doc in docs.items()},
            }
        )
        return overall
    for entry in found.entries:
        doc = docs[str(entry.ip)]
        if ip is not None:
            print(f"state={overall.word}")
        if ip is None or not quiet:
            print(line(entry, doc, states[str(entry.ip)]))
    return overall


def documents(found: Known, ip: str | None, *, fresh: bool) -> "Mapping[str, Doc]":
    """Answer for each address what there is to say about it, as status.json does (docs/reference/status-json.md)."""
    docs = _by_agent(found, ip, fresh=fresh) if found.has_spec else None
    if docs is None:
        return _looked(found, fresh=fresh)
    # Where this node is not master the agent never looks: that is done here, from what routine may spend.
    unseen = [] if fresh else [each for each in found.entries if _is_unseen(docs[str(each.ip)])]
    return {**docs, **(_looked(found._replace(entries=unseen), fresh=False) if unseen else {})}


def _by_agent(found: Known, ip: str | None, *, fresh: bool) -> "dict[str, Doc] | None":
    """Answer what the agent says, or None without one. A fresh look that failed is no answer, whatever was seen before."""
    from lvsctl.cli.failover_agent import answer

    names = [str(each.ip) for each in found.entries]
    failed: dict[str, str] = {}
    request = {"verb": "status", "ip": names[0] if ip else None, "fresh": fresh}
    try:
        said = answer(request, silence=SILENCE, tell=lambda doc: failed.update(doc.get("said") or {}))
    except Usage:  # our spec has the address: the agent has not read that one yet
        return None
    if said is None:
        return None
    docs = {each: _as_doc(said.get("failover", {}).get(each)) for each in names}
    return docs | {
        each: docs[each] | {"holds": None, "trouble": why} for each, why in failed.items() if each in docs
    }


def _is_unseen(doc: Doc) -> bool:
    is_idle = doc.get("phase") in {None, "idle"} and not doc.get("trouble")
    return is_idle and state(doc) is State.UNKNOWN


def state(doc: Doc) -> State:
    """Answer whether the address of *doc* points here."""
    seen = doc.get("seen_at")
    if doc.get("holds") is None or not isinstance(seen, int | float) or time.time() - seen > STALE:
        return State.UNKNOWN
    return State.HELD if doc["holds"] else State.NOT_HELD


def line(entry: "FailoverIp", doc: Doc, found: State) -> str:
    """Answer what there is to say about one address, for people."""
    seen = _seen(entry, doc)
    if found is State.UNKNOWN:
        told = f"unknown: {visible(str(_reason(doc)))}" + (
            f"; {seen[1]} it pointed {seen[0]}" if seen else ""
        )
    else:
        told = found.word.replace("-", " ") + (f", it points {seen[0]}, seen {seen[1]}" if seen else "")
    stopped = f", on hold: {visible(str(doc['hold']))}" if doc.get("hold") else ""
    return f"{entry.ip}: {told}{stopped}"


def _reason(doc: Doc) -> object:
    """Answer why it is not known where an address points."""
    under_way = "a move is under way" if doc.get("processing") else "nobody has looked lately"
    return doc.get("trouble") or doc.get("why") or under_way


def _seen(entry: "FailoverIp", doc: Doc) -> "tuple[str, str] | None":
    """Answer where it pointed, and when that was."""
    if not isinstance(doc.get("seen_at"), int | float):
        return None
    active = doc.get("active")
    node = node_of(entry, active)
    where = f"at {visible(str(active))}" if active else "nowhere"
    age = max(0, round(time.time() - doc["seen_at"]))
    return where + (f" ({node})" if node else ""), f"{age} s ago"


def _with_state(doc: Doc, found: State) -> Doc:
    return {"state": found.word, **doc}


def _as_doc(said: object) -> Doc:
    if isinstance(said, dict):
        return said
    return {"holds": None, "trouble": "the agent does not know it: reload it (systemctl reload lvsctl-agent)"}


def _nothing_known(error: LvsctlError, ip: str | None, *, json: bool) -> int:
    if json:
        print_json({"state": State.UNKNOWN.word, "failover": {}})
    elif ip is not None:
        print(f"state={State.UNKNOWN.word}")
    say(f"lvsctl: {why(error)}")
    if error.hint:
        say(f"  {error.hint}")
    return State.UNKNOWN


def _looked(found: Known, *, fresh: bool) -> "dict[str, Doc]":
    """Answer what is known without an agent: what was seen lately, and for the others what the provider says now."""
    from lvsctl.failover.shelf import HostClock

    clock = HostClock()
    docs = {} if fresh else {str(each.ip): _remembered(each, found.node, clock) for each in found.entries}
    known = {ip: doc for ip, doc in docs.items() if doc is not None}
    left = [each for each in found.entries if str(each.ip) not in known]
    return known | (asyncio.run(_looks(left, found, clock, fresh=fresh)) if left else {})


def _remembered(entry: "FailoverIp", node: str, clock: "HostClock") -> Doc | None:
    from lvsctl.failover.observation import as_target
    from lvsctl.failover.remembered import remembered

    if node not in entry.targets:
        return None
    try:
        target = as_target(entry.targets[node])
        report = remembered(entry.ip, target, clock)
    except (LvsctlError, ValueError):
        return None  # looking fails for the same reason, and says so
    return None if report is None else document(entry, target, report, clock)


async def _looks(
    left: "Sequence[FailoverIp]", found: Known, clock: "HostClock", *, fresh: bool
) -> "dict[str, Doc]":
    """Look at all of them at once: one that hangs keeps none of the others waiting."""
    from lvsctl.failover.opening import Providers

    providers = Providers(found.node, clock=clock.now)
    try:
        docs = await asyncio.gather(*(_look(each, found, providers, clock, fresh=fresh) for each in left))
    finally:
        await providers.aclose()
    return {str(each.ip): doc for each, doc in zip(left, docs, strict=True)}


async def _look(
    entry: "FailoverIp", found: Known, providers: "Providers", clock: "HostClock", *, fresh: bool
) -> Doc:
    from lvsctl.failover.directly import look, opened

    try:
        subject = opened(entry, found.node, found.nodes, providers, clock)
        return document(entry, subject.rules.target, await look(subject, fresh=fresh), clock)
    except LvsctlError as error:
        return {"provider": entry.provider, "holds": None, "trouble": why(error)}


def document(entry: "FailoverIp", target: "Target", report: "Report", clock: "HostClock") -> Doc:
    """Answer *report* as status.json has it."""
    from lvsctl.agent.status import address

    shift = time.time() - clock.now()
    return address(entry, report, None, target=target, epoch=lambda at: round(at + shift, 3))
