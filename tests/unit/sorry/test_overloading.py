"""What overload leaves behind when it is killed half-way, and what the next process makes of it."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from lvsctl.ipvs.memory import MemoryIpvs
from lvsctl.ipvs.model import Connections, Counters, Load
from lvsctl.ipvs.steps import Step
from lvsctl.sorry.journal import Journal
from lvsctl.sorry.node import Node
from lvsctl.sorry.overloading import Overload
from tests.support.swaps import R1, R2, SORRY, WEB, exact, memory_node, server, target


class Killed(BaseException):
    """The process is gone."""


def fill(ipvs: MemoryIpvs, count: int) -> None:
    for key in (R1, R2):
        ipvs.count(WEB, key, Load(Connections(count, 0), Counters()))


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    monkeypatch.setenv("LVSCTL_ROOT", str(tmp_path))
    found = server("sh", r1=1, r2=1)
    limited = {key: dest._replace(upper=8) for key, dest in found.dests.items()}
    return memory_node(tmp_path, {WEB: found._replace(dests=limited)})


@pytest.mark.parametrize("sent", [0, 1], ids=["before the first step", "after it"])
def test_killed_while_it_lets_the_sorry_in(
    node: Node, sent: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ipvs = node.ipvs
    assert isinstance(ipvs, MemoryIpvs)
    before = exact(ipvs)
    fill(ipvs, 8)
    told: list[str] = []

    def killed(steps: Iterable[Step]) -> None:
        MemoryIpvs.send(ipvs, list(steps)[:sent])
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(ipvs, "send", killed)
        first = Overload(node, [target()], told.append)
        with pytest.raises(Killed):
            first.step()
    assert SORRY not in ipvs.table()[WEB].dests
    assert not told

    after = node._replace(journal=Journal(tmp_path / "sorry"))
    overload = Overload(after, [target()], told.append)
    overload.step()
    assert ipvs.table()[WEB].dests[SORRY].weight > 0, "visitors are refused"
    overload.step()
    Overload(after, [target()], told.append).step()
    assert len(told) == 1, "the sorry is told of when it comes"

    fill(ipvs, 0)
    overload.step()
    assert exact(ipvs) == before
    assert "has room again" in told[1]
    assert not after.journal.all().snapshots
