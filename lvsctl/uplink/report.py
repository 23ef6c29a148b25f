"""How uplinks are, as JSON's types: for ``uplink status``, the agent and whoever reads its file. Pure."""

from collections.abc import Mapping
from typing import Any

from lvsctl.uplink.choice import Choice
from lvsctl.uplink.health import TargetHealth
from lvsctl.uplink.model import Key, Target, Uplink
from lvsctl.uplink.ward import Ward
from lvsctl.vocabulary import Address, Family

Doc = dict[str, Any]

FAMILY = frozenset({"in_use", "since", "forced", "all_down", "forced_down", "obstacle"})
UPLINK = frozenset(
    {"name", "family", "interface", "gateway", "source", "table", "in_use", "verdict", "targets"}
)
FORCED = frozenset({"uplink", "until"})
TARGET = frozenset({"target", "is_up", "loss_percent", "rtt_ms", "reason"})
"""What readers of a status count on."""


def status(
    ward: Ward,
    sources: Mapping[Key, Address | None],
    obstacles: Mapping[Family, str],
    wall: float,
    now: float,
) -> Doc:
    """Answer how everything is, at *now* of the ward's clock and *wall* of the wall's (seconds since 1970)."""
    families = {
        family.value: _family(ward, family, obstacles.get(family, ""), wall - now)
        for family in ward.settings.families
    }
    uplinks = [_uplink(ward, each, sources.get(each.key), wall - now) for each in ward.settings.uplinks]
    return {"at": wall, "families": families, "uplinks": uplinks}


def _family(ward: Ward, family: Family, obstacle: str, shift: float) -> Doc:
    choice = ward.choices[family]
    return {
        "in_use": choice.active or None,
        "since": _time(choice.since + shift) if choice.active else None,
        "forced": _forced(choice, shift),
        "all_down": ward.are_all_down(family),
        "forced_down": ward.is_forced_down(family),
        "obstacle": obstacle or None,
    }


def _forced(choice: Choice, shift: float) -> Doc | None:
    if choice.forced is None:
        return None
    until = choice.forced.until
    return {"uplink": choice.forced.name, "until": None if until is None else _time(until + shift)}


def _uplink(ward: Ward, uplink: Uplink, source: Address | None, shift: float) -> Doc:
    standing = ward.standings[uplink.key]
    pairs = zip(uplink.targets, ward.targets[uplink.key], strict=True)
    return {
        "name": uplink.name,
        "family": uplink.family.value,
        "interface": uplink.interface,
        "gateway": str(uplink.gateway),
        "source": None if source is None else str(source),
        "table": uplink.table,
        "in_use": ward.choices[uplink.family].active == uplink.name,
        "verdict": standing.verdict.value,
        "since": _time(standing.since + shift) if standing.since else None,
        "reason": standing.reason or None,
        "quorum": uplink.quorum,
        "targets": [_target(target, health) for target, health in pairs],
    }


def _target(target: Target, health: TargetHealth) -> Doc:
    rtt = health.rtt
    return {
        "target": str(target),
        "is_up": health.is_up,
        "loss_percent": round(100 * health.loss, 1),
        "rtt_ms": None if rtt is None else round(1000 * rtt, 2),
        "samples": len(health.window),
        "reason": health.reason or None,
    }


def _time(wall: float) -> float:
    return round(wall, 3)
