"""``lvsctl failover …``: who holds a failover IP; take it; give it up; freeze it. Options → one call → output."""

from typing import Annotated

import typer

from lvsctl.cli import failover_options as own
from lvsctl.cli import options
from lvsctl.cli.failover_options import How, Where
from lvsctl.cli.sorry_options import SpecFile

app = typer.Typer(
    help="See and move failover IPs, which only their provider's API moves.", no_args_is_help=True
)


@app.command()
def status(
    ip: own.Address = None,
    fresh: own.Fresh = False,
    spec: SpecFile = None,
    node: options.Node = "",
    provider: own.Provider = None,
    credentials: own.Credentials = None,
    target: own.Targets = None,
    api_url: own.ApiUrl = None,
    api_ca: own.ApiCa = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Say whether IP points at this node: `state=held`, `state=not-held` or `state=unknown`, and how old that is.

    It asks the agent, else what was last seen, if that is not older than 5 minutes, else the provider.
    Exit: 0 held, 2 not held, 1 unknown, 64 no such IP. Believe 2 only together with `state=not-held`: a missing
    interpreter ends with 2, too. Without IP: 1 if any is unknown, else 2 if any is not held.
    """
    from lvsctl.cli.failover_status import status as answered

    options.tell_more(verbose)
    where = Where(spec, node, provider, credentials, tuple(target or ()), api_url, api_ca)
    raise typer.Exit(answered(where, ip, fresh=fresh, json=json, quiet=quiet))


@app.command()
def assign(
    ip: own.OneAddress,
    wait: own.Wait = False,
    timeout: own.Timeout = own.PATIENCE,
    force: own.Force = False,
    spec: SpecFile = None,
    node: options.Node = "",
    provider: own.Provider = None,
    credentials: own.Credentials = None,
    target: own.Targets = None,
    api_url: own.ApiUrl = None,
    api_ca: own.ApiCa = None,
    config: own.Config = None,
    dry_run: options.DryRun = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Have IP point at this node, which has to be MASTER: look first, then move it at most once, then look again.

    The agent does it, if there is one; an address that is here already costs one look. Without --wait the agent
    only gets the order; without an agent it goes on for as long as something can be done at once.
    Exit: 0 done (or, without --wait, ordered); 1 refused, or not here in time; 64 no such IP; 75 not yet: locked, a
    move is under way, calls are spent; 77 not root.
    """
    from lvsctl.cli import failover_move as move

    options.tell_more(verbose)
    where = Where(spec, node, provider, credentials, tuple(target or ()), api_url, api_ca)
    how = How(json=json, quiet=quiet, dry_run=dry_run)
    patience = timeout if wait else 0.0
    raise typer.Exit(move.assign(where, ip, how, patience=patience, force=force, config=config))


@app.command()
def release(
    ip: own.OneAddress,
    yes: own.Yes = False,
    reason: own.Reason = "",
    spec: SpecFile = None,
    node: options.Node = "",
    provider: own.Provider = None,
    credentials: own.Credentials = None,
    target: own.Targets = None,
    api_url: own.ApiUrl = None,
    api_ca: own.ApiCa = None,
    dry_run: options.DryRun = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Have IP point nowhere: nobody gets its packets any more. Nothing else in lvsctl ever does that.

    It is put on hold first, so that no agent of this node takes it back; the other node's may.
    Exit: 0 done; 1 refused or unknown; 64 no such IP, or --yes is missing; 69 API not there; 75 locked; 77 not root.
    """
    from lvsctl.cli import failover_move as move

    options.tell_more(verbose)
    where = Where(spec, node, provider, credentials, tuple(target or ()), api_url, api_ca)
    how = How(json=json, quiet=quiet, dry_run=dry_run)
    raise typer.Exit(move.release(where, ip, how, yes=yes, reason=reason))


@app.command()
def hold(
    ip: own.Address = None,
    reason: own.Reason = "",
    spec: SpecFile = None,
    node: options.Node = "",
    dry_run: options.DryRun = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Leave IP where it is, whatever happens: nothing on this node moves it until `resume`, also after a reboot.

    A move that is under way at the provider goes on. Exit: 0 on hold; 64 no such IP; 77 not root.
    """
    from lvsctl.cli import failover_hold

    where = Where(spec, node)
    how = How(json=json, quiet=quiet, dry_run=dry_run)
    failover_hold.hold(where, ip, how, reason=reason)


@app.command()
def resume(
    ip: own.Address = None,
    spec: SpecFile = None,
    node: options.Node = "",
    dry_run: options.DryRun = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """End the hold on IP: the agent does at once what VRRP says. Exit: 0 no hold; 64 no such IP; 77 not root."""
    from lvsctl.cli import failover_hold

    where = Where(spec, node)
    failover_hold.resume(where, ip, How(json=json, quiet=quiet, dry_run=dry_run))


@app.command(hidden=True)
def worker(
    get: Annotated[bool, typer.Option("-g", help="Say whether IP points here.")] = False,
    take: Annotated[bool, typer.Option("-s", help="Have IP point here.")] = False,
    listing: Annotated[bool, typer.Option("-l", help="List failover IPs, or look IP up.")] = False,
    ip: Annotated[str | None, typer.Option("-i", metavar="IP", help="The failover IP.")] = None,
    file: Annotated[
        str, typer.Option("-c", metavar="FILE", help="user, pass, local_ip.")
    ] = "/etc/hetzner.cfg",
) -> None:
    """Be parse-hetzner-json.py, for hooks/parse-hetzner-json."""
    from lvsctl.cli.failover_worker import work

    raise typer.Exit(work(get=get, take=take, listing=listing, ip=ip, file=file))
