"""A validation told three ways: to people, to programs (docs/reference/json.md), to GitHub's annotations."""

import sys
from collections.abc import Iterable, Iterator
from typing import Any

from lvsctl.cli.findings import fault, tell
from lvsctl.cli.output import BOLD, GREEN, RED, YELLOW, painted, print_json, say
from lvsctl.compose.rules import Finding, Severity
from lvsctl.compose.validate import Answer, Validation
from lvsctl.errors import Place, visible
from lvsctl.keepalived.judge import Crashed, Invalid, Unverified, Valid, Verdict
from lvsctl.keepalived.program import dotted as release
from lvsctl.spec.paths import dotted

TONES = {Answer.VALID: GREEN, Answer.INVALID: RED, Answer.NOT_VERIFIED: YELLOW}


def as_text(validation: Validation, answer: Answer, *, asked: bool, quiet: bool) -> None:
    """Tell people: findings and the story on standard error, the verdict on standard output."""
    findings = validation.checked.findings
    tell(
        validation.declared,
        [each for each in findings if not quiet or each.rule.severity is Severity.ERROR],
        at_length=not quiet,
    )
    for _, place, path, message in validation.messages():
        told = f"{dotted(path)}: {message}" if path else str(message)
        say(f": keepalived: {told}", head=painted(str(place), BOLD, sys.stderr))
    for node, verdict in validation.verdicts.items():
        say(f"{node or 'keepalived.conf'}: {summary(verdict)}", quiet=quiet)
    for line in _left_open(validation, asked=asked):
        say(line, quiet=quiet)
    print(f"{visible(validation.declared.document.file)}: {painted(answer.value, TONES[answer], sys.stdout)}")


def summary(verdict: Verdict) -> str:
    """Answer in one line what keepalived said of one file."""
    match verdict:
        case Valid(version, alarms):
            noted = f" ({len(alarms)} known false alarms left out)" if alarms else ""
            return f"keepalived {release(version)} accepts it without a word{noted}"
        case Invalid(version, messages):
            return f"keepalived {release(version)} finds {len(messages)} faults"
        case Crashed(version, how):
            return f"keepalived {release(version)} did not survive reading it: {how}"
        case Unverified(reason):
            return f"not verified: {reason}"


def _left_open(validation: Validation, *, asked: bool) -> Iterator[str]:
    for finding in validation.checked.ignored:
        yield f"ignored {finding.rule.id} at {dotted(finding.path)}, as the spec asks"
    if unchecked := ", ".join(rule.id for rule in validation.checked.unchecked):
        yield f"not checked here, because they need the host (--node NAME on that host): {unchecked}"
    if not asked:
        yield "keepalived was not asked (--no-keepalived)"


def located(place: Place) -> dict[str, Any]:
    """Answer a position as JSON has it."""
    return {"file": place.file, "line": place.line, "column": place.column}


def as_json(validation: Validation, answer: Answer, *, asked: bool) -> None:
    """Print everything as one JSON document."""
    complaints = [
        located(place) | {"node": node, "path": dotted(path), "message": message.text}
        for node, place, path, message in validation.messages()
    ]
    print_json(
        {
            "verdict": answer.value,
            "findings": _told_once(validation, validation.checked.findings),
            "ignored": _told_once(validation, validation.checked.ignored),
            "not_checked": [rule.id for rule in validation.checked.unchecked],
            "keepalived": {
                "asked": asked,
                "nodes": {node: summary(verdict) for node, verdict in validation.verdicts.items()},
                "messages": complaints,
            },
        }
    )


def _told_once(validation: Validation, findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Answer each finding once, with all the nodes it is about."""
    nodes: dict[Finding, list[str]] = {}
    for finding in findings:
        nodes.setdefault(finding._replace(node=""), []).append(finding.node)
    return [
        _finding(validation, finding._replace(node=about[0])) | {"nodes": about}
        for finding, about in nodes.items()
    ]


def _finding(validation: Validation, finding: Finding) -> dict[str, Any]:
    where = fault(validation.declared, finding)
    return located(where.place) | {
        "rule": finding.rule.id,
        "severity": finding.rule.severity.value,
        "path": where.path,
        "message": finding.message,
        "reason": finding.rule.reason,
        "remedy": finding.rule.remedy,
        "page": finding.rule.page,
    }


def as_annotations(validation: Validation) -> None:
    """Print workflow commands that GitHub shows beside the lines of the spec."""
    levels = {"error": "error", "warning": "warning", "note": "notice"}
    for finding in validation.checked.findings:
        where = fault(validation.declared, finding)
        text = f"{finding.message}. {finding.rule.remedy}"
        print(
            annotation(
                levels[finding.rule.severity.value], where.place, finding.rule.id, f"{where.path}: {text}"
            )
        )
    for _, place, path, message in validation.messages():
        print(annotation("error", place, "keepalived", f"{dotted(path)}: {message.text}"))
    for node, verdict in validation.verdicts.items():
        if isinstance(verdict, (Crashed, Unverified)):
            level = "error" if isinstance(verdict, Crashed) else "warning"
            print(
                annotation(
                    level,
                    Place(validation.declared.document.file),
                    "keepalived",
                    f"{node}: {summary(verdict)}",
                )
            )


def annotation(level: str, place: Place, title: str, text: str) -> str:
    """Answer one workflow command, escaped as GitHub's toolkit does (actions/toolkit, command.ts)."""
    properties = f"file={_property(place.file)},line={place.line or 1},col={place.column or 1},title={_property(title)}"
    return f"::{level} {properties}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
