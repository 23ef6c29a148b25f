"""What ``lvsctl ipvs diff`` and ``apply`` compare the kernel's table with: the spec, or a saved table."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from lvsctl.cli.output import say
from lvsctl.errors import Usage

if TYPE_CHECKING:
    from collections.abc import Container

    from lvsctl.ipvs import ServiceKey, Table

STDIO = "-"

SavedTable = Annotated[
    str | None,
    typer.Option(
        "--table",
        metavar="FILE",
        help="Instead of the spec, a saved table (`lvsctl ipvs save`); '-' reads standard input.",
    ),
]


class Desired(NamedTuple):
    """A table that somebody wants."""

    table: "Table"
    source: str
    """The file it comes from, for messages."""
    claims: "Container[ServiceKey]" = ()
    """Services that somebody else owns: not even --prune deletes those."""

    def prunable(self, actual: "Table") -> "frozenset[ServiceKey]":
        """Answer which services of *actual* may go because nobody wants them."""
        return frozenset(key for key in actual if key not in self.table and key not in self.claims)


def desired(
    context: typer.Context, spec: str, node: str, file: str | None, *, quiet: bool = False
) -> Desired:
    """Read what is wanted: *file* when it is given, else the services of *spec* that lvsctl owns.

    Raises SpecInvalid or Invalid with every fault; Usage when both were asked for.
    """
    if file is None:
        return _of_spec(spec, node, quiet=quiet)
    source = context.get_parameter_source("spec")
    if node or (source is not None and source.name == "COMMANDLINE"):
        raise Usage("--table is instead of the spec: leave out SPEC and --node")
    return Desired(saved(file), file)


def saved(file: str) -> "Table":
    """Read a saved table."""
    from lvsctl.ipvs.files import load, load_from

    return load_from(sys.stdin.buffer, "standard input") if file == STDIO else load(Path(file))


def _of_spec(spec: str, node: str, *, quiet: bool) -> Desired:
    from lvsctl.cli.render import accepted, chosen
    from lvsctl.compose.claims import Claims
    from lvsctl.compose.table import table_of

    # Warnings are about the whole spec: render and validate tell them, and here they would hide the steps.
    declared = accepted(spec, quiet=True)
    name = chosen(declared, node)
    table = table_of(declared, name)
    if not table:
        say(f"no virtual server of {spec} has `owner: lvsctl`", quiet=quiet)
    return Desired(table, spec, Claims(declared.spec(name)))
