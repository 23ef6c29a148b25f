"""``lvsctl doctor``: is this machine healthy? Findings with their reason and the command that fixes each."""

import os
import sys
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lvsctl.cli import options
from lvsctl.cli.doctor_machine import adopted_machine, declared_machine, is_there, story, truth
from lvsctl.cli.output import BOLD, CYAN, RED, YELLOW, painted, print_json, say
from lvsctl.errors import Usage, visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lvsctl.doctor.examine import Report
    from lvsctl.doctor.model import Finding, Machine, Unread


class RoleName(StrEnum):
    """What a machine is for."""

    DIRECTOR = "director"
    REALSERVER = "realserver"


Role = Annotated[RoleName, typer.Option("--role", help="What this machine is for.")]
Peer = Annotated[
    str | None,
    typer.Option("--peer", metavar="HOST", help="Also compare with the other director, over ssh."),
]
Fresh = Annotated[
    bool, typer.Option("--fresh", help="Spend one call on each provider's API, to see that it answers.")
]
Ignored = Annotated[
    list[str] | None, typer.Option("--ignore", metavar="ID", help="Leave this check out; may be repeated.")
]
Netns = Annotated[
    str | None,
    typer.Option("--netns", metavar="NAME", help="Look at another network namespace: a name or a path."),
]


def doctor(
    context: typer.Context,
    spec: options.Spec = options.DEFAULT_SPEC,
    role: Role = RoleName.DIRECTOR,
    node: options.Node = "",
    peer: Peer = None,
    fresh: Fresh = False,
    ignore: Ignored = None,
    netns: Netns = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Examine this machine, and change nothing. Without a spec the keepalived.conf at work is taken for one.

    Exit: 0 no findings (notes do not count), 2 findings, 1 none, but not everything could be looked at (as root it can),
    65 spec invalid.
    """
    options.tell_more(verbose)
    _refuse_unknown(ignore or ())
    if peer is not None:
        _refuse_odd(peer, role)
    required = _is_named(context.get_parameter_source("spec"))
    began = time.time()
    machine = _machine(spec, role, node, fresh=fresh, netns=netns, required=required)
    machine, report, facts = _within(netns, lambda: _examined(spec, machine, ignore or (), began))
    if peer is not None:
        from lvsctl.cli.doctor_peer import compared

        report = compared(report, facts, peer, machine, ignore or ())
    if json:
        print_json(_document(report, machine, role, facts))
    else:
        say(story(spec, machine), quiet=quiet or machine.adoption is None)
        _tell(report, quiet=quiet)
    raise typer.Exit(report.status)


def _is_named(source: object) -> bool:
    return getattr(source, "name", "DEFAULT") != "DEFAULT"


def _refuse_unknown(ignored: "Sequence[str]") -> None:
    from lvsctl.doctor.examine import all_checks
    from lvsctl.doctor.peer import CHECKS

    known = {each.id for each in all_checks()} | set(CHECKS)
    for each in ignored:
        if each not in known:
            from lvsctl.spec.suggest import suggest

            near = suggest(each, tuple(known))
            raise Usage(
                f"--ignore {each}: there is no such check" + (f"; did you mean {near}?" if near else "")
            )


def _refuse_odd(peer: str, role: RoleName) -> None:
    from lvsctl.sorry.pair import called

    if role is not RoleName.DIRECTOR:
        raise Usage("--peer compares directors")
    called(peer)


def _machine(
    file: str, role: RoleName, node: str, *, fresh: bool, netns: str | None, required: bool
) -> "Machine":
    from lvsctl.doctor.model import Machine
    from lvsctl.doctor.model import Role as Kind
    from lvsctl.doctor.this_host import ThisHost

    machine = Machine(Kind(role.value), ThisHost(netns=netns), fresh=fresh)
    return declared_machine(file, machine, node) if required or is_there(file) else machine


def _within(netns: str | None, work: Any) -> Any:
    from lvsctl.host.netns import inside

    return work() if netns is None else inside(netns, work)


def _examined(
    file: str, machine: "Machine", ignored: "Sequence[str]", began: float
) -> "tuple[Machine, Report, dict[str, Any]]":
    from lvsctl.doctor.examine import examine
    from lvsctl.doctor.peer import facts

    if machine.declared is None and machine.role.value == RoleName.DIRECTOR:
        machine = adopted_machine(file, machine)
    report = examine(machine, ignored=ignored)
    findings = sum(1 for _ in counting(report.findings))
    told = {"host": os.uname().nodename, "began": began, "findings": findings}
    return machine, report, {**facts(machine), **told}


def counting(findings: "Sequence[Finding]") -> "Iterator[Finding]":
    """Yield those of *findings* that count for the exit code."""
    return (each for each in findings if each.severity.value != "note")


def _document(
    report: "Report", machine: "Machine", role: RoleName, facts: "Mapping[str, Any]"
) -> dict[str, Any]:
    return {
        "role": role.value,
        "node": machine.node or None,
        "truth": truth(machine),
        "findings": [each._asdict() | {"severity": each.severity.value} for each in report.findings],
        "unread": [
            {"checks": list(each.checks), "why": each.why, "hint": each.hint or None}
            for each in report.unread
        ],
        "checked": list(report.checked),
        "facts": dict(facts),
    }


MANY = 8
"""Ids that are told by name; --json has them all."""

TONES = {"error": RED, "warning": YELLOW, "note": CYAN}


def _tell(report: "Report", *, quiet: bool) -> None:
    """Print findings by severity, each with its command; then what was not looked at, and the sum."""
    for severity, tone in TONES.items():
        some = [each for each in report.findings if each.severity.value == severity]
        if quiet and severity == "note":
            continue
        if some:
            print(
                painted(
                    f"{severity.capitalize()}s" if len(some) > 1 else severity.capitalize(), tone, sys.stdout
                )
            )
        for each in some:
            for line in _lines(each, at_length=not quiet):
                print(line)
    for unread in report.unread:
        say(_unread(unread), quiet=quiet)
    print(_sum(report))


def _lines(finding: "Finding", *, at_length: bool) -> "Iterator[str]":
    yield f"  {finding.id} {painted(visible(finding.subject), BOLD, sys.stdout)}: {visible(finding.read)}"
    if at_length:
        yield f"         why: {finding.why}"
    yield f"         fix: {visible(finding.remedy)}"


def _unread(unread: "Unread") -> str:
    hint = f" ({unread.hint})" if unread.hint else ""
    ids = ", ".join(unread.checks) if len(unread.checks) <= MANY else f"{len(unread.checks)} checks"
    return f"not looked at: {ids}: {visible(unread.why)}{hint}"


def _sum(report: "Report") -> str:
    counted = len(list(counting(report.findings)))
    left = sum(len(each.checks) for each in report.unread)
    notes = len(report.findings) - counted
    told = f"{counted} finding{'s'[: counted != 1]}" + (
        f" and {notes} note{'s'[: notes != 1]}" if notes else ""
    )
    return told + (f"; {left} check{'s'[: left != 1]} could not be made" if left else "")
