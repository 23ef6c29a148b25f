"""What the tests of the sorry in the kernel lab share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.sorry_topology import Lab

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sockets of visitors that were under way when their run ended may be collected, and told of, in any later test."""
    ignored = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(ignored)


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """One set of hosts for all cells: making it takes longer than a cell."""
    with Lab() as lab:
        yield lab
