"""How a service is said to be: by what visitors get, with what the snapshot says beside it."""

import json

import pytest

from lvsctl.ipvs import (
    Connections,
    Counters,
    Dest,
    DestKey,
    ForwardingMethod,
    Load,
    Observation,
    Service,
    VirtualServer,
)
from lvsctl.ipvs.model import Table
from lvsctl.sorry.model import Hold, Holder, Phase, Removal, Snapshot, Target, Way
from lvsctl.sorry.status import State, Status, differences, document, judge, moment, overall
from lvsctl.vocabulary import ServiceKey

WEB = ServiceKey.tcp("203.0.113.10", 80)
SORRY = DestKey.of("10.0.0.11", 8503)
R1, R2 = DestKey.of("10.0.0.21", 8080), DestKey.of("10.0.0.22", 8080)
NAT = ForwardingMethod.NAT


def table(**weights: int) -> Table:
    names = {"sorry": SORRY, "r1": R1, "r2": R2}
    return {
        WEB: VirtualServer(
            Service("wlc"), {names[name]: Dest(NAT, weight) for name, weight in weights.items()}
        )
    }


def observed(seen: Table) -> Observation:
    load = Load(Connections(2, 1), Counters())
    return Observation(
        seen, dict.fromkeys(seen, Counters()), {(key, dest): load for key in seen for dest in seen[key].dests}
    )


def snapshot(phase: Phase = Phase.ON, way: Way = Way.KERNEL) -> Snapshot:
    before = table(r1=1, r2=3)[WEB]
    hold = Hold(1_700_000_000.0, "deploy", None, "alice", 7)
    return Snapshot(
        WEB, "web", way, phase, Target(WEB, "web", SORRY, Dest(NAT, 1)), Removal.WEIGHT, before, before.service,
        {Holder.OPERATOR: hold}, "boot",
    )  # fmt: skip


def status(seen: Table, held: Snapshot | None = None, *, sorry: DestKey | None = SORRY) -> Status:
    return judge("web", WEB, observed(seen), sorry=sorry, snapshot=held)


@pytest.mark.parametrize(
    ("seen", "state", "problem"),
    [
        (table(r1=1, r2=3), State.OFF, ""),
        (table(sorry=0, r1=1, r2=3), State.OFF, ""),
        (table(sorry=1, r1=0, r2=0), State.ON, ""),
        (table(sorry=1), State.ON, ""),
        (table(sorry=1, r1=1, r2=2), State.UNKNOWN, "visitors get the sorry or a real server: 10.0.0.21:8080 and 1 more has a weight, too"),
        (table(sorry=1, r1=0, r2=2), State.UNKNOWN, "visitors get the sorry or a real server: 10.0.0.22:8080 has a weight, too"),
        (table(sorry=0, r1=0), State.UNKNOWN, "no destination has a weight: clients are refused"),
        (table(), State.UNKNOWN, "no destination has a weight: clients are refused"),
        ({}, State.UNKNOWN, "the kernel has no such service"),
    ],
)  # fmt: skip
def test_the_state_is_what_a_visitor_gets(seen: Table, state: State, problem: str) -> None:
    for held in (None, snapshot()):
        found = status(seen, held)
        assert (found.state, found.problem) == (state, problem)


def test_who_holds_it_and_what_it_carries_is_told() -> None:
    found = status(table(sorry=1, r1=0, r2=0), snapshot())
    assert found.holders == snapshot().holders
    assert (found.way, found.since, found.sorry, found.notes) == (Way.KERNEL, 1_700_000_000.0, SORRY, ())
    assert (found.sorry_connections, found.real_connections) == (2, 4)


@pytest.mark.parametrize(
    ("seen", "held", "notes"),
    [
        (table(sorry=1, r1=0), None, ["nobody holds it: keepalived has lost the quorum, or somebody changed the table"]),
        (table(r1=1, r2=3), snapshot(Phase.SWITCHING_ON), ["a switch was interrupted (switching-on): lvsctl sorry on or off web completes it"]),
        (table(r1=1, r2=3), snapshot(way=Way.KEEPALIVED), ["it is held on, but the table says otherwise: lvsctl sorry on web puts that right"]),
        (table(sorry=1, r2=0), snapshot(), ["tcp/203.0.113.10:80 -> 10.0.0.21:8080: was removed meanwhile, and stays removed"]),
        (table(sorry=1, r2=0), snapshot(way=Way.KEEPALIVED), []),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_told(seen: Table, held: Snapshot | None, notes: list[str]) -> None:
    assert list(status(seen, held).notes) == notes


def test_a_keepalived_that_has_not_heard_of_it_is_told() -> None:
    held, seen = snapshot(way=Way.KEEPALIVED), observed(table(sorry=1, r1=0))
    for untold in (False, True):
        found = judge("web", WEB, seen, sorry=SORRY, snapshot=held, untold=untold)
        assert (found.state, any("lvsctl sorry on web" in note for note in found.notes)) == (State.ON, untold)


def test_a_hold_that_nobody_has_ended_in_time_is_told() -> None:
    held = snapshot()._replace(
        holders={Holder.OPERATOR: Hold(1.0, until=100.0), Holder.TIMER: Hold(1.0, until=200.0)}
    )
    for now, late in ((105.0, []), (150.0, ["web"]), (250.0, ["web", "web --as timer"])):
        notes = judge(
            "web", WEB, observed(table(sorry=1, r1=0, r2=0)), sorry=SORRY, snapshot=held, now=now
        ).notes
        assert [note.partition("lvsctl sorry off ")[2] for note in notes] == late


def test_nobody_is_blamed_where_a_snapshot_cannot_be_used() -> None:
    found = judge("web", WEB, observed(table(sorry=1, r1=0)), sorry=SORRY, snapshot=None, whole=False)
    assert found.notes == ("who holds it cannot be told, because not every snapshot can be used",)


def test_without_settings_nothing_is_compared() -> None:
    seen = observed(table(sorry=1, r2=0))
    assert judge("web", WEB, seen, sorry=SORRY, snapshot=snapshot(), exact=False).notes == ()


def test_overload_is_neither_on_nor_off_and_no_drift() -> None:
    held = snapshot()._replace(holders={Holder.OVERLOAD: Hold(1.0)})
    found = status(table(sorry=1, r1=1, r2=3), held)
    assert (found.state, found.problem) == (
        State.UNKNOWN,
        "overload: whom no real server may take any more gets the sorry",
    )
    assert not [note for note in found.notes if "held on" in note]


def test_a_sorry_that_lingers_is_off() -> None:
    found = status(table(sorry=0, r1=1, r2=3), snapshot(Phase.LINGERING))
    assert (found.state, found.lingering, found.holders, found.since) == (State.OFF, True, {}, None)


def test_a_service_without_a_sorry_server_is_off() -> None:
    assert status(table(r1=1), sorry=None).state is State.OFF


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ((), 2),
        (("on",), 0),
        (("on", "off"), 2),
        (("off", "unknown"), 1),
        (("on", "on"), 0),
        (("unknown",), 1),
    ],
)
def test_the_exit_code_says_yes_no_or_unknown(states: tuple[str, ...], code: int) -> None:
    assert overall(Status("web", WEB, State(each)) for each in states) == code


def test_the_document_is_what_the_reference_says() -> None:
    [found] = document([status(table(sorry=1, r1=0, r2=0), snapshot())])
    assert json.loads(json.dumps(found)) == {
        "service": "web",
        "key": "tcp/203.0.113.10:80",
        "state": "on",
        "problem": None,
        "way": "kernel",
        "sorry": "10.0.0.11:8503",
        "since": "2023-11-14T22:13:20Z",
        "holders": [
            {"holder": "operator", "reason": "deploy", "since": "2023-11-14T22:13:20Z", "until": None, "by": "alice", "pid": 7}
        ],
        "connections": {"sorry": 2, "real_servers": 4},
        "lingering": False,
        "notes": [],
    }  # fmt: skip


def test_a_peer_in_another_state_is_told() -> None:
    here = [{"service": "web", "key": "a", "state": "on"}, {"service": "mail", "key": "b", "state": "off"}]
    assert list(differences(here, [{"key": "a", "state": "off"}])) == [
        "web: on here, off there",
        "mail: not known there",
    ]
    assert list(differences(here, here)) == []


@pytest.mark.parametrize("seconds", [1e300, float("nan"), -1e300])
def test_a_time_that_no_calendar_has_is_no_trouble(seconds: float) -> None:
    assert moment(seconds).year == 1970
