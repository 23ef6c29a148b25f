"""How ``lvsctl uplink status`` speaks to people."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lvsctl.cli.output import BOLD, GREEN, RED, YELLOW, painted
from lvsctl.errors import visible

TONES = {"up": GREEN, "down": RED, "rising": YELLOW, "unknown": YELLOW}
HEADS = ("", "UPLINK", "FAMILY", "STATE", "INTERFACE", "GATEWAY", "SOURCE", "TARGETS")
DAY, HOUR, MINUTE = 86400, 3600, 60


def lines(status: Mapping[str, Any], now: float) -> Iterator[str]:
    """Yield the lines that say *status*: a table, and below it what is wrong or forced."""
    yield from table([HEADS, *(_row(each) for each in status["uplinks"])])
    for family, each in status["families"].items():
        yield from (painted(f"{family}: {line}", BOLD, sys.stdout) for line in _notes(each, now))
    for each in status["uplinks"]:
        for target in each["targets"]:
            if target["reason"] and target["is_up"] is False:
                yield visible(f"{each['name']} {each['family']}: {target['reason']}")


def _row(uplink: Mapping[str, Any]) -> tuple[str, ...]:
    good = sum(each["is_up"] is True for each in uplink["targets"])
    return (
        "*" if uplink["in_use"] else "",
        uplink["name"],
        uplink["family"],
        uplink["verdict"],
        uplink["interface"],
        uplink["gateway"],
        uplink["source"] or "none",
        f"{good} of {len(uplink['targets'])} good, {_measured(uplink['targets'])}",
    )


def _measured(targets: Sequence[Mapping[str, Any]]) -> str:
    times = [each["rtt_ms"] for each in targets if each["rtt_ms"] is not None]
    loss = sum(each["loss_percent"] for each in targets) / max(1, len(targets))
    return f"loss {loss:.0f} %" + (f", {min(times):.1f} ms" if times else "")


def _notes(family: Mapping[str, Any], now: float) -> Iterator[str]:
    forced = family["forced"]
    if forced is not None:
        until = forced["until"]
        end = f"for another {duration(until - now)}" if until is not None else "until lvsctl uplink auto"
        yield visible(f"an operator said: use {forced['uplink']}, {end}")
    if family["forced_down"]:
        yield visible(f"{family['in_use']} is DOWN and stays in use, because an operator said so")
    if family["all_down"]:
        yield visible(f"no uplink is good; {family['in_use']} stays in use")
    if family["obstacle"]:
        yield visible(family["obstacle"])


def duration(seconds: float) -> str:
    """Answer a time in its two largest units: ``1h 5m``."""
    whole = max(0, round(seconds))
    units = ((DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (1, "s"))
    parts = []
    for size, name in units:
        count, whole = divmod(whole, size)
        if count:
            parts.append(f"{count}{name}")
    return " ".join(parts[:2]) or "0s"


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield *rows* with their columns below each other; the verdicts in colour."""
    shown = [[visible(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in shown) for column in range(len(shown[0]))]
    for row in shown:
        cells = (
            painted(cell.ljust(width), TONES.get(cell, ""), sys.stdout)
            if cell in TONES
            else cell.ljust(width)
            for cell, width in zip(row, widths, strict=True)
        )
        yield "  ".join(cells).rstrip()
