"""Robot's answers become values: over real TLS where the network matters, in made-up time where only words do."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from lvsctl.failover.asking import Heard
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
    NotComplete,
    NotFound,
    RateLimited,
    Reading,
    Refused,
    Unavailable,
    Unknown,
    Unreachable,
    Withheld,
)
from lvsctl.failover.robot import HetznerRobot
from tests.fakes.hetzner.front import Front
from tests.fakes.hetzner.server import HetznerFake
from tests.fakes.hetzner.simulated import run
from tests.fakes.hetzner.worlds import (
    LB1,
    LB1_6,
    LB2,
    LB2_6,
    VIP,
    VIP6,
    freely,
    furnished,
    link,
    robot_over,
    robot_state,
    simulated_robot,
)


@pytest.fixture(scope="module")
def shared() -> Iterator[HetznerFake]:
    with HetznerFake() as fake:
        yield fake


@pytest.fixture
def fake(shared: HetznerFake) -> HetznerFake:
    shared.fronts["robot"].faults.clear()
    shared.robot.blocked.clear()
    shared.robot.failures.clear()
    return furnished(shared)


@pytest.fixture
def front() -> Front:
    return Front("robot", robot_state())


def observe(front: Front) -> Reading:
    return run(simulated_robot(front).observe(VIP, spend=freely))


def assign(front: Front, to: str = LB2) -> Answer:
    return run(simulated_robot(front).assign(VIP, as_target(to), spend=freely))


class TestOverRealSockets:
    def test_it_looks_moves_and_releases(self, fake: HetznerFake) -> None:
        async def story() -> None:
            robot = robot_over(fake)
            for ip, before, after in ((VIP, LB1, LB2), (VIP6, LB1_6, LB2_6)):
                seen = await robot.observe(ip, spend=freely)
                assert isinstance(seen, Observation)
                assert seen.is_settled_on(before)
                moved = await robot.assign(ip, after, spend=freely)
                assert isinstance(moved, Accepted)
                assert moved.observation.is_settled_on(after)
                everything = await robot.observe_all(spend=freely)
                assert isinstance(everything, Mapping)
                assert everything[ip].active == after
                released = await robot.release(ip, spend=freely)
                assert isinstance(released, Accepted)
                assert released.observation.active is None
                nowhere = await robot.observe(ip, spend=freely)
                assert isinstance(nowhere, Observation)
                assert nowhere.active is None
            await robot.aclose()

        asyncio.run(story())
        assert fake.dataplane("203.0.113.10") is fake.dataplane("2001:db8:f::") is None

    @pytest.mark.parametrize(
        ("kind", "answer"),
        [
            ("refuse", Unreachable),
            ("hang-on-accept", Unreachable),
            ("wrong-name", Unreachable),
            ("expired", Unreachable),
            ("unknown-ca", Unreachable),
            ("reset", Unknown),
            ("reset-in-headers", Unknown),
            ("cut", Unknown),
            ("closed", Unknown),
            ("hang", Unknown),
            ("slow", Unknown),
        ],
    )
    def test_a_change_that_never_left_is_told_from_one_that_was_cut(
        self, fake: HetznerFake, kind: str, answer: type
    ) -> None:
        fake.fault("robot", kind)
        patience = 0.8 if kind in {"hang", "slow", "hang-on-accept"} else 9.0
        robot = robot_over(fake, link(fake, connect=patience, change=patience))
        posts = len(fake.journal.posts())
        found = asyncio.run(robot.assign(VIP, LB2, spend=freely))
        assert isinstance(found, answer), found
        if isinstance(found, Unknown):
            assert found.cut
            assert len(fake.journal.posts()) == posts + 1
        else:
            assert len(fake.journal.posts()) == posts
        assert found.certain is (answer is Unreachable)

    def test_a_reset_after_the_change_was_made_is_unknown_and_not_asked_twice(
        self, fake: HetznerFake
    ) -> None:
        fake.fault("robot", "reset", applied=True, method="POST")
        before = len(fake.journal)
        found = asyncio.run(robot_over(fake).assign(VIP, LB2, spend=freely))
        assert isinstance(found, Unknown)
        assert found.cut
        fake.clock.advance(60)
        assert fake.dataplane("203.0.113.10") == LB2
        assert len(fake.journal) == before + 1

    @pytest.mark.parametrize(
        "kind", ["huge", "bomb", "deep", "not-utf8", "redirect", "empty-200", "html-200", "null", "truncated"]
    )
    def test_whatever_comes_back_is_bounded_and_unknown(self, fake: HetznerFake, kind: str) -> None:
        fake.fault("robot", kind)
        before = len(fake.journal)
        found = asyncio.run(robot_over(fake).observe(VIP, spend=freely))
        assert isinstance(found, Unknown), found
        assert not found.cut
        assert len(fake.journal) == before + 1

    def test_nobody_listening_is_unreachable(self, fake: HetznerFake) -> None:
        fake.stop_listening("robot")
        try:
            assert isinstance(asyncio.run(robot_over(fake).assign(VIP, LB2, spend=freely)), Unreachable)
        finally:
            fake.listen_again("robot")
        assert isinstance(asyncio.run(robot_over(fake).observe(VIP, spend=freely)), Observation)


class TestWhatErrorsMean:
    @pytest.mark.parametrize(
        ("kind", "answer"),
        [
            ("failed", Failed),
            ("not-complete", NotComplete),
            ("internal-error", Unavailable),
            ("maintenance", Unavailable),
            ("html-502", Unavailable),
            ("html-503", Unavailable),
            ("html-504", Unavailable),
            ("unauthorized", Auth),
            ("rate-limit", RateLimited),
            ("ban", RateLimited),
            ("locked", Locked),
            ("error-in-200", Failed),
            ("error-is-a-string", Unknown),
            ("conflict-without-body", Unknown),
            ("active-is-a-list", Unknown),
            ("failover-is-a-list", Unknown),
            ("empty-200", Unknown),
        ],
    )
    def test_of_a_change_and_of_a_question(self, front: Front, kind: str, answer: type) -> None:
        front.faults.add(kind)
        assert isinstance(assign(front), answer)
        assert isinstance(observe(front), answer)

    def test_what_proves_that_nothing_changed(self, front: Front) -> None:
        certain = {"unauthorized", "rate-limit", "ban", "locked", "refuse"}
        for kind in (*certain, "failed", "not-complete", "html-502", "maintenance", "reset", "empty-200"):
            front.faults.clear()
            front.faults.add(kind)
            assert assign(front).certain is (kind in certain), kind

    def test_the_code_counts_whatever_the_status(self, front: Front) -> None:
        robot = front.api
        for status in (400, 409):
            robot.profile.already_status = status  # type: ignore[attr-defined]  # it is a RobotState
            assert assign(front, LB1) == AlreadyThere()

    def test_of_what_does_not_exist(self, front: Front) -> None:
        robot = simulated_robot(front)
        stranger = as_failover_address("198.51.100.1")
        assert isinstance(run(robot.observe(stranger, spend=freely)), NotFound)
        assert isinstance(run(robot.assign(stranger, LB2, spend=freely)), NotFound)
        assert isinstance(assign(front, "192.0.2.77"), NewServerNotFound)
        assert isinstance(
            run(robot.assign(VIP6, as_target("2001:db8:9::/64"), spend=freely)), NewServerNotFound
        )
        assert isinstance(assign(front, "a-word"), Refused)

    def test_how_long_to_keep_quiet(self, front: Front) -> None:
        front.faults.add("rate-limit", count=1)
        limited = observe(front)
        assert isinstance(limited, RateLimited)
        assert (limited.wait, limited.banned) == (3600, False)
        front.faults.add("ban", count=1)
        banned = observe(front)
        assert isinstance(banned, RateLimited)
        assert (banned.wait, banned.banned) == (600, True)

    @pytest.mark.parametrize(
        ("interval", "wait"),
        [
            (60, 60),
            (3600, 3600),
            (0, 3600),
            (-1, 3600),
            (1e99, 3600),
            (True, 3600),
            ("60", 3600),
            (None, 3600),
        ],
    )
    def test_an_interval_that_makes_no_sense_is_an_hour(self, interval: object, wait: float) -> None:
        limited = said({"error": {"code": "RATE_LIMIT_EXCEEDED", "interval": interval}}, status=403)
        assert isinstance(limited, RateLimited)
        assert limited.wait == wait

    def test_messages_are_shown_on_one_line_and_not_endlessly(self) -> None:
        found = said({"error": {"code": "INTERNAL_ERROR", "message": "a\x1b[31m\n" + "x" * 999}}, status=500)
        assert isinstance(found, Unavailable)
        assert found.why.isprintable()
        assert len(found.why) <= 200


class TestWhatAnObjectSays:
    @pytest.mark.parametrize(
        ("entry", "active", "status"),
        [
            ({"active_server_ip": None}, None, None),
            ({"active_server_ip": "192.0.2.11", "status": None}, LB1, None),
            ({"active_server_ip": "192.0.2.11", "status": "ready"}, LB1, Status.READY),
            ({"active_server_ip": "192.0.2.11", "status": "processing"}, LB1, Status.PROCESSING),
            ({"active_server_ip": "192.0.2.11", "status": "who knows"}, LB1, Status.PROCESSING),
            ({"active_server_ip": "2001:0db8:1:0::0"}, LB1_6, None),
        ],
    )
    def test_where_and_whether_it_is_done(
        self, entry: dict[str, object], active: str | None, status: Status | None
    ) -> None:
        found = said({"failover": {"ip": "203.0.113.10", **entry}})
        assert found == Observation(active, status, 7.0)  # type: ignore[arg-type]  # a Target is a str

    @pytest.mark.parametrize(
        "entry",
        [
            {},
            {"active_server_ip": 1},
            {"active_server_ip": ""},
            {"active_server_ip": ["192.0.2.11"]},
            {"active_server_ip": "2001:db8:1::1"},
            {"active_server_ip": "192.0.2.11", "status": 1},
            {"active_server_ip": "192.0.2.11", "ip": None},
            {"active_server_ip": "192.0.2.11", "ip": "203.0.113.11"},
            {"active_server_ip": "192.0.2.11", "ip": "what"},
        ],
    )
    def test_anything_else_is_unknown_and_never_nowhere(self, entry: dict[str, object]) -> None:
        found = said({"failover": {"ip": "203.0.113.10", **entry}})
        assert isinstance(found, Unknown)
        assert not found.cut

    def test_the_list_leaves_out_what_makes_no_sense(self) -> None:
        robot = HetznerRobot(
            Says(
                [{"failover": {"ip": "x"}}, 3, {"failover": {"ip": "203.0.113.10", "active_server_ip": None}}]
            ),
            "u",
            clock=lambda: 7.0,
        )
        assert run(robot.observe_all(spend=freely)) == {VIP: Observation(None, None, 7.0)}
        robot = HetznerRobot(Says({"failover": []}), "u")
        assert isinstance(run(robot.observe_all(spend=freely)), Unknown)

    def test_while_a_move_is_under_way_nothing_is_settled(self, front: Front) -> None:
        async def story() -> None:
            robot, other = simulated_robot(front), simulated_robot(front, "192.0.2.12")
            moving = asyncio.ensure_future(robot.assign(VIP, LB2, spend=freely))
            await asyncio.sleep(10)
            seen = await other.observe(VIP, spend=freely)
            assert isinstance(seen, Observation)
            assert (seen.active, seen.status) == (LB2, Status.PROCESSING)
            assert not seen.is_settled_on(LB2)
            assert isinstance(await other.assign(VIP, LB1, spend=freely), Locked)
            assert isinstance(await moving, Accepted)

        run(story())
        assert len(front.journal.begun()) == 1


class TestWhatItCosts:
    def test_every_request_is_paid_for_before_it_leaves(self, front: Front) -> None:
        paid: list[tuple[Call, int]] = []

        def spend(call: Call) -> None:
            paid.append((call, len(front.journal)))

        async def story() -> None:
            robot = simulated_robot(front)
            await robot.observe(VIP, spend=spend)
            await robot.observe_all(spend=spend)
            await robot.assign(VIP, LB2, spend=spend)
            await robot.release(VIP, spend=spend)

        run(story())
        assert paid == [(Call.GET_ONE, 0), (Call.GET_LIST, 1), (Call.POST, 2), (Call.DELETE, 3)]
        assert len(front.journal) == 4

    def test_what_is_not_paid_for_does_not_leave(self, front: Front) -> None:
        no = Withheld("the reserve", wait=5)
        robot = simulated_robot(front)
        verbs: list[Callable[[], Any]] = [
            lambda: robot.observe(VIP, spend=lambda _call: no),
            lambda: robot.observe_all(spend=lambda _call: no),
            lambda: robot.assign(VIP, LB2, spend=lambda _call: no),
            lambda: robot.release(VIP, spend=lambda _call: no),
        ]
        assert [run(verb()) for verb in verbs] == [no] * 4
        assert len(front.journal) == 0

    def test_the_account_is_told_by_its_user_and_does_not_tell_it(self) -> None:
        one, same, other = (HetznerRobot(Says(None), user).account for user in ("#ws+a", "#ws+a", "#ws+b"))
        assert one == same != other
        assert "ws" not in one
        assert "/" not in one


class Says:
    """Stands for a client that hears one thing, whatever it asks."""

    def __init__(self, value: object, status: int = 200) -> None:
        self.heard = Heard(status, {}, value)

    async def prepare(self) -> None:
        pass

    async def read(self, path: str, params: object = None) -> Heard:
        del path, params
        return self.heard

    async def change(self, method: str, path: str, **_options: Any) -> Heard:
        del method, path
        return self.heard

    async def aclose(self) -> None:
        pass


def said(value: object, status: int = 200) -> Reading:
    """What ``observe`` makes of *value*, heard at second 7."""
    return run(HetznerRobot(Says(value, status), "user", clock=lambda: 7.0).observe(VIP, spend=freely))
