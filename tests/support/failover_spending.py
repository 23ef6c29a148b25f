"""How much a node may spend on an account."""

from lvsctl.failover.budget import Budget, Purpose, spend
from lvsctl.failover.provider import Call

NOW = 50_000.0


def spent(budget: Budget, call: Call, purpose: Purpose, *, every: float = 0.0) -> int:
    """Answer how often *call* can be made before the ledger says no."""
    account, now, count = budget.account._replace(proved=NOW), NOW, 0
    while count < 1000:
        account, withheld = spend(budget._replace(account=account), call, purpose, now)
        if withheld:
            break
        count, now = count + 1, now + every
    return count
