"""What is refused before anything is changed, where keepalived owns the service, or did until it was killed."""

from pathlib import Path

import pytest

from lvsctl.ipvs.steps import DeleteService
from lvsctl.keepalived.process import Daemon, Process
from lvsctl.sorry import cooperative, ways
from lvsctl.sorry.form import Form
from lvsctl.sorry.maintenance import Untrusted
from lvsctl.sorry.managed import Maintenance, Managed, Span
from lvsctl.sorry.model import Outcome, Phase, Snapshot, Way
from lvsctl.sorry.node import Node
from lvsctl.sorry.owner import Keepalived, Owners
from lvsctl.sorry.switch import Switch
from tests.support.swaps import HOLD, OPERATOR, SORRY, WEB, exact, meanwhile, switch_on, target


@pytest.fixture(params=list(Form))
def switch(tmp_path: Path, request: pytest.FixtureRequest) -> Switch:
    """A service of keepalived's, whose maintenance file anybody may write."""
    file = tmp_path / "maintenance/web"
    file.parent.mkdir()
    file.write_text("0\n")
    file.chmod(0o666)
    server = Managed(
        "[10.0.0.100]:tcp:80", (Span(WEB, WEB.address),), request.param, request.param, (), (),
        (SORRY.address, SORRY.port), Maintenance("lvsctl_web", "/maintenance/web"),
    )  # fmt: skip
    return Switch(target(), Keepalived(Daemon(Process(1, 0), "/etc/keepalived/keepalived.conf"), server))


def test_a_file_that_cannot_be_trusted_leaves_everything_off(node: Node, switch: Switch) -> None:
    before = exact(node.ipvs)
    with pytest.raises(Untrusted):
        cooperative.on(node, [switch], OPERATOR, HOLD)
    assert exact(node.ipvs) == before
    assert node.journal.read(WEB) is None


def test_a_file_that_cannot_be_trusted_leaves_everything_on(node: Node, switch: Switch) -> None:
    switch_on(node)
    on, held = exact(node.ipvs), node.journal.all().snapshots[WEB]._replace(way=Way.KEEPALIVED)
    node.journal.write([held])
    with pytest.raises(Untrusted):
        cooperative.off(node, [switch], OPERATOR)
    assert exact(node.ipvs) == on
    assert (node.journal.read(WEB), held.phase) == (held, Phase.ON)


class TestKeepalivedIsGone:
    @pytest.fixture
    def held(self, node: Node) -> Snapshot:
        switch_on(node)
        snapshot = node.journal.all().snapshots[WEB]._replace(way=Way.KEEPALIVED)
        node.journal.write([snapshot])
        return snapshot

    def off(self, node: Node, *, force: bool = False) -> Outcome:
        (outcome,) = ways.off(node, [WEB], Owners(()), OPERATOR, targets={}, force=force)
        return outcome

    def test_the_sorry_that_it_left_is_not_said_to_be_off(self, node: Node, held: Snapshot) -> None:
        on = exact(node.ipvs)
        with pytest.raises(ways.Orphaned, match="its sorry is in the table still") as caught:
            self.off(node)
        assert "start keepalived" in caught.value.hint
        assert (exact(node.ipvs), node.journal.read(WEB)) == (on, held)

    def test_with_force_the_service_is_what_it_was(self, node: Node, held: Snapshot) -> None:
        assert self.off(node, force=True).phase is None
        assert node.ipvs.table()[WEB] == held.before
        assert node.journal.read(WEB) is None

    def test_where_it_took_the_service_away_nothing_is_left_to_do(self, node: Node, held: Snapshot) -> None:
        meanwhile(node, DeleteService(held.key))
        assert "no keepalived has it any more" in self.off(node).plan.reasons[0]
        assert node.journal.read(WEB) is None
