"""The loss matrix of `lvsctl sorry`: which cells there are, what happens in one, and what is counted.

A cell is one kind of service: scheduler, persistence, address or mark, forwarding method, sysctls, and whether the
sorry server stands in the table at weight 0 before. In each, visitors come while the sorry is switched on and off
again, and every request is judged. Who switches is the caller's: lvsctl, or a recipe to compare with.
"""

import json
import os
import platform
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations, product
from pathlib import Path
from typing import NamedTuple, Protocol
from zlib import crc32

from lvsctl.host.run import run
from lvsctl.ipvs import (
    AddDest,
    AddService,
    DeleteService,
    Dest,
    Family,
    ForwardingMethod,
    KernelIpvs,
    Persistence,
    SchedulerFlag,
    Service,
    Step,
)
from lvsctl.sorry.form import passes_over_weight_0
from tests.support.hosts import wait_until
from tests.support.sorry_topology import Lab, Place
from tests.support.traffic import KEPT, LOST, NEW, SLOW, SORRY, VISIT, Outcome, Request, Traffic

PLAIN_SCHEDULERS = ("rr", "wrr", "lc", "wlc", "sed", "nq", "fo", "ovf", "lblc", "lblcr", "dh")
HASHING = ("sh", "mh")
WHERE = ("ipv4", "ipv6", "fwmark", "fwmark6")
METHODS = (ForwardingMethod.NAT, ForwardingMethod.DR, ForwardingMethod.TUN)
WEIGHTS = (1, 2, 1, 3)
OVF_TIMES = 1000
"""ovf gives a real server no more connections at a time than its weight, so it gets higher ones."""
THRESHOLDS = ((0, 0), (5000, 100), (0, 0), (6000, 0))
"""Upper and lower, per real server: never reached, but they have to come back."""
CROWD = {NEW: 6, SLOW: 4, KEPT: 3, VISIT: 3}
"""How many visitors of each habit there are at a time."""
ENOUGH = {NEW: 48, SLOW: 4, VISIT: 6}
"""Requests of each habit, over connections opened in one phase, after which the next may begin."""
SORRY_DEST = Dest(ForwardingMethod.NAT)
"""masq to an address of the director's own: reached whatever the method of the real servers."""
MARKED_TARGETS = 4
"""Addresses behind one mark: dh looks at the address that was asked."""


class Cell(NamedTuple):
    """One kind of service."""

    scheduler: str
    """With its flags: ``sh+fallback``."""
    persistent: bool
    where: str
    method: ForwardingMethod
    expire_nodest_conn: bool
    expire_quiescent_template: bool
    resident: bool
    """The sorry server stands in the table at weight 0 before `on`, and has to be there after `off`."""

    def __str__(self) -> str:
        words = [self.scheduler, "persistent" if self.persistent else "plain", self.where, str(self.method)]
        words += ["nodest"] * self.expire_nodest_conn + ["quiescent"] * self.expire_quiescent_template
        return "-".join(words + ["resident"] * self.resident)

    @property
    def service(self) -> Service:
        name, *flags = self.scheduler.split("+")
        bits = {"fallback": SchedulerFlag.SH_FALLBACK, "port": SchedulerFlag.SH_PORT}
        flag = SchedulerFlag(sum(bits[each] for each in flags))
        return Service(name, flag, persistence=Persistence(300) if self.persistent else None)

    @property
    def maps_visitors(self) -> bool:
        """Answer whether the same visitor has to get the same real server again after `off`.

        Not where the source port counts: it is another one each time. Not where mh has the sorry server in its table:
        it shares the table out by the last weights above 0, and no program can take back that there was one.
        """
        name, *flags = self.scheduler.split("+")
        return name in (*HASHING, "dh") and "port" not in flags and not (name == "mh" and self.resident)


def cells(*, full: bool) -> list[Cell]:
    """Answer all cells; unless *full*, without the rarer flags and fwmark services of IPv6."""
    flags = ("", "+fallback", "+port", "+fallback+port") if full else ("", "+fallback")
    schedulers = (*PLAIN_SCHEDULERS, *(name + flag for name in HASHING for flag in flags))
    both = (False, True)
    where = WHERE if full else WHERE[:3]
    every = (Cell(*values) for values in product(schedulers, both, where, METHODS, both, both, both))
    return [cell for cell in every if _makes_sense(cell)]


def _makes_sense(cell: Cell) -> bool:
    """Leave out what nobody leaves behind: a sorry server at weight 0 where that refuses clients (facts of form.py)."""
    service = cell.service
    fallback = bool(service.flags & SchedulerFlag.SH_FALLBACK)
    passes = passes_over_weight_0(service.scheduler, fallback=fallback)
    if cell.persistent:
        return not cell.resident or (passes and cell.expire_quiescent_template)
    return not cell.expire_quiescent_template and (passes or not cell.resident)


def chosen() -> list[Cell]:
    """Answer the cells to run: a pairwise choice, or all with ``LVSCTL_FULL=1``, or with ``2/8`` every eighth, from the second."""
    wanted = os.environ.get("LVSCTL_FULL", "")
    if not wanted:
        return pairwise(cells(full=False))
    first, _, step = wanted.partition("/")
    return cells(full=True)[int(first) - 1 :: int(step or 1)]


def pairwise(every: Sequence[Cell]) -> list[Cell]:
    """Answer few cells in which every two values that occur together in *every* do so at least once.

    Greedy and deterministic: always a cell that shows most pairs not seen yet, and of those, one as good as random.
    """
    numbers: dict[object, int] = {}
    masks = [sum(1 << numbers.setdefault(pair, len(numbers)) for pair in _pairs(cell)) for cell in every]
    lots = [crc32(str(cell).encode()) for cell in every]
    wanted, chosen = (1 << len(numbers)) - 1, []
    while wanted:
        best = max(range(len(every)), key=lambda index: ((masks[index] & wanted).bit_count(), lots[index]))
        chosen.append(every[best])
        wanted &= ~masks[best]
    return chosen


def _pairs(cell: Cell) -> Iterator[object]:
    return combinations(enumerate(cell), 2)


class Switch(Protocol):
    """Whoever switches; called in the director's network."""

    def on(self, place: Place) -> object:
        """Send visitors to the sorry server."""

    def off(self, place: Place) -> object:
        """Send them to the real servers again."""

    def is_done(self, place: Place) -> bool:
        """Answer whether nothing is left to do after `off`; asked again until it is."""


class Result(NamedTuple):
    """What happened in a cell."""

    requests: int
    losses: dict[str, int]
    """How many requests ended in each way that is a loss."""
    real_while_on: int
    """Requests over connections opened while on that a real server answered."""
    sorry_while_off: int
    """Requests over connections opened while off that the sorry server answered."""
    drained: int
    """Requests that real servers answered while on, over connections that were older."""
    moved: int
    """Visitors who had another real server after `off` than before `on`."""
    settings: tuple[str, str]
    """``ipvsadm -Sn`` before and after."""
    thresholds: tuple[str, str]
    """``ipvsadm -Ln --thresholds`` before and after, without the connections counted."""
    settled: bool
    """Whether `off` came to an end."""
    examples: tuple[str, ...]
    """The first requests that were lost or answered by the wrong server, with milliseconds since `on` had returned."""

    @property
    def lost(self) -> int:
        """Answer how many requests were lost."""
        return sum(self.losses.values())


def happened(lab: Lab, cell: Cell, switch: Switch) -> Result:
    """Let the cell happen."""
    place = place_of(lab, cell)
    with lab.director.inside(), KernelIpvs() as ipvs:
        set_up(lab, ipvs, cell, place)
        try:
            return _happened(lab, place, switch)
        finally:
            ipvs.send([DeleteService(place.key)])
            lab.leave(place)


def place_of(lab: Lab, cell: Cell) -> Place:
    """Find room for the cell."""
    marked = cell.where.startswith("fwmark")
    family = Family.INET6 if cell.where.endswith("6") else Family.INET
    return lab.place(family, marked=marked, method=cell.method, targets=MARKED_TARGETS if marked else 1)


def set_up(lab: Lab, ipvs: KernelIpvs, cell: Cell, place: Place) -> None:
    """Set what the cell's kernel is set to, and make its service."""
    lab.director.sysctl("net.ipv4.vs.expire_nodest_conn", int(cell.expire_nodest_conn))
    lab.director.sysctl("net.ipv4.vs.expire_quiescent_template", int(cell.expire_quiescent_template))
    refusals = ipvs.send(table_of(cell, place))
    assert not refusals, refusals


def table_of(cell: Cell, place: Place) -> Iterator[Step]:
    """Yield the steps that make the cell's service."""
    yield AddService(place.key, cell.service)
    times = OVF_TIMES if cell.scheduler == "ovf" else 1
    for dest_key, weight, thresholds in zip(place.reals, WEIGHTS, THRESHOLDS, strict=True):
        yield AddDest(place.key, dest_key, Dest(cell.method, weight * times, *thresholds))
    if cell.resident:
        yield AddDest(place.key, place.sorry, SORRY_DEST._replace(weight=0))


def _happened(lab: Lab, place: Place, switch: Switch) -> Result:
    before = lab.traffic().once(place.clients, place.targets)
    pictures = settings(), thresholds()
    times, requests = _switched(lab.traffic(), place, switch)
    settled = wait_until(lambda: switch.is_done(place), 10)
    after = lab.traffic().once(place.clients, place.targets)
    result = _judged(times, requests, (before, after), (pictures, (settings(), thresholds())))
    return result._replace(settled=settled)


class Times(NamedTuple):
    """When who called."""

    on_called: float
    on_returned: float
    off_called: float
    off_returned: float


def _switched(traffic: Traffic, place: Place, switch: Switch) -> tuple[Times, list[Request]]:
    for habit, workers in CROWD.items():
        traffic.start(habit, workers=workers, clients=place.clients, targets=place.targets)
    begun = time.monotonic()
    traffic.wait_for(ENOUGH, after=begun)
    called_on = time.monotonic()
    switch.on(place)
    is_on = time.monotonic()
    traffic.wait_for(ENOUGH, after=is_on)
    called_off = time.monotonic()
    switch.off(place)
    is_off = time.monotonic()
    traffic.wait_for(ENOUGH, after=is_off)
    return Times(called_on, is_on, called_off, is_off), traffic.stop()


def _judged(
    times: Times,
    requests: Sequence[Request],
    maps: tuple[Sequence[Request], Sequence[Request]],
    pictures: tuple[tuple[str, str], tuple[str, str]],
) -> Result:
    (settings_before, thresholds_before), (settings_after, thresholds_after) = pictures
    seen = [*maps[0], *requests, *maps[1]]
    # A stalled one is a loss already, and its first packet may have been sent again when the sorry was off.
    from_real = [each for each in requests if each.outcome is Outcome.ANSWERED and each.server != SORRY]
    lost = [each for each in seen if each.outcome in LOST]
    real_while_on = [
        each for each in from_real if times.on_returned < each.opened <= each.sent < times.off_called
    ]
    off = [each for each in requests if each.ended < times.on_called or each.opened > times.off_returned]
    sorry_while_off = [each for each in (*maps[0], *off, *maps[1]) if each.server == SORRY]
    return Result(
        requests=len(seen),
        losses=dict(Counter(str(each.outcome) for each in lost)),
        real_while_on=len(real_while_on),
        sorry_while_off=len(sorry_while_off),
        drained=sum(each.opened < times.on_called < each.begun < times.off_called for each in from_real),
        moved=sum(old.server != new.server for old, new in zip(*maps, strict=True)),
        settings=(settings_before, settings_after),
        thresholds=(thresholds_before, thresholds_after),
        settled=True,
        examples=tuple(_told(each, times, seen) for each in [*lost, *real_while_on, *sorry_while_off][:5]),
    )


def _told(request: Request, times: Times, seen: Sequence[Request]) -> str:
    own_port = [each for each in seen if each[1:4] == request[1:4] and each.opened < request.opened]
    moments = (
        times.off_called,
        times.off_returned,
        request.opened,
        request.sent,
        request.begun,
        request.ended,
    )
    off, is_off, *own = (round(1000 * (moment - times.on_returned), 2) for moment in moments)
    return (
        f"{request.habit} {request.client}:{request.port} {request.outcome} by {request.server or 'nobody'}: "
        f"opened, sent, begun, ended at {own}, off at {off} to {is_off}, "
        f"port in use {len(own_port)} times before"
    )


def settings() -> str:
    """Answer what ``ipvsadm -Sn`` says where we are."""
    return ipvsadm("-Sn")


def thresholds() -> str:
    """Answer what ``ipvsadm -Ln --thresholds`` says where we are, without the connections counted."""
    lines = [line.split() for line in ipvsadm("-Ln", "--thresholds").splitlines()]
    return "\n".join(" ".join(words[:-2] if words[:1] == ["->"] else words) for words in lines)


def ipvsadm(*arguments: str) -> str:
    """Run ipvsadm where we are, and answer what it says."""
    finished = run(["ipvsadm", *arguments], timeout=60)
    assert not finished.status, finished
    return finished.stdout


def note(cell: Cell, way: str, result: Result) -> None:
    """Leave a line for the table in the docs, where somebody asked for it."""
    if folder := os.environ.get("LVSCTL_ARTIFACTS"):
        line = {
            "cell": cell._asdict(),
            "name": str(cell),
            "maps_visitors": cell.maps_visitors,
            "way": way,
            "kernel": platform.release(),
            **{name: value for name, value in result._asdict().items() if isinstance(value, int | dict)},
            "table_kept": result.settings[0] == result.settings[1],
            "thresholds_kept": result.thresholds[0] == result.thresholds[1],
        }
        with (Path(folder) / "sorry-losses.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
