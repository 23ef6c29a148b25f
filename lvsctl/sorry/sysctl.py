"""Sysctls of IPVS that a swap may need for its time, and who is the last to need one.

They belong to the network namespace, not to a service: the first swap remembers the value, the last one restores it.
"""

from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from lvsctl.errors import Denied, Unavailable
from lvsctl.host.netns import inside
from lvsctl.sorry.model import Snapshot
from lvsctl.vocabulary import ServiceKey

_FOLDER: Final = "/proc/sys/net/ipv4/vs"


class Sysctls(Protocol):
    """The sysctls below net.ipv4.vs of one namespace."""

    def get(self, name: str) -> int:
        """Answer a value; 0 when the kernel has no such sysctl."""

    def set(self, name: str, value: int) -> None:
        """Change a value. Raises Denied or Unavailable."""


class KernelSysctls:
    """Those of this network namespace, or of *netns*."""

    def __init__(self, *, netns: str | None = None) -> None:
        self._netns = netns

    def get(self, name: str) -> int:
        """Answer a value; 0 when the kernel has no such sysctl."""
        return _get(name) if self._netns is None else inside(self._netns, lambda: _get(name))

    def set(self, name: str, value: int) -> None:
        """Change a value. Raises Denied or Unavailable."""
        if self._netns is None:
            _set(name, value)
        else:
            inside(self._netns, lambda: _set(name, value))


def lasting(sysctls: Sysctls, name: str, others: Iterable[Snapshot]) -> int:
    """Answer the value that *name* has when no swap needs another one; *others* are all snapshots of this boot."""
    kept = (snapshot.sysctls[name] for snapshot in others if name in snapshot.sysctls)
    return next(kept, sysctls.get(name))


def restore(
    sysctls: Sysctls, saved: Mapping[str, int], own: Iterable[ServiceKey], others: Iterable[Snapshot]
) -> None:
    """Put back the *saved* values that no snapshot but the *own* ones needs changed.

    A value that somebody set meanwhile stays. Raises Denied or Unavailable.
    """
    leaving = set(own)
    needed = {name for snapshot in others if snapshot.key not in leaving for name in snapshot.sysctls}
    for name, value in saved.items():
        if name not in needed and sysctls.get(name) == 1:
            sysctls.set(name, value)


def _get(name: str) -> int:
    try:
        with open(f"{_FOLDER}/{name}", encoding="ascii") as file:  # noqa: PTH123 - a path of the kernel's
            return int(file.read())
    except (OSError, ValueError):
        return 0


def _set(name: str, value: int) -> None:
    try:
        with open(f"{_FOLDER}/{name}", "w", encoding="ascii") as file:  # noqa: PTH123 - a path of the kernel's
            file.write(f"{value}\n")
    except PermissionError as error:
        raise Denied(f"net.ipv4.vs.{name}: {error.strerror}") from error
    except OSError as error:
        raise Unavailable(f"net.ipv4.vs.{name}: {error.strerror}") from error
