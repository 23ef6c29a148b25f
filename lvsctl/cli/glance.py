"""``lvsctl status``: how this node is, in one look. Each part is what its own verb says about itself."""

import time
from typing import Any, NamedTuple

import typer

from lvsctl.cli import options
from lvsctl.cli.agent import age_of, told
from lvsctl.cli.ipvs_daemon import Netns
from lvsctl.cli.output import print_json
from lvsctl.cli.sorry_options import SpecFile
from lvsctl.errors import LvsctlError, visible

WELL, UNKNOWN, NOT_WELL = 0, 1, 2


class Part(NamedTuple):
    """What one part of the node says."""

    code: int
    lines: list[str]
    doc: Any


def status(
    spec: SpecFile = None,
    node: options.Node = "",
    netns: Netns = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Say how this node is: agent, VRRP, failover IPs, services with a sorry, uplinks. Needs no root.

    Exit: 0 nothing to look at; 1 something is unknown, or no agent runs; 2 a sorry is on, or an uplink is not good.
    """
    parts = {"agent": _agent(), "sorry": _sorry(spec, node, netns), "uplinks": _uplinks(netns)}
    if json:
        print_json({name: part.doc for name, part in parts.items()})
    elif not quiet:
        for part in parts.values():
            for line in part.lines:
                print(visible(line))
    codes = {part.code for part in parts.values()}
    raise typer.Exit(UNKNOWN if UNKNOWN in codes else max(codes))


def _agent() -> Part:
    from lvsctl.agent.status import lives, read, verdict

    found, now = read(), time.time()
    alive = lives(found, now)
    doc = {"alive": alive, "age": age_of(found, now), "status": found}
    return Part(UNKNOWN if verdict(found, now) else WELL, list(told(found, now, alive=alive)), doc)


def _sorry(spec: str | None, node: str, netns: str | None) -> Part:
    from lvsctl.cli.sorry import judged
    from lvsctl.cli.sorry_services import known, remembered, subjects
    from lvsctl.sorry.status import State, document

    try:
        chosen = subjects(known(spec, node, needed=False), remembered(netns).snapshots)
        found = judged(chosen, netns, quiet=True) if chosen else []
    except LvsctlError as error:
        return Part(UNKNOWN, [f"sorries: {error.message}"], None)
    states = {each.state for each in found}
    code = UNKNOWN if State.UNKNOWN in states else NOT_WELL if State.ON in states else WELL
    lines = [f"sorry of {each.name}: {each.state}" for each in found]
    return Part(code, lines or ["no service has a sorry server"], document(found))


def _uplinks(netns: str | None) -> Part:
    from lvsctl.cli.uplink import all_well
    from lvsctl.cli.uplink_tell import lines
    from lvsctl.uplink.saved import Files

    found = Files(netns).told(time.time())
    if found is None:
        return Part(WELL, [], None)
    return Part(WELL if all_well(found) else NOT_WELL, list(lines(found, time.time())), found)
