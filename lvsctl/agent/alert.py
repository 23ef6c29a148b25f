"""When somebody has to be called: what was wrong for too long, once, and once more when it is over. Pure."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple


class Call(NamedTuple):
    """One run of the alert command."""

    subject: str
    """A failover IP, or ``vrrp NAME``."""
    word: str
    """``trouble`` or ``over``."""
    text: str


class Alerts:
    """Remembers since when what is wrong."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._called: set[str] = set()

    def due(self, wrong: Mapping[str, str], *, after: float, now: float) -> Iterator[Call]:
        """Yield whom to call at *now*. *wrong* says what is wrong with each subject; it has to last *after* seconds."""
        for subject, text in wrong.items():
            since = self._since.setdefault(subject, now)
            if now - since >= after and subject not in self._called:
                self._called.add(subject)
                yield Call(subject, "trouble", text)
        for subject in set(self._since) - set(wrong):
            del self._since[subject]
            if subject in self._called:
                self._called.remove(subject)
                yield Call(subject, "over", "as it should be again")


def wrong(doc: Mapping[str, object]) -> dict[str, str]:
    """Answer what is wrong by subject, from what status.json holds."""
    found: dict[str, str] = {}
    failover, instances = doc["failover"], doc["instances"]
    assert isinstance(failover, dict)  # noqa: S101 - our own document
    assert isinstance(instances, dict)  # noqa: S101 - likewise
    for name, each in instances.items():
        if each["state"] == "UNKNOWN":
            found[f"vrrp {name}"] = "its state is unknown"
    for ip, each in failover.items():
        if each["provider"] == "none":
            continue
        if each["trouble"]:
            found[ip] = str(each["trouble"])
        elif each.get("vrrp") == "MASTER" and each["holds"] is None:
            found[ip] = f"where it points is unknown: {each.get('why') or each['phase']}"
    return found
