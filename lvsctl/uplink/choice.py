"""Which uplink is in use. Pure.

The first good one in order of preference, with as few changes as that allows:

- The one in use is down: the next good one that answers right now, at once. When none is good: one that answers again,
  if the one in use is silent; else stay, because a change would gain nothing. What cuts all of them at the same moment
  so changes nothing.
- A preferred one is good again: back to it when it has been good for ``hold`` seconds, and the one in use has been so
  for ``min_time_on_backup``.
- An operator said which (``use NAME``): that one, whatever happens, until it is taken back or its time is up.

Every change has a cause, in words.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from lvsctl.uplink.model import Damping, Standing, Verdict


class Forced(NamedTuple):
    """What an operator wants to be used."""

    name: str
    until: float | None = None
    """When it ends by itself; None: never."""


class Choice(NamedTuple):
    """Which uplink of one family is in use."""

    active: str = ""
    """Its name; empty before the first choice."""
    since: float = 0.0
    forced: Forced | None = None


class Decision(NamedTuple):
    """A change of the uplink in use."""

    old: str
    new: str
    cause: str


def expired(choice: Choice, now: float) -> Choice:
    """Answer *choice* without an operator's word whose time is up."""
    forced = choice.forced
    if forced is not None and forced.until is not None and now >= forced.until:
        return choice._replace(forced=None)
    return choice


def decide(
    choice: Choice, order: Sequence[str], standings: Mapping[str, Standing], damping: Damping, now: float
) -> tuple[Choice, Decision | None]:
    """Answer the choice after looking, and what it changes.

    *order* are the names of the uplinks in order of preference, at least one; each has its standing in *standings*.
    """
    choice = expired(choice, now)
    if choice.forced is not None and choice.forced.name not in order:
        choice = choice._replace(forced=None)
    new, cause = _wanted(choice, order, standings, damping, now)
    if new == choice.active:
        return choice, None
    return choice._replace(active=new, since=now), Decision(choice.active, new, cause)


def _wanted(
    choice: Choice, order: Sequence[str], standings: Mapping[str, Standing], damping: Damping, now: float
) -> tuple[str, str]:
    active = choice.active
    if choice.forced is not None:
        return choice.forced.name, f"an operator said: use {choice.forced.name}"
    if active not in order:
        return _first(order, standings), f"{active} is no uplink any more" if active else "start"
    standing = standings[active]
    others = [name for name in order if name != active]
    if standing.verdict in (Verdict.DOWN, Verdict.RISING):
        return _way_out(active, standing, others, standings)
    for name in _preferred(active, order, standings):
        if _may_return(standings[name], choice.since, damping, now):
            return name, f"{name} is preferred and good again"
    return active, ""


def _first(order: Sequence[str], standings: Mapping[str, Standing]) -> str:
    for verdicts in ((Verdict.UP,), (Verdict.UNKNOWN, Verdict.RISING)):
        for name in order:
            if standings[name].verdict in verdicts:
                return name
    return order[0]


def _way_out(
    active: str, standing: Standing, others: Sequence[str], standings: Mapping[str, Standing]
) -> tuple[str, str]:
    cause = f"{active} is down: {standing.reason}"
    for name in others:
        if standings[name].verdict is Verdict.UP and standings[name].answers:
            return name, cause
    if standing.verdict is Verdict.DOWN and standing.is_silent:
        for name in others:
            if standings[name].verdict is Verdict.RISING and standings[name].answers:
                return name, f"{cause}; {name} answers again"
    return active, ""


def _preferred(active: str, order: Sequence[str], standings: Mapping[str, Standing]) -> Iterator[str]:
    for name in order[: order.index(active)]:
        if standings[name].verdict is Verdict.UP:
            yield name


def _may_return(standing: Standing, since: float, damping: Damping, now: float) -> bool:
    return now - standing.since >= damping.hold and now - since >= damping.min_time_on_backup
