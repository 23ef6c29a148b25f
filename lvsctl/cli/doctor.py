"""``lvsctl doctor``: is this machine healthy? Findings with their reason and the command that fixes each."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lvsctl.cli import options
from lvsctl.cli.output import BOLD, CYAN, RED, YELLOW, painted, print_json, say
from lvsctl.errors import Usage, visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lvsctl.doctor.examine import Report
    from lvsctl.doctor.model import Finding, Machine, Unread

PATIENCE = 60.0
"""Seconds that the other director may take for its own examination."""


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
    """Examine this machine, and change nothing. Without a spec only what needs none is looked at.

    Exit: 0 no findings (notes do not count), 2 findings, 1 none, but not everything could be looked at (as root it can),
    65 spec invalid.
    """
    from lvsctl.doctor.examine import examine

    options.tell_more(verbose)
    _refuse_unknown(ignore or ())
    if peer is not None and role is not RoleName.DIRECTOR:
        raise Usage("--peer compares directors")
    source = context.get_parameter_source("spec")
    machine = _machine(spec, role, node, fresh=fresh, netns=netns, required=_is_named(source))
    report, facts = _within(netns, lambda: _examined(machine, examine, ignore or ()))
    if peer is not None:
        report = _compared(report, facts, peer, machine, ignore or ())
    if json:
        print_json(_document(report, machine, role, facts))
    else:
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


def _machine(
    file: str, role: RoleName, node: str, *, fresh: bool, netns: str | None, required: bool
) -> "Machine":
    from lvsctl.cli.render import chosen
    from lvsctl.doctor.model import Machine
    from lvsctl.doctor.model import Role as Kind
    from lvsctl.doctor.this_host import ThisHost
    from lvsctl.spec.load import read

    host, kind = ThisHost(netns=netns), Kind(role.value)
    if not required and not Path(file).exists():
        return Machine(kind, host, fresh=fresh)
    declared = read(file)
    if role is RoleName.REALSERVER and not node:
        # A real server is no node of the pair: the services are the same on every one.
        return Machine(kind, host, declared, next(iter(declared.specs)), fresh)
    name = chosen(declared, node)
    declared.spec(name)
    return Machine(kind, host, declared, name, fresh)


def _within(netns: str | None, work: Any) -> Any:
    from lvsctl.host.netns import inside

    return work() if netns is None else inside(netns, work)


def _examined(machine: "Machine", examine: Any, ignored: "Sequence[str]") -> "tuple[Report, dict[str, Any]]":
    from lvsctl.doctor.peer import facts

    report: Report = examine(machine, ignored=ignored)
    return report, facts(machine) | {"findings": sum(1 for _ in _counting(report.findings))}


def _counting(findings: "Sequence[Finding]") -> "Iterator[Finding]":
    return (each for each in findings if each.severity.value != "note")


def _compared(
    report: "Report",
    facts: "dict[str, Any]",
    host: str,
    machine: "Machine",
    ignored: "Sequence[str]",
) -> "Report":
    """Answer *report* with what the other director says of itself compared."""
    from lvsctl.doctor.model import Unread
    from lvsctl.doctor.peer import CHECKS, compare
    from lvsctl.sorry.pair import ask, peers

    specs = machine.declared.specs if machine.declared else {}
    addresses = {
        name: [str(address) for address in spec.nodes[name].address]
        for name, spec in specs.items()
        if name in spec.nodes
    }
    other = peers(addresses, machine.node, host)[0]
    node = ["--node", other.node] if other.node in addresses else []
    file = (
        [machine.declared.document.file]
        if machine.declared and machine.declared.document.file != options.DEFAULT_SPEC
        else []
    )
    said = ask(other, ["doctor", "--json", *node, *file], timeout=PATIENCE)
    theirs = said.document.get("facts")
    if not isinstance(theirs, dict):
        why = f"{other.node}: {said.story.splitlines()[0] if said.story else 'it gave no answer that makes sense'}"
        unread = Unread(tuple(CHECKS), why, f"see that `ssh {host} lvsctl doctor` works without a question")
        return report._replace(unread=(*report.unread, unread))
    found = tuple(each for each in compare(facts, theirs) if each.id not in ignored)
    order = ("error", "warning", "note")
    merged = sorted((*report.findings, *found), key=lambda each: order.index(each.severity.value))
    return report._replace(findings=tuple(merged), checked=(*report.checked, *CHECKS))


def _document(
    report: "Report", machine: "Machine", role: RoleName, facts: "Mapping[str, Any]"
) -> dict[str, Any]:
    return {
        "role": role.value,
        "node": machine.node or None,
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
    counted = len(list(_counting(report.findings)))
    left = sum(len(each.checks) for each in report.unread)
    notes = len(report.findings) - counted
    told = f"{counted} finding{'s'[: counted != 1]}" + (
        f" and {notes} note{'s'[: notes != 1]}" if notes else ""
    )
    return told + (f"; {left} check{'s'[: left != 1]} could not be made" if left else "")
