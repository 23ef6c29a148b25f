"""``lvsctl sorry …``: send visitors to the sorry backend and back. Options → one library call → output."""

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import typer

from lvsctl.cli import options, sorry_page, sorry_serve
from lvsctl.cli import sorry_options as own
from lvsctl.cli.ipvs_daemon import Netns
from lvsctl.cli.output import print_json, say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lvsctl.cli.sorry_services import Remembered, Subject
    from lvsctl.cli.sorry_switch import Asked
    from lvsctl.ipvs import Observation
    from lvsctl.sorry.status import Status

UNKNOWN = 1

app = typer.Typer(
    help="Send visitors to the sorry backend, and back to the real servers.", no_args_is_help=True
)


@app.command()
def on(
    services: own.Services = None,
    every: own.Every = False,
    spec: own.SpecFile = None,
    node: options.Node = "",
    sorry: own.SorryServer = None,
    sorry_method: own.SorryMethod = "NAT",
    reason: own.Reason = "",
    period: own.For = None,
    wait: own.Wait = False,
    timeout: own.Timeout = 0,
    grace: own.Grace = own.GRACE,
    cut: own.Cut = False,
    guard: own.Guard = False,
    set_sysctl: own.SetSysctl = False,
    force: own.Unasked = False,
    holder: own.As = "operator",
    pair: own.Pair = False,
    peer: own.PeerHost = None,
    netns: Netns = None,
    dry_run: options.DryRun = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Send new visitors of SERVICE to its sorry server; connections that real servers have go on.

    First it looks whether the sorry server is this node's, would be reached, and answers 503 to a page that does not
    exist. Exit: 0 done, or on already; 1 refused; 2 connections were left after --timeout; 64 no or wrong SERVICE;
    65 SPEC makes no sense; 69 no IPVS, or no agent for --for; 75 another lvsctl is at it; 77 not root.
    """
    asked = _asked(locals())
    from lvsctl.cli import sorry_switch

    options.tell_more(verbose)
    more = sorry_switch.More(sorry, sorry_method, reason, period, wait, timeout, cut, guard, set_sysctl)
    raise typer.Exit(sorry_switch.on(asked, more))


@app.command()
def off(
    services: own.Services = None,
    every: own.Every = False,
    spec: own.SpecFile = None,
    node: options.Node = "",
    force: own.Everybody = False,
    grace: own.Grace = own.GRACE,
    holder: own.As = "operator",
    pair: own.Pair = False,
    peer: own.PeerHost = None,
    netns: Netns = None,
    dry_run: options.DryRun = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Send visitors of SERVICE back to the real servers, as they were; what others changed meanwhile stays, and is told.

    A sorry that somebody else holds as well stays on. Needs no spec: the snapshots know the way back.
    Exit: 0 done, off already, or somebody else's now; 1 refused; 64 no or wrong SERVICE; 69, 75, 77 as with `on`.
    """
    asked = _asked(locals())
    from lvsctl.cli import sorry_switch

    options.tell_more(verbose)
    raise typer.Exit(sorry_switch.off(asked))


def _asked(given: "Mapping[str, Any]") -> "Asked":
    """Answer the options that `on` and `off` share, by the names that they have as parameters of both."""
    from lvsctl.cli.sorry_switch import Asked

    shared = {name: given[name] for name in Asked._fields}
    return Asked(**{**shared, "services": tuple(given["services"] or ())})


@app.command()
def status(
    services: own.Services = None,
    spec: own.SpecFile = None,
    node: options.Node = "",
    pair: own.Pair = False,
    peer: own.PeerHost = None,
    netns: Netns = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Say who gets a sorry now, and who wants it so. Without SERVICE it is about all of them.

    Needs no root, but then cannot tell drift. Exit: 0 all are on, 2 one is off, 1 one is neither or unknown.
    """
    from lvsctl.cli.sorry_services import known, remembered, selected, subjects
    from lvsctl.cli.sorry_tell import statuses
    from lvsctl.sorry.status import document, overall

    options.tell_more(verbose)
    what = known(spec, node, needed=False)
    known_before = _without_the_answered(remembered(netns), netns)
    everything = subjects(what, known_before.snapshots)
    chosen = selected(everything, services or (), every=not services, more=what.services)
    found = judged(chosen, netns, whole=known_before.whole, quiet=quiet) if chosen else []
    answer = {"services": document(found)}
    code = overall(found) if known_before.whole else UNKNOWN
    if pair:
        from lvsctl.cli.sorry_pair import also_there

        code = also_there(
            "status", list(services or ()), what, answer, code, spec=spec, peer=peer, quiet=quiet
        )
    if json:
        print_json(answer)
    elif found:
        statuses(found)
    else:
        say("no service has a sorry server", quiet=quiet)
    raise typer.Exit(code)


def _without_the_answered(known: "Remembered", netns: str | None) -> "Remembered":
    """Let the sorries go that have answered their last request, where we may, and read what is left."""
    from lvsctl.cli.sorry_services import remembered
    from lvsctl.errors import LvsctlError
    from lvsctl.sorry.lingering import reap
    from lvsctl.sorry.model import Phase
    from lvsctl.sorry.node import this_node

    if all(each.phase is not Phase.LINGERING for each in known.snapshots):
        return known
    with suppress(LvsctlError), this_node(netns=netns) as node:
        reap(node, patience=0)
    return remembered(netns)


def judged(
    chosen: "Sequence[Subject]", netns: str | None, *, whole: bool = True, quiet: bool
) -> "list[Status]":
    """Answer how the chosen services are, by the table as far as this user may read it."""
    from lvsctl.sorry.status import judge

    seen, exact = _seen(netns, quiet=quiet)
    return [
        judge(
            each.name,
            each.key,
            seen,
            sorry=each.candidate.target.dest_key if each.candidate else None,
            snapshot=each.snapshot,
            exact=exact,
            untold=_is_untold(each),
            whole=whole,
            now=time.time(),
        )
        for each in chosen
    ]


def _is_untold(each: "Subject") -> bool:
    """Answer whether its maintenance file, as far as we see it, says that no real server is out."""
    from lvsctl.errors import LvsctlError
    from lvsctl.sorry import maintenance

    if each.snapshot is None:
        return False
    file = maintenance.file_of(each.snapshot.name)
    with suppress(OSError, LvsctlError):
        return file.exists() and not maintenance.read(file)
    return False


def _seen(netns: str | None, *, quiet: bool) -> "tuple[Observation, bool]":
    from lvsctl.cli.ipvs_daemon import kernel
    from lvsctl.ipvs import NotRoot, read_proc

    try:
        with kernel(netns) as ipvs:
            return ipvs.observe(), True
    except NotRoot as error:
        say(f"{error.message}: drift is not looked for", quiet=quiet)
        return read_proc(netns=netns), False


app.command("serve")(sorry_serve.serve)
app.command("page")(sorry_page.page)
