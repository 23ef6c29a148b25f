"""What rules may ask about a host. The answers are gathered at the edge (:mod:`lvsctl.host.facts`) or made up by a test."""

from typing import NamedTuple, Protocol


class PathComponent(NamedTuple):
    """One component of a path from ``/`` down, as keepalived's script security looks at it."""

    path: str
    kind: str
    """``directory``, ``file``, ``symlink``, ``other`` or ``missing``."""
    uid: int = 0
    gid: int = 0
    mode: int = 0
    """Permission bits, sticky and set-id bits included."""


class HostFacts(Protocol):
    """Facts about the host that a configuration is meant for."""

    def interfaces(self) -> frozenset[str]:
        """Answer the names of its network interfaces."""
        ...

    def user_exists(self, name: str) -> bool:
        """Answer whether it has the user *name* (a name or a number)."""
        ...

    def group_exists(self, name: str) -> bool:
        """Answer whether it has the group *name*."""
        ...

    def components(self, path: str) -> tuple[PathComponent, ...]:
        """Answer every component of the absolute *path*, the unresolved one first, then those of its target."""
        ...
