"""Flaws that existing files have and keepalived lives with: noted in the spec, so that it renders what there is.

`render` refuses a spec that breaks a rule. A file that was adopted has to render to what keepalived has now, flaws
included, so each place where it breaks one gets an `ignore` entry: the operator's list of what to mend, one by one.
"""

from typing import Any

from lvsctl.compose.adopt.emit import yaml_text
from lvsctl.compose.rules import Finding, Pair, Severity, check
from lvsctl.spec.document import read
from lvsctl.spec.load import load
from lvsctl.spec.paths import dotted

REASON = "it was so in the keepalived.conf that this spec was made from"


def flaws(data: dict[str, Any]) -> list[Finding]:
    """Answer the broken rules, of those that stop rendering, of the spec with the raw *data*."""
    declared = load(read(yaml_text(data), file="spec"))
    found = check(Pair(declared.specs)).findings
    return [finding for finding in found if finding.rule.severity is Severity.ERROR]


def ignored(found: list[Finding]) -> list[dict[str, str]]:
    """Answer the entries of `ignore` for the flaws *found*, each once."""
    places = dict.fromkeys((finding.rule.id, dotted(finding.path)) for finding in found)
    return [
        {"rule": rule, "at": place, "reason": REASON} if place else {"rule": rule, "reason": REASON}
        for rule, place in places
    ]
