"""What ``lvsctl sorry`` prints: how services are, and what was done to them."""

import sys
from typing import TYPE_CHECKING, Any

from lvsctl.cli.output import BOLD, GREEN, RED, YELLOW, painted, say
from lvsctl.errors import visible

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from lvsctl.sorry.model import Hold, Holder, Outcome
    from lvsctl.sorry.status import Status
    from lvsctl.vocabulary import ServiceKey

TITLES = ("SERVICE", "KEY", "STATE", "SORRY SERVER", "CONNECTIONS")


def statuses(found: "Sequence[Status]") -> None:
    """Print a line for each service, and what there is to say of it below."""
    from lvsctl.sorry.status import State

    tones = {State.ON: YELLOW, State.OFF: GREEN, State.UNKNOWN: RED}
    rows = [TITLES, *(_row(each) for each in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(TITLES))]
    for index, row in enumerate(rows):
        cells = [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)]
        if index:
            cells[2] = painted(cells[2], tones[found[index - 1].state], sys.stdout)
        print("  ".join(cells).rstrip() if index else painted("  ".join(cells).rstrip(), BOLD, sys.stdout))
        for line in _details(found[index - 1]) if index else ():
            print(f"  {visible(line)}")


def _row(each: "Status") -> tuple[str, ...]:
    key = "" if each.name == str(each.key) else str(each.key)
    counts = f"{each.sorry_connections} sorry, {each.real_connections} real"
    return each.name, key, str(each.state), str(each.sorry or ""), counts


def _details(each: "Status") -> "Iterator[str]":
    if each.problem:
        yield each.problem
    yield from (held(holder, hold) for holder, hold in each.holders.items())
    if each.lingering:
        yield "the sorry server stays at weight 0 until it has answered its last request"
    yield from each.notes


def held(holder: "Holder", hold: "Hold") -> str:
    """Say who wants a sorry, since when, until when and why."""
    from lvsctl.sorry.status import moment

    who = f" ({hold.user})" if hold.user else ""
    until = f" until {moment(hold.until):%Y-%m-%d %H:%M:%S}" if hold.until is not None else ""
    why = f": {hold.reason}" if hold.reason else ""
    return f"held by {holder}{who} since {moment(hold.since):%Y-%m-%d %H:%M:%S}{until} UTC{why}"


def outcomes(
    done: "Iterable[Outcome]",
    *,
    wanted: str,
    were: "Container[ServiceKey]",
    dry_run: bool,
    quiet: bool,
    steps: bool = True,
) -> None:
    """Tell what was done, or would be: the *steps* with ``--dry-run``, the reasons always.

    *were* are the services whose sorry was on: switching one off is news even when no step was ours.
    """
    from lvsctl.ipvs import describe

    for each in done:
        if dry_run and steps and not quiet:
            for step in each.plan.steps:
                print(describe(step))
            for name, value in each.plan.sysctls.items():
                print(f"sysctl net.ipv4.vs.{name}={value}")
        changed = bool(each.plan.steps) or (wanted == "off" and each.key in were)
        sys.stdout.flush()  # the steps, before what is said of them
        for line in _story(each, wanted, changed=changed, dry_run=dry_run):
            say(visible(f"{each.name}: {line}"), quiet=quiet)


def _story(each: "Outcome", wanted: str, *, changed: bool, dry_run: bool) -> "Iterator[str]":
    if dry_run:
        yield (
            f"the sorry would go {wanted}"
            if changed
            else f"nothing would change: the sorry is {wanted} already"
        )
    elif wanted == "off" and each.held_by:
        others = "; ".join(held(holder, hold) for holder, hold in each.held_by.items())
        yield f"the sorry stays on, {others} (--force switches it off nevertheless)"
        return
    else:
        yield f"the sorry is {wanted}" if changed else f"the sorry is {wanted} already"
    if changed:
        yield from each.plan.reasons
    yield from each.plan.drift
    if each.lingering and wanted == "off":
        yield f"{each.lingering} requests are still answered by the sorry server, which then goes"


def outcome_document(each: "Outcome") -> "Mapping[str, Any]":
    """Answer one outcome as JSON has it (docs/reference/json.md)."""
    from lvsctl.ipvs import describe
    from lvsctl.sorry.model import Phase
    from lvsctl.sorry.status import holders

    return {
        "service": each.name,
        "key": str(each.key),
        "state": "on" if each.phase in (Phase.ON, Phase.SWITCHING_ON) else "off",
        "changed": bool(each.plan.steps),
        "steps": [{"step": type(step).__name__, "text": describe(step)} for step in each.plan.steps],
        "sysctls": dict(each.plan.sysctls),
        "reasons": list(each.plan.reasons),
        "drift": list(each.plan.drift),
        "holders": holders(each.held_by),
        "lingering": each.lingering,
    }
