"""``lvsctl render``: write each node's keepalived.conf, or say how it differs from what is there."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lvsctl.cli import options
from lvsctl.cli.output import diff, print_diff, say
from lvsctl.errors import Usage

if TYPE_CHECKING:
    from lvsctl.compose.render import Rendered
    from lvsctl.spec.load import Declared

STDOUT = "-"
DIFFERS = 2

Output = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write this file; '-' is standard output."),
]
Check = Annotated[
    bool, typer.Option("--check", help="Write nothing; exit 2 with a diff when a file differs or is missing.")
]
Reload = Annotated[
    bool,
    typer.Option("--reload", help="Validate, install, reload keepalived, and take it back if that fails."),
]


def render(
    spec: options.Spec = options.DEFAULT_SPEC,
    node: options.Node = "",
    output: Output = None,
    all_nodes: options.Folder = None,
    check: Check = False,
    reload: Reload = False,
    dry_run: options.DryRun = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Render the spec into keepalived.conf.

    Without -o or --all-nodes the file goes to standard output. A file is written whole or not at all, only when
    it changes, and the one before is kept as FILE.previous. Exit: 0 done, 2 differs (--check), 65 spec invalid.
    """
    options.tell_more(verbose)
    _refuse_contradictions(node, output, all_nodes, check=check, reload=reload, dry_run=dry_run)
    declared = accepted(spec, quiet=quiet)
    if reload:
        from lvsctl.cli.reload import install

        raise typer.Exit(
            install(
                _one(declared, node), Path(str(output)), declared, dry_run=dry_run, json=json, quiet=quiet
            )
        )
    if output in (None, STDOUT) and all_nodes is None:
        sys.stdout.write(_one(declared, node).text)
        return
    wanted = dict(_targets(declared, node, output, all_nodes))
    if check or dry_run:
        differ = _compare(wanted, json=json, quiet=quiet)
        raise typer.Exit(DIFFERS if differ and check else 0)
    _write(wanted, named_by_node=all_nodes is not None, json=json, quiet=quiet)


def accepted(file: str, *, quiet: bool) -> "Declared":
    """Load a spec that is about to be rendered: rule errors stop it, warnings are told."""
    from lvsctl.cli.findings import tell
    from lvsctl.compose.rules import Pair, Severity, check
    from lvsctl.errors import SpecInvalid
    from lvsctl.spec.load import read

    declared = read(file)
    checked = check(Pair(declared.specs))
    errors = [finding for finding in checked.findings if finding.rule.severity is Severity.ERROR]
    tell(declared, [each for each in checked.findings if each.rule.severity is Severity.WARNING], quiet=quiet)
    if errors:
        from lvsctl.cli.findings import fault

        raise SpecInvalid(
            [fault(declared, finding) for finding in errors],
            hint=f"`lvsctl validate {file}` says why, and what to do",
        )
    return declared


def _refuse_contradictions(
    node: str, output: str | None, all_nodes: Path | None, *, check: bool, reload: bool, dry_run: bool
) -> None:
    to_file = output not in (None, STDOUT)
    if all_nodes is not None and (output is not None or node):
        raise Usage("--all-nodes writes every node: leave out --node and -o")
    if check and not to_file and all_nodes is None:
        raise Usage("--check compares with a file: name it with -o FILE or --all-nodes DIR")
    if reload and (not to_file or check):
        raise Usage("--reload installs one file: name it with -o FILE, without --check")
    if dry_run and not to_file and all_nodes is None:
        raise Usage("--dry-run is about a file: name it with -o FILE or --all-nodes DIR")


def _one(declared: "Declared", node: str) -> "Rendered":
    from lvsctl.compose.render import render as rendered

    return rendered(declared, chosen(declared, node))


def chosen(declared: "Declared", node: str) -> str:
    """Answer the node that is meant: the one named, else the one named like this host."""
    if node or not declared.nodes:
        return node
    import socket

    here = socket.gethostname().split(".")[0]
    if here not in declared.nodes:
        raise Usage(
            f"this host is called {here!r}, which is no node of {declared.document.file}",
            hint=f"name one with --node: {', '.join(declared.nodes)}",
        )
    return here


def _targets(
    declared: "Declared", node: str, output: str | None, all_nodes: Path | None
) -> Iterator[tuple[Path, "Rendered"]]:
    from lvsctl.compose.render import render as rendered

    if all_nodes is None:
        yield Path(str(output)), _one(declared, node)
        return
    for name in declared.specs:
        yield all_nodes / f"{name or 'keepalived'}.conf", rendered(declared, name)


def _compare(wanted: dict[Path, "Rendered"], *, json: bool, quiet: bool) -> bool:
    from lvsctl.host.files import read_text
    from lvsctl.keepalived.secrets import masked

    present = {path: read_text(path) for path in wanted}
    differing = [path for path, rendered in wanted.items() if present[path] != rendered.text]
    if json:
        _answer(wanted, differing)
    for path in [] if json else differing:
        print_diff(map(masked, diff(present[path] or "", wanted[path].text, str(path))))
        if present[path] is None:
            say(f"{path}: missing", quiet=quiet)
    say(f"{len(differing)} of {len(wanted)} files differ", quiet=quiet or json)
    return bool(differing)


def _write(wanted: dict[Path, "Rendered"], *, named_by_node: bool, json: bool, quiet: bool) -> None:
    from lvsctl.host.files import make_folder, write_atomic

    changed = []
    for path, rendered in wanted.items():
        if named_by_node:
            make_folder(path.parent)
        if write_atomic(path, rendered.text, mode=rendered.mode, keep_previous=True):
            changed.append(path)
        say(f"{path}: {'written' if path in changed else 'unchanged'}", quiet=quiet or json)
    if json:
        _answer(wanted, changed)


def _answer(wanted: dict[Path, "Rendered"], changed: list[Path]) -> None:
    from lvsctl.cli.output import print_json

    print_json(
        {
            "files": [
                {"path": str(path), "node": rendered.node, "changed": path in changed}
                for path, rendered in wanted.items()
            ]
        }
    )
