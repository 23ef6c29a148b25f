"""What a check is, and what it finds. Pure.

A check asks a :class:`~lvsctl.doctor.host.Host` and yields what it does not like. It changes nothing, and what it could
not read is no verdict: it lets the error of the host's answer through, and the check counts as not made.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from lvsctl.compose.rules import Severity
from lvsctl.doctor.host import Host
from lvsctl.errors import Fault
from lvsctl.spec.load import Declared
from lvsctl.spec.spec import Spec

ERROR, WARNING, NOTE = Severity

PAGE = "docs/reference/doctor.md"


class Role(StrEnum):
    """What a machine is for."""

    DIRECTOR = "director"
    REALSERVER = "realserver"


EVERYWHERE = frozenset(Role)
DIRECTOR = frozenset({Role.DIRECTOR})
REALSERVER = frozenset({Role.REALSERVER})


class Adoption(NamedTuple):
    """A keepalived.conf that stands in for a spec, made into one as `lvsctl import` does."""

    files: tuple[str, ...]
    """What was read, included files with it; the first one is what keepalived is told to read."""
    pids: tuple[int, ...]
    """The keepaliveds that read them; none when it is the file of the next start."""
    misread: tuple[Fault, ...] = ()
    """Where keepalived does not do what the file seems to say."""
    left: tuple[Fault, ...] = ()
    """What the spec made of it does not have, so that no check sees it."""
    unusable: tuple[Fault, ...] = ()
    """Why keepalived cannot live with it, or nothing can be made of it."""


@dataclass(frozen=True)
class Machine:
    """One machine as a check sees it."""

    role: Role
    host: Host
    declared: Declared | None = None
    """The whole spec; None without one."""
    node: str = ""
    """Which of its nodes this machine is; on a real server, whose services it serves."""
    fresh: bool = False
    """Whether a call of the provider's API may be spent."""
    adoption: Adoption | None = None
    """What stands in for the spec; :attr:`declared` is then made of it, or None where nothing could be."""
    undeclared: tuple[str, str] = ("there is no spec", "name it: lvsctl doctor SPEC")
    """Without a spec: why, and what to do."""

    @property
    def spec(self) -> Spec:
        """What the spec says for this node. Only for checks that need a spec."""
        assert self.declared is not None  # noqa: S101 - examine() asks no such check otherwise
        return self.declared.spec(self.node)


class Found(NamedTuple):
    """What a check does not like."""

    subject: str
    """What it is about: a file, a sysctl, a service, an interface."""
    read: str
    """What was read, with the values at hand."""
    remedy: str
    """The command that fixes it, or what to write where."""
    severity: Severity | None = None
    """How bad it is here, where that is not always the same."""
    why: str = ""
    """Why it matters here, where the check alone does not tell."""


class Finding(NamedTuple):
    """The same, with all that a reader needs to know."""

    id: str
    severity: Severity
    subject: str
    read: str
    why: str
    remedy: str
    page: str


class Unread(NamedTuple):
    """What could not be looked at, and which checks that leaves open."""

    checks: tuple[str, ...]
    why: str
    hint: str = ""


Looks = Callable[[Machine], Iterable[Found]]


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """One check. Each is made once, so it is compared by identity."""

    id: str
    severity: Severity
    title: str
    why: str
    """What happens to whom when nobody mends it, and where that is written or was measured."""
    remedy: str
    """What to do, in general; a finding says it with its own names."""
    roles: frozenset[Role]
    looks: Looks
    needs_spec: bool = False
    page: str = ""
    """Where it is documented, when that is not PAGE."""
    not_adopted: bool = False
    """Whether it asks for what only a spec says; a keepalived.conf that stands in for one does not."""

    def finding(self, found: Found) -> Finding:
        """Answer *found* with what this check knows."""
        return Finding(
            self.id,
            found.severity or self.severity,
            found.subject,
            found.read,
            found.why or self.why,
            found.remedy,
            self.page or f"{PAGE}#{self.id.lower()}",
        )


CHECKS: dict[str, Check] = {}
"""All checks by id, in the order in which their modules were imported."""


def add(check: Check) -> Check:
    """Register *check*; ValueError when its id is taken."""
    if check.id in CHECKS:
        raise ValueError(f"two checks are called {check.id}")
    CHECKS[check.id] = check
    return check


def check(
    name: str,
    severity: Severity,
    title: str,
    *,
    why: str,
    remedy: str,
    roles: frozenset[Role] = EVERYWHERE,
    needs_spec: bool = False,
    not_adopted: bool = False,
) -> Callable[[Looks], Looks]:
    """Register the check that a function makes."""

    def register(looks: Looks) -> Looks:
        add(Check(name, severity, title, why, remedy, roles, looks, needs_spec, not_adopted=not_adopted))
        return looks

    return register
