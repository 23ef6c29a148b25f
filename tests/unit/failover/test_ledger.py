"""What a node may spend on an account, and what a provider says about it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.failover import provider as p
from lvsctl.failover.budget import Account, Budget, Purpose, Spent, answered, forgiven, spend
from lvsctl.failover.observation import Observation, Status, Target
from lvsctl.failover.provider import Call
from lvsctl.failover.robot import QUOTAS
from tests.support.failover_spending import NOW, spent

SEEN = Observation(Target("192.0.2.11"), Status.READY, NOW)


class TestTheShareOfANode:
    @pytest.mark.parametrize(
        ("call", "purpose", "most"),
        [
            (Call.POST, Purpose.CLAIM, 15),
            (Call.POST, Purpose.OPERATOR, 25),
            (Call.GET_ONE, Purpose.OPERATOR, 50),
            (Call.DELETE, Purpose.OPERATOR, 25),
            (Call.DELETE, Purpose.CLAIM, 0),
            (Call.DELETE, Purpose.ROUTINE, 0),
        ],
    )
    def test_is_its_part_of_the_quota_less_the_reserve(self, call: Call, purpose: Purpose, most: int) -> None:
        assert spent(Budget(Account(), QUOTAS, 2), call, purpose) == most

    @pytest.mark.parametrize(("purpose", "most"), [(Purpose.ROUTINE, 30), (Purpose.CLAIM, 50)])
    def test_looks_come_apart_before_they_run_out(self, purpose: Purpose, most: int) -> None:
        budget, account, now, count = Budget(Account(), QUOTAS, 2), Account(proved=NOW), NOW, 0
        while now < NOW + 3600:
            account, withheld = spend(budget._replace(account=account), Call.GET_ONE, purpose, now)
            account = answered(budget._replace(account=account), Call.GET_ONE, SEEN, now)
            count += withheld is None
            now += 1
        assert 0.6 * most < count < most, "an hour of asking every second leaves something"

    def test_a_single_node_has_more(self) -> None:
        assert spent(Budget(Account(), QUOTAS, 1), Call.POST, Purpose.CLAIM) == 40

    def test_a_provider_that_counts_nothing_is_never_refused(self) -> None:
        assert spent(Budget(Account(), (), 2), Call.POST, Purpose.CLAIM) == 1000

    def test_a_call_counts_for_the_providers_hour_and_a_minute(self) -> None:
        full = Account(spent=tuple(Spent(Call.POST, NOW) for _ in range(15)), proved=NOW)
        budget = Budget(full, QUOTAS, 2)
        assert budget.free_at(Call.POST, Purpose.CLAIM, NOW) == NOW + 3660
        assert budget.free_at(Call.POST, Purpose.OPERATOR, NOW) == NOW
        assert spend(budget, Call.POST, Purpose.CLAIM, NOW + 3659)[1]
        assert spend(budget, Call.POST, Purpose.CLAIM, NOW + 3661)[1] is None

    @given(
        st.lists(st.tuples(st.sampled_from(Call), st.sampled_from(Purpose), st.floats(0, 900)), max_size=200)
    )
    def test_no_window_of_an_hour_holds_more_than_the_part(
        self, steps: list[tuple[Call, Purpose, float]]
    ) -> None:
        budget, now, made = Budget(Account(), QUOTAS, 2), NOW, []
        for call, purpose, pause in steps * 3:
            account, withheld = spend(budget, call, purpose, now)
            budget = budget._replace(account=answered(budget._replace(account=account), call, SEEN, now))
            if withheld is None:
                made.append((call, now))
            now += pause / 20
        for quota in QUOTAS:
            times = [at for call, at in made if call in quota.calls]
            part = quota.limit // 2
            assert all(times[i + part] - times[i] > 3600 for i in range(len(times) - part))


class TestWhatTheProviderSays:
    def after(self, *results: tuple[Call, object], at: float = NOW) -> Budget:
        budget = Budget(Account(), QUOTAS, 2)
        for call, result in results:
            budget = budget._replace(account=answered(budget, call, result, at))
        return budget

    @pytest.mark.parametrize("call", Call)
    def test_a_refused_login_silences_every_call_for_ten_minutes(self, call: Call) -> None:
        budget = self.after((Call.GET_ONE, p.Auth("401")))
        assert spend(budget, call, Purpose.OPERATOR, NOW + 599)[1]
        assert budget.free_at(call, Purpose.OPERATOR, NOW) == NOW + 600

    def test_each_further_one_silences_for_longer(self) -> None:
        budget = self.after(*[(Call.GET_ONE, p.Auth("401"))] * 3)
        assert budget.free_at(Call.GET_ONE, Purpose.CLAIM, NOW) == NOW + 2400
        assert self.after(*[(Call.GET_ONE, p.Auth("401"))] * 99).account.bars[-1].until == NOW + 3600

    def test_other_credentials_lift_a_lock_out_and_no_ban(self) -> None:
        budget = self.after(
            (Call.POST, p.RateLimited(60, banned=True, why="403")), (Call.POST, p.Auth("401"))
        )
        account = forgiven(budget.account)
        assert [bar.why for bar in account.bars] == ["rate limited: 403"]

    def test_a_rate_limit_silences_what_is_counted_with_the_call(self) -> None:
        budget = self.after((Call.POST, p.RateLimited(3600, banned=False, why="403")))
        assert budget.free_at(Call.POST, Purpose.OPERATOR, NOW) == NOW + 3600
        assert budget.free_at(Call.GET_ONE, Purpose.OPERATOR, NOW) == NOW

    def test_a_ban_silences_everything(self) -> None:
        budget = self.after((Call.POST, p.RateLimited(600, banned=True, why="403 without JSON")))
        assert budget.free_at(Call.GET_ONE, Purpose.OPERATOR, NOW) == NOW + 600

    def test_unproved_credentials_are_tried_by_one_call_at_a_time(self) -> None:
        budget = Budget(Account(), QUOTAS, 2)
        account, first = spend(budget, Call.GET_ONE, Purpose.CLAIM, NOW)
        trying = budget._replace(account=account)
        assert first is None
        assert spend(trying, Call.POST, Purpose.OPERATOR, NOW + 0.1)[1]
        assert spend(trying, Call.POST, Purpose.OPERATOR, NOW + 2.0)[1] is None, "one that hangs stops nobody"
        proved = trying._replace(account=answered(trying, Call.GET_ONE, SEEN, NOW + 0.1))
        assert spend(proved, Call.POST, Purpose.OPERATOR, NOW + 0.1)[1] is None

    @pytest.mark.parametrize("fault", [p.Unreachable("x"), p.Unavailable("x"), p.Unknown(cut=True, why="x")])
    def test_silence_proves_no_credentials(self, fault: p.Fault) -> None:
        assert self.after((Call.GET_ONE, fault)).account.proved is None
