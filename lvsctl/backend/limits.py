"""What one worker of the sorry backend grants its visitors. Data only."""

from dataclasses import dataclass
from enum import IntEnum


class Phase(IntEnum):
    """What a connection waits for. The order is the one in which connections are given up when there are too many."""

    LINGERING = 0
    """Everything is said; what the visitor still sends is thrown away, so that a reset does not overtake the answer."""
    IDLE = 1
    """The next request."""
    HEAD = 2
    """The rest of a request."""
    BODY = 3
    """The rest of a body, to throw it away."""
    WRITING = 4
    """The visitor takes the answer."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many, how long. Each time counts from the moment a connection enters a phase, whatever trickles in.

    A connection leads here for as long as it lasts, even when its service has its real servers back. One that only asks
    and waits is gone after *staying* and *idle*, so that ``off`` in keepalived's plain form need not cut it
    (:data:`lvsctl.sorry.parting.GRACE`).
    """

    connections: int = 16384
    """Open at once in one worker; one more, and the oldest that nobody needs is closed."""
    lingering: float = 5.0
    idle: float = 15.0
    staying: float = 4.0
    """From a visitor's arrival to the last answer that offers another one over this connection."""
    head: float = 10.0
    """To the first word of a newcomer, and from the first word of a request to its last."""
    body: float = 30.0
    writing: float = 30.0
    draining: float = 10.0
    """Seconds that a worker takes to end."""

    def seconds(self) -> tuple[float, ...]:
        """Answer how long each Phase may last, by its number."""
        return (self.lingering, self.idle, self.head, self.body, self.writing)
