"""What rules may ask about a host. The answers are gathered at the edge (:mod:`lvsctl.host.facts`) or made up by a test."""

from typing import Protocol

from lvsctl.host.facts import PathComponent

__all__ = ["HostFacts", "PathComponent"]


class HostFacts(Protocol):
    """Facts about the host that a configuration is meant for."""

    def interfaces(self) -> frozenset[str]:
        """Answer the names of its network interfaces."""
        ...

    def user_exists(self, name: str) -> bool:
        """Answer whether it has the user *name* (a name or a number)."""
        ...

    def group_exists(self, name: str) -> bool:
        """Answer whether it has the group *name* (a name or a number)."""
        ...

    def components(self, path: str) -> tuple[PathComponent, ...]:
        """Answer every component of the absolute *path* as it is written, up to the first that is missing."""
        ...

    def real_path(self, path: str) -> str:
        """Answer where *path* really is, without links; what is missing stays as it is written."""
        ...
