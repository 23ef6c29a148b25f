"""What every provider of failover IPs can be asked, and everything it may answer.

Pure: the protocol and its result types. Whatever an API does comes back as a value of a closed sum, never as an
exception, so that the claim can match it and mypy finds the case that was forgotten. Nothing here retries: one call
of a provider's verb is one move of the claim, and each request inside is announced to :data:`Spend` first.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, NamedTuple, Protocol

from lvsctl.failover.observation import FailoverAddress, Observation, Target


class Call(StrEnum):
    """The classes of request that providers count apart."""

    GET_ONE = "get-one"
    GET_LIST = "get-list"
    POST = "post"
    DELETE = "delete"


class Quota(NamedTuple):
    """How many requests of some classes, taken together, an account may make."""

    calls: frozenset[Call]
    limit: int
    window: float
    """Seconds."""


class Pace(NamedTuple):
    """How long a provider takes, in seconds."""

    switch: float
    """A move that goes well takes about this long."""
    lock: float
    """A move that was asked for is done, or will never be, after this long."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The move was accepted. *observation* is what the provider said about it; PROCESSING is not done yet."""

    certain: ClassVar[bool] = False
    observation: Observation


@dataclass(frozen=True, slots=True)
class AlreadyThere:
    """It points there already; nothing was changed."""

    certain: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Auth:
    """The credentials were refused. Asking again with the same ones locks this node out."""

    certain: ClassVar[bool] = True
    why: str


@dataclass(frozen=True, slots=True)
class RateLimited:
    """Too many requests. *banned* is a refusal without a word of the API: everything is refused for minutes."""

    certain: ClassVar[bool] = True
    wait: float
    """Seconds to keep quiet, counted from the answer; always finite and above zero."""
    banned: bool
    why: str


@dataclass(frozen=True, slots=True)
class Locked:
    """Another move of the same address is under way; this one was not begun."""

    certain: ClassVar[bool] = True
    why: str


@dataclass(frozen=True, slots=True)
class NotFound:
    """The provider does not know this failover IP for these credentials: an error of configuration."""

    certain: ClassVar[bool] = True
    why: str


@dataclass(frozen=True, slots=True)
class NewServerNotFound:
    """The provider does not know the target: an error of configuration."""

    certain: ClassVar[bool] = True
    why: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider understood and will not (malformed, protected, no permission): trying again changes nothing."""

    certain: ClassVar[bool] = True
    why: str


@dataclass(frozen=True, slots=True)
class Withheld:
    """The caller's own ledger would not pay for the request, so it was never sent."""

    certain: ClassVar[bool] = True
    why: str
    wait: float = 0.0
    """Seconds until it would; 0 when the ledger does not say."""


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No request that could change anything left this host: no name, no route, connection refused, TLS failed."""

    certain: ClassVar[bool] = True
    why: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The provider says that the move failed. It may still have begun: look."""

    certain: ClassVar[bool] = False
    why: str


@dataclass(frozen=True, slots=True)
class NotComplete:
    """The provider says that the move was not completed: it may yet be, or never. Look."""

    certain: ClassVar[bool] = False
    why: str


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The API answered that it cannot (5xx, maintenance). Whether it did anything before is not known."""

    certain: ClassVar[bool] = False
    why: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """No answer that makes sense. *cut* when the request left and the whole answer never arrived."""

    certain: ClassVar[bool] = False
    cut: bool
    why: str


Fault = (
    Auth
    | RateLimited
    | Locked
    | NotFound
    | NewServerNotFound
    | Refused
    | Withheld
    | Unreachable
    | Failed
    | NotComplete
    | Unavailable
    | Unknown
)
"""Everything that is no answer to the question. ``certain`` says that it proves one thing all the same."""

Reading = Observation | Fault
Readings = Mapping[FailoverAddress, Observation] | Fault
Answer = Accepted | AlreadyThere | Fault
"""What became of a move. ``answer.certain``: it proves that **this call** changed nothing and never will."""

Spend = Callable[[Call], Withheld | None]
"""Asked before each single request goes on the wire; whoever is asked has counted it, or says why not."""

Clock = Callable[[], float]
"""Seconds, of whatever clock the caller compares observations with."""


class Provider(Protocol):
    """One account with one provider. Its methods may run at the same time, also for the same address.

    Cancelling is safe everywhere. A cancelled or timed out :meth:`assign` may still be applied by the provider.
    """

    @property
    def name(self) -> str:
        """The provider's name in the spec (``hetzner-robot``)."""

    @property
    def account(self) -> str:
        """Whose quota the requests draw on: same text, same quota. No secret, fit for file names."""

    @property
    def quotas(self) -> tuple[Quota, ...]:
        """What the account may do, all nodes together; empty when nothing is counted."""

    @property
    def pace(self) -> Pace:
        """How long moves take."""

    @property
    def lists(self) -> bool:
        """Whether :meth:`observe_all` costs less than :meth:`observe` of each address."""

    async def observe(self, ip: FailoverAddress, *, spend: Spend) -> Reading:
        """Ask where *ip* points."""

    async def observe_all(self, *, spend: Spend) -> Readings:
        """Ask where all failover IPs of the account point. An address that is not in the answer is not known."""

    async def assign(self, ip: FailoverAddress, target: Target, *, spend: Spend) -> Answer:
        """Ask once that *ip* points at *target*; does not look first, and does not verify afterwards."""

    async def release(self, ip: FailoverAddress, *, spend: Spend) -> Answer:
        """Ask once that *ip* points nowhere."""

    async def aclose(self) -> None:
        """Close idle connections."""
