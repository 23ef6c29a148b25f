"""What providers want of whatever carries their requests: the real client, or a simulation. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from lvsctl.errors import visible
from lvsctl.failover.provider import Unknown, Unreachable

MAX_WHY = 200


@dataclass(frozen=True, slots=True)
class Heard:
    """A whole response."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    value: Any
    """The body as JSON; None when it is none."""


class Asks(Protocol):
    """One API with one set of credentials: :class:`lvsctl.failover.transport.Client`."""

    async def prepare(self) -> None:
        """Begin to open the connection of a :meth:`read` that follows at once; a change never takes it."""

    async def read(
        self, path: str, params: Mapping[str, str | int] | None = None
    ) -> Heard | Unreachable | Unknown:
        """GET *path*."""

    async def change(
        self,
        method: str,
        path: str,
        *,
        form: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        within: float | None = None,
    ) -> Heard | Unreachable | Unknown:
        """Send a request that changes something: *form* as a form, or *body* as JSON; *within* so many seconds."""

    async def aclose(self) -> None:
        """Close it."""


def shortly(text: str) -> str:
    """Answer what somebody else said, fit for one line of a log: bounded, and nothing that a terminal acts on."""
    return visible(text[:MAX_WHY])[:MAX_WHY]
