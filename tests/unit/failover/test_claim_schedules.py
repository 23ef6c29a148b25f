"""Ten thousand random bad hours for a pair of directors, in made-up time.

Each is a seed; a failure names it, and ``LVSCTL_FAILOVER_SEED=N pytest`` runs that one alone. What is watched during
each: no move on unknown, by no one but the confirmed master, none on hold, none while a POST is open, no call after a
401; and at the end: one applied move in a lock window, quota kept, and the address at the final master.
"""

import gc
import os
from collections.abc import Iterator

import pytest

from tests.support.failover_schedules import hour_of

SCHEDULES = 10_000
PIECES = 8
ONE = os.environ.get("LVSCTL_FAILOVER_SEED")


def seeds(piece: int) -> range:
    if ONE is not None:
        return range(int(ONE), int(ONE) + (piece == 0))
    return range(piece, SCHEDULES, PIECES)


@pytest.fixture(autouse=True)
def _no_garbage_collection() -> Iterator[None]:
    """Nothing here makes cycles worth looking for, and looking takes a fifth of the time."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("piece", range(PIECES))
def test_no_bad_hour_breaks_the_law_or_ends_with_the_address_elsewhere(piece: int) -> None:
    for seed in seeds(piece):
        try:
            hour_of(seed)
        except AssertionError as error:
            pytest.fail(f"LVSCTL_FAILOVER_SEED={seed}: {error}")
