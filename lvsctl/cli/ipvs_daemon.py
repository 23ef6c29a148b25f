"""``lvsctl ipvs daemon``: the connection sync daemons; and how every command here reaches the kernel."""

from typing import TYPE_CHECKING, Annotated

import typer

from lvsctl.cli import options
from lvsctl.cli.output import print_json
from lvsctl.errors import Usage

if TYPE_CHECKING:
    from lvsctl.ipvs import KernelIpvs, SyncRole

app = typer.Typer(help="The connection sync daemons.", invoke_without_command=True)

NONE_RUNS = 2

Netns = Annotated[
    str | None, typer.Option("--netns", metavar="NAME", help="In this network namespace instead of our own.")
]


def kernel(netns: str | None) -> "KernelIpvs":
    """Open the kernel's table."""
    from lvsctl.ipvs import KernelIpvs

    return KernelIpvs(netns=netns)


@app.callback()
def daemon(context: typer.Context, netns: Netns = None, json: options.Json = False) -> None:
    """Show the connection sync daemons; exit 2 when none runs. `start` and `stop` change that."""
    if context.invoked_subcommand:
        return
    with kernel(netns) as ipvs:
        found = ipvs.daemons()
    if json:
        print_json(
            {"daemons": [{**each._asdict(), "group": each.group and str(each.group)} for each in found]}
        )
    else:
        from lvsctl.ipvs.compat import show as listing

        for each in found:
            print(listing.daemon(each))
    raise typer.Exit(0 if found else NONE_RUNS)


Role = Annotated[str, typer.Argument(metavar="ROLE", help="master or backup.")]


@app.command()
def start(
    role: Role,
    interface: Annotated[str, typer.Option("--interface", "-i", help="Where to send, or listen.")],
    sync_id: Annotated[
        int, typer.Option("--syncid", min=0, max=255, help="0: the backup takes every one.")
    ] = 0,
    group: Annotated[
        str | None, typer.Option("--group", help="Multicast address (default: 224.0.0.81).")
    ] = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="UDP port (0: 8848).")] = 0,
    ttl: Annotated[int, typer.Option("--ttl", min=0, max=255, help="Hops (0: 1).")] = 0,
    max_length: Annotated[int, typer.Option("--maxlen", min=0, max=65507, help="Bytes (0: by the MTU).")] = 0,
    netns: Netns = None,
    dry_run: options.DryRun = False,
) -> None:
    """Start a connection sync daemon."""
    from lvsctl.ipvs import SyncDaemon
    from lvsctl.vocabulary import as_address

    try:
        address = as_address(group) if group else None
    except ValueError as error:
        raise Usage(f"--group: {error}") from error
    wanted = SyncDaemon(_role(role), interface, sync_id, max_length, address, port, ttl)
    with kernel(netns) as ipvs:
        if not dry_run:
            ipvs.start_daemon(wanted)


@app.command()
def stop(role: Role, netns: Netns = None, dry_run: options.DryRun = False) -> None:
    """Stop a connection sync daemon."""
    wanted = _role(role)
    with kernel(netns) as ipvs:
        if not dry_run:
            ipvs.stop_daemon(wanted)


def _role(text: str) -> "SyncRole":
    from lvsctl.ipvs import SyncRole

    if text not in tuple(SyncRole):
        raise Usage(f"{text!r} is not a role: expected master or backup")
    return SyncRole(text)
