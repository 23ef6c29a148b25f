"""The ledger of calls: what agent, command line and OCF agent of this node spend on one account, in one file.

A call is written down before it leaves, so a crash can waste one and never hide one. How much may be spent is
:mod:`lvsctl.failover.budget`. A ledger that cannot be read counts as spent but for the reserve; one that cannot be
written pays for nothing.
"""

from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256

from lvsctl.errors import LvsctlError
from lvsctl.failover import budget as rules
from lvsctl.failover.budget import Account, Budget, Purpose
from lvsctl.failover.provider import Call, Provider, Quota, Withheld
from lvsctl.failover.saved import account_from, account_to
from lvsctl.failover.shelf import Clock, FileShelf, Form, HostClock, Shelf

LOOKS = frozenset({Call.GET_ONE, Call.GET_LIST})
"""Calls that change nothing: a loss of power may forget that a few were made."""

ACCOUNT_FORM = Form(account_to, account_from, Account, lambda now: Account(lost=now))


class Ledger:
    """The ledger of one account."""

    def __init__(self, shelf: Shelf[Account], quotas: Sequence[Quota], nodes: int, clock: Clock) -> None:
        self._shelf = shelf
        self._quotas = tuple(quotas)
        self._nodes = max(1, nodes)
        self._clock = clock
        self._unsaved: list[tuple[Call, object]] = []

    def budget(self) -> Budget:
        """Answer what may be spent. Raises Busy, Denied or Unavailable when that cannot be known."""
        return self._of(self._shelf.read())

    def spender(self, purpose: Purpose) -> "Spender":
        """Answer what a provider asks before each request made for *purpose*."""
        return Spender(self, purpose)

    def spend(self, call: Call, purpose: Purpose, *, going_on: bool = False) -> Withheld | None:
        """Write *call* down; or answer why it must not be made. *going_on* as in :func:`lvsctl.failover.budget.spend`."""
        try:
            self._save()
            return self._shelf.change(
                lambda held: rules.spend(self._of(held), call, purpose, self._clock.now(), going_on=going_on),
                durable=call not in LOOKS,
            )
        except LvsctlError as error:
            return Withheld(f"the ledger: {error.message}", 1.0)

    def answered(self, call: Call, result: object) -> None:
        """Note what the provider made of *call*: bars follow from it.

        What cannot be written now is written before the next call is paid for: a 401 is never forgotten.
        """
        self._unsaved.append((call, result))
        with suppress(LvsctlError):
            self._save()

    def _save(self) -> None:
        while self._unsaved:
            call, result = self._unsaved[0]
            self._shelf.change(lambda held: (self._after(held, call, result), None))  # noqa: B023 - called at once
            del self._unsaved[0]

    def _after(self, held: Account, call: Call, result: object) -> Account:
        return rules.answered(self._of(held), call, result, self._clock.now())

    def forgive(self) -> None:
        """Lift a lock-out, because the credentials were replaced. Raises as :meth:`budget`."""
        self._shelf.change(lambda held: (rules.forgiven(held), None))

    def _of(self, account: Account) -> Budget:
        return Budget(account, self._quotas, self._nodes)


class Spender:
    """A provider's ``Spend`` for one verb; remembers what the last request was."""

    def __init__(self, ledger: Ledger, purpose: Purpose) -> None:
        self._ledger = ledger
        self._purpose = purpose
        self.last: Call | None = None

    def __call__(self, call: Call) -> Withheld | None:
        """Spend *call*, or answer why not."""
        withheld = self._ledger.spend(call, self._purpose, going_on=self.last is not None)
        if withheld is None:
            self.last = call
        return withheld


def file_ledger(provider: Provider, nodes: int, clock: HostClock) -> Ledger:
    """Answer the ledger that everything on this node shares for *provider*'s account, *nodes* in all using it."""
    name = sha256(provider.account.encode()).hexdigest()[:16]
    return Ledger(FileShelf(f"ledger-{name}", ACCOUNT_FORM, clock), provider.quotas, nodes, clock)
