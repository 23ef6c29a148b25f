"""The fake Robot keeps the rules that are known of the real one (R1-R8), with no socket and no waiting."""

import pytest
import yaml

from tests.fakes.hetzner.front import Front
from tests.fakes.hetzner.limits import Windows
from tests.fakes.hetzner.message import Delivery, Request
from tests.fakes.hetzner.probe import T0, active, ask_robot, basic, said
from tests.fakes.hetzner.robot import RobotState
from tests.fakes.hetzner.worlds import USER, robot_state

LB1, LB2, VIP = "192.0.2.11", "192.0.2.12", "203.0.113.10"
V6 = "/failover/2001:db8:f::"


@pytest.fixture
def robot() -> RobotState:
    return robot_state()


class TestWhoAreYou:
    def test_nobody_and_the_wrong_password_are_unauthorized(self, robot: RobotState) -> None:
        for auth in ("", "Basic !!!", "Bearer x", basic(USER, "wrong"), basic("#ws+other")):
            reply = ask_robot(robot, auth=auth, source=f"192.0.2.{len(auth)}")
            assert reply.response.status == 401
            assert said(reply)["error"]["code"] == "UNAUTHORIZED"
            assert not reply.user

    @pytest.mark.parametrize("form", ["401", "403", "reset"])
    def test_three_failures_block_the_source_for_ten_minutes(self, robot: RobotState, form: str) -> None:
        robot.profile.block_form = form  # type: ignore[assignment]  # one of the three
        for _ in range(3):
            ask_robot(robot, auth="")
        blocked = ask_robot(robot, now=T0 + 599)
        assert blocked.response.outcome == "BLOCKED"
        assert (blocked.delivery is Delivery.RESET) == (form == "reset")
        assert ask_robot(robot, now=T0 + 599, source=LB2).response.outcome == "OK"
        assert ask_robot(robot, now=T0 + 600).response.outcome == "OK"

    def test_success_forgives_earlier_failures(self, robot: RobotState) -> None:
        for auth in ("", "", basic(), "", ""):
            ask_robot(robot, auth=auth)
        assert ask_robot(robot).response.outcome == "OK"


class TestHowOften:
    @pytest.mark.parametrize(
        ("method", "path", "limit"),
        [("GET", "/failover", 100), ("GET", f"/failover/{VIP}", 100), ("DELETE", f"/failover/{VIP}", 50)],
    )
    def test_each_class_has_its_own_quota_for_all_clients(
        self, robot: RobotState, method: str, path: str, limit: int
    ) -> None:
        for n in range(limit):
            reply = ask_robot(robot, method, path, source=f"192.0.2.{n % 2}")
            assert reply.response.outcome != "RATE_LIMIT_EXCEEDED"
        over = ask_robot(robot, method, path)
        assert over.response.status == 403
        assert said(over)["error"]["max_request"] == limit
        assert said(over)["error"]["interval"] == 3600
        assert ask_robot(robot, "POST", to=LB2).response.outcome != "RATE_LIMIT_EXCEEDED"

    @pytest.mark.parametrize(
        ("windows", "passes"), [(Windows(form="fixed"), 100), (Windows(form="sliding"), 50)]
    )
    def test_a_fixed_window_opens_at_once_and_a_sliding_one_bit_by_bit(
        self, robot: RobotState, windows: Windows, passes: int
    ) -> None:
        robot.windows = windows
        for n in range(100):
            ask_robot(robot, now=T0 + (0 if n < 50 else 1800))
        outcomes = [ask_robot(robot, now=T0 + 3600).response.outcome for _ in range(101)]
        assert outcomes.count("OK") == passes

    def test_rejected_requests_count_where_that_is_asked_for(self, robot: RobotState) -> None:
        robot.windows.count_rejected = True
        robot.windows.form = "sliding"
        for n in range(200):
            ask_robot(robot, now=T0 + n)
        assert ask_robot(robot, now=T0 + 3601 + 50).response.outcome == "RATE_LIMIT_EXCEEDED"

    def test_going_over_can_be_punished_with_a_ban_without_json(self, robot: RobotState) -> None:
        robot.profile.ban_s = 120
        for _ in range(101):
            ask_robot(robot)
        banned = ask_robot(robot, "POST", to=LB2, now=T0 + 119)
        assert (banned.response.status, banned.response.outcome) == (403, "BANNED")
        assert b"{" not in banned.response.body
        assert ask_robot(robot, "POST", to=LB2, now=T0 + 120).response.outcome == "OK"

    @pytest.mark.parametrize(("scope", "shared"), [("account", True), ("user", True), ("source_ip", False)])
    def test_who_shares_a_quota_can_be_chosen(self, robot: RobotState, scope: str, *, shared: bool) -> None:
        robot.profile.scope = scope  # type: ignore[assignment]  # one of the three
        for _ in range(100):
            ask_robot(robot)
        assert (ask_robot(robot, source=LB2).response.status == 403) is shared


class TestReading:
    def test_the_list_has_everything_and_a_server_login_sees_its_own(self, robot: RobotState) -> None:
        robot.world.add_user("#321+a", "x", server=321)
        robot.world.add_user("#421+a", "x", server=421)
        assert [each["failover"]["ip"] for each in said(ask_robot(robot, path="/failover"))] == [
            VIP,
            "2001:db8:f::",
        ]
        assert len(said(ask_robot(robot, path="/failover", auth=basic("#321+a", "x")))) == 2
        none = ask_robot(robot, path="/failover", auth=basic("#421+a", "x"))
        assert (none.response.status, none.response.outcome) == (404, "NOT_FOUND")
        assert ask_robot(robot, auth=basic("#421+a", "x")).response.outcome == "NOT_FOUND"

    @pytest.mark.parametrize("spelling", ["2001:db8:f::", "2001:0db8:000f:0:0:0:0:0", "2001%3Adb8%3Af%3A%3A"])
    def test_ipv6_is_found_in_any_spelling(self, robot: RobotState, spelling: str) -> None:
        assert active(ask_robot(robot, path=f"/failover/{spelling}")) == "2001:db8:1::"

    def test_objects_look_as_documented_or_as_old(self, robot: RobotState) -> None:
        shown = said(ask_robot(robot))["failover"]
        assert shown["server_ip"] == LB1
        assert shown["server_number"] == 321
        assert shown["netmask"] == "255.255.255.255"
        assert shown["status"] == "ready"
        robot.profile.status_field = robot.profile.server_ipv6_net = False
        assert not {"status", "server_ipv6_net"} & said(ask_robot(robot))["failover"].keys()

    def test_yaml_where_it_is_spoken(self, robot: RobotState) -> None:
        reply = ask_robot(robot, path=f"/failover/{VIP}.yaml")
        assert yaml.safe_load(reply.response.body)["failover"]["active_server_ip"] == LB1
        robot.profile.yaml = False
        assert ask_robot(robot, path=f"/failover/{VIP}.yaml").response.outcome == "NOT_FOUND"


class TestSwitching:
    def test_it_answers_when_it_is_done_and_packets_may_follow_later(self, robot: RobotState) -> None:
        robot.profile.dataplane_lag_s = 5
        reply = ask_robot(robot, "POST", to=LB2)
        assert (reply.at, reply.begun, active(reply)) == (T0 + 30, True, LB2)
        failover = robot.world.failovers[VIP]
        for after, truth in ((29, LB1), (34, LB1), (35, LB2)):
            robot.settle(T0 + after)
            assert failover.dataplane == truth, after
        assert failover.active == LB2

    @pytest.mark.parametrize(("visibility", "meanwhile"), [("early", LB2), ("late", LB1)])
    def test_a_get_meanwhile_says_processing(
        self, robot: RobotState, visibility: str, meanwhile: str
    ) -> None:
        robot.profile.visibility = visibility  # type: ignore[assignment]  # one of the two
        ask_robot(robot, "POST", to=LB2)
        shown = said(ask_robot(robot, now=T0 + 10))["failover"]
        assert (shown["active_server_ip"], shown["status"]) == (meanwhile, "processing")
        shown = said(ask_robot(robot, now=T0 + 30))["failover"]
        assert (shown["active_server_ip"], shown["status"]) == (LB2, "ready")

    def test_reads_may_be_stale_for_a_while(self, robot: RobotState) -> None:
        robot.profile.stale_s = 20
        ask_robot(robot, "POST", to=LB2)
        assert active(ask_robot(robot, now=T0 + 49)) == LB1
        assert active(ask_robot(robot, now=T0 + 50)) == LB2

    def test_a_second_one_meanwhile_is_locked_for_the_rest(self, robot: RobotState) -> None:
        ask_robot(robot, "POST", to=LB2)
        for method, to in (("POST", LB1), ("POST", LB2), ("DELETE", None)):
            locked = ask_robot(robot, method, to=to, now=T0 + 12)
            assert (locked.response.status, locked.response.outcome) == (409, "FAILOVER_LOCKED")
            assert locked.response.lock_wait == 18
            assert not locked.begun
        assert ask_robot(robot, "POST", to=LB1, now=T0 + 30).begun
        assert len(robot.world.moves) == 2

    def test_the_same_target_is_already_routed(self, robot: RobotState) -> None:
        reply = ask_robot(robot, "POST", to=LB1)
        assert (reply.response.status, reply.response.outcome) == (409, "FAILOVER_ALREADY_ROUTED")
        robot.profile.already_status = 400
        assert ask_robot(robot, "POST", to=LB1).response.status == 400
        robot.profile.locked_first = False
        ask_robot(robot, "POST", to=LB2)
        assert ask_robot(robot, "POST", to=LB2, now=T0 + 1).response.outcome == "FAILOVER_ALREADY_ROUTED"

    def test_input_is_checked_before_the_address_and_the_address_before_the_target(
        self, robot: RobotState
    ) -> None:
        missing = ask_robot(robot, "POST", "/failover/192.0.2.99")
        assert said(missing)["error"]["missing"] == ["active_server_ip"]
        empty = ask_robot(robot, "POST", to="")
        assert said(empty)["error"]["invalid"] == ["active_server_ip"]
        in_query = ask_robot(robot, "POST", f"/failover/{VIP}?active_server_ip={LB2}")
        assert in_query.response.outcome == "INVALID_INPUT"
        unknown = ask_robot(robot, "POST", "/failover/192.0.2.99", to="10.0.0.1")
        assert unknown.response.outcome == "NOT_FOUND"
        assert ask_robot(robot, "POST", to="10.0.0.1").response.outcome == "FAILOVER_NEW_SERVER_NOT_FOUND"

    def test_ipv6_goes_to_the_net_of_a_server_and_to_no_host(self, robot: RobotState) -> None:
        host = ask_robot(robot, "POST", V6, to="2001:db8:2::1")
        assert host.response.outcome == "FAILOVER_NEW_SERVER_NOT_FOUND"
        robot.profile.host_address = "INVALID_INPUT"
        assert ask_robot(robot, "POST", V6, to="2001:db8:2::1").response.status == 400
        assert ask_robot(robot, "POST", V6, to="2001:db8:2::/64").response.status == 400
        assert active(ask_robot(robot, "POST", V6, to="2001:db8:2::")) == "2001:db8:2::"

    def test_a_client_that_leaves_does_not_stop_it_unless_asked_for(self, robot: RobotState) -> None:
        for behaviour, ends_at in (("completes", LB2), ("abandons", LB2)):
            robot.profile.disconnect = behaviour  # type: ignore[assignment]  # one of the two
            target = LB2 if behaviour == "completes" else LB1
            ask_robot(robot, "POST", to=target, now=T0)
            robot.disconnected(robot.world.moves[-1])
            robot.settle(T0 + 60)
            assert robot.world.failovers[VIP].active == robot.world.failovers[VIP].dataplane == ends_at


class TestUnrouting:
    def test_it_takes_as_long_and_twice_is_nothing(self, robot: RobotState) -> None:
        first = ask_robot(robot, "DELETE")
        assert (first.at, active(first)) == (T0 + 30, None)
        again = ask_robot(robot, "DELETE", now=T0 + 31)
        assert (again.response.status, again.begun, again.at) == (200, False, T0 + 31)
        assert robot.world.failovers[VIP].dataplane is None


class TestFaults:
    def test_a_fault_instead_changes_nothing_and_one_after_hides_a_change(self, robot: RobotState) -> None:
        front = Front("robot", robot)
        front.faults.add("html-502", method="POST", count=1)
        front.faults.add("html-502", method="POST", count=1, applied=True)
        for begun in (False, True):
            reply = ask_robot(front, "POST", to=LB2)
            assert (reply.response.status, reply.begun) == (502, begun)
        assert [(each.begun, each.fault, each.status) for each in front.journal] == [
            (False, "html-502", 502),
            (True, "html-502", 502),
        ]
        assert ask_robot(front, now=T0 + 40).response.status == 200

    def test_not_complete_may_come_true_late(self, robot: RobotState) -> None:
        front = Front("robot", robot)
        front.faults.add("not-complete", applied=True, late=90, count=1)
        assert ask_robot(front, "POST", to=LB2).response.outcome == "OK"
        assert said(ask_robot(front, now=T0 + 119))["failover"]["status"] == "processing"
        assert active(ask_robot(front, now=T0 + 120)) == LB2

    def test_faults_have_times_sources_paths_and_counts(self, robot: RobotState) -> None:
        front = Front("robot", robot)
        front.faults.add("maintenance", since=T0 + 10, until=T0 + 20, source=LB1, path="/failover/", count=2)
        seen = [
            ask_robot(front, now=T0 + now, source=source, path=path).response.status
            for now, source, path in (
                (9, LB1, f"/failover/{VIP}"),
                (10, LB2, f"/failover/{VIP}"),
                (10, LB1, "/failover"),
                (10, LB1, f"/failover/{VIP}"),
                (19, LB1, f"/failover/{VIP}"),
                (19, LB1, f"/failover/{VIP}"),
                (20, LB1, f"/failover/{VIP}"),
            )
        ]
        assert seen == [200, 200, 200, 503, 503, 200, 200]

    def test_a_fault_that_does_not_exist_is_refused(self, robot: RobotState) -> None:
        with pytest.raises(ValueError, match="no fault 'html-418'"):
            Front("robot", robot).faults.add("html-418")

    def test_the_journal_knows_everything_but_the_secrets(self, robot: RobotState) -> None:
        front = Front("robot", robot)
        ask_robot(front, "POST", to=LB2)
        ask_robot(front, "POST", to=LB1, now=T0 + 10, source=LB2)
        first, second = front.journal
        assert (first.user, first.source, first.form, first.begun, first.at) == (
            "#ws+lvsctl",
            LB1,
            {"active_server_ip": LB2},
            True,
            T0 + 30,
        )
        assert (second.outcome, second.lock_wait, second.status) == ("FAILOVER_LOCKED", 20, 409)
        assert front.journal.begun() == front.journal.posts(outcome="OK") == [first]
        assert "pass:wörd" not in front.journal.text() + repr(front.journal.as_json())

    def test_an_unknown_page_or_method_is_not_found(self, robot: RobotState) -> None:
        for method, path in (("GET", "/server"), ("PUT", f"/failover/{VIP}"), ("POST", "/failover")):
            reply = robot.handle(Request(method, path, {"authorization": basic()}), T0)
            assert reply.response.outcome == "NOT_FOUND"
