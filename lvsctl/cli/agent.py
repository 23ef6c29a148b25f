"""``lvsctl agent``: run the process behind the hooks, or ask how it is. Options → one library call → output."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lvsctl.cli import options
from lvsctl.cli.output import print_json
from lvsctl.errors import Usage, visible

if TYPE_CHECKING:
    from collections.abc import Iterator

app = typer.Typer(
    help="Run the agent, which does what follows from VRRP transitions; or say how it is.",
    invoke_without_command=True,
)

SpecFile = Annotated[
    Path,
    typer.Option("--spec", metavar="SPEC", envvar="LVSCTL_SPEC", help="The spec.", show_default=True),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="keepalived's configuration file. [default: /etc/keepalived/keepalived.conf]",
    ),
]
Metrics = Annotated[
    str | None,
    typer.Option("--metrics", metavar="ADDRESS:PORT", help="Serve Prometheus there; the loopback only."),
]
Once = Annotated[
    bool, typer.Option("--once", help="Do what the hooks have recorded, and end; without systemd.")
]


@app.callback()
def agent(
    context: typer.Context,
    spec: SpecFile = Path(options.DEFAULT_SPEC),
    node: options.Node = "",
    config: Config = None,
    metrics: Metrics = None,
    once: Once = False,
) -> None:
    """Do what follows from VRRP transitions: failover IPs, return paths, sorries, programs of yours.

    Runs until SIGTERM; SIGHUP reads the spec anew. Exit: 0 ended as asked; 64 no such node; 65 SPEC makes no sense;
    69 something it needs is not there; 75 another agent runs; 77 not root.
    """
    if context.invoked_subcommand is not None:
        return
    from lvsctl.agent.main import serve
    from lvsctl.agent.setting import Options
    from lvsctl.spec.agent import endpoint

    if metrics is not None:
        try:
            endpoint(metrics)
        except ValueError as error:
            raise Usage(f"--metrics: {error}") from None
    raise typer.Exit(serve(Options(spec, node, config, metrics, once)))


@app.command()
def status(json: options.Json = False) -> None:
    """Say what the agent knows: VRRP instances, failover IPs, what is wrong. It reads a file and needs no root.

    Exit: 0 it runs and everything is known; 1 something is unknown or wrong; 2 it does not run.
    """
    from lvsctl.agent.status import lives, read, verdict

    found, now = read(), time.time()
    alive = lives(found, now)
    if json:
        print_json({"alive": alive, "age": age_of(found, now), "status": found})
    else:
        for line in told(found, now, alive=alive):
            print(visible(line))
    raise typer.Exit(verdict(found, now))


def age_of(found: dict[str, Any] | None, now: float) -> float | None:
    """Answer how many seconds ago the agent wrote *found*; None when it does not say."""
    heartbeat = (found or {}).get("heartbeat")
    return round(now - heartbeat, 1) if isinstance(heartbeat, int | float) else None


def told(found: "dict[str, Any] | None", now: float, *, alive: bool) -> "Iterator[str]":
    """Yield what there is to say about the agent that wrote *found*, as lines."""
    from lvsctl.agent.status import problems

    age = age_of(found, now)
    if found is None or not alive:
        last = f"; its last word is {age:.0f} s old" if age is not None else ""
        yield f"the agent does not run{last}"
        return
    node = f" of {found['node']}" if found["node"] else ""
    yield f"the agent{node} runs (process {found['pid']}), heartbeat {age:.0f} s ago"
    for name, each in found["instances"].items():
        since = f" for {now - each['since']:.0f} s" if each["since"] else ""
        yield f"VRRP instance {name}: {each['state']}{since}"
    for ip, each in found["failover"].items():
        yield f"failover IP {ip}: {_address(each, now)}"
    for service, quorum in found["quorums"].items():
        yield f"quorum of {service}: {quorum}"
    for problem in problems(found):
        yield f"! {problem}"


def _address(each: dict[str, Any], now: float) -> str:
    if each["phase"] is None:
        return str(each["trouble"] or "not looked at yet")
    where = {True: "here", False: f"not here, but at {each['active'] or 'nowhere'}", None: "unknown"}[
        each["holds"]
    ]
    seen = f", seen {now - each['seen_at']:.0f} s ago" if each["seen_at"] else ""
    held = f", on hold: {each['hold']}" if each["hold"] else ""
    return f"{where} ({each['phase']}{seen}){held}"
