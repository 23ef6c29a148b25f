"""What the tests of the sorry in the kernel lab share."""

from collections.abc import Iterator

import pytest

from tests.support.sorry_topology import Lab


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """One set of hosts for all cells: making it takes longer than a cell."""
    with Lab() as lab:
        yield lab
