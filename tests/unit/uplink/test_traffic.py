"""What is lost while uplinks fail in every way, counted beside linux_failover's algorithm at the same probe interval.

All scenarios run at the same time, and the tests look at what came of them. Counts, never times.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.support.isps import INTERVAL
from tests.support.uplink_stories import SCENARIOS, Outcome, played

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make network namespaces")

Outcomes = Callable[[str], Outcome]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Outcome]]:
    before = os.environ.get("LVSCTL_ROOT")
    os.environ["LVSCTL_ROOT"] = str(tmp_path_factory.mktemp("root"))
    with ThreadPoolExecutor(7) as pool:
        futures: dict[str, Future[Outcome]] = {
            name: pool.submit(played, name, scenario) for name, scenario in SCENARIOS.items()
        }
        yield lambda name: futures[name].result(120)
    os.environ.pop("LVSCTL_ROOT")
    if before is not None:
        os.environ["LVSCTL_ROOT"] = before


def test_a_cut_costs_at_most_half_of_what_it_costs_linux_failover(outcomes: Outcomes) -> None:
    ours, theirs = outcomes("cut"), outcomes("cut, baseline")
    assert ours.uses == ("isp0", "isp1", "isp0")
    assert theirs.uses == ("isp0", "isp1")
    assert int(str(ours.notes["lost on the cut"])) <= theirs.lost / 2
    # A busy machine holds up a packet or two for longer than they are waited for.
    assert ours.lost - int(str(ours.notes["lost on the cut"])) <= 2, "the way back costs nothing"


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


def test_an_unplugged_cable_is_no_question_of_probes(outcomes: Outcomes) -> None:
    found = outcomes("unplugged")
    assert found.uses == ("isp0", "isp1", "isp0")
    assert found.lost <= 3 * INTERVAL / 0.01
    assert "via 10.0.0.1 dev eth0" in str(found.notes["table"]), "its table is made anew"


def test_loss_below_the_threshold_changes_nothing(outcomes: Outcomes) -> None:
    assert outcomes("5 % loss").switches == 0


@pytest.mark.parametrize("name", ["15 % loss", "30 % loss"])
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


def test_a_target_that_dies_by_itself_says_nothing_about_the_uplink(outcomes: Outcomes) -> None:
    ours, theirs = outcomes("target dies"), outcomes("target dies, baseline")
    assert ours.uses == ("isp0", "isp1")
    assert ours.notes["lost after the target died"] == 0
    assert theirs.uses == ("isp0", "isp1", "isp0"), "the description says that it returns to the dead one"


def test_a_lost_address_is_a_reason_and_comes_back(outcomes: Outcomes) -> None:
    found = outcomes("address")
    assert found.uses == ("isp0", "isp1", "isp0")
    assert found.notes["reason"] == "eth0 has no IPv4 address"
    assert "from 10.0.0.2 lookup 2001" in str(found.notes["rules"])


def test_a_replaced_router_is_found_again(outcomes: Outcomes) -> None:
    found = outcomes("router replaced")
    assert found.uses[-1] == "isp0"
    assert found.notes["lost in the end"] == 0


def test_two_uplinks_may_have_routers_of_the_same_address(outcomes: Outcomes) -> None:
    assert outcomes("same gateway").uses == ("isp0", "isp1", "isp0")
    assert outcomes("same gateway").foreign == 0


def test_a_planned_switch_loses_nothing(outcomes: Outcomes) -> None:
    ours, theirs = outcomes("planned"), outcomes("planned, baseline")
    assert ours.uses == theirs.uses == ("isp0", "isp1", "isp0", "isp1")
    assert ours.lost == ours.refused == 0


def test_an_operators_word_is_obeyed_and_said_loudly_when_that_one_is_dead(outcomes: Outcomes) -> None:
    found = outcomes("forced")
    assert found.uses == ("isp0", "isp1", "isp0")
    document = found.notes["document"]
    assert isinstance(document, dict)
    assert document["families"]["inet"]["forced_down"] is True
    assert document["families"]["inet"]["forced"] == {"uplink": "isp1", "until": None}


def test_when_all_are_down_it_stays_and_takes_the_first_that_answers(outcomes: Outcomes) -> None:
    found = outcomes("all cut")
    assert found.notes["still"] == "isp0"
    assert found.uses == ("isp0", "isp1")


def test_of_three_the_third_is_used_when_two_are_cut(outcomes: Outcomes) -> None:
    assert outcomes("three").uses[-1] == "isp2"
    assert outcomes("three").lost < outcomes("cut, baseline").lost


def test_ipv6_with_a_link_local_router_is_no_different(outcomes: Outcomes) -> None:
    found = outcomes("IPv6")
    assert found.uses == ("isp0", "isp1", "isp0")
    assert found.lost == found.notes["lost on the cut"]
    assert found.lost <= outcomes("cut, baseline").lost / 2


def test_what_is_ours_is_put_back_and_what_is_others_stays(outcomes: Outcomes) -> None:
    notes = outcomes("meddling").notes
    assert "a route that is not lvsctl's goes first" in str(notes["obstacle"])
    assert "via 10.1.0.1 dev eth1" in str(notes["way"]), "a lower metric wins, whoever has it"
    assert "metric 20" in str(notes["routes"])
    assert "default via 10.0.0.1 dev eth0 table 2001 proto 118" in str(notes["routes"])
    assert "default via 10.1.0.1 dev eth1 proto static metric 50" in str(notes["taken"])


def test_no_packet_ever_goes_out_of_the_wrong_uplink(outcomes: Outcomes) -> None:
    for name in SCENARIOS:
        if "baseline" not in name:
            assert outcomes(name).foreign == 0, name
