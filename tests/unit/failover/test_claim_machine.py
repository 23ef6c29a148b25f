"""Two directors and whatever hypothesis thinks of: the same laws as the random hours, with shrinking.

Where the schedules draw an hour beforehand, this looks for the shortest story that breaks a law.
"""

import random

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lvsctl.failover.model import Truth, Vrrp
from tests.support.failover_robot import LOOK_TROUBLES, MOVE_TROUBLES
from tests.support.failover_schedules import calm, judge
from tests.support.failover_sim import Node, Pair, over_quota, too_close
from tests.support.failover_world import TARGETS, Trouble, World

numbers = st.sampled_from((0, 1))
moments = st.sampled_from((0.05, 0.15, 1.0, 4.0, 20.0, 61.0, 130.0, 181.0, 301.0, 1200.0))


class TwoDirectors(RuleBasedStateMachine):
    """Rules are what happens to the pair; the laws are checked after each, and calm at the end."""

    @initialize(
        where=st.sampled_from((None, *map(str, TARGETS))),
        visibility=st.sampled_from(("early", "late")),
        status=st.booleans(),
        disconnect=st.sampled_from(("completes", "abandons")),
    )
    def boot(self, where: str | None, visibility: str, status: bool, disconnect: str) -> None:
        self.world = World(random.Random(0))
        self.world.ip.active = where
        self.world.profile.visibility = visibility  # type: ignore[assignment] # drawn from its values
        self.world.profile.status_field = status
        self.world.profile.disconnect = disconnect  # type: ignore[assignment] # likewise
        self.pair = Pair(self.world)
        self.pair.boot()

    def node(self, number: int) -> Node:
        return self.pair.nodes[number]

    @rule(seconds=moments)
    def time_passes(self, seconds: float) -> None:
        self.world.run(self.world.now + seconds)

    @rule(on=st.booleans())
    def the_wire_between_them_is_cut_or_mended(self, on: bool) -> None:
        self.pair.wire(on=on)

    @rule(number=numbers, on=st.booleans())
    def a_host_goes_down_or_up(self, number: int, on: bool) -> None:
        self.pair.power(number, on=on)

    @rule(number=numbers)
    def an_agent_is_killed_and_comes_back(self, number: int) -> None:
        if self.pair.up[number]:
            self.node(number).kill()
            self.node(number).start()

    @rule(number=numbers, blind=st.booleans())
    def keepalived_cannot_be_asked(self, number: int, blind: bool) -> None:
        self.node(number).blind = blind

    @rule(number=numbers, hold=st.sampled_from((None, "an incident")))
    def an_operator_holds_or_resumes(self, number: int, hold: str | None) -> None:
        self.node(number).hold = hold

    @rule(number=numbers)
    def an_operator_orders_it_here(self, number: int) -> None:
        if self.node(number).running:
            self.node(number).keeper.order()
            self.node(number).ring()

    @rule(number=numbers)
    def a_mastership_begins_anew(self, number: int) -> None:
        node = self.node(number)
        if self.pair.up[number] and node.truth.state is Vrrp.MASTER:
            node.vrrp(Truth(Vrrp.MASTER, node.truth.generation + 1))

    @rule(
        kind=st.sampled_from(LOOK_TROUBLES + MOVE_TROUBLES),
        seconds=moments,
        node=st.sampled_from((None, 0, 1)),
    )
    def the_api_has_a_bad_time(self, kind: str, seconds: float, node: int | None) -> None:
        self.world.troubles.append(Trouble(kind, self.world.now, self.world.now + seconds, node))

    @invariant()
    def no_two_applied_moves_in_one_lock_window(self) -> None:
        if hasattr(self, "world"):
            assert not too_close(self.world.moves)

    @invariant()
    def never_over_quota(self) -> None:
        if hasattr(self, "world"):
            assert not over_quota(self.world.calls)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            calm(self.pair)
            judge(self.world, self.pair)


TestTwoDirectors = TwoDirectors.TestCase
TestTwoDirectors.settings = settings(
    max_examples=80,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
