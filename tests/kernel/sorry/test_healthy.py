"""While the sorry is off and the service healthy, nobody is refused, in every form that render leaves behind.

Resident: the sorry and a real server that died stand in the table at weight 0. Plain: neither does. Which of them a
service gets is `lvsctl.sorry.form`'s; here it is held against what the kernel does.
"""

from collections.abc import Iterator

import pytest

from lvsctl.ipvs import (
    AddDest,
    AddService,
    DeleteDest,
    DeleteService,
    Dest,
    EditDest,
    Family,
    ForwardingMethod,
    KernelIpvs,
    Step,
)
from lvsctl.sorry.form import Form, safe_form
from tests.support.matrix import HASHING, PLAIN_SCHEDULERS, SORRY_DEST, Cell
from tests.support.sorry_topology import Lab, Place
from tests.support.traffic import SORRY, Outcome, Request

pytestmark = pytest.mark.kernel

NAT = ForwardingMethod.NAT
SCHEDULERS = (*PLAIN_SCHEDULERS, *(name + flag for name in HASHING for flag in ("", "+fallback", "+port")))
DEAD = "r1"
ENOUGH = 40
"""Weight of the real servers: ovf gives each no more connections at a time."""


def form_of(cell: Cell) -> Form:
    name, *flags = cell.scheduler.split("+")
    return safe_form(
        name,
        fallback="fallback" in flags,
        persistent=cell.persistent,
        templates_expire=cell.expire_quiescent_template,
    )


def healthy(place: Place, cell: Cell, form: Form) -> Iterator[Step]:
    yield AddService(place.key, cell.service)
    for real in place.reals:
        yield AddDest(place.key, real, Dest(NAT, ENOUGH))
    if form is Form.RESIDENT:
        yield AddDest(place.key, place.sorry, SORRY_DEST._replace(weight=0))


def dying(place: Place, form: Form) -> Step:
    """What keepalived does with a real server that fails."""
    if form is Form.RESIDENT:
        return EditDest(place.key, place.reals[0], Dest(NAT, 0))
    return DeleteDest(place.key, place.reals[0])


def visits(lab: Lab, cell: Cell, form: Form, *, every: int = 4) -> tuple[list[Request], list[Request]]:
    """What every so-manieth visitor sees while all is well, and after one real server died."""
    # Marks, because dh looks at the address that was asked: with one address it knows one real server only.
    place = lab.place(Family.INET, marked=True, method=NAT, targets=8)
    clients = place.clients[::every]
    lab.director.sysctl("net.ipv4.vs.expire_quiescent_template", int(cell.expire_quiescent_template))
    with lab.director.inside(), KernelIpvs() as ipvs:
        assert not ipvs.send(healthy(place, cell, form))
        well = lab.traffic().once(clients, place.targets)
        assert not ipvs.send([dying(place, form)])
        one_dead = lab.traffic().once(clients, place.targets)
        ipvs.send([DeleteService(place.key)])
    lab.leave(place)
    return well, one_dead


def unhappy(seen: list[Request], *wrong: str) -> int:
    return sum(each.outcome is not Outcome.ANSWERED or each.server in wrong for each in seen)


def kinds(scheduler: str) -> Iterator[Cell]:
    for persistent, expires in ((False, False), (True, False), (True, True)):
        yield Cell(scheduler, persistent, "fwmark", NAT, False, expires, False)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_nobody_is_refused_in_the_form_that_render_chooses(lab: Lab, scheduler: str) -> None:
    for cell in kinds(scheduler):
        well, one_dead = visits(lab, cell, form_of(cell))
        assert unhappy(well, SORRY) == 0, cell
        assert unhappy(one_dead, SORRY, DEAD) == 0, cell


@pytest.mark.parametrize(
    "cell",
    [
        Cell("sh", False, "fwmark", NAT, False, False, True),
        Cell("mh", False, "fwmark", NAT, False, False, True),
        Cell("dh", False, "fwmark", NAT, False, False, True),
        Cell("rr", True, "fwmark", NAT, False, False, True),
    ],
    ids=str,
)
def test_the_resident_form_would_refuse_some_where_it_is_not_chosen(lab: Lab, cell: Cell) -> None:
    assert form_of(cell) is Form.PLAIN
    well, one_dead = visits(lab, cell, Form.RESIDENT, every=1)
    assert unhappy(well) + unhappy(one_dead, DEAD) > 0
