"""A pair of directors as both providers know it, and the providers that ask about it."""

import asyncio
from typing import Final

from lvsctl.failover.cloud import HetznerCloud, digest
from lvsctl.failover.credentials import Login, Secret, Token
from lvsctl.failover.observation import as_failover_address, as_target
from lvsctl.failover.provider import Call
from lvsctl.failover.robot import HetznerRobot
from lvsctl.failover.transport import Client, Link
from tests.fakes.hetzner import cloud_state
from tests.fakes.hetzner.cloud import CloudState
from tests.fakes.hetzner.front import Front
from tests.fakes.hetzner.robot import RobotState
from tests.fakes.hetzner.server import HetznerFake
from tests.fakes.hetzner.simulated import SimulatedClient

USER: Final = "#ws+lvsctl"
PASSWORD: Final = "pass:wörd-7f3a91"  # noqa: S105 - it opens a fake
TOKEN: Final = "token-9c1e77aa0b"  # noqa: S105 - it opens a fake

VIP = as_failover_address("203.0.113.10")
VIP6 = as_failover_address("2001:db8:f::/64")
LB1, LB2 = as_target("192.0.2.11"), as_target("192.0.2.12")
LB1_6, LB2_6 = as_target("2001:db8:1::/64"), as_target("2001:db8:2::/64")
CLOUD1, CLOUD2 = as_target("41"), as_target("42")


def robot_state() -> RobotState:
    """Answer a Robot with two servers; both failover IPs point at the first."""
    state = RobotState()
    state.world.add_server(321, "192.0.2.11", "2001:db8:1::", "lb1")
    state.world.add_server(421, "192.0.2.12", "2001:db8:2::", "lb2")
    state.world.add_user(USER, PASSWORD)
    state.world.add_failover("203.0.113.10", 321, "192.0.2.11")
    state.world.add_failover("2001:db8:f::", 321, "2001:db8:1::")
    return state


def cloud_state_of(others: int = 60) -> CloudState:
    """Answer a Cloud project with two servers; the floating IP is behind *others*, on a later page."""
    state = CloudState()
    furnish_cloud(state, others)
    return state


def furnish_cloud(state: CloudState, others: int = 60) -> None:
    """Put the two servers and the floating IPs into *state*."""
    state.world.servers.update({41: "lb1", 42: "lb2"})
    state.world.tokens[TOKEN] = cloud_state.Token("both")
    state.world.tokens["only-reads"] = cloud_state.Token("reader", writes=False)
    for number in range(1, others + 1):
        state.world.add_floating_ip(number, f"other-{number}", f"198.51.100.{number}", 41)
    state.world.add_floating_ip(1000, "vip", "203.0.113.10", 41)
    state.world.add_floating_ip(1001, "vip6", "2001:db8:f::/64", 41)


def furnished(fake: HetznerFake) -> HetznerFake:
    """Answer *fake* with both worlds in it."""
    fake.robot.world = robot_state().world
    furnish_cloud(fake.cloud)
    return fake


def login() -> Login:
    """Answer Robot's credentials."""
    return Login(USER, Secret(PASSWORD))


def token(text: str = TOKEN) -> Token:
    """Answer Cloud's credentials."""
    return Token(Secret(text))


def link(fake: HetznerFake, *, connect: float = 9.0, read: float = 9.0, change: float = 9.0) -> Link:
    """Answer a link that trusts *fake* and waits as long as a slow machine needs."""
    return Link(verify=fake.client_context(), connect=connect, read=read, change=change)


def robot_over(fake: HetznerFake, through: Link | None = None) -> HetznerRobot:
    """Answer a provider that asks *fake* over its sockets."""
    return HetznerRobot(Client(fake.robot_url, login(), through or link(fake)), USER)


def cloud_over(fake: HetznerFake, through: Link | None = None, text: str = TOKEN) -> HetznerCloud:
    """Answer a provider that asks *fake* over its sockets; it does not wait between its looks at an action."""

    async def at_once(seconds: float) -> None:
        fake.clock.advance(seconds)

    client = Client(fake.cloud_url, token(text), through or link(fake))
    return HetznerCloud(client, digest(text), sleep=at_once, clock=fake.clock.now)


def simulated_robot(front: Front, source: str = "192.0.2.11") -> HetznerRobot:
    """Answer a provider that asks *front* in made-up time. Call it inside ``simulated.run``."""
    return HetznerRobot(SimulatedClient(front, login(), source), USER, clock=_now)


def simulated_cloud(front: Front, source: str = "192.0.2.11", text: str = TOKEN) -> HetznerCloud:
    """Answer a provider that asks *front* in made-up time. Call it inside ``simulated.run``."""
    return HetznerCloud(SimulatedClient(front, token(text), source), digest(text), clock=_now)


def freely(call: Call) -> None:
    """Pay for every *call*."""
    del call


def _now() -> float:
    return asyncio.get_running_loop().time()
