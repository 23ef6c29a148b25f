"""A provider for the programs in hooks/, and a node that they run on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.hetzner.server import HetznerFake
from tests.support.failover_cli import Station, renewed


@pytest.fixture(scope="session")
def server() -> Iterator[HetznerFake]:
    with HetznerFake() as fake:
        yield fake


@pytest.fixture
def fake(server: HetznerFake) -> HetznerFake:
    return renewed(server)


@pytest.fixture
def station(fake: HetznerFake, tmp_path: Path) -> Station:
    return Station(tmp_path, fake)
