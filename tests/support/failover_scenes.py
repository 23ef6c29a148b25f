"""A scenario as a test: a coroutine played in made-up time, and what it may cost in calls."""

import itertools
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from tests.support.failover_stage import Stage, play

CALLS = {
    "test_a_plain_failover_takes_two_looks_and_one_post": (2, 1),
    "test_an_address_that_is_here_already_is_only_looked_at": (1, 0),
    "test_s1_of_two_masters_the_first_wins_and_the_second_stops": (49, 2),  # in two hours
    "test_s2_an_api_that_is_down_for_ten_minutes_moves_nothing_and_is_asked_rarely": (19, 1),
    "test_s2_nobody_moves_when_the_api_fails_under_the_master": (36, 0),  # in an hour
    "test_s3_an_hour_of_flapping_every_second_stays_within_quota_and_ends_right": (106, 10),  # and one more
    "test_s4_master_backup_master_within_one_lock_is_one_post": (4, 1),
    "test_s4_backup_in_the_end_is_no_second_post": (9, 2),
    "test_s6_a_wrong_password_is_tried_once_and_again_after_ten_minutes": (6, 0),  # in four hours
    "test_s6_three_addresses_of_one_account_try_a_wrong_password_once": (1, 0),
    "test_s7_lower_adverts_every_second_cost_one_look_a_minute": (7, 0),
    "test_s7_an_address_that_a_lower_peer_took_is_taken_back_once": (18, 1),  # and yields at the second time
    "test_s8_an_ipv6_network_moves_as_a_whole": (2, 1),
    "test_s9_an_address_that_points_nowhere_is_taken": (2, 1),
    "test_s10_processing_for_ever_is_looked_at_rarely_alarms_and_is_never_done": (56, 1),  # in three hours
    "test_when_single_looks_are_barred_the_list_is_asked": (3, 1),
}
"""GETs and POSTs of both nodes together. Time and jitter are made up, so these are exact."""

Scene = Callable[[], Coroutine[Any, Any, None]]


def scene(script: Scene) -> Callable[[], None]:
    """Make a test of a coroutine: it is played in made-up time, and its calls are compared with CALLS."""

    def test() -> None:
        play(script)
        assert Stage.last.calls() == CALLS.get(script.__name__, Stage.last.calls()), "GETs, POSTs"

    test.__name__ = script.__name__
    test.__doc__ = script.__doc__
    return test


def gaps(times: list[float]) -> Iterator[float]:
    return (after - before for before, after in itertools.pairwise(times))
