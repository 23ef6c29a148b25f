"""The kernel's table, against what the spec and keepalived want in it."""

import shlex
from collections.abc import Iterator
from itertools import islice

from lvsctl.compose.claims import Claims
from lvsctl.compose.table import keys, size, table
from lvsctl.doctor.model import DIRECTOR, ERROR, WARNING, Found, Machine, check
from lvsctl.ipvs.errors import NoIpvs
from lvsctl.ipvs.model import Observation
from lvsctl.ipvs.planning import plan
from lvsctl.ipvs.rules import service_name
from lvsctl.ipvs.steps import describe
from lvsctl.spec.virtual_server import VirtualServer
from lvsctl.vocabulary import ServiceKey

MOST_KEYS = 10_000
"""Services of one group that are looked for one by one."""

FEW = 3
"""Steps and services that a finding names; the command shows them all."""


def observed(machine: Machine) -> Observation:
    """Answer the table; an empty one without IPVS, which is another check's finding."""
    try:
        return machine.host.table()
    except NoIpvs:
        return Observation({}, {}, {})


def _some(lines: list[str]) -> str:
    more = f" and {len(lines) - FEW} more" if len(lines) > FEW else ""
    return "; ".join(lines[:FEW]) + more


@check(
    "LVD600",
    ERROR,
    "A table that is not the spec's",
    why="Services with owner: lvsctl are only what somebody applies: after a reboot, or a change by hand, clients get what is in the kernel.",
    remedy="lvsctl ipvs diff shows it, lvsctl ipvs apply mends it; lvsctl ipvs apply in a unit at boot keeps it.",
    roles=DIRECTOR,
    needs_spec=True,
)
def not_applied(machine: Machine) -> Iterator[Found]:
    """Services with `owner: lvsctl`, without those whose sorry is on."""
    wanted = table(machine.spec)
    if not wanted:
        return
    switched = {each.key for each in machine.host.snapshots().snapshots}
    wanted = {key: server for key, server in wanted.items() if key not in switched}
    actual = machine.host.exact_table()
    steps = [describe(step) for step in plan(actual, wanted)]
    if steps:
        yield Found(
            "the IPVS table",
            f"{len(steps)} step{'s'[: len(steps) != 1]} away from the spec: {_some(steps)}",
            f"lvsctl ipvs apply {_file(machine)}",
        )


def _file(machine: Machine) -> str:
    return shlex.quote(machine.declared.document.file) if machine.declared else ""


@check(
    "LVD601",
    ERROR,
    "A service of keepalived's that is not in the kernel",
    why="Its clients are refused. keepalived never looks at the kernel: whoever flushed the table, it does not notice.",
    remedy="systemctl restart keepalived: it makes its services anew.",
    roles=DIRECTOR,
    needs_spec=True,
)
def vanished(machine: Machine) -> Iterator[Found]:
    """Services with `owner: keepalived` while a keepalived runs, without ha_suspend and group entries beyond 10,000."""
    if not machine.host.daemons():
        return
    there = {_bare(key) for key in observed(machine).table}
    for name, service in machine.spec.virtual_servers.items():
        if service.owner != "keepalived" or service.ha_suspend or size(service, machine.spec) > MOST_KEYS:
            continue
        missing = [
            str(key) for key in islice(keys(service, machine.spec), MOST_KEYS) if _bare(key) not in there
        ]
        if missing:
            yield Found(
                f"virtual_servers.{name}",
                f"the kernel has no {_some(missing)}",
                "systemctl restart keepalived",
            )


def _bare(key: ServiceKey) -> ServiceKey | int:
    # /proc does not tell the family of a firewall mark.
    return key.mark or key


@check(
    "LVD602",
    WARNING,
    "A service that nobody owns",
    why="It is in the kernel and in no spec: left over from a test or an older configuration, it still takes clients, and nobody checks its real servers.",
    remedy="Take it into the spec (lvsctl ipvs save shows it), or delete it: lvsctl ipvs apply --prune.",
    roles=DIRECTOR,
    needs_spec=True,
)
def left_over(machine: Machine) -> Iterator[Found]:
    """Services that the spec gives neither to keepalived nor to lvsctl."""
    claims = Claims(machine.spec)
    marks = {
        key.mark
        for service in machine.spec.virtual_servers.values()
        for key in islice(keys(service, machine.spec), FEW)
        if key.mark
    }
    wanted = table(machine.spec)
    if machine.adoption is not None and not machine.spec.virtual_servers:
        return  # whoever has no services in keepalived.conf has another program make them
    for key in observed(machine).table:
        if key not in wanted and key not in claims and not (key.mark and key.mark in marks):
            yield _stray(machine, key)


def _stray(machine: Machine, key: ServiceKey) -> Found:
    if machine.adoption is not None:
        file = machine.adoption.files[0]
        return Found(str(key), f"the kernel has it, {file} does not", f"ipvsadm -D {service_name(key)}")
    return Found(
        str(key), "the kernel has it, the spec does not", f"lvsctl ipvs apply {_file(machine)} --prune"
    )


@check(
    "LVD603",
    ERROR,
    "A service whose clients are refused",
    why="No destination has a weight: whoever connects is told that nobody listens. Real servers are all out, and no sorry server is in.",
    remedy="lvsctl sorry on SERVICE says sorry meanwhile; lvsctl ipvs show says who is out.",
    roles=DIRECTOR,
)
def refused(machine: Machine) -> Iterator[Found]:
    """Every service in the kernel."""
    names = {
        key: name
        for name, service in _services(machine)
        for key in islice(keys(service, machine.spec), MOST_KEYS)
    }
    for key, server in observed(machine).table.items():
        if not any(dest.weight for dest in server.dests.values()):
            out = (
                f"all {len(server.dests)} destinations have weight 0"
                if server.dests
                else "it has no destination"
            )
            yield Found(str(key), out, f"lvsctl sorry on {names.get(key, key)}")


def _services(machine: Machine) -> list[tuple[str, VirtualServer]]:
    # The names that an adopted file was given mean nothing to `lvsctl sorry`.
    return list(machine.spec.virtual_servers.items()) if machine.declared and not machine.adoption else []
