"""The running keepalived: which process reads a file, whether it lives, and its dumps on request."""

from pathlib import Path
from typing import NamedTuple


class Daemon(NamedTuple):
    """A running keepalived."""

    pid: int
    """The parent process, which takes the signals."""
    config: Path
    """The file it reads."""


def find(config: Path) -> Daemon | None:
    """Answer the keepalived in this network namespace that reads *config*, or None."""
    raise NotImplementedError
