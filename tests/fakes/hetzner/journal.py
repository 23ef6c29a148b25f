"""Every request the fake saw, in order. Tests assert on this. It holds no secret: users and token names only."""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """One request and what became of it."""

    n: int
    t: float
    api: str
    """``robot`` or ``cloud``; ``connection`` for one that was refused before any request."""
    source: str
    method: str
    path: str
    form: Mapping[str, Any]
    """The parsed body: Robot's form or Cloud's JSON."""
    user: str
    """Robot's login or the Cloud token's name; empty when not accepted."""
    status: int
    outcome: str
    """OK, or the API's error code, also where a fault hid the answer from the client."""
    begun: bool
    """This request began a change of routing."""
    lock_wait: float
    fault: str
    """The fault that spoiled it, or empty."""
    at: float
    """When the answer leaves."""


class Journal:
    """An append-only list of entries, readable from any thread."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._lock = threading.Lock()

    def add(self, **fields: Any) -> Entry:
        """Append one entry; it gets the next number."""
        with self._lock:
            entry = Entry(n=len(self._entries), **fields)
            self._entries.append(entry)
        return entry

    def __iter__(self) -> Iterator[Entry]:
        with self._lock:
            return iter(tuple(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def where(self, **wanted: object) -> list[Entry]:
        """Answer the entries whose fields equal *wanted* (``method="POST", outcome="OK"``)."""
        return [each for each in self if all(getattr(each, name) == value for name, value in wanted.items())]

    def posts(self, **wanted: object) -> list[Entry]:
        """Answer the POST entries."""
        return self.where(method="POST", **wanted)

    def begun(self) -> list[Entry]:
        """Answer the requests that began a change of routing."""
        return self.where(begun=True)

    def as_json(self) -> list[dict[str, Any]]:
        """Answer all entries as plain values."""
        return [asdict(each) for each in self]

    def text(self) -> str:
        """Answer one line for each request, for a failing assertion."""
        return "\n".join(
            f"{each.t:.1f} {each.source} {each.method} {each.path} {dict(each.form)} → {each.status} {each.outcome}"
            + (f" [{each.fault}]" if each.fault else "")
            for each in self
        )
