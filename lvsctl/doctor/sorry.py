"""The sorry of each service: its server, its maintenance file, its snapshot."""

import shlex
from collections.abc import Iterator

from lvsctl.compose.maintenance import is_maintained
from lvsctl.compose.sorry_targets import switchable
from lvsctl.doctor.model import DIRECTOR, ERROR, NOTE, WARNING, Found, Machine, check
from lvsctl.doctor.table import observed
from lvsctl.sorry.form import MAINTENANCE_FOLDER
from lvsctl.sorry.model import Phase

OTHERS_WRITE = 0o022


@check(
    "LVD700",
    ERROR,
    "A sorry server that does not say sorry",
    why="At the moment when it is needed, visitors would hang, or be told 200 or 404, which caches and robots believe.",
    remedy="systemctl start lvsctl-sorry, and let the spec's sorry_server lead to it.",
    roles=DIRECTOR,
    needs_spec=True,
)
def speechless(machine: Machine) -> Iterator[Found]:
    """Asks each sorry server once for a page that cannot exist, and looks who listens."""
    candidates = [each for one in switchable(machine.spec, machine.node).values() for each in one.candidates]
    if candidates:
        for each in machine.host.examine_sorry(candidates).objections:
            yield Found(f"virtual_servers.{each.name}", each.message, each.remedy)


@check(
    "LVD701",
    NOTE,
    "A sorry is on",
    why="Somebody wanted it so; here is who, in case it was forgotten.",
    remedy="lvsctl sorry off SERVICE.",
    roles=DIRECTOR,
)
def is_on(machine: Machine) -> Iterator[Found]:
    """Snapshots of sorries that are on."""
    for each in machine.host.snapshots().snapshots:
        if each.phase is Phase.ON:
            who = "; ".join(
                f"{holder}"
                + (f" ({hold.user})" if hold.user else "")
                + (f": {hold.reason}" if hold.reason else "")
                for holder, hold in each.holders.items()
            )
            yield Found(each.name, f"held by {who or 'nobody'}", f"lvsctl sorry off {shlex.quote(each.name)}")


@check(
    "LVD702",
    ERROR,
    "A switch that was interrupted",
    why="Whoever did it crashed or was killed between two steps: some visitors may get a sorry and some a real server.",
    remedy="lvsctl sorry on SERVICE or lvsctl sorry off SERVICE completes it.",
    roles=DIRECTOR,
)
def interrupted(machine: Machine) -> Iterator[Found]:
    """Snapshots that say so; a switch takes less than a second."""
    verbs = {Phase.SWITCHING_ON: "on", Phase.SWITCHING_OFF: "off"}
    for each in machine.host.snapshots().snapshots:
        if each.phase in verbs and machine.host.now() - each.since > PATIENCE:
            yield Found(
                each.name,
                f"it stands at {each.phase}",
                f"lvsctl sorry {verbs[each.phase]} {shlex.quote(each.name)}",
            )


PATIENCE = 60.0
"""Seconds that a switch may take before it counts as interrupted; `on --wait` waits for a guard."""


@check(
    "LVD703",
    ERROR,
    "A snapshot that cannot be used",
    why="It is the way back of a sorry that is on: without it `off` does not know how the service was.",
    remedy="Its message says what is wrong; lvsctl ipvs apply makes the table from the spec, then delete the file.",
    roles=DIRECTOR,
)
def unusable(machine: Machine) -> Iterator[Found]:
    """Files below /var/lib/lvsctl/sorry that are damaged, newer than this lvsctl, or not only root's."""
    for each in machine.host.snapshots().faults:
        yield Found("/var/lib/lvsctl/sorry", each, "lvsctl sorry status")


@check(
    "LVD704",
    WARNING,
    "Left-over snapshots",
    why="They say that a sorry is on for a service that is not there, or say it twice under different names: the next switch may act on them.",
    remedy="rm the file, once lvsctl sorry status shows that nobody needs it.",
    roles=DIRECTOR,
)
def strays(machine: Machine) -> Iterator[Found]:
    """Snapshots of services that are neither in the kernel nor in the spec, and files that are no snapshot under their name."""
    kept = machine.host.snapshots()
    for path in kept.strays:
        yield Found(path, "it is no snapshot under its own name", f"rm {shlex.quote(path)}")
    known = set(observed(machine).table)
    if machine.declared is not None:
        known |= {
            each.target.key
            for one in switchable(machine.spec, machine.node).values()
            for each in one.candidates
        }
    for snapshot in kept.snapshots:
        if snapshot.key not in known:
            yield Found(
                str(snapshot.key),
                "there is a snapshot, and neither the kernel nor the spec has the service",
                f"lvsctl sorry off {snapshot.key} --force",
            )


@check(
    "LVD710",
    ERROR,
    "A maintenance file that is missing, or not only root's",
    why="keepalived takes the real servers out when this file says 1. Who can write it, switches the service; where it is missing, nothing can be switched without making a file on a disk that may be full.",
    remedy="chown root:root FILE; chmod 644 FILE; it is made by keepalived's start from the rendered file.",
    roles=DIRECTOR,
    needs_spec=True,
)
def weak_maintenance(machine: Machine) -> Iterator[Found]:
    """One file for each service that render gives one, while a keepalived runs."""
    if not machine.host.daemons():
        return
    for path, name in _maintenance_files(machine):
        last = machine.host.components(path)[-1]
        if last.kind == "missing":
            yield Found(
                path,
                f"{last.path} is missing",
                f"install -o root -m 644 /dev/null {path} && printf 0 > {path}",
            )
        elif last.kind != "file":
            yield Found(path, f"it is a {last.kind}", f"rm {path}; lvsctl sorry off {name}")
        elif last.uid != 0 or last.mode & OTHERS_WRITE:
            yield Found(
                path,
                f"it belongs to uid {last.uid} and has mode {last.mode:04o}",
                f"chown root:root {path}; chmod 644 {path}",
            )


def _maintenance_files(machine: Machine) -> Iterator[tuple[str, str]]:
    for name, service in machine.spec.virtual_servers.items():
        if is_maintained(service):
            yield f"{MAINTENANCE_FOLDER}/{name}", name


@check(
    "LVD711",
    ERROR,
    "Real servers taken out by hand",
    why="The maintenance file says 1 and no sorry is on: keepalived holds every real server of the service down, and nobody will bring them back.",
    remedy="lvsctl sorry off SERVICE.",
    roles=DIRECTOR,
    needs_spec=True,
)
def out_by_hand(machine: Machine) -> Iterator[Found]:
    """Files that hold another number than 0, without a snapshot."""
    held = {each.name for each in machine.host.snapshots().snapshots}
    for path, name in _maintenance_files(machine):
        said = (machine.host.text(path) or "").strip()
        if said not in ("", "0") and name not in held:
            yield Found(
                path, f"it says {said[:20]!r}, and no sorry of {name} is on", f"lvsctl sorry off {name}"
            )
