"""Put a new configuration in the place of the running one, and take it back when keepalived does not cope."""

from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from lvsctl.keepalived.judge import Verdict


class Outcome(Enum):
    """How an installation ended."""

    UNCHANGED = "the file already says this"
    NOT_RUNNING = "installed; keepalived is not running"
    RELOADED = "installed, and keepalived runs with it"
    REFUSED = "not installed: keepalived does not accept it"
    ROLLED_BACK = "keepalived did not come back with it, so the previous file is in place again"
    BROKEN = "keepalived did not come back, neither with the new file nor with the previous one"


class Reloaded(NamedTuple):
    """What became of a new configuration."""

    outcome: Outcome
    detail: str
    """One sentence for the operator: what was seen."""
    verdict: Verdict


def install_and_reload(
    text: str,
    path: Path,
    *,
    validate: Callable[[str], Verdict],
    mode: int = 0o644,
    accept_unverified: bool = False,
    timeout: float = 15.0,
) -> Reloaded:
    """Validate *text*, put it at *path*, reload the keepalived that reads *path*, roll back if it fails."""
    raise NotImplementedError
