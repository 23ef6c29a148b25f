"""``lvsctl validate``: schema, rules, and the verdict of the real keepalived."""

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lvsctl.cli import options
from lvsctl.errors import Invalid, Unavailable

if TYPE_CHECKING:
    from lvsctl.compose.validate import Validation
    from lvsctl.errors import Fault

DONE = 0


class Format(StrEnum):
    """How findings are told."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


Told = Annotated[
    Format, typer.Option("--format", help="text for people, json for programs, github for annotations.")
]
Json = Annotated[bool, typer.Option("--json", help="The same as --format json.")]
Strict = Annotated[bool, typer.Option("--strict", help="Warnings make the spec invalid, too.")]
NoKeepalived = Annotated[
    bool,
    typer.Option("--no-keepalived", help="Do not ask keepalived; what only it knows is then not verified."),
]


def validate(
    spec: options.Spec = options.DEFAULT_SPEC,
    told: Told = Format.TEXT,
    json: Json = False,
    strict: Strict = False,
    no_keepalived: NoKeepalived = False,
    node: options.Node = "",
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Say whether the spec is one to stake a night on.

    Exit: 0 valid, 65 invalid, 69 when keepalived could not be asked (--no-keepalived accepts that). With --node
    the rules that need a host look at this one.
    """
    options.tell_more(verbose)
    form = Format.JSON if json else told
    try:
        validation = _validation(spec, node, ask=not no_keepalived)
    except Invalid as error:
        if form is Format.TEXT:
            raise
        _tell_faults(error.faults, form)
        raise typer.Exit(error.exit_code) from None
    raise typer.Exit(_tell(validation, form, strict=strict, asked=not no_keepalived, quiet=quiet))


def _validation(spec: str, node: str, *, ask: bool) -> "Validation":
    from lvsctl.compose.validate import ask_keepalived, validate
    from lvsctl.spec.load import read

    declared = read(spec)
    judge = ask_keepalived if ask else None
    if not node:
        return validate(declared, ask=judge)
    from lvsctl.host.facts import Here

    declared.spec(node)
    return validate(declared, ask=judge, host=Here(), host_node=node)


def _tell(validation: "Validation", form: Format, *, strict: bool, asked: bool, quiet: bool) -> int:
    from lvsctl.cli import verdicts
    from lvsctl.compose.validate import Answer

    answer = validation.answer(strict=strict)
    match form:
        case Format.JSON:
            verdicts.as_json(validation, answer, asked=asked)
        case Format.GITHUB:
            verdicts.as_annotations(validation)
        case Format.TEXT:
            verdicts.as_text(validation, answer, asked=asked, quiet=quiet)
    return {
        Answer.VALID: DONE,
        Answer.INVALID: Invalid.exit_code,
        Answer.NOT_VERIFIED: Unavailable.exit_code,
    }[answer]


def _tell_faults(faults: "tuple[Fault, ...]", form: Format) -> None:
    from lvsctl.cli import verdicts
    from lvsctl.cli.output import print_json

    if form is Format.GITHUB:
        for fault in faults:
            print(verdicts.annotation("error", fault.place, "spec", str(fault)))
        return
    found: list[dict[str, Any]] = [
        verdicts.located(fault.place) | {"path": fault.path, "message": fault.message, "severity": "error"}
        for fault in faults
    ]
    print_json({"verdict": "invalid", "findings": found})
    sys.stdout.flush()
