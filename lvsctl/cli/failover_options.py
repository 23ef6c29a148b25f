"""The options of ``lvsctl failover``."""

from typing import Annotated, Final, NamedTuple

import typer

from lvsctl.cli.options import finite

Address = Annotated[
    str | None,
    typer.Argument(metavar="[IP]", help="A failover IP of the spec; without it: all of them."),
]
OneAddress = Annotated[str, typer.Argument(metavar="IP", help="A failover IP of the spec.")]
Provider = Annotated[
    str | None,
    typer.Option(
        "--provider",
        metavar="NAME",
        help="Without a spec: hetzner-robot or hetzner-cloud, with --credentials and --target.",
    ),
]
Credentials = Annotated[
    str | None, typer.Option("--credentials", metavar="FILE", help="With --provider: the credentials file.")
]
Targets = Annotated[
    list[str] | None,
    typer.Option(
        "--target",
        metavar="[NODE=]TARGET",
        help="With --provider: what the provider calls each node; may be given again.",
    ),
]
ApiUrl = Annotated[
    str | None, typer.Option("--api-url", metavar="URL", help="With --provider: where its API is.")
]
ApiCa = Annotated[
    str | None, typer.Option("--api-ca", metavar="FILE", help="With --provider: the authorities to trust.")
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Ask the provider now; one call for each address.")]
Wait = Annotated[bool, typer.Option("--wait", help="Stay until the address points here, and is seen to.")]
Timeout = Annotated[
    float,
    typer.Option("--timeout", min=1, callback=finite, metavar="SECONDS", help="Wait no longer than this."),
]
Force = Annotated[
    bool,
    typer.Option("--force", help="Do not ask keepalived whether this node is MASTER; needs no agent to run."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Yes, it shall point nowhere.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; `status` shows it.")]
Config = Annotated[
    str | None,
    typer.Option("--config", metavar="FILE", help="keepalived's file, when it is not the usual one."),
]

PATIENCE: Final = 300.0
"""Seconds that ``assign --wait`` waits: a switch, a lock window, and some more."""


class Where(NamedTuple):
    """Where it is said which failover IPs there are: in a spec, or in the options."""

    spec: str | None
    node: str = ""
    provider: str | None = None
    credentials: str | None = None
    targets: tuple[str, ...] = ()
    api_url: str | None = None
    api_ca: str | None = None


class How(NamedTuple):
    """How a command speaks, and whether it only says what it would do."""

    json: bool = False
    quiet: bool = False
    dry_run: bool = False
