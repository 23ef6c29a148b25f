"""How many calls this node may still make on an account, and when: the pure view of the ledger.

A quota belongs to the account, so each node takes its part of it, and nodes never need each other's clock. Of its
part a node keeps a reserve for emergencies. A window here is longer than the provider's, because a call is counted
when it leaves and the provider counts it when it arrives. Files and locks are in :mod:`lvsctl.failover.ledger`.
"""

from enum import StrEnum
from typing import Final, NamedTuple

from lvsctl.failover.provider import (
    Auth,
    Call,
    Quota,
    RateLimited,
    Unavailable,
    Unknown,
    Unreachable,
    Withheld,
)

ALL_CALLS: Final = frozenset(Call)
READS: Final = frozenset({Call.GET_ONE, Call.GET_LIST})

MARGIN: Final = 60.0
"""Seconds between writing a call down and its arrival at the provider, at the very most."""
LOCK_OUT: Final = 600.0
"""Robot blocks an address for ten minutes after three failed logins, so one failure keeps us quiet for as long."""
LOCK_OUT_MOST: Final = 3600.0
PROOF: Final = 600.0
"""Credentials that worked within this many seconds may be used by several calls at once."""
TRIAL: Final = 2.0
"""Seconds that calls wait for the outcome of one that tries the credentials: three at once could lock us out."""


class Purpose(StrEnum):
    """What a call is for decides which part of the budget it may spend."""

    ROUTINE = "routine"
    """Looking at an address that is where it should be: never from the reserve."""
    CLAIM = "claim"
    """Taking an address: looks spend the reserve, moves do not, and DELETE is not for sale."""
    OPERATOR = "operator"
    """A person is waiting: all of this node's part."""


class Spent(NamedTuple):
    """One request that went out, or was about to."""

    call: Call
    at: float


class Bar(NamedTuple):
    """The provider wants silence."""

    calls: frozenset[Call]
    until: float
    why: str
    login: bool = False
    """It was the credentials: other ones may be tried at once."""


class Account(NamedTuple):
    """What this node knows about one account with one provider."""

    spent: tuple[Spent, ...] = ()
    """Oldest first."""
    bars: tuple[Bar, ...] = ()
    strikes: int = 0
    """Refused logins since the last good answer."""
    proved: float | None = None
    """When the credentials last worked."""
    trial: float | None = None
    """When a call began to try them; None when no outcome is awaited."""
    lost: float | None = None
    """When a ledger was found that could not be read: everything but the reserve counts as spent from then."""


class Budget(NamedTuple):
    """*account* as one of *nodes* may use it."""

    account: Account
    quotas: tuple[Quota, ...]
    nodes: int = 2

    def barred_until(self, call: Call, now: float) -> Bar | None:
        """Answer the bar that keeps *call* back longest, or None."""
        if not self.account.bars:
            return None
        bars = [bar for bar in self.account.bars if call in bar.calls and bar.until > now]
        return max(bars, key=lambda bar: bar.until, default=None)

    def together(self, call: Call) -> frozenset[Call]:
        """Answer the calls that the provider counts together with *call*."""
        return frozenset({call}).union(*(quota.calls for quota in self.quotas if call in quota.calls))

    def free_at(self, call: Call, purpose: Purpose, now: float) -> float:
        """Answer when *call* may be made: *now*, or later; infinity when never for this *purpose*."""
        if call is Call.DELETE and purpose is not Purpose.OPERATOR:
            return float("inf")
        bar = self.barred_until(call, now)
        free = bar.until if bar else now
        waits = [self._quota_free(quota, call, purpose, now) for quota in self.quotas if call in quota.calls]
        return max(free, *waits) if waits else free

    def _quota_free(self, quota: Quota, call: Call, purpose: Purpose, now: float) -> float:
        limit = self._limit(quota, call, purpose, now)
        window = quota.window + MARGIN
        if limit <= 0:
            return float("inf") if self.account.lost is None else max(now, self.account.lost + window)
        times = [
            spent.at for spent in self.account.spent if spent.at > now - window and spent.call in quota.calls
        ]
        if len(times) >= limit:
            return times[len(times) - limit] + window
        if call in READS and purpose is not Purpose.OPERATOR and times:
            return max(now, times[-1] + _gap(len(times) / limit, window / limit))
        return now

    def _limit(self, quota: Quota, call: Call, purpose: Purpose, now: float) -> int:
        part = quota.limit // self.nodes
        reserve = min(quota.limit // 5, part // 2)
        lost = self.account.lost is not None and now < self.account.lost + quota.window + MARGIN
        if purpose is Purpose.OPERATOR or (purpose is Purpose.CLAIM and call in READS):
            return reserve if lost else part
        if lost:
            return reserve if purpose is Purpose.CLAIM else 0
        return part - reserve


def _gap(used: float, share: float) -> float:
    """Answer how far apart two looks have to be when *used* (0 to 1) of the budget is gone.

    Nothing at first, so that a failover is never slowed down. It grows so steeply that a storm settles at 70 % of
    the budget and never finds it empty: at that point the gap times the number of looks is the window.
    """
    return 8.0 * float(used**5) * share


def spend(
    budget: Budget, call: Call, purpose: Purpose, now: float, *, going_on: bool = False
) -> tuple[Account, Withheld | None]:
    """Answer the account with *call* counted, or unchanged and why the call must not be made.

    *going_on* when it continues what the call before it began (the next page): it has seen what became of that one.
    """
    account = budget.account
    if bar := budget.barred_until(call, now):
        return account, Withheld(bar.why, bar.until - now)
    free = budget.free_at(call, purpose, now)
    if free > now:
        return account, Withheld(f"no {call} left for {purpose}", 0.0 if free == float("inf") else free - now)
    if not budget.quotas:
        return account, None
    trying = account.proved is None or now - account.proved > PROOF
    if trying and not going_on and account.trial is not None and now - account.trial < TRIAL:
        return account, Withheld("another call is trying the credentials", account.trial + TRIAL - now)
    horizon = now - MARGIN - max(quota.window for quota in budget.quotas)
    kept = tuple(each for each in account.spent if each.at > horizon)
    return account._replace(spent=(*kept, Spent(call, now)), trial=now if trying else account.trial), None


def answered(budget: Budget, call: Call, result: object, now: float) -> Account:
    """Answer the account after the provider answered *call* with *result*, a reading or an answer of its protocol."""
    account = budget.account
    bars = tuple(bar for bar in account.bars if bar.until > now)
    match result:
        case Withheld():
            return account
        case Auth(why=why):
            quiet = min(LOCK_OUT * 2**account.strikes, LOCK_OUT_MOST)
            bar = Bar(ALL_CALLS, now + quiet, f"credentials refused: {why}", login=True)
            strikes = min(account.strikes + 1, 8)
            return account._replace(bars=(*bars, bar), strikes=strikes, proved=None, trial=None)
        case RateLimited(wait=wait, banned=banned, why=why):
            bar = Bar(ALL_CALLS if banned else budget.together(call), now + wait, f"rate limited: {why}")
            return account._replace(bars=(*bars, bar), trial=None)
        case _ if _proves(result):
            return account._replace(bars=bars, strikes=0, proved=now, trial=None)
    return account._replace(bars=bars)


def forgiven(account: Account) -> Account:
    """Answer *account* with its lock-out lifted: the operator put other credentials in place."""
    bars = tuple(bar for bar in account.bars if not bar.login)
    return account._replace(bars=bars, strikes=0, proved=None, trial=None)


def _proves(result: object) -> bool:
    """Answer whether only somebody who was let in gets *result*."""
    return not isinstance(result, Unreachable | Unavailable | Unknown)
