"""Cloud's answers become values: found, moved, paid for."""

import asyncio
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest

from lvsctl.failover.asking import Heard
from lvsctl.failover.cloud import HetznerCloud, digest
from lvsctl.failover.observation import Observation, Status, as_failover_address, as_target
from lvsctl.failover.provider import (
    Accepted,
    AlreadyThere,
    Answer,
    Auth,
    Call,
    Failed,
    Locked,
    NewServerNotFound,
    NotFound,
    RateLimited,
    Refused,
    Unavailable,
    Unknown,
    Unreachable,
    Withheld,
)
from tests.fakes.hetzner.cloud import CloudState
from tests.fakes.hetzner.front import Front
from tests.fakes.hetzner.simulated import SimulatedClient, run
from tests.fakes.hetzner.worlds import (
    CLOUD1,
    CLOUD2,
    TOKEN,
    VIP,
    VIP6,
    cloud_state_of,
    freely,
    simulated_cloud,
    token,
)


@pytest.fixture
def cloud() -> CloudState:
    return cloud_state_of()


@pytest.fixture
def front(cloud: CloudState) -> Front:
    return Front("cloud", cloud)


def assign(front: Front, to: str = CLOUD2, ip: Any = VIP) -> Answer:
    return run(simulated_cloud(front).assign(ip, as_target(to), spend=freely))


def paths(front: Front) -> list[str]:
    return [f"{each.method} {each.path.removeprefix('/v1')}" for each in front.journal]


class TestFindingIt:
    def test_it_is_looked_for_page_by_page_and_remembered(self, front: Front) -> None:
        async def story() -> None:
            cloud = simulated_cloud(front)
            for _ in range(2):
                seen = await cloud.observe(VIP, spend=freely)
                assert isinstance(seen, Observation)
                assert seen.active == CLOUD1
            assert isinstance(await cloud.observe(VIP6, spend=freely), Observation)

        run(story())
        assert paths(front) == ["GET /floating_ips"] * 2 + [
            "GET /floating_ips/1000",
            "GET /floating_ips/1001",
        ]

    @pytest.mark.parametrize(
        ("known", "asked"), [(1000, "GET /floating_ips/1000"), ("vip", "GET /floating_ips")]
    )
    def test_an_id_or_a_name_saves_the_pages(self, front: Front, known: int | str, asked: str) -> None:
        client = SimulatedClient(front, token())
        provider = HetznerCloud(client, digest(TOKEN), known={VIP: known}, clock=lambda: 7.0)
        assert run(provider.observe(VIP, spend=freely)) == Observation(CLOUD1, None, 7.0)
        assert paths(front) == [asked]

    def test_an_id_of_another_address_is_not_believed(self, front: Front) -> None:
        provider = HetznerCloud(SimulatedClient(front, token()), digest(TOKEN), known={VIP: 1001})
        assert isinstance(run(provider.observe(VIP, spend=freely)), Unknown)

    def test_what_is_not_there_is_not_found(self, front: Front) -> None:
        stranger = as_failover_address("192.0.2.200")
        assert isinstance(run(simulated_cloud(front).observe(stranger, spend=freely)), NotFound)
        assert isinstance(assign(front, ip=stranger), NotFound)
        assert not front.journal.posts()

    def test_one_that_was_made_anew_is_found_again(self, front: Front, cloud: CloudState) -> None:
        async def story() -> list[object]:
            provider = simulated_cloud(front)
            found: list[object] = [await provider.observe(VIP, spend=freely)]
            del cloud.world.floating_ips[1000]
            cloud.world.add_floating_ip(2000, "vip", "203.0.113.10", 42)
            return [*found, *[await provider.observe(VIP, spend=freely) for _ in range(2)]]

        first, gone, again = run(story())
        assert isinstance(gone, NotFound)
        assert [each.active for each in (first, again) if isinstance(each, Observation)] == [CLOUD1, CLOUD2]

    def test_not_to_find_it_proves_that_nothing_was_changed(self, front: Front) -> None:
        for kind in ("reset", "html-502", "cloud-unavailable", "null"):
            front.faults.clear()
            front.faults.add(kind, method="GET")
            found = assign(front)
            assert isinstance(found, Unreachable), kind
            assert found.certain
        assert not front.journal.posts()


class TestMovingIt:
    def test_the_action_is_followed_to_its_end(self, front: Front, cloud: CloudState) -> None:
        cloud.profile.assign_s = 12
        moved = assign(front)
        assert isinstance(moved, Accepted)
        assert moved.observation.is_settled_on(CLOUD2)
        looks = [each.t for each in front.journal if "/actions/1000" in each.path]
        pauses = [round(after - before, 2) for before, after in pairwise(looks)]
        assert 3 <= len(looks) <= 10
        assert max(pauses) <= 6

    def test_not_for_ever_and_later_looks_know(self, front: Front, cloud: CloudState) -> None:
        cloud.profile.actions_hang = True

        async def story() -> list[object]:
            provider = simulated_cloud(front)
            found: list[object] = [await provider.assign(VIP, CLOUD2, spend=freely)]
            assert asyncio.get_running_loop().time() < 1_000_000 + 70
            found.append(await provider.observe(VIP, spend=freely))
            everything = await provider.observe_all(spend=freely)
            assert isinstance(everything, Mapping)
            assert everything[VIP].status is Status.PROCESSING
            assert everything[VIP6].status is None
            cloud.world.moves[-1].done_at = cloud.world.moves[-1].dataplane_at = 0
            return [*found, await provider.observe(VIP, spend=freely)]

        accepted, meanwhile, done = run(story())
        assert isinstance(accepted, Accepted)
        assert accepted.observation.status is Status.PROCESSING
        assert isinstance(meanwhile, Observation)
        assert not meanwhile.is_settled_on(CLOUD1)
        assert isinstance(done, Observation)
        assert done.is_settled_on(CLOUD2)
        assert len(front.journal.posts()) == 1

    def test_one_that_ends_while_it_is_looked_at_is_not_seen_half(
        self, front: Front, cloud: CloudState
    ) -> None:
        cloud.profile.actions_hang = True

        async def story() -> object:
            provider = HetznerCloud(
                SimulatedClient(front, token(), latency=1),
                digest(TOKEN),
                clock=asyncio.get_running_loop().time,
            )
            await provider.assign(VIP, CLOUD2, spend=freely)
            begun = asyncio.get_running_loop().time()
            cloud.world.moves[-1].done_at = (
                begun + 2
            )  # after the first request has arrived, before the second
            return await provider.observe(VIP, spend=freely)

        seen = run(story())
        assert isinstance(seen, Observation)
        assert not seen.is_settled_on(CLOUD1)

    def test_an_action_that_ends_in_an_error_failed(self, front: Front, cloud: CloudState) -> None:
        cloud.profile.actions_fail = 1
        assert isinstance(assign(front), Failed)

    def test_looks_that_fail_do_not_make_it_unknown(self, front: Front, cloud: CloudState) -> None:
        cloud.profile.assign_s = 10
        front.faults.add("html-502", path="/v1/actions", count=2)
        front.faults.add("html-502", path="/actions", count=2)
        moved = assign(front)
        assert isinstance(moved, Accepted)
        assert moved.observation.is_settled_on(CLOUD2)
        front.faults.add("cloud-rate-limit", path="/actions")
        moved = assign(front, CLOUD1)
        assert isinstance(moved, Accepted)
        assert moved.observation.status is Status.PROCESSING

    @pytest.mark.parametrize(
        ("kind", "answer", "certain"),
        [
            ("cloud-locked", Locked, True),
            ("cloud-conflict", Locked, True),
            ("cloud-rate-limit", RateLimited, True),
            ("cloud-unavailable", Unavailable, False),
            ("cloud-server-error", Unavailable, False),
            ("html-504", Unavailable, False),
            ("conflict-without-body", Unknown, False),
            ("empty-200", Unknown, False),
            ("reset", Unknown, False),
            ("refuse", Unreachable, True),
        ],
    )
    def test_what_errors_mean(self, front: Front, kind: str, answer: type, *, certain: bool) -> None:
        async def story() -> Answer:
            provider = simulated_cloud(front)
            await provider.observe(VIP, spend=freely)
            front.faults.add(kind)
            return await provider.assign(VIP, CLOUD2, spend=freely)

        found = run(story())
        assert isinstance(found, answer)
        assert found.certain is certain

    @pytest.mark.parametrize("kind", ["hang", "slow"])
    def test_a_change_that_is_not_accepted_within_half_a_minute_is_unknown(
        self, front: Front, kind: str
    ) -> None:
        async def story() -> float:
            loop = asyncio.get_running_loop()
            begun = loop.time()
            front.faults.add(kind, method="POST")
            found = await simulated_cloud(front).assign(VIP, CLOUD2, spend=freely)
            assert isinstance(found, Unknown)
            assert found.cut
            return loop.time() - begun

        assert run(story()) == pytest.approx(30)

    def test_assigned_already_is_compared(self, front: Front) -> None:
        assert assign(front, CLOUD1) == AlreadyThere()

        class Claims(SimulatedClient):
            async def change(self, *_args: Any, **_options: Any) -> Heard:
                return Heard(422, {}, {"error": {"code": "floating_ip_assigned"}})

        provider = HetznerCloud(Claims(front, token()), digest(TOKEN))
        found = run(provider.assign(VIP, CLOUD2, spend=freely))
        assert isinstance(found, Failed)
        assert "41" in found.why

    def test_a_token_that_only_reads_is_refused(self, front: Front) -> None:
        found = run(simulated_cloud(front, text="only-reads").assign(VIP, CLOUD2, spend=freely))
        assert isinstance(found, Refused)
        assert isinstance(run(simulated_cloud(front, text="wrong").observe(VIP, spend=freely)), Auth)

    def test_a_target_that_is_no_server_is_refused_at_once(self, front: Front) -> None:
        assert isinstance(assign(front, "lb2"), Refused)
        assert isinstance(assign(front, "99"), NewServerNotFound)
        assert len(front.journal.posts()) == 1

    def test_releasing(self, front: Front, cloud: CloudState) -> None:
        released = run(simulated_cloud(front).release(VIP6, spend=freely))
        assert isinstance(released, Accepted)
        assert released.observation.active is None
        assert cloud.world.floating_ips[1001].server is None


class TestWhatItCosts:
    def test_every_request_is_paid_for_before_it_leaves(self, front: Front) -> None:
        paid: list[tuple[Call, int]] = []

        def spend(call: Call) -> None:
            paid.append((call, len(front.journal)))

        run(simulated_cloud(front).assign(VIP, CLOUD2, spend=spend))
        kinds = [each for each, _ in paid]
        assert [n for _, n in paid] == list(range(len(front.journal)))
        assert kinds[:3] == [Call.GET_LIST, Call.GET_LIST, Call.POST]
        assert set(kinds[3:]) == {Call.GET_ONE}

    @pytest.mark.parametrize("refused", [Call.GET_LIST, Call.POST, Call.GET_ONE])
    def test_what_is_not_paid_for_does_not_leave(self, front: Front, refused: Call) -> None:
        no = Withheld("the reserve")
        found = run(
            simulated_cloud(front).assign(VIP, CLOUD2, spend=lambda call: no if call is refused else None)
        )
        asked = {"GET_LIST": 0, "POST": 2, "GET_ONE": 3}[refused.name]
        assert len(front.journal) == asked
        if refused is Call.GET_ONE:
            assert isinstance(found, Accepted)
            assert found.observation.status is Status.PROCESSING
        else:
            assert found == no
