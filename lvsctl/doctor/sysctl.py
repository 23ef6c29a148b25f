"""How sysctls of the network combine, and what one has to be. Pure; the settings are in :mod:`lvsctl.doctor.settings`.

Which rule combines `conf/all` with `conf/INTERFACE` is in include/linux/inetdevice.h (6.1): IN_DEV_MAXCONF, _ORCONF, _CONF_GET.
"""

import shlex
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import NamedTuple

from lvsctl.compose.rules import Severity
from lvsctl.doctor.host import Host
from lvsctl.doctor.model import EVERYWHERE, Found, Machine, Role, check

CONF = "net/ipv4/conf"
FORWARDING = "forwarding"


class How(Enum):
    """How the value for one interface comes about."""

    SOLE = "sole"
    """There is only one value."""
    MAX = "max"
    """The greater of all and the interface."""
    OR = "or"
    """On when either is."""
    OWN = "own"
    """The interface's own; all does not count."""
    ACCEPT = "accept"
    """On when both are, where the interface forwards; when either is, where it does not (IN_DEV_RX_REDIRECTS)."""


class Setting(NamedTuple):
    """What a sysctl has to be, where it matters."""

    id: str
    severity: Severity
    title: str
    why: str
    name: str
    """The whole name for SOLE (``net/ipv4/ip_forward``), else the last word (``rp_filter``)."""
    good: frozenset[int]
    best: int
    """What to set it to."""
    where: Callable[[Machine], Iterable[str]]
    """Answers the interfaces where it matters; for SOLE an empty word when it does at all."""
    how: How = How.SOLE
    roles: frozenset[Role] = EVERYWHERE
    needs_spec: bool = False

    def keys(self, interface: str) -> tuple[str, ...]:
        """Answer the sysctls that make the value for *interface*."""
        match self.how:
            case How.SOLE:
                return (self.name,)
            case How.OWN:
                return (self.own(interface),)
            case How.ACCEPT:
                return (f"{CONF}/all/{self.name}", self.own(interface), f"{CONF}/{interface}/{FORWARDING}")
            case _:
                return (f"{CONF}/all/{self.name}", self.own(interface))

    def own(self, interface: str) -> str:
        """Answer the sysctl that a finding is about."""
        return self.name if self.how is How.SOLE else f"{CONF}/{interface}/{self.name}"

    def effective(self, values: Iterable[int]) -> int:
        """Answer what comes out of the *values* of :meth:`keys`."""
        if self.how is How.ACCEPT:
            *both, forwards = values
            return int(all(both) if forwards else any(both))
        return int(any(values)) if self.how is How.OR else max(values)

    def to_set(self, interface: str) -> tuple[str, ...]:
        """Answer the sysctls to set: a value is raised by one of them, and lowered only by all."""
        keys = self.keys(interface)
        if self.how is How.ACCEPT:
            keys = keys[:2]
        return keys if self.best < min(self.wrong()) else keys[:1]

    def wrong(self) -> frozenset[int]:
        """Answer values that are not good, out of the few that these settings have."""
        return frozenset(range(3)) - self.good

    @property
    def remedy(self) -> str:
        """What to do, in general."""
        return f"Set {dotted(self.to_set('INTERFACE')[0])} to {self.best}, now and in /etc/sysctl.d."


def dotted(key: str) -> str:
    """Answer a name as sysctl(8) writes it: dots between, and a slash for a dot in the name of an interface."""
    return key.translate(str.maketrans("./", "/."))


def slashed(key: str) -> str:
    """Answer a name with slashes, however it is written: what separates is what comes first (sysctl.d(5))."""
    first = next((sign for sign in key if sign in "./"), "/")
    return key if first == "/" else key.translate(str.maketrans("./", "/."))


def value_of(setting: Setting, interface: str, host: Host) -> int | None:
    """Answer the value that counts for *interface*; None when the kernel has no such setting."""
    values = [host.sysctl(key) for key in setting.keys(interface)]
    known = [value for value in values if value is not None]
    return setting.effective(known) if len(known) == len(values) else None


_RULES = {
    How.SOLE: "",
    How.MAX: "; the greater of that and the one of `all` counts",
    How.OR: "; it is on when that or the one of `all` is",
    How.OWN: "; the one of `all` does not count",
    How.ACCEPT: "; where the interface forwards, it is on when that and the one of `all` are, else when either is",
}


def register(setting: Setting) -> None:
    """Make a check of *setting*."""

    def looks(machine: Machine) -> Iterator[Found]:
        for interface in setting.where(machine):
            value = value_of(setting, interface, machine.host)
            if value is not None and value not in setting.good:
                yield Found(
                    dotted(setting.own(interface)),
                    _said(setting, interface, machine.host, value),
                    command(setting, interface),
                )

    looks.__doc__ = f"`{dotted(setting.own('INTERFACE'))}`{_RULES[setting.how]}."
    check(
        setting.id,
        setting.severity,
        setting.title,
        why=setting.why,
        remedy=setting.remedy,
        roles=setting.roles,
        needs_spec=setting.needs_spec,
    )(looks)


def _said(setting: Setting, interface: str, host: Host, value: int) -> str:
    wanted = " or ".join(map(str, sorted(setting.good))) if len(setting.good) < 4 else f"{setting.best}"  # noqa: PLR2004 - more is a list nobody reads
    if setting.how in (How.SOLE, How.OWN):
        return f"it is {value}, expected {wanted}"
    parts = " and ".join(f"{dotted(key)} = {host.sysctl(key)}" for key in setting.keys(interface))
    return f"{parts} make {value}, expected {wanted}"


def command(setting: Setting, interface: str) -> str:
    """Answer the command that sets it now; and a file that keeps it."""
    words = shlex.join(f"{dotted(key)}={setting.best}" for key in setting.to_set(interface))
    return f"sysctl -w {words}, and the same in /etc/sysctl.d/60-lvs.conf"
