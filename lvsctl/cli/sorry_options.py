"""The options of ``lvsctl sorry``, and the values they are read into."""

import re
from typing import Annotated, Final

import typer

from lvsctl.cli.options import finite
from lvsctl.errors import Usage

Services = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SERVICE",
        help="Names of the spec, globs such as 'web-*', or tcp/ADDR:PORT, udp/…, sctp/…, fwmark/N, fwmark6/N.",
    ),
]
Every = Annotated[bool, typer.Option("--all", help="Every service that has a sorry server.")]
SpecFile = Annotated[
    str | None,
    typer.Option(
        "--spec",
        metavar="SPEC",
        envvar="LVSCTL_SPEC",
        help="The spec; by default /etc/lvsctl/lvs.yaml, if it is there.",
    ),
]
SorryServer = Annotated[
    str | None,
    typer.Option(
        "--sorry",
        metavar="ADDR:PORT",
        help="The sorry server of a service that no spec knows: an own address.",
    ),
]
SorryMethod = Annotated[
    str, typer.Option("--sorry-method", metavar="METHOD", help="How packets get there: NAT, DR or TUN.")
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; `status` shows it.")]
For = Annotated[
    str | None,
    typer.Option(
        "--for", metavar="TIME", help="Off again by itself after this long: 90s, 30m, 2h, 1h30m, 1d."
    ),
]
As = Annotated[
    str,
    typer.Option(
        "--as", metavar="HOLDER", help="Who wants it: operator, timer, quorum or notify; for hooks."
    ),
]
Wait = Annotated[
    bool, typer.Option("--wait", help="Stay until the real servers have no connections any more.")
]
Timeout = Annotated[
    float,
    typer.Option(
        "--timeout",
        min=0,
        callback=finite,
        metavar="SECONDS",
        help="Wait no longer than this; 0: as long as it takes.",
    ),
]
GRACE: Final = 20.0
Grace = Annotated[
    float,
    typer.Option(
        "--grace",
        min=0,
        max=3600,
        callback=finite,
        metavar="SECONDS",
        help="Connections have this long to end before keepalived deletes their server (in its plain form).",
    ),
]
Cut = Annotated[bool, typer.Option("--cut", help="End the connections of the real servers, too.")]
Guard = Annotated[
    bool,
    typer.Option("--guard", help="Stay, and put right what others change; Ctrl-C leaves it on, unguarded."),
]
Unasked = Annotated[
    bool, typer.Option("--force", help="Do not ask the sorry server; everything else is still checked.")
]
Everybody = Annotated[
    bool, typer.Option("--force", help="Off for everybody who holds it, and exactly as it was.")
]
SetSysctl = Annotated[
    bool,
    typer.Option("--set-sysctl", help="Sysctls of net.ipv4.vs may be changed for the time of the sorry."),
]
Pair = Annotated[bool, typer.Option("--pair", help="On the other director too, over ssh.")]
PeerHost = Annotated[
    str | None,
    typer.Option("--peer", metavar="HOST", help="What ssh connects to; by default the other node's address."),
]

_LONGEST: Final = 30 * 86400
_UNITS: Final = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_PERIOD = re.compile(r"(?:(\d{1,7})d)?(?:(\d{1,7})h)?(?:(\d{1,7})m)?(?:(\d{1,7})s)?", re.ASCII)


def seconds(text: str) -> int:
    """Read ``90s``, ``30m``, ``1h30m`` or ``1d``. Raises Usage for anything else, for nothing and for more than 30 days."""
    found = _PERIOD.fullmatch(text.strip())
    total = (
        sum(int(number or 0) * unit for number, unit in zip(found.groups(), _UNITS.values(), strict=True))
        if found
        else 0
    )
    if not 0 < total <= _LONGEST:
        raise Usage(f"--for: expected a time such as 90s, 30m, 2h or 1h30m, at most 30d, not {text!r}")
    return total
