"""What the failover tests in the kernel lab share."""

from collections.abc import Iterator

import pytest

from tests.support.failover_pair import Pair


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """Two directors for all trials of a module: making them takes as long as a trial."""
    with Pair() as pair:
        yield pair
