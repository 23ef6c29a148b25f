"""``lvsctl doctor --peer``: the same examination on the other director, over ssh, and where the two differ."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lvsctl.cli import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lvsctl.doctor.examine import Report
    from lvsctl.doctor.model import Machine, Unread
    from lvsctl.sorry.pair import Peer, Said

PATIENCE = 60.0
"""Seconds that the other director may take for its own examination."""


def compared(
    report: "Report", facts: dict[str, Any], host: str, machine: "Machine", ignored: "Sequence[str]"
) -> "Report":
    """Answer *report* with what the other director says of itself compared."""
    from lvsctl.doctor.peer import CHECKS, compare, unknown
    from lvsctl.sorry.pair import ask

    asked = time.time()
    said = ask(_peer(machine, host), ["doctor", "--json", *_words(machine, host)], timeout=PATIENCE)
    here = {**facts, "asked": asked, "answered": time.time()}
    theirs = said.document.get("facts")
    wanted = tuple(each for each in CHECKS if each not in ignored)
    if not isinstance(theirs, dict):
        return report._replace(unread=(*report.unread, _silent(said, wanted)))
    if _is_this(here, theirs):
        return report._replace(unread=(*report.unread, _oneself(host, wanted)))
    found = tuple(each for each in compare(here, theirs) if each.id in wanted)
    left = tuple(each for each in unknown(here, theirs) if each.checks[0] in wanted)
    open_ = {name for each in left for name in each.checks}
    order = ("error", "warning", "note")
    merged = sorted((*report.findings, *found), key=lambda each: order.index(each.severity.value))
    made = tuple(each for each in wanted if each not in open_)
    return report._replace(
        findings=tuple(merged), unread=(*report.unread, *left), checked=(*report.checked, *made)
    )


def _addresses(machine: "Machine") -> dict[str, list[str]]:
    return {
        name: [str(address) for address in spec.nodes[name].address]
        for name, spec in (machine.declared.specs if machine.declared else {}).items()
        if name in spec.nodes
    }


def _peer(machine: "Machine", host: str) -> "Peer":
    from lvsctl.sorry.pair import peers

    return peers(_addresses(machine), machine.node, host)[0]


def _words(machine: "Machine", host: str) -> list[str]:
    """Answer which node the other one is, and which spec it reads: the same file, if it is not the one it has anyway."""
    if machine.declared is None or machine.adoption is not None:
        return []
    node, nodes = _peer(machine, host).node, machine.declared.nodes
    others = [name for name in nodes if name != machine.node]
    if node not in nodes and len(others) == 1:
        node = others[0]  # an alias of ssh's: a pair has just one other director
    file = machine.declared.document.file
    named = [] if file in (options.DEFAULT_SPEC, "<stdin>") else [str(Path(file).absolute())]
    return [*(["--node", node] if node in nodes else []), *named]


def _is_this(here: dict[str, Any], there: dict[str, Any]) -> bool:
    return all(here.get(word) and here.get(word) == there.get(word) for word in ("host", "boot"))


def _oneself(host: str, checks: "tuple[str, ...]") -> "Unread":
    from lvsctl.doctor.model import Unread

    return Unread(checks, f"{host} is this machine", "name the other director")


def _silent(said: "Said", checks: "tuple[str, ...]") -> "Unread":
    from lvsctl.doctor.model import Unread
    from lvsctl.sorry.pair import advice

    lines = said.story.removeprefix(f"ssh {said.peer.host}: ").splitlines()
    why = _last(lines) if lines else f"it ended with {said.status} and gave no answer that makes sense"
    return Unread(checks, f"{said.peer.node}: {why}", advice(said))


def _last(lines: "Sequence[str]") -> str:
    """Answer what ended it: a banner comes first, a hint of lvsctl's is indented."""
    return next((line for line in reversed(lines) if not line.startswith(" ")), lines[-1])
