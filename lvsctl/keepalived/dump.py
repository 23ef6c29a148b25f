"""keepalived's own account of what it parsed, read from the files it writes on SIGUSR1.

Two configurations mean the same when their normalised accounts are equal. Pure: it reads texts, not files.
"""

from typing import NamedTuple


class RealServer(NamedTuple):
    """A real server as keepalived names it."""

    name: str
    """``[10.0.0.2]:tcp:80``"""
    weight: int


class Inventory(NamedTuple):
    """What a running keepalived works on."""

    instances: tuple[str, ...]
    """Names of the VRRP instances."""
    virtual_servers: tuple[tuple[str, tuple[RealServer, ...]], ...]
    """Name of each virtual server, with its real servers."""


def normalised(text: str) -> list[str]:
    """Answer the lines of one dump that say what was configured, without those that change while it runs."""
    raise NotImplementedError


def inventory(text: str) -> Inventory:
    """Answer the instances, virtual servers and real servers in the text of one or all dumps."""
    raise NotImplementedError
