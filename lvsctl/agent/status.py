"""status.json: what the agent knows and does, for people, ``lvsctl … status`` and whoever watches it.

The file is /run/lvsctl/status.json, replaced every few seconds; ``heartbeat`` tells how old it is. Times in it are
seconds since 1970. Every key is described in docs/reference/status-json.md. It holds no secret.
"""

import json
import os
from collections.abc import Callable, Mapping
from typing import Any, Final

from lvsctl.agent.model import Instance, Memory
from lvsctl.agent.steps import Step
from lvsctl.errors import LvsctlError
from lvsctl.failover.keeper import Report
from lvsctl.failover.model import Nothing, Observe, Post, Vrrp, Wait
from lvsctl.host.files import read_text, write_atomic
from lvsctl.host.paths import run_folder
from lvsctl.spec.failover_ips import FailoverIp

Doc = dict[str, Any]
ToEpoch = Callable[[float], float]

VERSION: Final = 1

EVERY: Final = 2.0
"""Seconds between two heartbeats."""

STALE: Final = 30.0
"""Seconds after which a heartbeat is of an agent that hangs or is gone."""

ALIVE, UNKNOWN, DOWN = 0, 1, 2
"""Exit codes of ``lvsctl agent status``."""


def address(
    entry: FailoverIp, report: Report | None, trouble: str | None, *, target: str | None, epoch: ToEpoch
) -> Doc:
    """Answer what there is to say about one failover IP."""
    doc: Doc = {
        "provider": entry.provider,
        "vrrp_instance": entry.vrrp_instance,
        "target": target,
        "holds": None,
        "phase": None,
        "trouble": trouble,
    }
    if report is None:
        return doc
    claim, seen = report.claim, report.claim.seen
    return doc | {
        "holds": report.holds,
        "phase": claim.phase.value,
        "cause": claim.cause,
        "why": claim.why or None,
        "active": seen.active if seen else None,
        "processing": bool(seen and seen.status == "processing"),
        "seen_at": epoch(seen.at) if seen else None,
        "since": epoch(claim.since) if claim.since else None,
        "vrrp": report.truth.state.value,
        "generation": report.truth.generation,
        "next": _next(report, epoch),
        "hold": report.hold,
        "trouble": trouble or report.alarm,
    }


def _next(report: Report, epoch: ToEpoch) -> Doc:
    match report.action:
        case Wait(until=until, why=why):
            return {
                "action": "wait",
                "until": epoch(until) if until < float("inf") else None,
                "why": str(why),
            }
        case Nothing(why=why):
            return {"action": "nothing", "until": None, "why": why}
        case Observe():
            return {"action": "look", "until": None, "why": None}
        case Post():
            return {"action": "move", "until": None, "why": None}


def instance(found: Instance, epoch: ToEpoch) -> Doc:
    """Answer what there is to say about one VRRP instance."""
    return {
        "state": found.state.value,
        "generation": found.generation,
        "since": epoch(found.since) if found.since else None,
        "source": found.by.value,
        "priority": found.priority,
    }


def steps(found: tuple[Step, ...], epoch: ToEpoch) -> list[Doc]:
    """Answer the steps of a transition."""
    return [
        {"step": each.what, "outcome": each.outcome, "said": each.said, "at": epoch(each.at)}
        for each in found
    ]


def quorums(memory: Memory) -> Doc:
    """Answer the quorums that were heard of."""
    return {name: "up" if each.up else "down" for name, each in sorted(memory.quorums.items())}


def write(doc: Mapping[str, Any]) -> None:
    """Replace the file. Raises Denied or Unavailable."""
    write_atomic(run_folder() / "status.json", json.dumps(doc, indent=1) + "\n")


def read() -> Doc | None:
    """Answer what the agent wrote last; None when there is nothing that makes sense."""
    try:
        found = json.loads(read_text(run_folder() / "status.json") or "null")
    except (LvsctlError, ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("version") != VERSION:
        return None
    return found


def lives(doc: Doc | None, now: float) -> bool:
    """Answer whether whoever wrote *doc* is alive at *now*: its heartbeat is young and its process is there."""
    heartbeat, pid = (doc or {}).get("heartbeat"), (doc or {}).get("pid")
    if not isinstance(heartbeat, int | float) or not isinstance(pid, int) or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return -STALE < now - heartbeat < STALE


def verdict(doc: Doc | None, now: float) -> int:
    """Answer the exit code of ``lvsctl agent status``: alive and all known, something unknown, or not running."""
    if doc is None or not lives(doc, now):
        return DOWN
    return UNKNOWN if any(problems(doc)) else ALIVE


def problems(doc: Doc) -> list[str]:
    """Answer, one line each, what is unknown or wrong."""
    found = [
        f"VRRP instance {name}: unknown"
        + (f": {doc['keepalived'].get('why')}" if doc["keepalived"].get("why") else "")
        for name, each in doc["instances"].items()
        if each["state"] == Vrrp.UNKNOWN
    ]
    for ip, each in doc["failover"].items():
        if each["trouble"] and each["provider"] != "none":
            found.append(f"failover IP {ip}: {each['trouble']}")
        elif each.get("vrrp") == Vrrp.MASTER and each["holds"] is None:
            found.append(
                f"failover IP {ip}: {each['phase']}: {each.get('why') or 'where it points is not known yet'}"
            )
    found += [f"sorry of {name}: {why}" for name, why in doc["sorry"]["trouble"].items()]
    if doc["spec"]["trouble"]:
        found.append(f"spec: {doc['spec']['trouble']}")
    return found
