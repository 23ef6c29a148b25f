"""``lvsctl sorry page``: the sorry page as a file, or the nginx site that serves it."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lvsctl.cli import options
from lvsctl.cli.output import diff, print_diff, print_json, say
from lvsctl.cli.sorry_options import SpecFile
from lvsctl.errors import Usage

if TYPE_CHECKING:
    from lvsctl.spec.sorry import Sorry

STDOUT = "-"
DIFFERS = 2

Nginx = Annotated[bool, typer.Option("--nginx", help="The whole site for nginx's http block, page inside.")]
Output = Annotated[
    str, typer.Option("--output", "-o", metavar="FILE", help="Write this file; '-' is standard output.")
]
Check = Annotated[
    bool, typer.Option("--check", help="Write nothing; exit 2 with a diff when FILE differs or is missing.")
]


def page(
    nginx: Nginx = False,
    output: Output = STDOUT,
    check: Check = False,
    spec: SpecFile = None,
    node: options.Node = "",
    dry_run: options.DryRun = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Print the sorry page that the spec's `sorry:` describes, as one HTML file, or with --nginx a site that serves it.

    Without a spec it is the built-in page. The same spec gives the same bytes on any day: an expected end stays on the
    page until it is made anew. Exit: 0 done, 2 differs (--check), 64 wrong usage, 65 spec or page invalid.
    """
    options.tell_more(verbose)
    if output == STDOUT and (check or dry_run or json):
        raise Usage("--check, --dry-run and --json are about a file: name it with -o FILE")
    made = _made(_declared(spec, node), nginx=nginx)
    if output == STDOUT:
        sys.stdout.write(made)
    elif check or dry_run:
        differs = _compare(Path(output), made, json=json, quiet=quiet)
        raise typer.Exit(DIFFERS if differs and check else 0)
    else:
        _write(Path(output), made, json=json, quiet=quiet)


def _declared(spec: str | None, node: str) -> "Sorry":
    from lvsctl.backend.content import Source

    if spec is None and Path(options.DEFAULT_SPEC).exists():
        spec = options.DEFAULT_SPEC
    return Source(spec, node).sorry()


def _made(sorry: "Sorry", *, nginx: bool) -> str:
    from lvsctl.backend.load import pages_of

    pages = pages_of(sorry)
    if not nginx:
        return pages.html.decode()
    from lvsctl.backend.nginx import site

    return site(sorry, pages)


def _compare(path: Path, made: str, *, json: bool, quiet: bool) -> bool:
    from lvsctl.host.files import read_text

    present = read_text(path)
    differs = present != made
    if json:
        _answer(path, changed=differs)
    elif differs:
        print_diff(diff(present or "", made, str(path)))
    if differs:
        say(f"{path}: {'missing' if present is None else 'differs'}", quiet=quiet or json)
    return differs


def _write(path: Path, made: str, *, json: bool, quiet: bool) -> None:
    from lvsctl.host.files import write_atomic

    changed = write_atomic(path, made)
    if json:
        _answer(path, changed=changed)
    say(f"{path}: {'written' if changed else 'unchanged'}", quiet=quiet or json)


def _answer(path: Path, *, changed: bool) -> None:
    print_json({"files": [{"path": str(path), "changed": changed}]})
