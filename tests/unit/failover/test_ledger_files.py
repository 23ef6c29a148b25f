"""The files in which ledger, claim and hold outlive the process, and clocks that jump meanwhile."""

import json
from pathlib import Path
from typing import Any

import pytest

from lvsctl.errors import Busy, Unavailable
from lvsctl.failover import hold as holds
from lvsctl.failover import provider as p
from lvsctl.failover.budget import Account, Bar, Budget, Purpose, Spent
from lvsctl.failover.claim import Claim, Phase, Sent
from lvsctl.failover.keeper import CLAIM_FORM, file_claim
from lvsctl.failover.ledger import ACCOUNT_FORM, Ledger, file_ledger
from lvsctl.failover.observation import Observation, Status, Target
from lvsctl.failover.provider import Call
from lvsctl.failover.robot import QUOTAS
from lvsctl.failover.saved import account_from, account_to, claim_from, claim_to
from lvsctl.failover.shelf import FileShelf, HostClock, MemoryShelf, Stamp, shift
from lvsctl.host.lock import locked
from tests.support.failover_spending import NOW, spent
from tests.support.failover_stage import IP

SEEN = Observation(Target("192.0.2.11"), Status.READY, NOW)


@pytest.fixture(autouse=True)
def _root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LVSCTL_ROOT", str(tmp_path))


@pytest.fixture
def shelf() -> FileShelf[Account]:
    return FileShelf("ledger-x", ACCOUNT_FORM, HostClock())


def fill(_account: Account) -> tuple[Account, None]:
    return FULL, None


FULL = Account(
    spent=(Spent(Call.POST, NOW), Spent(Call.GET_ONE, NOW + 1)),
    bars=(Bar(frozenset(Call), NOW + 9, "why", login=True),),
    strikes=2,
    proved=NOW,
    trial=None,
    lost=NOW - 1,
)
BUSY = Claim(
    phase=Phase.SENT,
    cause="outcome-open",
    why="reset",
    generation=7,
    promoted=NOW,
    lower_heard=NOW + 1,
    elected=True,
    seen=SEEN,
    held=NOW,
    base="192.0.2.12",
    retaken=True,
    ordered=True,
    sent=Sent(NOW, NOW + 2),
    posts=(NOW - 100, NOW),
    locked_until=NOW + 3,
    not_before=NOW + 4,
    since=NOW,
    polls=2,
    tries=1,
)


class TestFiles:
    def test_another_process_reads_what_this_one_wrote(self, shelf: FileShelf[Account]) -> None:
        shelf.change(fill)
        assert FileShelf("ledger-x", ACCOUNT_FORM, HostClock()).read() == FULL
        assert shelf.path.stat().st_mode & 0o777 == 0o600

    @pytest.mark.parametrize("claim", [Claim(), BUSY])
    def test_a_claim_survives_json(self, claim: Claim) -> None:
        assert claim_from(json.loads(json.dumps(claim_to(claim))), 0.0) == claim

    def test_times_move_with_the_boot_and_nothing_else_does(self) -> None:
        moved = claim_from(json.loads(json.dumps(claim_to(BUSY))), -10.0)
        assert moved.posts == (NOW - 110, NOW - 10)
        assert moved.sent == Sent(NOW - 10, NOW - 8)
        assert moved._replace(**_times(BUSY)) == BUSY
        assert account_from(json.loads(json.dumps(account_to(FULL))), -1.0).spent[0].at == NOW - 1

    def test_nothing_changed_is_nothing_written(self, shelf: FileShelf[Account]) -> None:
        shelf.read()
        assert not shelf.path.exists()

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            "[]",
            "null",
            '{"version": 99}',
            "[" * 100_000,
            '{"version": 1, "serial": 1, "stamp": ["b", 1, 1], "value": {"spent": [["post", "soon"]]}}',
            '{"version": 1, "serial": 1, "stamp": ["b", 1, 1], "value": {"spent": [["post", NaN]]}}',
        ],
        ids=str.__len__,
    )
    def test_a_ledger_that_makes_no_sense_leaves_only_the_reserve(
        self, shelf: FileShelf[Account], text: str
    ) -> None:
        shelf.path.parent.mkdir(parents=True)
        shelf.path.write_text(text)
        account = shelf.read()
        assert account.lost is not None
        assert shelf.read() == account, "the hour begins once"
        assert shelf.path.with_name(f"{shelf.path.name}.previous").read_text() == text
        budget = Budget(account._replace(lost=NOW), QUOTAS, 2)
        assert spent(budget, Call.POST, Purpose.CLAIM) == 10
        assert spent(budget, Call.GET_ONE, Purpose.OPERATOR) == 20
        assert spent(budget, Call.GET_ONE, Purpose.ROUTINE) == 0
        assert budget.free_at(Call.GET_ONE, Purpose.ROUTINE, NOW) == NOW + 3660
        assert budget.free_at(Call.DELETE, Purpose.CLAIM, NOW) == float("inf")

    def test_a_claim_that_makes_no_sense_waits_for_a_lock_window(self) -> None:
        clock = HostClock()
        shelf = file_claim(IP, clock)
        assert shelf.read() == Claim()
        assert isinstance(shelf, FileShelf)
        shelf.path.parent.mkdir(parents=True)
        shelf.path.write_text('{"version": 1}')
        found = shelf.read()
        assert found.sent is not None
        assert abs(found.sent.at - clock.now()) < 5

    def test_a_disk_that_cannot_be_written_is_stood_in_for_by_memory(self, shelf: FileShelf[Account]) -> None:
        shelf.path.parent.parent.mkdir(parents=True)
        shelf.path.parent.write_text("no folder can be here")
        shelf.change(fill)
        assert shelf.read() == FULL
        shelf.path.parent.unlink()
        shelf.change(lambda account: (account._replace(strikes=3), None))
        assert not shelf.spare.exists(), "once the disk is back it is the only copy"
        assert shelf.read().strikes == 3

    def test_the_newer_of_two_copies_counts(self, shelf: FileShelf[Account]) -> None:
        shelf.change(fill)
        old = shelf.path.read_text()
        shelf.change(lambda account: (account._replace(strikes=5), None))
        shelf.spare.parent.mkdir(parents=True, exist_ok=True)
        shelf.spare.write_text(old)
        assert shelf.read().strikes == 5

    def test_a_loss_of_power_forgets_looks_at_most_and_a_kill_forgets_nothing(
        self, shelf: FileShelf[Account]
    ) -> None:
        ledger = Ledger(shelf, QUOTAS, 2, HostClock())
        ledger.answered(Call.GET_ONE, SEEN)  # the credentials are good

        def made() -> list[Call]:
            return [each.call for each in shelf.read().spent]

        assert ledger.spend(Call.POST, Purpose.CLAIM) is None
        assert ledger.spend(Call.GET_ONE, Purpose.OPERATOR) is None
        assert sorted(made()) == sorted([Call.GET_ONE, Call.POST])
        shelf.spare.unlink()  # what a reboot does to /run
        assert made() == [Call.POST]

    def test_what_a_kill_left_half_written_in_memory_is_written_over(self, shelf: FileShelf[Account]) -> None:
        ledger = Ledger(shelf, QUOTAS, 2, HostClock())
        ledger.answered(Call.GET_ONE, SEEN)
        assert ledger.spend(Call.GET_ONE, Purpose.OPERATOR) is None
        half = shelf.spare.with_name(f".{shelf.spare.name}")
        half.write_text(shelf.spare.read_text() * 2)
        assert len(shelf.read().spent) == 1
        assert ledger.spend(Call.GET_ONE, Purpose.OPERATOR) is None
        assert len(shelf.read().spent) == 2
        assert not half.exists()

    def test_memory_that_cannot_be_written_is_stood_in_for_by_the_disk(
        self, shelf: FileShelf[Account], tmp_path: Path
    ) -> None:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.write_text("untouched")
        shelf.spare.parent.mkdir(parents=True)
        shelf.spare.with_name(f".{shelf.spare.name}").symlink_to(elsewhere)
        assert Ledger(shelf, QUOTAS, 2, HostClock()).spend(Call.GET_ONE, Purpose.OPERATOR) is None
        assert shelf.path.exists()
        assert elsewhere.read_text() == "untouched"

    def test_nothing_can_be_written_then_nothing_is_called(self, shelf: FileShelf[Account]) -> None:
        for folder in (shelf.path.parent, shelf.spare.parent):
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.write_text("no folder can be here")
        ledger = Ledger(shelf, QUOTAS, 2, HostClock())
        withheld = ledger.spend(Call.GET_ONE, Purpose.OPERATOR)
        assert withheld is not None
        assert "ledger" in withheld.why

    def test_a_lock_that_somebody_keeps_withholds_and_does_not_wait_long(
        self, shelf: FileShelf[Account]
    ) -> None:
        with locked(shelf.lock):
            with pytest.raises(Busy):
                shelf.read()
            assert Ledger(shelf, QUOTAS, 2, HostClock()).spend(Call.POST, Purpose.CLAIM) is not None

    def test_a_refused_login_that_could_not_be_written_is_written_before_the_next_call(
        self, shelf: FileShelf[Account]
    ) -> None:
        ledger = Ledger(shelf, QUOTAS, 2, HostClock())
        with locked(shelf.lock):
            ledger.answered(Call.GET_ONE, p.Auth("401"))
        assert ledger.spend(Call.GET_ONE, Purpose.OPERATOR) is not None
        assert shelf.read().strikes == 1

    def test_what_another_boot_was_master_of_is_over_and_what_it_sent_is_not(self) -> None:
        clock = HostClock()
        before = file_claim(IP, clock)
        busy = BUSY._replace(sent=Sent(clock.now() - 5))
        before.change(lambda _claim: (busy, None))
        clock.boot = "another"
        after = file_claim(IP, clock).read()
        assert after.phase is Phase.IDLE
        assert after.sent is not None
        assert after.sent.at <= clock.now()

    def test_one_ledger_for_each_account_and_no_account_name_in_a_path(self) -> None:
        class Named:
            quotas = QUOTAS

            def __init__(self, account: str) -> None:
                self.account = account

        def made(provider: Any) -> Ledger:
            return file_ledger(provider, 2, HostClock())

        a, again, b = made(Named("../../etc")), made(Named("../../etc")), made(Named("b"))
        a.answered(Call.GET_ONE, p.Auth("401"))
        assert again.budget().account.strikes == 1
        assert b.budget().account.strikes == 0
        again.forgive()
        assert a.budget().account.strikes == 0


def _times(claim: Claim) -> dict[str, Any]:
    names = (
        "promoted",
        "lower_heard",
        "seen",
        "held",
        "sent",
        "posts",
        "locked_until",
        "not_before",
        "since",
    )
    return {name: getattr(claim, name) for name in names}


class TestClocks:
    THEN = Stamp("boot-1", 1000.0, 1_700_000_000.0)

    def test_in_the_same_boot_the_wall_clock_does_not_matter(self) -> None:
        assert shift(self.THEN, Stamp("boot-1", 1060.0, 0.0)) == 0.0

    def test_after_a_reboot_the_wall_clock_says_how_long_ago(self) -> None:
        moved = 1000.0 + shift(self.THEN, Stamp("boot-2", 50.0, self.THEN.wall + 300))
        assert 50.0 - moved == 300

    def test_a_wall_clock_that_was_set_back_makes_nothing_younger_than_the_boot(self) -> None:
        moved = 1000.0 + shift(self.THEN, Stamp("boot-2", 50.0, self.THEN.wall - 10**9))
        assert 50.0 - moved == 50.0

    def test_the_hosts_clock_goes_forward_and_knows_its_boot(self) -> None:
        clock = HostClock()
        first = clock.now()
        assert clock.now() >= first
        assert clock.shift(clock.stamp()) == 0.0


class TestHold:
    def test_it_is_there_or_not(self) -> None:
        assert holds.held(IP) is None
        assert holds.hold(IP, "incident 12")
        assert not holds.hold(IP, "incident 12")
        assert holds.held(IP) == "incident 12"
        assert holds.resume(IP)
        assert not holds.resume(IP)
        assert holds.held(IP) is None

    def test_what_cannot_be_read_holds(self) -> None:
        holds.hold_file(IP).mkdir(parents=True)
        assert holds.held(IP)
        with pytest.raises(Unavailable):
            holds.resume(IP)

    def test_an_empty_file_holds(self) -> None:
        holds.hold(IP, "")
        assert holds.held(IP) == "no reason given"


def test_the_forms_begin_as_they_say() -> None:
    assert CLAIM_FORM.new() == Claim()
    assert MemoryShelf(Account()).read() == Account()
