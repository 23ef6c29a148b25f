"""The guard over many services in the real kernel: every kind of change is noticed, and a look costs few requests."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from lvsctl.ipvs.kernel import KernelIpvs
from lvsctl.ipvs.model import Dest, DestKey, Persistence, Service, VirtualServer
from lvsctl.ipvs.netlink import Socket
from lvsctl.ipvs.steps import (
    AddDest,
    AddService,
    DeleteDest,
    DeleteService,
    EditDest,
    EditService,
    Step,
    describe,
    describe_service,
)
from lvsctl.sorry import swap
from lvsctl.sorry.guard import SETTINGS, Guard
from lvsctl.sorry.model import Hold, Holder, Target
from lvsctl.sorry.node import Node, this_node
from lvsctl.sorry.owner import Owners
from lvsctl.vocabulary import ForwardingMethod, SchedulerFlag, ServiceKey
from tests.support import netns as namespaces
from tests.support.ipvs import fresh_netns

pytestmark = pytest.mark.kernel

NAT = Dest(ForwardingMethod.NAT)
OUT = NAT._replace(weight=0)
SORRY = DestKey.of("10.255.0.1", 8081)
SIX = [DestKey.of(f"fd00::{n}", 8080) for n in (99, 11, 12)]
R1, R2, STRANGER = (DestKey.of(f"172.16.0.{n}", 8080) for n in (1, 2, 9))
KEYS = [ServiceKey.tcp(f"10.0.{n}.1", 80) for n in range(30)] + [ServiceKey.tcp("fd00::1", 80)]
WEB = KEYS[17]
SH = Service("sh", SchedulerFlag.SH_FALLBACK)


class Post(NamedTuple):
    """A guard on duty, and what it guards."""

    node: Node
    guard: Guard
    ipvs: KernelIpvs

    def look(self, times: int = 1) -> VirtualServer:
        for _ in range(times):
            self.guard.step()
        return self.ipvs.table([WEB])[WEB]


@pytest.fixture(scope="module")
def post() -> Iterator[Post]:
    with (
        fresh_netns() as netns,
        namespaces.inside(f"/run/netns/{netns}"),
        this_node(netns=netns) as node,
        KernelIpvs(netns=netns) as ipvs,
    ):
        assert ipvs.send(_table()) == ()
        targets = [Target(key, str(key), SORRY if key.family == WEB.family else SIX[0], NAT) for key in KEYS]
        swap.on(node, targets, Holder.OPERATOR, Hold(node.now()))
        guard = Guard(node, lambda: Owners((), ()), lambda _: None)
        guard.step()
        yield Post(node, guard, ipvs)


def _table() -> Iterator[Step]:
    for key in KEYS:
        yield AddService(key, Service("sh"))
        for dest_key in (R1, R2) if key.family == WEB.family else SIX[1:]:
            yield AddDest(key, dest_key, NAT._replace(weight=3))


ON = VirtualServer(SH, {R1: OUT, R2: OUT, SORRY: NAT})


@pytest.mark.parametrize(
    "change",
    [
        EditDest(WEB, R2, NAT._replace(weight=5)),
        EditDest(WEB, R2, Dest(ForwardingMethod.TUN, 5)),
        EditDest(WEB, SORRY, OUT),
        EditDest(WEB, SORRY, NAT._replace(weight=7)),
        EditDest(WEB, SORRY, Dest(ForwardingMethod.DR)),
        DeleteDest(WEB, SORRY),
    ],
    ids=describe,
)
def test_a_destination_that_was_changed_is_put_right_by_the_next_look(post: Post, change: Step) -> None:
    assert post.ipvs.send([change]) == ()
    found = post.look()
    method = change.dest.method if isinstance(change, EditDest) and change.dest_key == R2 else NAT.method
    assert found.service == SH
    assert found.dests == {**ON.dests, R2: Dest(method, 0)}
    post.ipvs.send([EditDest(WEB, R2, OUT)])


def test_a_new_destination_goes_to_weight_0_and_a_deleted_one_stays_away(post: Post) -> None:
    post.ipvs.send([AddDest(WEB, STRANGER, NAT._replace(weight=2)), DeleteDest(WEB, R1)])
    assert post.look().dests == {STRANGER: OUT, R2: OUT, SORRY: NAT}
    post.ipvs.send([DeleteDest(WEB, STRANGER), AddDest(WEB, R1, OUT)])
    assert post.look() == ON


@pytest.mark.parametrize(
    "service", [Service("sh"), SH._replace(persistence=Persistence(60))], ids=describe_service
)
def test_settings_of_the_service_are_put_right_within_a_few_looks(post: Post, service: Service) -> None:
    post.ipvs.send([EditService(WEB, service)])
    assert post.look(SETTINGS) == ON


def test_a_threshold_of_the_sorry_is_found_on_the_round(post: Post) -> None:
    post.ipvs.send([EditDest(WEB, SORRY, NAT._replace(upper=10, lower=5))])
    assert post.look(len(KEYS)) == ON


def test_a_service_that_was_deleted_and_added_again_gets_its_sorry_again(post: Post) -> None:
    post.ipvs.send([DeleteService(WEB)])
    post.guard.step()
    post.ipvs.send([AddService(WEB, Service("sh")), AddDest(WEB, R1, NAT), AddDest(WEB, R2, NAT)])
    assert post.look(SETTINGS) == ON


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    sizes: list[int] = []
    send: Callable[[Socket, bytes], None] = Socket._send

    def counted(self: Socket, datagram: bytes) -> None:
        sizes.append(len(datagram))
        send(self, datagram)

    monkeypatch.setattr(Socket, "_send", counted)
    return sizes


def test_a_look_asks_the_kernel_for_one_service_and_now_and_then_for_the_list(
    post: Post, requests: list[int]
) -> None:
    for _ in range(2 * SETTINGS):
        post.guard.step()
    # The service whose turn it is and its destinations each time; the list in two of the looks.
    assert len(requests) <= 2 * 2 * SETTINGS + 2


def test_many_that_were_put_back_at_once_are_taken_out_at_once(post: Post, requests: list[int]) -> None:
    four = [key for key in KEYS if key.family == WEB.family]
    post.ipvs.send(EditDest(key, R1, NAT._replace(weight=4)) for key in four)
    requests.clear()
    post.guard.step()
    mended = len(requests)
    table = post.ipvs.table(four)
    assert {server.dests[R1].weight for server in table.values()} == {0}
    # Reading before, for the plan and after, and one batch: not as many rounds as services.
    assert mended <= 4 * (len(four) + 1)
