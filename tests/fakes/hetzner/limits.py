"""Rate limits: Robot's windows and Cloud's bucket. Pure: the time comes with the question."""

from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Literal


@dataclass(slots=True)
class Windows:
    """At most so many requests of a key within *window* seconds; *fixed* windows begin with their first request."""

    window: float = 3600.0
    form: Literal["fixed", "sliding"] = "fixed"
    count_rejected: bool = False
    _seen: dict[Hashable, list[float]] = field(default_factory=lambda: defaultdict(list))

    def allows(self, key: Hashable, limit: int, now: float) -> bool:
        """Answer whether one more request may pass, and count it."""
        seen = self._seen[key]
        if self.form == "sliding":
            seen[:] = [moment for moment in seen if now - moment < self.window]
        elif seen and now - seen[0] >= self.window:
            seen.clear()
        passes = len(seen) < limit
        if passes or self.count_rejected:
            seen.append(now)
        return passes

    def used(self, key: Hashable) -> int:
        """Answer how many requests of *key* the present window has counted."""
        return len(self._seen[key])


@dataclass(slots=True)
class Bucket:
    """A token bucket: *limit* tokens at most, *rate* more each second."""

    limit: int = 3600
    rate: float = 1.0
    tokens: float = 3600.0
    at: float = 0.0

    def takes(self, now: float) -> bool:
        """Answer whether there was a token for one more request, and take it."""
        self.refill(now)
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True

    def refill(self, now: float) -> None:
        """Add what has dripped in since the last request."""
        if self.at:
            self.tokens = min(self.limit, self.tokens + (now - self.at) * self.rate)
        self.at = now

    def full_at(self, now: float) -> float:
        """Answer when the bucket is full again if nobody asks."""
        return now + (self.limit - self.tokens) / self.rate if self.rate else now + 3600
