"""Run every check that fits a machine, and say what could not be looked at. No check ends another one."""

from collections.abc import Collection
from typing import NamedTuple

from lvsctl.compose.rules import Severity
from lvsctl.doctor.model import CHECKS, Check, Finding, Machine, Unread
from lvsctl.errors import LvsctlError

HEALTHY, UNKNOWN, FINDINGS = 0, 1, 2

_ORDER = list(Severity)


class Report(NamedTuple):
    """What an examination found."""

    findings: tuple[Finding, ...]
    """The gravest first."""
    unread: tuple[Unread, ...]
    checked: tuple[str, ...]
    """Ids of the checks that were made to their end."""

    @property
    def status(self) -> int:
        """The exit code: findings count whatever could not be read; a note alone is none."""
        if any(each.severity is not Severity.NOTE for each in self.findings):
            return FINDINGS
        return UNKNOWN if self.unread else HEALTHY


def examine(machine: Machine, *, ignored: Collection[str] = ()) -> Report:
    """Make all checks for the role of *machine* but the *ignored* ones."""
    findings: list[Finding] = []
    unread: dict[tuple[str, str], list[str]] = {}
    checked: list[str] = []
    for each in all_checks():
        if each.id in ignored or not _fits(each, machine):
            continue
        found, trouble = _made(each, machine)
        findings += found
        if trouble is None:
            checked.append(each.id)
        else:
            unread.setdefault(trouble, []).append(each.id)
    findings.sort(key=lambda finding: _ORDER.index(finding.severity))
    told = tuple(Unread(tuple(ids), *trouble) for trouble, ids in unread.items())
    return Report(tuple(dict.fromkeys(findings)), told, tuple(checked))


def _fits(each: Check, machine: Machine) -> bool:
    return machine.role in each.roles and not (each.not_adopted and machine.adoption is not None)


def _made(each: Check, machine: Machine) -> tuple[list[Finding], tuple[str, str] | None]:
    """Answer what a check found before anything stopped it, and what did."""
    if each.needs_spec and machine.declared is None:
        return [], machine.undeclared
    findings: list[Finding] = []
    try:
        findings.extend(each.finding(found) for found in each.looks(machine))
    except LvsctlError as error:
        return findings, (error.message, error.hint)
    except Exception as error:  # noqa: BLE001 - a bug of one check must not hide what the others found
        return findings, (
            f"this is a bug in lvsctl: {type(error).__name__} in {each.id}: {error}",
            "please report it",
        )
    return findings, None


def all_checks() -> list[Check]:
    """Answer every check there is, in the order of the ids."""
    import lvsctl.doctor.nouns  # noqa: F401, PLC0415 - importing the nouns registers their checks

    return [CHECKS[name] for name in sorted(CHECKS)]
