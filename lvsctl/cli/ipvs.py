"""``lvsctl ipvs …``: the live table. Options → one call of :mod:`lvsctl.ipvs` → output."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lvsctl.cli import ipvs_daemon, options
from lvsctl.cli.ipvs_daemon import Netns, kernel
from lvsctl.cli.ipvs_desired import STDIO, SavedTable, desired, saved
from lvsctl.cli.output import print_json, say
from lvsctl.errors import Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lvsctl.cli.ipvs_desired import Desired
    from lvsctl.ipvs import DestKey, Observation, ServiceKey, Step, Table

app = typer.Typer(help="The kernel's IPVS table: look, compare, change, save, restore.", no_args_is_help=True)
app.add_typer(ipvs_daemon.app, name="daemon")

DIFFERS = 2

Rules = Annotated[
    str, typer.Argument(metavar="FILE", help="A saved table (`lvsctl ipvs save`); '-' reads standard input.")
]
Prune = Annotated[
    bool,
    typer.Option(
        "--prune", help="Also delete what the spec, or FILE, does not have. keepalived's services stay."
    ),
]
KeepWeights = Annotated[
    bool,
    typer.Option("--keep-weights", help="Leave the weights of present destinations to whoever sets them."),
]
Gently = Annotated[
    bool,
    typer.Option(
        "--drain", help="Set weight 0 instead of deleting what carries connections; apply again later."
    ),
]
Reorder = Annotated[
    bool,
    typer.Option(
        "--reorder",
        help="Bring destinations into the order written, by deleting and adding them: sh and dh go by it.",
    ),
]
Rollback = Annotated[
    bool,
    typer.Option(
        "--rollback/--no-rollback", help="When a step is refused, take back those that were applied."
    ),
]
ServiceName = Annotated[
    str, typer.Argument(metavar="SERVICE", help="tcp/ADDR:PORT, udp/…, sctp/…, fwmark/N or fwmark6/N.")
]
ServerName = Annotated[str, typer.Argument(metavar="SERVER", help="ADDR:PORT or [IPV6]:PORT.")]


@app.command()
def show(
    service: Annotated[str | None, typer.Argument(metavar="SERVICE", help="Only this one.")] = None,
    stats: Annotated[bool, typer.Option("--stats", help="What was counted, instead of settings.")] = False,
    netns: Netns = None,
    json: options.Json = False,
) -> None:
    """Show the table. Without root it is read from /proc, which lacks counters, thresholds and tunnels."""
    from lvsctl.ipvs import report

    seen = _seen(service, netns)
    if json:
        print_json(report.document(seen))
        return
    for line in report.lines(seen, stats=stats):
        print(line)


@app.command()
def diff(
    context: typer.Context,
    spec: options.Spec = options.DEFAULT_SPEC,
    node: options.Node = "",
    table: SavedTable = None,
    prune: Prune = False,
    keep_weights: KeepWeights = False,
    reorder: Reorder = False,
    netns: Netns = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Say what `apply` would do. Exit: 0 nothing, 2 something, 65 SPEC or FILE makes no sense."""
    wanted = desired(context, spec, node, table, quiet=quiet)
    with kernel(netns) as ipvs:
        steps = _planned(ipvs.table(), wanted, prune=prune, keep_weights=keep_weights, reorder=reorder)
    _tell_steps(steps, json=json, quiet=quiet)
    raise typer.Exit(DIFFERS if steps else 0)


@app.command()
def apply(
    context: typer.Context,
    spec: options.Spec = options.DEFAULT_SPEC,
    node: options.Node = "",
    table: SavedTable = None,
    prune: Prune = False,
    keep_weights: KeepWeights = False,
    drain: Gently = False,
    reorder: Reorder = False,
    rollback: Rollback = True,
    netns: Netns = None,
    dry_run: options.DryRun = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Make the virtual servers with `owner: lvsctl` what the spec says: new capacity first, then the rest.

    Verified by reading the table again. Other services are left alone; --prune deletes those that the spec does not
    have at all, and never one that it gives to keepalived. When the kernel refuses a step, everything is as it was
    before. Exit: 0 done, 1 refused, 65 SPEC or FILE makes no sense, 75 another lvsctl is changing the table.
    """
    from lvsctl.ipvs import apply as apply_steps
    from lvsctl.ipvs import table_lock

    wanted = desired(context, spec, node, table, quiet=quiet)
    with kernel(netns) as ipvs, table_lock():
        seen = ipvs.observe()
        steps = _planned(
            seen.table,
            wanted,
            prune=prune,
            keep_weights=keep_weights,
            reorder=reorder,
            drain=seen if drain else None,
        )
        if not dry_run:
            apply_steps(ipvs, steps, seen.table, rollback=rollback)
    _tell_steps(steps, json=json, quiet=quiet)
    if not reorder:
        _tell_order(seen.table, wanted, quiet=quiet)


@app.command()
def save(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Where to; '-' is standard output.")] = STDIO,
    netns: Netns = None,
    quiet: options.Quiet = False,
) -> None:
    """Save the table exactly, as rules that `ipvsadm --restore` reads too: thresholds, tunnels, order included."""
    from lvsctl.ipvs import rules
    from lvsctl.ipvs import save as save_table

    with kernel(netns) as ipvs:
        table = ipvs.table()
    if file == STDIO:
        sys.stdout.write(rules.write(table))
    else:
        save_table(Path(file), table)
    for line in rules.beyond_ipvsadm(table):
        say(f"only lvsctl restores this: {line}", quiet=quiet)


@app.command()
def restore(
    file: Rules,
    rollback: Rollback = True,
    netns: Netns = None,
    dry_run: options.DryRun = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Make the whole table exactly what FILE says, the order of destinations included; what is not in it is deleted."""
    from lvsctl.ipvs import apply as apply_steps
    from lvsctl.ipvs import plan, table_lock

    wanted = saved(file)
    with kernel(netns) as ipvs, table_lock():
        before = ipvs.table()
        steps = list(plan(before, wanted, prune=before, reorder=True))
        if not dry_run:
            apply_steps(ipvs, steps, before, rollback=rollback)
    _tell_steps(steps, json=json, quiet=quiet)


@app.command("set-weight")
def set_weight(
    service: ServiceName,
    server: ServerName,
    weight: Annotated[int, typer.Argument(min=0, max=2**31 - 1, help="0: no new connections.")],
    netns: Netns = None,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
) -> None:
    """Change the weight of one destination, and nothing else about it."""
    from lvsctl.ipvs import describe, draining, table_lock

    key, dest_key = _named(service, server)
    with kernel(netns) as ipvs, table_lock():
        if dry_run:
            had = draining.find(ipvs, key, dest_key).table[key].dests[dest_key].weight
            say(f"{key} -> {dest_key}: weight {had} would become {weight}", quiet=quiet)
            return
        step = draining.set_weight(ipvs, key, dest_key, weight)
    say(describe(step) if step else f"{key} -> {dest_key} has weight {weight} already", quiet=quiet)


@app.command()
def drain(
    service: ServiceName,
    server: ServerName,
    wait: Annotated[bool, typer.Option("--wait", help="Stay until its connections are gone.")] = False,
    timeout: Annotated[
        float,
        typer.Option(
            min=0, callback=options.finite, metavar="SECONDS", help="Wait no longer; 0: as long as it takes."
        ),
    ] = 0,
    remove: Annotated[
        bool, typer.Option("--remove", help="Delete it when they are gone; implies --wait.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also where weight 0 refuses clients (sh, mh, dh).")
    ] = False,
    netns: Netns = None,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
) -> None:
    """Take a destination out of service gently: weight 0, and with --wait watch its connections go.

    Interrupting only stops the watching. Exit: 0 drained (or, without --wait, draining), 2 not within the timeout.
    """
    from lvsctl.cli.ipvs_drain import watch
    from lvsctl.ipvs import draining, table_lock

    key, dest_key = _named(service, server)
    with kernel(netns) as ipvs:
        if not force:
            draining.check_drainable(ipvs, key, dest_key, netns=netns)
        left = sum(draining.find(ipvs, key, dest_key).dests[key, dest_key].connections)
        if dry_run:
            say(f"{key} -> {dest_key}: would get weight 0; it has {left} connections", quiet=quiet)
            return
        with table_lock():
            draining.set_weight(ipvs, key, dest_key, 0)
        if not (wait or remove):
            say(f"{key} -> {dest_key}: draining, {left} connections left", quiet=quiet)
            return
        left = watch(ipvs, key, dest_key, timeout=timeout, quiet=quiet)
        if left:
            say(f"{key} -> {dest_key}: {left} connections are still there", quiet=quiet)
            raise typer.Exit(DIFFERS)
        if remove:
            with table_lock():
                draining.remove(ipvs, key, dest_key)
    say(f"{key} -> {dest_key}: drained{' and removed' if remove else ''}", quiet=quiet)


@app.command()
def timeouts(
    seconds: Annotated[
        list[int] | None,
        typer.Argument(metavar="TCP FIN UDP", min=0, help="Seconds; 0 leaves one as it is."),
    ] = None,
    netns: Netns = None,
    dry_run: options.DryRun = False,
    json: options.Json = False,
) -> None:
    """Show, or set, how long idle connections live."""
    from lvsctl.ipvs import Timeouts

    with kernel(netns) as ipvs:
        if seconds:
            if len(seconds) != len(Timeouts._fields):
                raise Usage("three timeouts: TCP FIN UDP")
            if not dry_run:
                ipvs.set_timeouts(Timeouts(*seconds))
        found = ipvs.timeouts()
    if json:
        print_json(found._asdict())
    else:
        print(f"tcp {found.tcp} s, tcp after FIN {found.tcp_fin} s, udp {found.udp} s")


def ipvsadm(context: typer.Context) -> None:
    """Speak ipvsadm's own command line: same effects, output and exit status."""
    # Reached only when something runs before it on the command line: see lvsctl.cli.entry.
    from lvsctl.ipvs.compat.main import main

    raise typer.Exit(main(context.args))


def _seen(service: str | None, netns: str | None) -> "Observation":
    from lvsctl.ipvs import NotRoot, Observation, read_proc

    key = _service_key(service) if service else None
    try:
        with kernel(netns) as ipvs:
            seen = ipvs.observe() if key is None else ipvs.observe_one(key)
    except NotRoot as error:
        say(f"{error.message}: showing what /proc tells, without counters, thresholds and tunnels")
        seen = read_proc(netns=netns)
        if key is not None:
            table = {key: seen.table[key]} if key in seen.table else {}
            seen = Observation(table, seen.services, seen.dests)
    if key is not None and key not in seen.table:
        raise typer.Exit(DIFFERS)
    return seen


def _planned(
    actual: "Table",
    wanted: "Desired",
    *,
    prune: bool,
    keep_weights: bool,
    reorder: bool,
    drain: "Observation | None" = None,
) -> "list[Step]":
    from lvsctl.ipvs import plan

    gone = wanted.prunable(actual) if prune else ()
    kept = wanted.table if keep_weights else ()
    return list(plan(actual, wanted.table, prune=gone, keep_weights=kept, drain=drain, reorder=reorder))


def _tell_order(before: "Table", wanted: "Desired", *, quiet: bool) -> None:
    from lvsctl.ipvs import order_differs

    for key in wanted.table:
        if key in before and order_differs(before[key], wanted.table[key]):
            say(
                f"{key}: the destinations stand in another order than in {wanted.source}; --reorder changes that",
                quiet=quiet,
            )


def _tell_steps(steps: "Sequence[Step]", *, json: bool, quiet: bool = False) -> None:
    from lvsctl.ipvs import describe, report

    if json:
        print_json(report.steps_document(steps))
    elif not quiet:
        for step in steps:
            print(describe(step))


def _service_key(text: str) -> "ServiceKey":
    from lvsctl.ipvs import ServiceKey

    try:
        return ServiceKey.parse(text)
    except ValueError as error:
        raise Usage(str(error)) from error


def _named(service: str, server: str) -> "tuple[ServiceKey, DestKey]":
    from lvsctl.ipvs import DestKey

    try:
        return _service_key(service), DestKey.parse(server)
    except ValueError as error:
        raise Usage(str(error)) from error
