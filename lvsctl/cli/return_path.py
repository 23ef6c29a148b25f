"""``lvsctl return-path …``: have every address answer through its own gateway. Options → one library call → output."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lvsctl.cli import options
from lvsctl.cli.ipvs_daemon import Netns
from lvsctl.cli.output import BOLD, RED, YELLOW, painted, print_json, say
from lvsctl.errors import Usage, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lvsctl.returnpath.check import Finding, Seen
    from lvsctl.returnpath.intent import Intended, Plan, ReturnPath
    from lvsctl.vocabulary import Address

FAILED, DIFFERS = 1, 2

app = typer.Typer(help="Have every address answer through its own gateway.", no_args_is_help=True)

Clients = Annotated[
    list[str] | None,
    typer.Option("--client", metavar="ADDRESS", help="Also ask about replies to this address; repeatable."),
]
BootFiles = Annotated[
    Path | None,
    typer.Option(
        "--boot-files",
        metavar="DIR",
        help="Only read the network configuration below DIR (a copy of a host's /), and say which gateways race.",
    ),
]


@app.command()
def check(
    spec: options.Spec = options.DEFAULT_SPEC,
    node: options.Node = "",
    client: Clients = None,
    boot_files: BootFiles = None,
    netns: Netns = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Ask the kernel which way each address answers, and look for what makes that change.

    Needs no root. Exit: 0 every address answers through its own gateway, 2 one does not or may not after the next
    boot, 1 not everything could be looked at.
    """
    from lvsctl.returnpath.check import Seen, findings
    from lvsctl.returnpath.intent import Host, Intended
    from lvsctl.returnpath.see import see, with_boot_files

    options.tell_more(verbose)
    if boot_files is not None:
        if not boot_files.is_dir():
            raise Usage(f"--boot-files: {visible(str(boot_files))} is no folder")
        wanted, seen = Intended(), with_boot_files(Seen(Host()), boot_files)
    else:
        wanted = _intended(spec, node, quiet=quiet)
        seen = see(wanted, clients=[_address(each) for each in client or ()], netns=netns)
    raise typer.Exit(_told(wanted, seen, findings(wanted, seen), json=json, quiet=quiet))


@app.command()
def fix(
    spec: options.Spec = options.DEFAULT_SPEC,
    node: options.Node = "",
    netns: Netns = None,
    dry_run: options.DryRun = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Make the tables, rules and addresses that lvsctl owns; with --dry-run print the `ip` commands instead.

    Addresses of VRRP instances are keepalived's: `lvsctl render` writes their routes and rules into the instance.
    Safe to repeat. Exit: 0 done, or so already; 1 an address does not answer as it should even so.
    """
    from lvsctl.net.kernel import Net
    from lvsctl.returnpath.apply import converge, look
    from lvsctl.returnpath.ensure import unsettled
    from lvsctl.returnpath.intent import plan

    options.tell_more(verbose)
    wanted = _intended(spec, node, quiet=quiet)
    with Net(netns) as net:
        if dry_run:
            _print_plan(plan(wanted, look(net, netns)), json=json, quiet=quiet)
            return
        done = converge(net, wanted, netns)
    left = unsettled(wanted, netns)
    _tell_done(done, left, json=json, quiet=quiet)
    raise typer.Exit(FAILED if left else 0)


@app.command()
def unfix(
    netns: Netns = None,
    dry_run: options.DryRun = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Take back every table, rule and address that `fix` made, and nothing else. Needs no spec.

    The agent and the boot unit make them again; stop those first.
    """
    from lvsctl.net.kernel import Net
    from lvsctl.returnpath.apply import converge, look
    from lvsctl.returnpath.intent import Intended, unplan

    options.tell_more(verbose)
    with Net(netns) as net:
        if dry_run:
            _print_plan(unplan(look(net, netns)), json=json, quiet=quiet)
        else:
            _tell_done(converge(net, Intended(), netns), (), json=json, quiet=quiet)


@app.command()
def explain(
    vip: Annotated[str, typer.Argument(metavar="VIP", help="The address that answers.")],
    client: Annotated[str, typer.Argument(metavar="CLIENT", help="Whom it answers.")],
    spec: options.Spec = options.DEFAULT_SPEC,
    node: options.Node = "",
    netns: Netns = None,
    json: options.Json = False,
    verbose: options.Verbose = False,
) -> None:
    """Say in words which way a reply from VIP to CLIENT goes, and why.

    Exit: 0 as the spec wants it, or it wants nothing; 2 otherwise.
    """
    from lvsctl.returnpath.explain import as_json, lines
    from lvsctl.returnpath.explain import explain as explained
    from lvsctl.returnpath.intent import Unstated
    from lvsctl.returnpath.see import see

    options.tell_more(verbose)
    src, dst = _address(vip), _address(client)
    if src.version != dst.version:
        raise Usage(f"{src} and {dst} are of different families")
    wanted = _intended(spec, node, quiet=True)
    asked = wanted._replace(unstated=(*wanted.unstated, Unstated(src, "")))
    found = explained(src, dst, wanted, see(asked, clients=[dst], netns=netns, boot=False))
    if json:
        print_json(as_json(found))
    else:
        for line in lines(found):
            print(visible(line))
    raise typer.Exit(DIFFERS if found.right is False else 0)


def _intended(spec: str, node: str, *, quiet: bool) -> "Intended":
    from lvsctl.cli.render import accepted, chosen
    from lvsctl.compose.return_paths import intended

    declared = accepted(spec, quiet=True)
    wanted = intended(declared.spec(chosen(declared, node)))
    if not wanted.paths:
        say(f"{spec} has no return_paths", quiet=quiet)
    return wanted


def _address(text: str) -> "Address":
    from lvsctl.vocabulary import as_address

    try:
        return as_address(text)
    except ValueError:
        raise Usage(f"expected an address, not {visible(repr(text))}") from None


# --- what is printed


def _told(wanted: "Intended", seen: "Seen", found: "Sequence[Finding]", *, json: bool, quiet: bool) -> int:
    from lvsctl.returnpath.check import worst

    if json:
        print_json(
            {
                "paths": [_path(path) for path in wanted.paths],
                "findings": [each._asdict() for each in found],
                "trouble": list(seen.trouble),
            }
        )
    elif not quiet:
        for path in wanted.paths:
            if not any(each.subject == str(path.address) for each in found):
                print(f"{path.address}: answers by {path.interface} via {path.gateway} (table {path.table})")
        _print_findings(found)
    for each in seen.trouble:
        say(f"not looked at: {visible(each)}", quiet=quiet)
    if worst(found):
        return DIFFERS
    return FAILED if seen.trouble else 0


def _print_findings(found: "Iterable[Finding]") -> None:
    tones = {"error": RED, "warning": YELLOW}
    for each in found:
        severity = painted(each.severity, tones.get(each.severity, ""), sys.stdout)
        print(
            f"{painted(visible(each.subject), BOLD, sys.stdout)}: {severity} {each.id}: {visible(each.what)}"
        )
        print(f"    why: {visible(each.why)}")
        if each.remedy:
            print(f"    do:  {visible(each.remedy)}")


def _path(path: "ReturnPath") -> dict[str, object]:
    return {
        "address": str(path.address),
        "interface": path.interface,
        "gateway": str(path.gateway),
        "table": path.table,
        "owner": f"vrrp_instance {path.instance}" if path.instance else "lvsctl",
    }


def _print_plan(steps: "Plan", *, json: bool, quiet: bool) -> None:
    commands = list(steps.commands())
    if json:
        print_json({"commands": commands})
        return
    for each in commands:
        print(visible(each))
    if not commands:
        say("nothing to do", quiet=quiet)


def _tell_done(done: "Sequence[str]", left: "Sequence[Finding]", *, json: bool, quiet: bool) -> None:
    if json:
        print_json({"commands": list(done), "findings": [each._asdict() for each in left]})
        return
    for each in done:
        say(each, quiet=quiet)
    if not done:
        say("nothing to do", quiet=quiet)
    for finding in left:
        say(str(finding))
        if finding.remedy:
            say(f"  {finding.remedy}")
