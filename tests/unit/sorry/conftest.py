"""What the tests of a swap in memory begin with."""

from pathlib import Path

import pytest

from lvsctl.sorry.node import Node
from tests.support.swaps import WEB, memory_node, server


@pytest.fixture(autouse=True)
def _root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every test locks and snapshots of its own."""
    monkeypatch.setenv("LVSCTL_ROOT", str(tmp_path))


@pytest.fixture
def node(tmp_path: Path) -> Node:
    """A node with one service, two of whose real servers have visitors."""
    return memory_node(tmp_path, {WEB: server(r1=3, r2=0, r3=5)})
