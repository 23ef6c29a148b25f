"""Claims and accounts as JSON, and back.

Pure. What is read was written by us, but disks fail and people edit: anything that does not fit is a ValueError, and
the caller begins anew on the safe side. All times are moved by *shift* seconds when they are read, because the clock
they were taken from begins anew with every boot.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from lvsctl.failover.budget import Account, Bar, Spent
from lvsctl.failover.claim import Claim, Phase, Sent
from lvsctl.failover.observation import Observation, Status, Target
from lvsctl.failover.provider import Call

T = TypeVar("T")
Doc = dict[str, Any]


def claim_to(claim: Claim) -> Doc:
    """Answer *claim* as JSON's types."""
    seen, sent = claim.seen, claim.sent
    return {
        **claim._asdict(),
        "seen": seen and {"active": seen.active, "status": seen.status, "at": seen.at},
        "sent": sent and {"at": sent.at, "ended": sent.ended},
    }


def claim_from(doc: Doc, shift: float) -> Claim:
    """Answer the claim that *doc* describes. ValueError when it describes none."""
    when = _shifted(shift)
    return Claim(
        phase=Phase(doc["phase"]),
        cause=_is(str, doc["cause"]),
        why=_is(str, doc["why"]),
        generation=_is(int, doc["generation"]),
        promoted=when(doc["promoted"]),
        lower_heard=_maybe(when, doc["lower_heard"]),
        elected=_is(bool, doc["elected"]),
        seen=_maybe(lambda seen: _observation(seen, when), doc["seen"]),
        held=_maybe(when, doc["held"]),
        base=_maybe(lambda base: _is(str, base), doc["base"]),
        retaken=_is(bool, doc["retaken"]),
        ordered=_is(bool, doc["ordered"]),
        sent=_maybe(lambda sent: Sent(when(sent["at"]), _maybe(when, sent["ended"])), doc["sent"]),
        posts=tuple(when(at) for at in doc["posts"]),
        locked_until=when(doc["locked_until"]),
        not_before=when(doc["not_before"]),
        since=when(doc["since"]),
        polls=_is(int, doc["polls"]),
        tries=_is(int, doc["tries"]),
    )


def account_to(account: Account) -> Doc:
    """Answer *account* as JSON's types."""
    bars = [{**bar._asdict(), "calls": sorted(bar.calls)} for bar in account.bars]
    return {**account._asdict(), "spent": [tuple(spent) for spent in account.spent], "bars": bars}


def account_from(doc: Doc, shift: float) -> Account:
    """Answer the account that *doc* describes. ValueError when it describes none."""
    when = _shifted(shift)
    return Account(
        spent=tuple(Spent(Call(call), when(at)) for call, at in doc["spent"]),
        bars=tuple(_bar(bar, when) for bar in doc["bars"]),
        strikes=_is(int, doc["strikes"]),
        proved=_maybe(when, doc["proved"]),
        trial=_maybe(when, doc["trial"]),
        lost=_maybe(when, doc["lost"]),
    )


def _bar(doc: Doc, when: Callable[[object], float]) -> Bar:
    calls = frozenset(Call(call) for call in doc["calls"])
    return Bar(calls, when(doc["until"]), _is(str, doc["why"]), _is(bool, doc["login"]))


def _observation(doc: Doc, when: Callable[[object], float]) -> Observation:
    active = _maybe(lambda active: Target(_is(str, active)), doc["active"])
    return Observation(active, _maybe(Status, doc["status"]), when(doc["at"]))


def _shifted(shift: float) -> Callable[[object], float]:
    def when(at: object) -> float:
        if isinstance(at, bool) or not isinstance(at, int | float) or not abs(at) < float("inf"):
            raise ValueError(f"{at!r} is no time")
        return at + shift

    return when


def _maybe(read: Callable[[Any], T], value: object) -> T | None:
    return None if value is None else read(value)


def _is(kind: type[T], value: object) -> T:
    if type(value) is not kind:
        raise ValueError(f"{value!r} is no {kind.__name__}")
    return value
