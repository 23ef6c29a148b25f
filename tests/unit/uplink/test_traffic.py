"""What is lost while uplinks fail in every way, counted beside linux_failover's algorithm at the same probe interval.

All scenarios run at the same time, and the tests look at what came of them. Counts, never times.
"""

import os
from collections.abc import Callable, Iterator

import pytest

from tests.support.isps import INTERVAL
from tests.support.uplink_stage import Stage
from tests.support.uplink_stories import SCENARIOS, Outcome

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make network namespaces")

Outcomes = Callable[[str], Outcome]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcomes]:
    with Stage(tmp_path_factory.mktemp("root")) as stage:
        yield stage.outcome


BOTH = pytest.mark.parametrize("suffix", ["", ", IPv6"], ids=["IPv4", "IPv6"])


@BOTH
def test_a_cut_costs_at_most_half_of_what_it_costs_linux_failover(outcomes: Outcomes, suffix: str) -> None:
    """It knows no IPv6, so there is no other baseline."""
    ours, theirs = outcomes(f"cut{suffix}"), outcomes("cut, baseline")
    assert ours.uses == ("isp0", "isp1", "isp0")
    assert theirs.uses == ("isp0", "isp1")
    assert int(str(ours.notes["lost on the cut"])) <= theirs.lost / 2
    assert ours.lost == ours.notes["lost on the cut"], "the way back costs nothing"


def test_a_program_and_keepalived_are_told(outcomes: Outcomes) -> None:
    notes = outcomes("cut").notes
    assert notes["track file"] == "10         \n"
    assert notes["heard"] == [
        "switch inet isp0",
        "switch inet isp1",
        "down inet isp0",
        "up inet isp0",
        "switch inet isp0",
    ]
    assert "all-down inet isp0" in str(outcomes("all cut").notes["heard"])
    assert "forced-down inet isp1" in str(outcomes("forced").notes["heard"])
    assert "forced-down inet6 isp1" in str(outcomes("forced, IPv6").notes["heard"])


GATEWAY = {"": "10.0.0.1", ", IPv6": "fe80::1"}


@BOTH
def test_an_unplugged_cable_costs_no_more_than_a_cut(outcomes: Outcomes, suffix: str) -> None:
    """The kernel tells of a lost carrier within a second only, so the probes find it."""
    found, theirs = outcomes(f"unplugged{suffix}"), outcomes("cut, baseline")
    assert found.uses == ("isp0", "isp1", "isp0")
    assert found.lost <= theirs.lost / 2
    assert found.notes["lost on the way back"] == 0
    assert f"via {GATEWAY[suffix]} dev eth0" in str(found.notes["table"])


@pytest.mark.parametrize("name", ["down and up", "down and up, IPv6", "down and up, IPv6, kept"])
def test_an_interface_that_is_down_is_no_question_of_probes_and_gets_its_table_anew(
    outcomes: Outcomes, name: str
) -> None:
    found = outcomes(name)
    assert found.uses == ("isp0", "isp1", "isp0")
    assert found.lost <= 3 * INTERVAL / 0.01
    gateway = GATEWAY[", IPv6" if "IPv6" in name else ""]
    assert f"via {gateway} dev eth0" in str(found.notes["table"])


def test_an_interface_that_came_back_without_its_ipv6_address_is_not_used(outcomes: Outcomes) -> None:
    """The kernel drops them when an interface goes down, and nobody but who gave them gives them back."""
    notes = outcomes("down and up, IPv6").notes
    assert notes["without an address"] == ("isp1", "eth0 has no IPv6 address")
    assert "2001:db8:0::2" not in str(notes["rules without it"])
    assert "from 2001:db8:1::2 lookup 2002" in str(notes["rules without it"])


def test_loss_below_the_threshold_changes_nothing(outcomes: Outcomes) -> None:
    assert outcomes("5 % loss").switches == 0


@pytest.mark.parametrize("name", ["15 % loss", "15 % loss, IPv6", "30 % loss"])
def test_loss_above_it_costs_one_switch(outcomes: Outcomes, name: str) -> None:
    found = outcomes(name)
    assert found.uses == ("isp0", "isp1")
    assert found.lost < found.sent / 4, "most of the time the good one was used"


def test_linux_failover_changes_to_and_fro_under_loss_that_we_bear(outcomes: Outcomes) -> None:
    assert outcomes("5 % loss, baseline").switches + outcomes("15 % loss, baseline").switches >= 2


def test_a_line_that_is_too_slow_is_left(outcomes: Outcomes) -> None:
    found = outcomes("latency")
    assert found.uses == ("isp0", "isp1")
    assert found.lost == 0


@BOTH
def test_a_target_that_dies_by_itself_says_nothing_about_the_uplink(outcomes: Outcomes, suffix: str) -> None:
    ours, theirs = outcomes(f"target dies{suffix}"), outcomes("target dies, baseline")
    assert ours.uses == ("isp0", "isp1")
    assert ours.notes["lost after the target died"] == 0
    assert theirs.uses == ("isp0", "isp1", "isp0"), "the description says that it returns to the dead one"


@BOTH
def test_a_lost_address_is_a_reason_and_comes_back(outcomes: Outcomes, suffix: str) -> None:
    found = outcomes(f"address{suffix}")
    assert found.uses == ("isp0", "isp1", "isp0")
    assert found.notes["reason"] == f"eth0 has no {'IPv6' if suffix else 'IPv4'} address"
    source = "2001:db8::2" if suffix else "10.0.0.2"
    assert f"from {source} lookup 2001" in str(found.notes["rules"])


@BOTH
def test_a_replaced_router_is_found_again(outcomes: Outcomes, suffix: str) -> None:
    found = outcomes(f"router replaced{suffix}")
    assert found.uses[-1] == "isp0"
    assert found.notes["lost in the end"] == 0


def test_two_uplinks_may_have_routers_of_the_same_address(outcomes: Outcomes) -> None:
    """For IPv6 they have in all scenarios: both are fe80::1."""
    assert outcomes("same gateway").uses == ("isp0", "isp1", "isp0")
    assert outcomes("same gateway").foreign == 0


@BOTH
def test_a_planned_switch_loses_nothing(outcomes: Outcomes, suffix: str) -> None:
    ours, theirs = outcomes(f"planned{suffix}"), outcomes("planned, baseline")
    assert ours.uses == theirs.uses == ("isp0", "isp1", "isp0", "isp1")
    assert ours.lost == ours.refused == 0


@BOTH
def test_an_operators_word_is_obeyed_and_said_loudly_when_that_one_is_dead(
    outcomes: Outcomes, suffix: str
) -> None:
    found = outcomes(f"forced{suffix}")
    assert found.uses == ("isp0", "isp1", "isp0")
    document = found.notes["document"]
    assert isinstance(document, dict)
    told = document["families"]["inet6" if suffix else "inet"]
    assert told["forced_down"] is True
    assert told["forced"] == {"uplink": "isp1", "until": None}


@BOTH
def test_when_all_are_down_it_stays_and_takes_the_first_that_answers(outcomes: Outcomes, suffix: str) -> None:
    found = outcomes(f"all cut{suffix}")
    assert found.notes["still"] == "isp0"
    assert found.uses == ("isp0", "isp1")


def test_of_three_the_third_is_used_when_two_are_cut(outcomes: Outcomes) -> None:
    assert outcomes("three").uses[-1] == "isp2"
    assert outcomes("three").lost < outcomes("cut, baseline").lost


@BOTH
def test_what_is_ours_is_put_back_and_what_is_others_stays(outcomes: Outcomes, suffix: str) -> None:
    notes = outcomes(f"meddling{suffix}").notes
    first, second = ("fe80::1", "fe80::1") if suffix else ("10.0.0.1", "10.1.0.1")
    assert "a route that is not lvsctl's goes first" in str(notes["obstacle"])
    assert f"via {second} dev eth1" in str(notes["way"]), "a lower metric wins, whoever has it"
    assert "metric 20" in str(notes["routes"])
    assert f"default via {first} dev eth0 table 2001 proto 118" in str(notes["routes"])
    assert f"default via {second} dev eth1 proto static metric 50" in str(notes["taken"])


def test_no_packet_ever_goes_out_of_the_wrong_uplink(outcomes: Outcomes) -> None:
    for name in SCENARIOS:
        if "baseline" not in name:
            found = outcomes(name)
            assert found.foreign == found.notes.get("foreign by the kernel", 0), name
