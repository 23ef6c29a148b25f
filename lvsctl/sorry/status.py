"""Who gets a sorry now, by the table as it is, and who wants it so, by the snapshots. Pure.

What visitors get is what counts as on or off; a snapshot that says otherwise is told as drift. Reading the table and
the snapshots is the caller's.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from lvsctl.ipvs.model import Connections, DestKey, Observation, VirtualServer
from lvsctl.sorry.model import Hold, Holder, Phase, Snapshot, Way
from lvsctl.sorry.plan import off_plan
from lvsctl.vocabulary import Protocol, ServiceKey


class State(StrEnum):
    """What a new visitor of the service gets."""

    ON = "on"
    """The sorry server, whoever brought it in."""
    OFF = "off"
    """A real server."""
    UNKNOWN = "unknown"
    """Neither can be said: no such service in the table, nobody to answer, or some get one and some the other."""


class Status(NamedTuple):
    """How one service is."""

    name: str
    key: ServiceKey
    state: State
    problem: str = ""
    """Why the state is unknown."""
    way: Way | None = None
    """How it was switched; None when nobody holds a sorry."""
    sorry: DestKey | None = None
    """Its sorry server, where the spec or a snapshot says."""
    holders: Mapping[Holder, Hold] = {}
    since: float | None = None
    """Since when it is held, in seconds since the epoch."""
    sorry_connections: int = 0
    real_connections: int = 0
    """Open connections now (:func:`open_connections`), of the sorry server and of all the others."""
    lingering: bool = False
    """Off, and the sorry server still answers the last requests."""
    notes: tuple[str, ...] = ()
    """Drift from what the snapshot says, and what else deserves a look."""


def judge(
    name: str,
    key: ServiceKey,
    seen: Observation,
    *,
    sorry: DestKey | None,
    snapshot: Snapshot | None,
    exact: bool = True,
    untold: bool = False,
    whole: bool = True,
    now: float = 0.0,
) -> Status:
    """Answer how the service *key*, called *name*, is by what was *seen*.

    *sorry* is the sorry server by the spec. Unless *exact*, the observation is /proc's, which lacks settings: then they
    are not compared. *untold*: the maintenance file says that nobody is out. Unless *whole*, some snapshot could not be
    used, and it may be this service's. *now* is in seconds since the epoch; 0: no hold is too late.
    """
    if snapshot is not None:
        sorry = snapshot.target.dest_key
    server = seen.table.get(key)
    if server is None:
        state, problem = State.UNKNOWN, "the kernel has no such service"
    else:
        state, problem = _state(server, sorry)
    held = snapshot is not None and snapshot.phase is not Phase.LINGERING
    if snapshot is not None and held and set(snapshot.holders) == {Holder.OVERLOAD} and problem:
        problem = "overload: whom no real server may take any more gets the sorry"
    return Status(
        name,
        key,
        state,
        problem,
        way=snapshot.way if snapshot and held else None,
        sorry=sorry,
        holders=snapshot.holders if snapshot and held else {},
        since=_since(snapshot) if snapshot and held else None,
        sorry_connections=_connections(key, seen, lambda dest_key: dest_key == sorry),
        real_connections=_connections(key, seen, lambda dest_key: dest_key != sorry),
        lingering=snapshot is not None and not held,
        notes=(*_notes(state, server, snapshot, exact=exact, untold=untold), *_too_late(snapshot, now))
        if snapshot
        else tuple(_nobodys(state, whole=whole)),
    )


def _state(server: VirtualServer, sorry: DestKey | None) -> tuple[State, str]:
    is_in = sorry in server.dests and server.dests[sorry].weight > 0 if sorry else False
    reals = [dest_key for dest_key, dest in server.dests.items() if dest_key != sorry and dest.weight]
    if is_in and reals:
        return State.UNKNOWN, f"visitors get the sorry or a real server: {_some(reals)} has a weight, too"
    if not is_in and not reals:
        return State.UNKNOWN, "no destination has a weight: clients are refused"
    return (State.ON if is_in else State.OFF), ""


def _some(dests: list[DestKey]) -> str:
    return str(dests[0]) + (f" and {len(dests) - 1} more" if len(dests) > 1 else "")


def _since(snapshot: Snapshot) -> float:
    return min((hold.since for hold in snapshot.holders.values()), default=snapshot.since)


def _connections(key: ServiceKey, seen: Observation, which: Callable[[DestKey], bool]) -> int:
    server = seen.table.get(key)
    dests = [dest_key for dest_key in (server.dests if server else ()) if which(dest_key)]
    return sum(open_connections(key, seen.dests[key, dest_key].connections) for dest_key in dests)


def open_connections(key: ServiceKey, connections: Connections) -> int:
    """Answer how many of a destination's connections somebody still uses.

    Those that are closing do not count: TCP's last state stays in the table for two minutes. UDP's have no other state.
    """
    return connections.active + (connections.inactive if key.protocol is Protocol.UDP else 0)


def _nobodys(state: State, *, whole: bool) -> Iterator[str]:
    if state is State.ON and whole:
        yield "nobody holds it: keepalived has lost the quorum, or somebody changed the table"
    elif state is State.ON:
        yield "who holds it cannot be told, because not every snapshot can be used"


def _notes(
    state: State, server: VirtualServer | None, snapshot: Snapshot, *, exact: bool, untold: bool
) -> Iterator[str]:
    match snapshot.phase:
        case Phase.SWITCHING_OFF if snapshot.way is Way.KEEPALIVED and state is State.OFF:
            yield (
                "keepalived is to be told when the sorry's last request is answered; if nobody sees to that: "
                f"lvsctl sorry off {snapshot.name}"
            )
        case Phase.SWITCHING_ON | Phase.SWITCHING_OFF:
            yield f"a switch was interrupted ({snapshot.phase}): lvsctl sorry on or off {snapshot.name} completes it"
        case Phase.ON if state is not State.ON and set(snapshot.holders) != {Holder.OVERLOAD}:
            yield f"it is held on, but the table says otherwise: lvsctl sorry on {snapshot.name} puts that right"
        case Phase.ON if snapshot.way is Way.KEEPALIVED and untold:
            yield (
                "keepalived is to be told when nobody is connected to the real servers any more; if nobody sees to that: "
                f"lvsctl sorry on {snapshot.name}"
            )
        case _:
            pass
    if exact and server is not None and snapshot.phase is Phase.ON and snapshot.way is Way.KERNEL:
        yield from off_plan(server, snapshot).drift


LATE: Final = 10.0
"""Seconds after its time at which a hold should have been ended by the guard."""


def _too_late(snapshot: Snapshot, now: float) -> Iterator[str]:
    for holder, hold in snapshot.holders.items():
        if hold.until is not None and hold.until + LATE < now:
            whose = "" if holder is Holder.OPERATOR else f" --as {holder}"
            yield (
                f"the time of {holder} is over, and nobody has ended it: is there an agent (lvsctl agent status)? By hand: "
                f"lvsctl sorry off {snapshot.name}{whose}"
            )


def overall(found: Iterable[Status]) -> int:
    """Answer the exit code: 1 when one is unknown, else 2 when one is off, else 0; with none, 2."""
    states = {each.state for each in found}
    if State.UNKNOWN in states:
        return 1
    return 2 if State.OFF in states or not states else 0


def document(found: Iterable[Status]) -> list[dict[str, Any]]:
    """Answer the statuses as JSON has them (docs/reference/json.md)."""
    return [
        {
            "service": each.name,
            "key": str(each.key),
            "state": each.state,
            "problem": each.problem or None,
            "way": each.way,
            "sorry": str(each.sorry) if each.sorry else None,
            "since": stamp(each.since),
            "holders": holders(each.holders),
            "connections": {"sorry": each.sorry_connections, "real_servers": each.real_connections},
            "lingering": each.lingering,
            "notes": list(each.notes),
        }
        for each in found
    ]


def holders(held: Mapping[Holder, Hold]) -> list[dict[str, Any]]:
    """Answer who wants a sorry, as JSON has it."""
    return [
        {
            "holder": holder,
            "reason": hold.reason,
            "since": stamp(hold.since),
            "until": stamp(hold.until),
            "by": hold.user,
            "pid": hold.pid,
        }
        for holder, hold in held.items()
    ]


def stamp(seconds: float | None) -> str | None:
    """Write a time as RFC 3339 does, in UTC."""
    return None if seconds is None else moment(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(seconds: float) -> datetime:
    """Answer a time in UTC; one that no calendar has is the first."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)


def differences(here: Iterable[Mapping[str, Any]], there: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Say which services are in another state on the other director; both are documents, *there* is not trusted."""
    theirs = {str(each.get("key")): each for each in there}
    for each in here:
        other = theirs.get(each["key"])
        if other is None:
            yield f"{each['service']}: not known there"
        elif other.get("state") != each["state"]:
            yield f"{each['service']}: {each['state']} here, {other.get('state')} there"
