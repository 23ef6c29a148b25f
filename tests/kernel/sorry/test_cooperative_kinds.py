"""Services of every kind that a real keepalived owns go to their sorry and back, and nobody is lost.

A choice of kinds in which every two values of what matters meet at least where they could hurt each other.
"""

import time
from collections import Counter
from collections.abc import Iterator

import pytest

from lvsctl.ipvs import Family, ForwardingMethod
from lvsctl.sorry.model import Phase
from tests.support.cooperation import Cooperation, Kind, tell
from tests.support.sorry_topology import Lab
from tests.support.traffic import LOST, NEW, SLOW, SORRY, VISIT

pytestmark = pytest.mark.kernel

SIX, DR, TUN = Family.INET6, ForwardingMethod.DR, ForwardingMethod.TUN
KINDS = (
    Kind(resident=False, scheduler="sh", family=SIX, expire_nodest=1),
    Kind(resident=False, scheduler="dh", method=DR, marked=True, persistent=True),
    Kind(resident=False, scheduler="mh", method=TUN, persistent=True, expire_nodest=1),
    Kind(resident=True, scheduler="wlc", method=TUN, family=SIX, marked=True, expire_nodest=1),
)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as lab:
        yield lab


@pytest.fixture(params=KINDS, ids=str)
def web(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Cooperation]:
    service = Cooperation(lab, request.param)
    yield service
    service.end()


def test_there_and_back_under_load(web: Cooperation, lab: Lab) -> None:
    kind = web.kind
    assert web.switch().owner.server.form == ("resident" if kind.resident else "plain")
    clients = web.place.clients[:8]
    before, rules = web.mapping(clients), web.rules()
    traffic = lab.traffic()
    for habit in (NEW, SLOW, VISIT):
        traffic.start(habit, workers=2, clients=clients, targets=web.place.targets)
    traffic.wait_for({NEW: 4, SLOW: 2, VISIT: 6}, after=0)
    assert web.on().phase is Phase.ON
    since = time.monotonic()
    traffic.wait_for({NEW: 4, SLOW: 2, VISIT: 6}, after=since)
    until = time.monotonic()
    assert web.off().phase is None
    traffic.wait_for({NEW: 4, SLOW: 2, VISIT: 6}, after=time.monotonic())
    requests = traffic.stop()

    assert not Counter(each.outcome for each in requests if each.outcome in LOST), web.keepalived.log
    assert {each.server for each in requests if since < each.opened < until and each.server} == {SORRY}
    assert web.rules() == rules
    if kind.keeps_clients:
        assert web.mapping(clients) == before
    tell(f"{kind}: {len(requests)} requests, none lost")
