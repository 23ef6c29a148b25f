"""The laws of lvsctl.ipvs.planning, tried on every cut of every plan between drawn tables, and cases written out."""

from hypothesis import given, settings
from hypothesis import strategies as st

from lvsctl.ipvs.memory import MemoryIpvs
from lvsctl.ipvs.model import (
    Connections,
    Counters,
    Dest,
    DestKey,
    Load,
    Observation,
    Persistence,
    Service,
    Table,
    VirtualServer,
)
from lvsctl.ipvs.planning import drain_hazard, order_differs, plan
from lvsctl.ipvs.steps import (
    AddDest,
    AddService,
    DeleteDest,
    DeleteService,
    EditDest,
    EditService,
    Step,
    describe,
)
from lvsctl.vocabulary import Scheduler, SchedulerFlag, ServiceKey
from tests.support.ipvs import MARK, NAT, R1, R2, WEB, keys, servers

R3 = DestKey.of("10.1.0.3", 8080)
OUT = NAT._replace(weight=0)


def web(**weights: int) -> Table:
    """A table with one service: ``web(r1=1, r2=0)``."""
    known = {"r1": R1, "r2": R2, "r3": R3}
    return {
        WEB: VirtualServer(Service(), {known[name]: NAT._replace(weight=w) for name, w in weights.items()})
    }


def seen(table: Table, **active: int) -> Observation:
    """An observation of *table*: ``r1=3`` has three connections, the others none."""
    known = {"r1": R1, "r2": R2, "r3": R3}
    busy = {known[name]: n for name, n in active.items()}
    loads = {
        (key, dest): Load(Connections(busy.get(dest, 0)), Counters())
        for key, server in table.items()
        for dest in server.dests
    }
    return Observation(table, {key: Counters() for key in table}, loads)


def after(table: Table, steps: list[Step]) -> Table:
    ipvs = MemoryIpvs(table)
    assert ipvs.send(steps) == ()
    return ipvs.table()


@st.composite
def tables(draw: st.DrawFn) -> dict[ServiceKey, VirtualServer]:
    return {key: draw(servers(key)) for key in draw(st.lists(keys, max_size=3, unique=True))}


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Table, Table]:
    """Two tables that have a good deal in common."""
    actual = draw(tables())
    desired = draw(tables())
    for key in draw(st.lists(st.sampled_from(list(actual)), unique=True)) if actual else []:
        shared = (
            draw(st.lists(st.sampled_from(list(actual[key].dests.items())), unique=True))
            if actual[key].dests
            else []
        )
        fresh = desired.get(key) or draw(servers(key))
        reweighted = {k: d._replace(weight=draw(st.sampled_from([d.weight, 0, 5]))) for k, d in shared}
        desired[key] = VirtualServer(fresh.service, {**reweighted, **fresh.dests})
    return actual, desired


def same(a: Table, b: Table) -> bool:
    return {k: (s.service, dict(s.dests)) for k, s in a.items()} == {
        k: (s.service, dict(s.dests)) for k, s in b.items()
    }


class TestLaws:
    @given(pairs())
    def test_applying_the_plan_gives_the_desired_table_and_nothing_is_left_to_do(
        self, pair: tuple[Table, Table]
    ) -> None:
        actual, desired = pair
        reached = after(actual, list(plan(actual, desired, prune=actual)))
        assert same(reached, desired)
        assert list(plan(reached, desired, prune=reached)) == []

    @given(pairs())
    @settings(max_examples=60)
    def test_every_interruption_resumed_converges(self, pair: tuple[Table, Table]) -> None:
        actual, desired = pair
        steps = list(plan(actual, desired, prune=actual))
        for cut in range(len(steps) + 1):
            stopped = after(actual, steps[:cut])
            assert same(after(stopped, list(plan(stopped, desired, prune=stopped))), desired)

    @given(pairs())
    @settings(max_examples=60)
    def test_no_prefix_loses_capacity_that_both_tables_have(self, pair: tuple[Table, Table]) -> None:
        actual, desired = pair
        steps = list(plan(actual, desired, prune=actual))
        for cut in range(len(steps) + 1):
            now = after(actual, steps[:cut])
            for key in actual.keys() & desired.keys():
                _keeps_capacity(actual[key], desired[key], now[key])

    @given(pairs())
    def test_services_that_are_not_desired_are_left_alone(self, pair: tuple[Table, Table]) -> None:
        actual, desired = pair
        reached = after(actual, list(plan(actual, desired)))
        assert same(reached, {**actual, **desired})

    @given(pairs())
    def test_reordering_gives_the_desired_order_too(self, pair: tuple[Table, Table]) -> None:
        actual, desired = pair
        reached = after(actual, list(plan(actual, desired, prune=actual, reorder=True)))
        assert {k: list(s.dests.items()) for k, s in reached.items()} == {
            k: list(s.dests.items()) for k, s in desired.items()
        }
        assert list(plan(reached, desired, prune=reached, reorder=True)) == []

    @given(pairs())
    def test_draining_deletes_nothing_that_is_busy_and_ends_at_the_desired_table(
        self, pair: tuple[Table, Table]
    ) -> None:
        actual, desired = pair
        busy = Observation(actual, {}, {})
        steps = list(plan(actual, desired, prune=actual, drain=busy))
        assert not any(isinstance(step, DeleteDest) for step in steps)
        assert all(not actual[step.key].dests for step in steps if isinstance(step, DeleteService))
        quiet = after(actual, steps)
        rest = list(plan(quiet, desired, prune=quiet, drain=seen(quiet)))
        assert same(after(quiet, rest), desired)

    @given(pairs())
    def test_weights_that_belong_to_somebody_else_are_not_touched(self, pair: tuple[Table, Table]) -> None:
        actual, desired = pair
        steps = list(plan(actual, desired, keep_weights=desired))
        reached = after(actual, steps)
        for key in actual.keys() & desired.keys():
            for dest in actual[key].dests.keys() & desired[key].dests.keys():
                assert reached[key].dests[dest].weight == actual[key].dests[dest].weight
        assert list(plan(reached, desired, keep_weights=desired)) == []


def _keeps_capacity(actual: VirtualServer, desired: VirtualServer, now: VirtualServer) -> None:
    for dest in actual.dests.keys() & desired.dests.keys():
        assert now.dests[dest].weight >= min(actual.dests[dest].weight, desired.dests[dest].weight)
    assert _capacity(now) >= min(_capacity(actual), _capacity(desired))


def _capacity(server: VirtualServer) -> int:
    return sum(dest.weight for dest in server.dests.values())


class TestPlans:
    def test_a_new_server_comes_before_the_old_one_goes(self) -> None:
        assert list(plan(web(r1=1), web(r2=1))) == [AddDest(WEB, R2, NAT), DeleteDest(WEB, R1)]

    def test_weights_rise_before_others_fall(self) -> None:
        steps = list(plan(web(r1=1, r2=0), web(r1=0, r2=1)))
        assert steps == [EditDest(WEB, R2, NAT), EditDest(WEB, R1, OUT)]

    def test_every_service_gains_before_any_loses(self) -> None:
        actual = {**web(r1=1), MARK: VirtualServer(Service(), {R1: NAT})}
        desired = {**web(r2=1), MARK: VirtualServer(Service(), {R2: NAT})}
        kinds = [type(step) for step in plan(actual, desired)]
        assert kinds == [AddDest, AddDest, DeleteDest, DeleteDest]

    def test_a_service_is_edited_in_place(self) -> None:
        desired = {WEB: VirtualServer(Service("sh", SchedulerFlag.SH_PORT), web(r1=1)[WEB].dests)}
        assert list(plan(web(r1=1), desired)) == [EditService(WEB, desired[WEB].service)]

    def test_a_service_is_deleted_only_when_it_may_be(self) -> None:
        assert list(plan(web(r1=1), {})) == []
        assert list(plan(web(r1=1), {}, prune=[MARK])) == []
        assert list(plan(web(r1=1), {}, prune=[WEB])) == [DeleteService(WEB)]

    def test_an_order_alone_is_no_difference_unless_asked(self) -> None:
        actual, desired = web(r1=1, r2=1, r3=1), web(r2=1, r1=1, r3=1)
        assert list(plan(actual, desired)) == []
        steps = list(plan(actual, desired, reorder=True))
        assert list(after(actual, steps)[WEB].dests) == [R2, R1, R3]
        assert DeleteDest(WEB, R2) not in steps

    def test_draining_waits_for_weight_zero_and_no_connections(self) -> None:
        one, quiet = web(r1=1), web(r1=0)
        assert list(plan(one, web(), drain=seen(one))) == [EditDest(WEB, R1, OUT)]
        assert list(plan(quiet, web(), drain=seen(quiet, r1=3))) == []
        assert list(plan(quiet, web(), drain=seen(quiet))) == [DeleteDest(WEB, R1)]

    def test_a_service_drains_as_a_whole(self) -> None:
        both, quiet = web(r1=1, r2=0), web(r1=0, r2=0)
        assert list(plan(both, {}, prune=[WEB], drain=seen(both))) == [EditDest(WEB, R1, OUT)]
        assert list(plan(quiet, {}, prune=[WEB], drain=seen(quiet, r2=1))) == []
        assert list(plan(quiet, {}, prune=[WEB], drain=seen(quiet))) == [DeleteService(WEB)]

    def test_a_new_service_brings_its_destinations_in_order(self) -> None:
        steps = list(plan({}, web(r2=1, r1=1)))
        assert steps == [AddService(WEB, Service()), AddDest(WEB, R2, NAT), AddDest(WEB, R1, NAT)]


class TestOrder:
    def test_matters_to_sh_and_dh_only(self) -> None:
        for scheduler in Scheduler:
            a, b = (
                VirtualServer(Service(scheduler), dict.fromkeys(order, NAT))
                for order in ([R1, R2, R3], [R3, R1])
            )
            assert order_differs(a, b) is (scheduler in {"sh", "dh"})

    def test_of_those_that_both_have(self) -> None:
        a, b = (VirtualServer(Service("sh"), dict.fromkeys(order, NAT)) for order in ([R1, R2], [R1, R3, R2]))
        assert not order_differs(a, b)


class TestDrainHazards:
    def test_schedulers_that_go_on_choosing_weight_zero(self) -> None:
        for scheduler in Scheduler:
            hazard = drain_hazard(Service(scheduler), templates_expire=False)
            assert bool(hazard) is (scheduler in {"sh", "mh", "dh"})
        for scheduler in (Scheduler.SH, Scheduler.MH):
            assert not drain_hazard(Service(scheduler, SchedulerFlag.SH_FALLBACK), templates_expire=False)

    def test_persistent_clients_stay_unless_their_templates_expire(self) -> None:
        sticky = Service(persistence=Persistence())
        assert "expire_quiescent_template" in drain_hazard(sticky, templates_expire=False)
        assert not drain_hazard(sticky, templates_expire=True)


def test_steps_are_described_in_one_line_each() -> None:
    desired = web(r1=3)
    assert [describe(step) for step in plan(web(r1=1, r2=1), desired)] == [
        "~ tcp/10.0.0.1:80 -> 10.1.0.1:8080 NAT weight 3",
        "- tcp/10.0.0.1:80 -> 10.1.0.2:8080",
    ]
    service = Service("sh", SchedulerFlag.SH_PORT, persistence=Persistence(60))
    assert describe(AddService(MARK, service)) == "+ fwmark/5 sh sh-port persistent 60"
    assert (
        describe(AddDest(MARK, R1, Dest(upper=9, lower=3)))
        == "+ fwmark/5 -> 10.1.0.1:8080 DR weight 1 thresholds 9/3"
    )
