"""What is known of the VRRP instances right now, who is told when it changes, and how it is confirmed.

The effects around :mod:`lvsctl.agent.reduce`: asking keepalived, and keeping the memory on disk.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from lvsctl.agent.model import Account, Instance, Interest, Memory, Word
from lvsctl.agent.reduce import confirm, generations, prepared, take
from lvsctl.errors import LvsctlError
from lvsctl.failover.model import UNKNOWN, Truth, Vrrp
from lvsctl.failover.shelf import Shelf

ATTEMPTS = 3
"""Times that keepalived is asked when the FIFO says something new while it answers."""


class Listeners(NamedTuple):
    """Who is told of what."""

    changed: Callable[[str], None]
    """An instance is in another state, or in the same one anew."""
    lower: Callable[[str], None]
    """An instance that is MASTER has heard a lower priority."""
    quorum: Callable[[str], None]
    """A service has lost its quorum, or has it again."""
    doubt: Callable[[], None]
    """Somebody should ask keepalived."""
    tell: Callable[[str], None]
    """A line for the log."""


class Board:
    """The memory of one agent. *ask* asks keepalived, *drain* takes in what the FIFO holds."""

    def __init__(
        self,
        shelf: Shelf[Memory],
        ask: Callable[[], Awaitable[Account]],
        drain: Callable[[], None],
        now: Callable[[], float],
        listeners: Listeners,
    ) -> None:
        self._shelf = shelf
        self._ask = ask
        self._drain = drain
        self._now = now
        self._listeners = listeners
        self._saved = self._read()
        self.memory = self._saved
        self.interest = Interest()
        self.account = Account(None, "keepalived was not asked yet")
        """The last answer of keepalived's."""
        self.doubts: set[str] = set()

    def configure(self, interest: Interest, seed: int) -> None:
        """Listen for *interest* from now on; *seed* is as in :func:`lvsctl.agent.reduce.prepared`."""
        self.interest = interest
        self.memory = prepared(self.memory, interest, seed)
        self.doubts = set(interest.instances)

    def instance(self, name: str) -> Instance:
        """Answer what is known of an instance."""
        return self.memory.instances.get(name, Instance())

    def hear(self, words: Iterable[Word]) -> None:
        """Take in what somebody said, and tell who has to know."""
        taken = take(self.memory, words, self.interest)
        self._become(taken.memory)
        for service in taken.quorums:
            self._listeners.quorum(service)
        if taken.doubts:
            self.doubts |= taken.doubts
            self._listeners.doubt()

    async def settle(self) -> bool:
        """Ask keepalived about everything that is in doubt, and answer whether it said."""
        doubts = set(self.doubts)
        told = generations(self.memory)
        account = await self._asked(told)
        if account.standings is None:
            return False
        self.doubts -= {name for name in doubts if self._is_said(name, account, told)}
        return not self.doubts

    async def confirm(self, name: str) -> Truth:
        """Ask keepalived how the instance *name* is; UNKNOWN when it does not say, or it changes meanwhile."""
        for _ in range(ATTEMPTS):
            self._drain()
            told = generations(self.memory)
            account = await self._asked(told)
            if account.standings is None:
                self.doubts.add(name)
                self._listeners.doubt()
                break
            if self._is_said(name, account, told):
                return self.instance(name).truth
        return UNKNOWN

    def done(self, name: str, generation: int) -> None:
        """Note that the steps of a generation were all begun."""
        if name in self.memory.instances:
            instance = self.instance(name)._replace(done=generation)
            self.memory = self.memory._replace(instances={**self.memory.instances, name: instance})

    def save(self) -> bool:
        """Keep the memory, if it has changed, where a kill does not reach; answer whether it is there."""
        if _lasting(self.memory) == _lasting(self._saved):
            return True
        memory = self.memory
        try:
            # After a loss of power keepalived's own account says more than this, so nobody waits for the disk.
            self._shelf.change(lambda _: (memory, None), durable=False)
        except LvsctlError as error:
            self._listeners.tell(f"what is known cannot be kept: {error.message}")
            return False
        self._saved = memory
        return True

    def _read(self) -> Memory:
        try:
            return self._shelf.read()
        except LvsctlError as error:
            self._listeners.tell(f"what was known cannot be read: {error.message}")
            return Memory()

    async def _asked(self, told: dict[str, int]) -> Account:
        self.account = account = await self._ask()
        self._drain()  # what keepalived told before it wrote its account is older than that
        self._become(confirm(self.memory, account, self.interest, at=self._now(), told=told))
        return account

    def _is_said(self, name: str, account: Account, told: dict[str, int]) -> bool:
        """Answer whether *account*, and nothing newer, is what is known of *name* now."""
        standing = (account.standings or {}).get(name)
        state = standing.state if standing else Vrrp.STOP
        instance = self.instance(name)
        is_newest = instance.generation in {told.get(name), told.get(name, 0) + 1}
        return state is not Vrrp.UNKNOWN and instance.state is state and is_newest

    def _become(self, memory: Memory) -> None:
        before, self.memory = self.memory, memory
        for name, instance in memory.instances.items():
            old = before.instances.get(name, Instance())
            if instance.generation != old.generation:
                self._listeners.changed(name)
            elif instance.lower_heard != old.lower_heard:
                self._listeners.lower(name)


def _lasting(memory: Memory) -> Memory:
    """Answer *memory* without what a storm changes and a restart can do without."""
    return memory._replace(
        instances={
            name: each._replace(lower_heard=None, priority=None) for name, each in memory.instances.items()
        }
    )


class InstanceTruth:
    """What VRRP says about the instance of a failover IP (:class:`lvsctl.failover.keeper.Truths`)."""

    def __init__(self, board: Board, name: str) -> None:
        self._board = board
        self._name = name

    def last(self) -> Truth:
        """Answer what was heard last."""
        return self._board.instance(self._name).truth

    async def confirm(self) -> Truth:
        """Ask keepalived."""
        return await self._board.confirm(self._name)
