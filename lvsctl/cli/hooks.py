"""``lvsctl hooks install|uninstall|check``: what keepalived, systemd and Pacemaker execute, and who owns it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lvsctl.cli import options

if TYPE_CHECKING:
    from lvsctl.cli.hooks_parts import Part
    from lvsctl.cli.hooks_place import Judged

app = typer.Typer(
    help="Put hooks, systemd units and the OCF agent in place, check them, or take them away.",
    no_args_is_help=True,
)

Root = Annotated[
    Path | None,
    typer.Option("--root", metavar="DIR", help="The folder that stands for /, for images and tests."),
]
User = Annotated[
    str | None,
    typer.Option(
        "--script-user",
        metavar="NAME",
        help="Whom keepalived runs scripts as; by default keepalived_script, if there is such a user.",
    ),
]
Program = Annotated[
    Path | None,
    typer.Option("--program", metavar="FILE", help="The lvsctl to start; by default the one that runs now."),
]

DIFFERS = 2


@app.command()
def install(
    root: Root = None,
    script_user: User = None,
    program: Program = None,
    dry_run: options.DryRun = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Put everything in place, with the owners and modes that keepalived's script security demands.

    What is right already is left alone; a changed file below /etc is kept as FILE.previous. It starts nothing.
    Exit: 0 done; 64 no such user; 69 no such folder; 77 not root.
    """
    from lvsctl.cli.hooks_place import put
    from lvsctl.cli.output import print_json, say

    uid, found = _parts(root, script_user, program)
    changed = []
    for each in found:
        if _is_wrong(each, uid) if dry_run else put(each, uid):
            changed.append(str(each.path))
            say(f"{each.path}: {'would be ' * dry_run}written", quiet=quiet or json)
    if json:
        print_json({"changed": changed, "dry_run": dry_run})
        return
    say(f"{len(changed)} of {len(found)} parts {'differ' if dry_run else 'changed'}", quiet=quiet)
    if changed and not dry_run:
        say(
            "next: systemd-sysusers; systemctl daemon-reload; and enable what you want of lvsctl-*",
            quiet=quiet,
        )


@app.command()
def uninstall(
    root: Root = None,
    script_user: User = None,
    program: Program = None,
    dry_run: options.DryRun = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Take away what `install` put in place; what somebody changed since stays, and so do records and snapshots.

    Exit: 0 all is gone; 2 something was left, and is told; 77 not root.
    """
    from lvsctl.cli.hooks_parts import Folder
    from lvsctl.cli.hooks_place import judge, take_away
    from lvsctl.cli.output import print_json, say

    uid, found = _parts(root, script_user, program)
    left, gone = [], []
    for each in reversed(found):
        if judge(each, uid).missing or (isinstance(each, Folder) and not each.ours):
            continue
        why = None if dry_run else take_away(each)
        if why is None:
            gone.append(str(each.path))
        else:
            left.append(str(each.path))
            say(f"{each.path}: left: it {why}", quiet=json)
    if json:
        print_json({"removed": gone, "left": left, "dry_run": dry_run})
    else:
        say(f"{len(gone)} parts {'would be ' * dry_run}removed, {len(left)} left", quiet=quiet)
    raise typer.Exit(DIFFERS if left else 0)


@app.command()
def check(
    root: Root = None,
    script_user: User = None,
    program: Program = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Compare what is there with what `install` would put there: contents, owners, modes, interpreters, whole paths.

    Exit: 0 all is right; 2 something is not, and is told; 77 it cannot be read.
    """
    from lvsctl.cli.hooks_place import judge
    from lvsctl.cli.output import print_json, say

    uid, found = _parts(root, script_user, program)
    judged = [judge(each, uid) for each in found]
    faults = [(str(each.part.path), each.why) for each in judged if each.why] + _weak(judged)
    if json:
        print_json({"ok": not faults, "faults": [{"path": path, "why": why} for path, why in faults]})
    else:
        for path, why in faults:
            print(f"{path} {why}")
        say(f"{len(found)} parts, {len(faults)} faults", quiet=quiet)
        if faults:
            say("  `lvsctl hooks install` puts right what is missing or differs", quiet=quiet)
    raise typer.Exit(DIFFERS if faults else 0)


def _parts(root: Path | None, user: str | None, program: Path | None) -> "tuple[int, tuple[Part, ...]]":
    """Answer who has to own the parts, and what they are."""
    from lvsctl.cli import hooks_parts
    from lvsctl.cli.hooks_place import refuse_strange_root
    from lvsctl.host import paths

    top = root or paths.root()
    refuse_strange_root(top)
    # Below a folder of his own anybody may try it out; on the machine itself it is root's.
    uid = 0 if top == Path("/") else os.geteuid()
    wanted = hooks_parts.parts(top, program or hooks_parts.this_program(), hooks_parts.script_user(user))
    return uid, tuple(wanted)


def _is_wrong(part: "Part", uid: int) -> bool:
    from lvsctl.cli.hooks_place import judge

    return judge(part, uid).why is not None


def _weak(judged: "list[Judged]") -> list[tuple[str, str]]:
    """Answer the programs that somebody else than root could replace."""
    from lvsctl.cli.hooks_parts import File, Link
    from lvsctl.cli.hooks_place import weak

    def is_program(part: "Part") -> bool:
        # Links among the hooks themselves lead to a file that is looked at anyway.
        return (
            bool(part.mode & 0o111)
            if isinstance(part, File)
            else isinstance(part, Link) and "/" in part.target
        )

    programs = [each.part.path for each in judged if not each.missing and is_program(each.part)]
    return [(str(each), f"is not safe to run as root: {why}") for each in programs if (why := weak(each))]
