"""A keepalived.conf in the place of a spec, on a director that never saw lvsctl: what was made of it, and what was not.

Pure. Which file it is and how it is read is for :mod:`lvsctl.doctor.at_work`.
"""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

from lvsctl.compose.adopt import RUNNING, Adopted, adopt
from lvsctl.compose.adopt.emit import yaml_text
from lvsctl.compose.rules import Finding, Pair, Severity
from lvsctl.compose.rules import check as check_rules
from lvsctl.doctor.host import Host
from lvsctl.doctor.model import DIRECTOR, ERROR, NOTE, WARNING, Adoption, Found, Machine, Role, check
from lvsctl.doctor.sysctl import slashed
from lvsctl.errors import Fault, LvsctlError, Place, SpecInvalid
from lvsctl.keepalived.parse import Parsed
from lvsctl.keepalived.parse_notes import Kind
from lvsctl.spec.document import read
from lvsctl.spec.load import NO_NODE, Declared, load
from lvsctl.spec.paths import dotted
from lvsctl.spec.sorry import Sysctl

FEW: Final = 3
"""Places that a finding names; `lvsctl import FILE` tells all."""

NOTHING: Final = "nothing in it can be used: is it a keepalived.conf?"


def machine_of(
    host: Host, configs: Sequence[Parsed], pids: Sequence[int] = (), *, fresh: bool = False
) -> Machine:
    """Answer the director whose keepaliveds *pids* read *configs*, as if a spec said the same. Raises nothing on purpose."""
    whole = _together(configs)
    made = adopt({NO_NODE: whole})
    notes = [note for note in whole.notes if note.kind is not Kind.RESOLVED]
    fatal = [note.fault for note in notes if note.kind is Kind.FATAL]
    read_otherwise = {note.fault for note in notes}
    declared: Declared | None = None
    if not made.says_something or not _has_work(whole):
        fatal.append(Fault(Place(whole.files[0]), "", NOTHING))
    if made.says_something:
        try:
            declared = _declared(made, host, whole.files[0])
        except SpecInvalid as error:
            fatal += error.faults
    adoption = Adoption(
        files=whole.files,
        pids=tuple(pids),
        misread=tuple(sorted(read_otherwise - set(fatal))),
        left=tuple(fault for fault in made.faults if fault.place.line and fault not in read_otherwise),
        unusable=tuple(fatal),
    )
    undeclared = (
        f"nothing can be made of {whole.files[0]}",
        "see LVD002; or name a spec: lvsctl doctor SPEC",
    )
    return Machine(Role.DIRECTOR, host, declared, NO_NODE, fresh, adoption, undeclared)


def _has_work(parsed: Parsed) -> bool:
    return any(statement.words[:1] in RUNNING for statement in parsed.config)


def _together(configs: Sequence[Parsed]) -> Parsed:
    """Answer what several keepaliveds of one machine do, as one configuration."""
    return Parsed(
        tuple(statement for parsed in configs for statement in parsed.config),
        tuple(dict.fromkeys(note for parsed in configs for note in parsed.notes)),
        sum(parsed.comments for parsed in configs),
        tuple(dict.fromkeys(file for parsed in configs for file in parsed.files)),
    )


def _declared(made: Adopted, host: Host, file: str) -> Declared:
    """Load the spec that was *made*. What it would state of the kernel is what the kernel has; nothing is ignored."""
    data: dict[str, Any] = {key: value for key, value in made.data.items() if key != "ignore"}
    if values := dict(_settings(host)):
        data["sysctl"] = values
    return load(read(yaml_text(data), file=file))


def _settings(host: Host) -> Iterator[tuple[str, str]]:
    for name, field in Sysctl.model_fields.items():
        word = field.alias or name
        with suppress(LvsctlError):
            if (value := host.sysctl(slashed(word))) is not None:
                yield word, str(value)


@check(
    "LVD002",
    ERROR,
    "A keepalived.conf that keepalived cannot live with",
    why="keepalived stops at it, or has nothing to do: at its next start this director is out of the pair.",
    remedy="keepalived -t -f FILE; lvsctl import FILE says where.",
    roles=DIRECTOR,
)
def unusable(machine: Machine) -> Iterator[Found]:
    """Only without a spec: the file that stands in for it."""
    if machine.adoption is not None and machine.adoption.unusable:
        yield _told(machine.adoption, machine.adoption.unusable)


@check(
    "LVD003",
    WARNING,
    "A keepalived.conf that does not do what it says",
    why="keepalived passes over what it does not know, or reads it in another way, and goes on: whoever wrote the line believes that it works.",
    remedy="Correct the lines; lvsctl import FILE tells them all, with what keepalived makes of them.",
    roles=DIRECTOR,
)
def misread(machine: Machine) -> Iterator[Found]:
    """Only without a spec: unknown keywords, words that are ignored, includes without a file, braces that do not match."""
    if machine.adoption is not None and machine.adoption.misread:
        yield _told(machine.adoption, machine.adoption.misread)


@check(
    "LVD004",
    NOTE,
    "Parts of keepalived.conf that no check sees",
    why="Without a spec everything is checked against what `lvsctl import` makes of the file; this is not part of it.",
    remedy="lvsctl import FILE tells all of it; nothing has to be done.",
    roles=DIRECTOR,
)
def left(machine: Machine) -> Iterator[Found]:
    """Only without a spec."""
    if machine.adoption is not None and machine.adoption.left:
        yield _told(machine.adoption, machine.adoption.left)


def _told(adoption: Adoption, faults: Sequence[Fault]) -> Found:
    file = adoption.files[0]
    some = "; ".join(_line(each, file) for each in faults[:FEW])
    more = f"; and {len(faults) - FEW} more" if len(faults) > FEW else ""
    return Found(file, f"{some}{more}", f"lvsctl import {shlex.quote(file)} >/dev/null")


def _line(fault: Fault, file: str) -> str:
    if fault.place.file != file:
        return str(fault)
    where = [f"line {fault.place.line}"] if fault.place.line else []
    return ": ".join([*where, *([fault.path] if fault.path else []), fault.message])


@check(
    "LVD005",
    ERROR,
    "A keepalived.conf that breaks rules",
    why="What it says will not work, or hurts one night.",
    remedy="The rule's page says why, and what to write.",
    roles=DIRECTOR,
    needs_spec=True,
)
def broken_rules(machine: Machine) -> Iterator[Found]:
    """Only without a spec: the [rules](rules.md) that need no host, their errors, asked of the file as it is."""
    if machine.declared is None or machine.adoption is None:
        return
    for broken in check_rules(Pair(machine.declared.specs)).findings:
        if broken.rule.severity is Severity.ERROR:
            yield _broken(machine.adoption.files[0], broken)


def _broken(file: str, broken: Finding) -> Found:
    where = dotted(broken.path)
    return Found(
        file,
        f"{where}: {broken.message} ({broken.rule.id})" if where else f"{broken.message} ({broken.rule.id})",
        broken.rule.remedy,
        why=broken.rule.reason,
    )
