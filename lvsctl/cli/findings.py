"""How findings of the rules are told: one line with the position, then why it matters and what to do."""

import sys
from collections.abc import Iterable

from lvsctl.cli.output import BOLD, CYAN, RED, YELLOW, painted, say
from lvsctl.compose.rules import Finding, Severity
from lvsctl.errors import Fault
from lvsctl.spec.load import Declared
from lvsctl.spec.paths import dotted

TONES = {Severity.ERROR: RED, Severity.WARNING: YELLOW, Severity.NOTE: CYAN}


def fault(declared: Declared, finding: Finding) -> Fault:
    """Answer *finding* as a fault of the spec, with its position."""
    where = declared.place(finding.node, finding.path)
    return Fault(where, dotted(finding.path), f"{finding.rule.id}: {finding.message}")


def tell(
    declared: Declared, findings: Iterable[Finding], *, quiet: bool = False, at_length: bool = False
) -> None:
    """Say each of *findings* on standard error; *at_length* adds the reason and the remedy."""
    told: set[Fault] = set()
    for finding in findings:
        one = fault(declared, finding)
        if one in told:
            continue
        told.add(one)
        severity = painted(finding.rule.severity.value, TONES[finding.rule.severity], sys.stderr)
        where = painted(str(one.place), BOLD, sys.stderr)
        said = f"{finding.rule.id}: {one.path}: {finding.message}"
        say(said, quiet=quiet, head=f"{where}: {severity} ")
        if at_length:
            say(f"    why: {finding.rule.reason}", quiet=quiet)
            say(f"    do:  {finding.rule.remedy}  ({finding.rule.page})", quiet=quiet)
