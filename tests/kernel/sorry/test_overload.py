"""Every real server full: the sorry comes in beside them, takes the visitors that they cannot, and goes again."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from lvsctl.ipvs import AddDest, AddService, Dest, EditDest, Family, ForwardingMethod, Service
from lvsctl.ipvs.kernel import KernelIpvs
from lvsctl.sorry import swap
from lvsctl.sorry.journal import Journal
from lvsctl.sorry.model import Hold, Holder, Target
from lvsctl.sorry.node import Node, boot_id
from lvsctl.sorry.overloading import Overload
from lvsctl.sorry.sysctl import KernelSysctls
from tests.support.hosts import wait_until
from tests.support.sorry_topology import REALS, Lab, Place
from tests.support.traffic import SORRY

pytestmark = pytest.mark.kernel

UPPER, LOWER = 4, 2
ROOM = len(REALS) * UPPER


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as lab:
        yield lab


class Visits:
    """Connections that stay open, each of which has been answered."""

    def __init__(self, lab: Lab, place: Place) -> None:
        self._lab, self._place = lab, place
        self.open: list[tuple[socket.socket, str]] = []

    def one(self) -> str:
        """Come in, ask, stay; answer who answered. Raises ConnectionRefusedError when nobody serves."""
        with self._lab.client.inside():
            visit = socket.create_connection(self._place.targets[0], timeout=5)
        who = self.ask(visit)
        self.open.append((visit, who))
        return who

    def ask(self, visit: socket.socket) -> str:
        visit.sendall(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n")
        return visit.recv(4096).partition(b"\r\n\r\n")[2].decode()

    def leave(self, who: str) -> None:
        """End the visits at one server, with a reset: the kernel counts them out at once."""
        for visit, server in [each for each in self.open if each[1] == who]:
            visit.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            visit.close()
            self.open.remove((visit, server))


def test_visitors_beyond_the_thresholds_get_the_sorry(lab: Lab) -> None:
    place = lab.place(Family.INET, marked=False, method=ForwardingMethod.NAT, targets=1)
    target = Target(place.key, "web", place.sorry, Dest(ForwardingMethod.NAT))
    told: list[str] = []
    with lab.director.inside(), KernelIpvs() as ipvs, ExitStack() as stack:
        node = Node(ipvs, Journal(), KernelSysctls(), boot_id())
        real = Dest(ForwardingMethod.NAT, 1, upper=UPPER, lower=LOWER)
        ipvs.send(
            [
                AddService(place.key, Service("wlc")),
                *(AddDest(place.key, each, real) for each in place.reals),
            ]
        )
        before = ipvs.table()[place.key]
        visits = Visits(lab, place)
        looks: list[float] = []
        ended = threading.Event()
        watch = threading.Thread(target=_watch, args=(lab, target, told, looks, ended))
        watch.start()
        stack.callback(watch.join)
        stack.callback(ended.set)

        # One after the other, not faster than they are seen, more than there is room for: nobody is refused.
        who = []
        for _ in range(2 * ROOM):
            who.append(visits.one())
            looked = len(looks)
            assert wait_until(lambda: len(looks) > looked + 1, every=0.005)  # noqa: B023 - called at once
        assert who.count(SORRY) >= len(who) - ROOM
        assert set(who) <= {*REALS, SORRY}
        assert len([each for each in who if each != SORRY]) >= ROOM - 3
        assert "upper threshold" in told[0]

        # Who was being served still is; nobody was put out.
        assert [visits.ask(visit) for visit, _ in visits.open] == who

        # One real server has room again: the sorry goes, and the table is as it was.
        visits.leave(SORRY)
        visits.leave("r1")
        # The kernel counts a connection that was reset for 10 s more.
        assert wait_until(lambda: any("has room again" in line for line in told), 30), told
        ended.set()
        watch.join()
        assert len(told) == 2, told
        assert visits.one() == "r1"
        now = ipvs.table()[place.key]
        assert now.dests.get(place.sorry, real._replace(weight=0)).weight == 0
        assert {key: now.dests[key] for key in before.dests} == dict(before.dests)
        assert now.service.flags == before.service.flags
        swap.off(node, [place.key], Holder.OPERATOR, force=True, wait=0)
        for visit, _ in visits.open:
            visit.close()


def _watch(lab: Lab, target: Target, told: list[str], looks: list[float], ended: threading.Event) -> None:
    with lab.director.inside(), KernelIpvs() as ipvs:
        overload = Overload(Node(ipvs, Journal(), KernelSysctls(), boot_id()), [target], told.append)
        while not ended.is_set():
            looks.append(overload.step())
            time.sleep(looks[-1])


def test_visitors_who_come_as_fast_as_before_are_not_refused(lab: Lab) -> None:
    """Five between two looks, 60 in all; there is room for 48."""
    place = lab.place(Family.INET, marked=False, method=ForwardingMethod.NAT, targets=1)
    target = Target(place.key, "web", place.sorry, Dest(ForwardingMethod.NAT))
    told: list[str] = []
    with lab.director.inside(), KernelIpvs() as ipvs:
        real = Dest(ForwardingMethod.NAT, 1, upper=3 * UPPER)
        ipvs.send(
            [AddService(place.key, Service("wlc")), *(AddDest(place.key, each, real) for each in place.reals)]
        )
        overload = Overload(Node(ipvs, Journal(), KernelSysctls(), boot_id()), [target], told.append)
        visits = Visits(lab, place)
        who = []
        for _ in range(12):
            overload.step()
            who += [visits.one() for _ in range(5)]
        assert len([each for each in who if each in REALS]) >= 3 * ROOM - 2 * 5
        assert set(who) == {*REALS, SORRY}
        for visit, _ in visits.open:
            visit.close()


def test_an_operator_takes_over_from_overload(lab: Lab) -> None:
    place = lab.place(Family.INET, marked=False, method=ForwardingMethod.NAT, targets=1)
    target = Target(place.key, "web", place.sorry, Dest(ForwardingMethod.NAT))
    told: list[str] = []
    with lab.director.inside(), KernelIpvs() as ipvs:
        node = Node(ipvs, Journal(), KernelSysctls(), boot_id())
        real = Dest(ForwardingMethod.NAT, 1, upper=1)
        ipvs.send(
            [AddService(place.key, Service("rr")), *(AddDest(place.key, each, real) for each in place.reals)]
        )
        before = ipvs.table()[place.key]
        overload = Overload(node, [target], told.append)
        visits = Visits(lab, place)
        overload.step()
        for _ in REALS:
            assert visits.one() in REALS
        overload.step()
        assert visits.one() == SORRY
        swap.on(node, [target], Holder.OPERATOR, Hold(time.time()))
        overload.step()
        up = {key for key, dest in ipvs.table()[place.key].dests.items() if dest.weight}
        assert up == {place.sorry}
        swap.off(node, [place.key], Holder.OPERATOR, wait=0)
        now = ipvs.table()[place.key].dests
        assert {key: now[key] for key in before.dests} == dict(before.dests)
        assert len(told) == 1
        # A new process lets the sorry in again, and takes it out when it finds room.
        Overload(node, [target], told.append).step()
        assert len(told) == 2
        ipvs.send([EditDest(place.key, place.reals[0], real._replace(upper=10))])
        Overload(node, [target], told.append).step()
        assert "has room again" in told[2]
        assert visits.one() == "r1"
        for visit, _ in visits.open:
            visit.close()
