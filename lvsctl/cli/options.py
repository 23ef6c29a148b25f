"""Options that several commands share, so that one word means one thing everywhere."""

import math
from pathlib import Path
from typing import Annotated

import typer

DEFAULT_SPEC = "/etc/lvsctl/lvs.yaml"


def tell_more(verbose: bool) -> None:
    """Tell on standard error which programs are run, when *verbose*."""
    if verbose:
        from lvsctl.cli.output import say
        from lvsctl.errors import visible
        from lvsctl.host.run import listen

        listen(lambda story: say(visible(story)))


def finite(seconds: float) -> float:
    """Refuse `nan` and `inf`, which no range keeps out, and which nobody can wait for. Raises typer.BadParameter."""
    if not math.isfinite(seconds):
        raise typer.BadParameter(f"{seconds} is no number of seconds")
    return seconds


Spec = Annotated[
    str,
    typer.Argument(
        metavar="SPEC",
        envvar="LVSCTL_SPEC",
        help="The spec; '-' reads it from standard input.",
        show_default=True,
    ),
]
Node = Annotated[
    str,
    typer.Option(
        "--node", metavar="NAME", help="Which node of the spec; by default the one named like this host."
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors on standard error.")]
Json = Annotated[bool, typer.Option("--json", help="Answer as JSON (docs/reference/json.md).")]
Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="Also tell which programs are run or files read."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
Folder = Annotated[
    Path | None, typer.Option("--all-nodes", metavar="DIR", help="Write DIR/NODE.conf for every node.")
]
