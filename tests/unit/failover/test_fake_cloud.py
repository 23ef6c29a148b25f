"""The fake Cloud behaves as the API's description and its clients say, with no socket and no waiting."""

from typing import Any

import pytest

from tests.fakes.hetzner.cloud import CloudState
from tests.fakes.hetzner.front import Front
from tests.fakes.hetzner.probe import T0, ask_cloud, said
from tests.fakes.hetzner.worlds import cloud_state_of

ASSIGN = "/floating_ips/1000/actions/assign"


@pytest.fixture
def cloud() -> CloudState:
    return cloud_state_of()


def code(reply: Any) -> str:
    return str(said(reply)["error"]["code"])


def test_tokens_are_checked_and_some_only_read(cloud: CloudState) -> None:
    assert code(ask_cloud(cloud, "GET", "/floating_ips", bearer="nobody")) == "unauthorized"
    assert ask_cloud(cloud, "GET", "/floating_ips", bearer="only-reads").response.status == 200
    refused = ask_cloud(cloud, "POST", ASSIGN, body={"server": 42}, bearer="only-reads")
    assert (refused.response.status, code(refused)) == (401, "token_readonly")
    cloud.profile.readonly_status = 403
    assert ask_cloud(cloud, "POST", ASSIGN, body={"server": 42}, bearer="only-reads").response.status == 403


def test_every_answer_tells_the_limit_and_the_bucket_drips(cloud: CloudState) -> None:
    cloud.bucket.tokens = 1
    last = ask_cloud(cloud, "GET", "/floating_ips/1000", bearer="nobody").response
    assert last.headers["RateLimit-Limit"] == "3600"
    assert last.headers["RateLimit-Remaining"] == "0"
    assert last.headers["RateLimit-Reset"] == str(int(T0) + 3600)
    assert code(ask_cloud(cloud, "GET", "/floating_ips/1000")) == "rate_limit_exceeded"
    assert ask_cloud(cloud, "GET", "/floating_ips/1000", now=T0 + 1).response.status == 200
    assert ask_cloud(cloud, "GET", "/floating_ips/1000", now=T0 + 1).response.status == 429


def test_lists_come_in_pages_and_filters_shorten_them(cloud: CloudState) -> None:
    first = said(ask_cloud(cloud, "GET", "/floating_ips"))
    assert len(first["floating_ips"]) == 25
    assert first["meta"]["pagination"] == {
        "page": 1,
        "per_page": 25,
        "previous_page": None,
        "next_page": 2,
        "last_page": 3,
        "total_entries": 62,
    }
    assert "vip" not in [each["name"] for each in first["floating_ips"]]
    second = said(ask_cloud(cloud, "GET", "/floating_ips?page=2&per_page=500"))
    assert [each["name"] for each in second["floating_ips"]][-2:] == ["vip", "vip6"]
    assert second["meta"]["pagination"]["next_page"] is None
    named = said(ask_cloud(cloud, "GET", "/floating_ips?name=vip"))
    assert [each["id"] for each in named["floating_ips"]] == [1000]
    cloud.world.floating_ips[7].labels["role"] = "lvs"
    labelled = said(ask_cloud(cloud, "GET", "/floating_ips?label_selector=role==lvs"))
    assert [each["id"] for each in labelled["floating_ips"]] == [7]


@pytest.mark.parametrize(("visibility", "meanwhile"), [("late", 41), ("early", 42)])
def test_assigning_is_an_action_that_runs_for_a_while(
    cloud: CloudState, visibility: str, meanwhile: int
) -> None:
    cloud.profile.visibility = visibility  # type: ignore[assignment]  # one of the two
    cloud.profile.dataplane_lag_s = 3
    begun = ask_cloud(cloud, "POST", ASSIGN, body={"server": 42})
    assert (begun.response.status, begun.at, begun.begun) == (201, T0, True)
    action = said(begun)["action"]
    assert (action["status"], action["command"], action["finished"]) == (
        "running",
        "assign_floating_ip",
        None,
    )
    assert (
        said(ask_cloud(cloud, "GET", "/floating_ips/1000", now=T0 + 1))["floating_ip"]["server"] == meanwhile
    )
    for path in (f"/actions/{action['id']}", f"/floating_ips/1000/actions/{action['id']}"):
        assert said(ask_cloud(cloud, "GET", path, now=T0 + 1))["action"]["progress"] == 50
    ended = said(ask_cloud(cloud, "GET", f"/actions/{action['id']}", now=T0 + 2))["action"]
    assert (ended["status"], ended["progress"]) == ("success", 100)
    assert cloud.world.floating_ips[1000].dataplane == 41
    cloud.settle(T0 + 5)
    assert cloud.world.floating_ips[1000].dataplane == 42


def test_meanwhile_the_address_and_the_server_are_locked(cloud: CloudState) -> None:
    ask_cloud(cloud, "POST", ASSIGN, body={"server": 42})
    for path, body in (
        (ASSIGN, {"server": 41}),
        ("/floating_ips/1000/actions/unassign", {}),
        ("/floating_ips/1001/actions/assign", {"server": 42}),
    ):
        locked = ask_cloud(cloud, "POST", path, body=body, now=T0 + 1)
        assert (locked.response.status, code(locked), locked.response.lock_wait) == (423, "locked", 1)
    assert ask_cloud(cloud, "POST", ASSIGN, body={"server": 41}, now=T0 + 2).begun


def test_an_action_can_fail_and_changes_nothing_then(cloud: CloudState) -> None:
    cloud.profile.actions_fail = 1
    number = said(ask_cloud(cloud, "POST", ASSIGN, body={"server": 42}))["action"]["id"]
    ended = said(ask_cloud(cloud, "GET", f"/actions/{number}", now=T0 + 2))["action"]
    assert (ended["status"], ended["error"]["code"]) == ("error", "action_failed")
    assert cloud.world.floating_ips[1000].server == cloud.world.floating_ips[1000].dataplane == 41
    assert ask_cloud(cloud, "POST", ASSIGN, body={"server": 42}, now=T0 + 2).begun


def test_what_cannot_be_done_is_said_by_code(cloud: CloudState) -> None:
    assigned = ask_cloud(cloud, "POST", ASSIGN, body={"server": 41})
    assert (assigned.response.status, code(assigned)) == (422, "floating_ip_assigned")
    cloud.profile.same_server = 201
    assert ask_cloud(cloud, "POST", ASSIGN, body={"server": 41}).response.status == 201
    assert code(ask_cloud(cloud, "POST", ASSIGN, body={"server": 99}, now=T0 + 9)) == "not_found"
    assert code(ask_cloud(cloud, "POST", ASSIGN, body={"server": "42"}, now=T0 + 9)) == "invalid_input"
    assert (
        code(ask_cloud(cloud, "POST", "/floating_ips/9999/actions/assign", body={"server": 42}))
        == "not_found"
    )
    cloud.world.floating_ips[1000].protected = True
    protected = ask_cloud(cloud, "POST", ASSIGN, body={"server": 42}, now=T0 + 9)
    assert (protected.response.status, code(protected)) == (423, "protected")


def test_unassigning_leaves_it_nowhere(cloud: CloudState) -> None:
    assert ask_cloud(cloud, "POST", "/floating_ips/1001/actions/unassign", body={}).begun
    shown = said(ask_cloud(cloud, "GET", "/floating_ips/1001", now=T0 + 2))["floating_ip"]
    assert (shown["server"], shown["type"], shown["ip"]) == (None, "ipv6", "2001:db8:f::/64")
    assert cloud.world.floating_ips[1001].dataplane is None


def test_the_journal_names_tokens_without_showing_them(cloud: CloudState) -> None:
    front = Front("cloud", cloud)
    ask_cloud(front, "POST", ASSIGN, body={"server": 42})
    (entry,) = front.journal
    assert (entry.user, entry.form, entry.begun, entry.path) == ("both", {"server": 42}, True, f"/v1{ASSIGN}")
    assert "token-" not in repr(front.journal.as_json())
