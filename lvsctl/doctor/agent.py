"""The agent and the clock: what runs beside keepalived, and what it goes by."""

import json
from collections.abc import Iterator
from typing import Any, Final

from lvsctl.compose.hooks import hooks_are_wired
from lvsctl.doctor.model import DIRECTOR, ERROR, WARNING, Found, Machine, check

STATUS: Final = "/run/lvsctl/status.json"
STALE: Final = 30.0
"""Seconds after which a heartbeat is of an agent that hangs or is gone; lvsctl.agent.status has the same."""

MOST_ENTRIES: Final = 1000

MOST_ERROR: Final = 1.0
"""Seconds that a clock may be wrong by."""


def _status(machine: Machine) -> dict[str, Any]:
    """Answer what the agent wrote last; empty when that is nothing. Anybody's file could be there: nothing is believed."""
    try:
        found = json.loads(machine.host.text(STATUS) or "null")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


@check(
    "LVD810",
    ERROR,
    "The agent does not run",
    why="keepalived's transitions are recorded, and nobody acts on them: failover IPs stay where they are, return paths are not kept.",
    remedy="systemctl start lvsctl-agent; lvsctl agent status says more.",
    roles=DIRECTOR,
    needs_spec=True,
)
def no_agent(machine: Machine) -> Iterator[Found]:
    """Where the spec has something for it: failover IPs or return paths."""
    spec = machine.spec
    if not hooks_are_wired(spec) or not (spec.failover_ips or spec.return_paths):
        return
    status = _status(machine)
    heartbeat, pid = status.get("heartbeat"), status.get("pid")
    if not isinstance(heartbeat, int | float) or not isinstance(pid, int) or pid <= 0:
        yield Found("lvsctl agent", f"{STATUS} has no heartbeat", "systemctl start lvsctl-agent")
        return
    age = machine.host.now() - heartbeat
    if not machine.host.is_alive(pid):
        yield Found("lvsctl agent", f"its process {pid} is gone", "systemctl start lvsctl-agent")
    elif not -STALE < age < STALE:
        yield Found(
            "lvsctl agent", f"its last heartbeat is {age:.0f} s old", "systemctl restart lvsctl-agent"
        )


@check(
    "LVD811",
    WARNING,
    "The agent complains",
    why="It runs, and something keeps it from its work; it tries again, but nobody else will tell you.",
    remedy="lvsctl agent status; lvsctl failover status.",
    roles=DIRECTOR,
)
def complaints(machine: Machine) -> Iterator[Found]:
    """The word `trouble` wherever its status has one."""
    for subject, said in _troubles("", _status(machine)):
        yield Found(f"agent: {subject}", said, "lvsctl agent status")


def _troubles(path: str, found: object, depth: int = 3) -> Iterator[tuple[str, str]]:
    if not isinstance(found, dict) or not depth:  # it is no deeper than that
        return
    for key, value in list(found.items())[:MOST_ENTRIES]:
        if key != "trouble":
            yield from _troubles(f"{path} {key}".strip(), value, depth - 1)
        elif isinstance(value, dict):
            yield from ((f"{path} {name}", str(each)) for name, each in value.items() if each)
        elif value:
            yield path or "agent", str(value)


@check(
    "LVD830",
    WARNING,
    "A clock that nobody keeps",
    why="Logs of the two directors cannot be put side by side, certificates of the provider's API may look expired, and an end time of a sorry comes early or late.",
    remedy="apt install systemd-timesyncd (or chrony), and see that UDP port 123 may leave.",
)
def unsynchronised(machine: Machine) -> Iterator[Found]:
    """What the kernel says of its own clock (adjtimex(2)), whichever program keeps it."""
    clock = machine.host.clock()
    if not clock.synchronised or clock.error > MOST_ERROR:
        said = (
            f"it may be wrong by {clock.error:.1f} s"
            if clock.synchronised
            else "the kernel says that it is not synchronised"
        )
        yield Found("the clock", said, "timedatectl set-ntp true; timedatectl timesync-status")
