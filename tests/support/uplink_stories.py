"""What happens to uplinks, as scenarios with real packets: for the test that looks at what came of them, and the bench.

Each is played in a namespace of its own, by lvsctl or by linux_failover's algorithm at the same probe interval.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from lvsctl.host.files import make_folder
from lvsctl.uplink.keeper import Keeper
from lvsctl.uplink.model import Key, Settings, Thresholds, Window
from lvsctl.uplink.saved import Files, Wish
from lvsctl.vocabulary import Family
from tests.support.isps import INTERVAL, TARGETS, Isps, Traffic, fix_arp_timing
from tests.support.linux_failover import LinuxFailover
from tests.support.veths import ip

V4, V6 = Family.INET, Family.INET6
LOSS = Thresholds(rise=3, fall=4, window=Window(size=40, loss_down=0.22, loss_up=0.10))


@dataclass
class Story:
    """One scenario, while it happens."""

    isps: Isps
    files: Files
    actor: "Keeper | LinuxFailover"
    traffic: Traffic
    settings: Settings
    seen: list[str] = field(default_factory=list)
    """The uplinks in use, one after the other."""
    notes: dict[str, object] = field(default_factory=dict)

    @property
    def active(self) -> str:
        if isinstance(self.actor, LinuxFailover):
            return self.actor.active
        return next(iter(self.actor.ward.active.values()), "")

    @property
    def tracked(self) -> str:
        return Path(self.settings.track_file).read_text()

    async def until(self, condition: Callable[[], bool], patience: float = 12.0) -> bool:
        """Wait until *condition* holds; answer whether it did."""
        for _ in range(int(patience / 0.02)):
            if condition():
                return True
            await asyncio.sleep(0.02)
        return False

    async def lost_since(self, first: int) -> int:
        """Answer how many of the packets from number *first* on are lost, when those under way have had their time."""
        last = self.traffic.sent
        await asyncio.sleep(0.3)
        return sum(each not in self.traffic.answered for each in range(first, last))

    async def uses(self, name: str) -> bool:
        return await self.until(lambda: self.active == name)


Script = Callable[[Story], Awaitable[None]]


@dataclass(frozen=True)
class Scenario:
    script: Script
    baseline: bool = False
    count: int = 2
    same_gateway: bool = False
    family: Family = V4
    settings: Callable[[Settings], Settings] = lambda settings: settings


# --- what happens


async def cut(story: Story) -> None:
    story.isps[0].is_cut = True
    await story.uses("isp1")
    await asyncio.sleep(0.5)


async def cut_and_back(story: Story) -> None:
    await cut(story)
    story.notes["lost on the cut"] = await story.lost_since(0)
    story.notes["track file"] = story.tracked
    story.isps[0].is_cut = False
    await story.uses("isp0")
    await asyncio.sleep(0.3)


async def unplugged(story: Story) -> None:
    ip("link set eth0 down")
    await story.uses("isp1")
    await asyncio.sleep(0.3)
    ip("link set eth0 up")
    await story.uses("isp0")
    await asyncio.sleep(0.3)
    story.notes["table"] = ip("route show table 2001")


def lossy(each_way: float, beats: int) -> Script:
    async def script(story: Story) -> None:
        story.isps[0].loss = each_way
        await asyncio.sleep(beats * INTERVAL)

    return script


async def slow(story: Story) -> None:
    story.isps[0].delay = 0.06
    await story.uses("isp1")


async def target_dies_on_backup(story: Story) -> None:
    await cut(story)
    first = story.traffic.sent
    for isp in story.isps.isps:
        isp.dead.add(TARGETS[0])
    # linux_failover takes three patiences for a round, and only then changes back to the one that is cut.
    await story.until(lambda: story.active == "isp0", 8 if isinstance(story.actor, LinuxFailover) else 2)
    await asyncio.sleep(1)
    story.notes["lost after the target died"] = await story.lost_since(first)


async def address_goes_and_comes(story: Story) -> None:
    ip("address del 10.0.0.2/24 dev eth0")
    await story.uses("isp1")
    assert isinstance(story.actor, Keeper)
    story.notes["reason"] = story.actor.ward.standings[Key(V4, "isp0")].reason
    ip("address add 10.0.0.2/24 dev eth0")
    await story.uses("isp0")
    story.notes["rules"] = ip("rule")
    await asyncio.sleep(0.2)


async def router_is_replaced(story: Story) -> None:
    story.isps[0].mac = bytes.fromhex("020000000299")
    await asyncio.sleep(2)
    await story.uses("isp0")
    first = story.traffic.sent
    await asyncio.sleep(0.5)
    story.notes["lost in the end"] = await story.lost_since(first)


async def planned(story: Story) -> None:
    for name in ("isp1", "isp0", "isp1"):
        if isinstance(story.actor, LinuxFailover):
            story.actor.sticky = name
        else:
            story.files.want(Wish(name))
        await story.uses(name)
        await asyncio.sleep(0.3)


async def forced_to_a_dead_one(story: Story) -> None:
    story.isps[1].is_cut = True
    assert isinstance(story.actor, Keeper)
    actor = story.actor
    story.files.want(Wish("isp1"))
    await story.until(lambda: actor.ward.is_forced_down(V4))
    story.notes["document"] = actor.document()
    story.files.want(None)
    await story.uses("isp0")


async def everything_is_cut(story: Story) -> None:
    for isp in story.isps.isps:
        isp.is_cut = True
    actor = story.actor
    assert isinstance(actor, Keeper)
    await story.until(lambda: actor.ward.are_all_down(V4))
    await asyncio.sleep(1)
    story.notes["still"] = story.active
    story.isps[1].is_cut = False
    await story.uses("isp1")


async def two_of_three(story: Story) -> None:
    story.isps[0].is_cut = story.isps[1].is_cut = True
    await story.uses("isp2")
    await asyncio.sleep(0.3)


async def meddling(story: Story) -> None:
    """Somebody flushes what is ours, and has routes of their own."""
    ip("route add default via 10.1.0.1 dev eth1 metric 20")
    ip(
        "route flush table 2001",
        "route del default via 10.0.0.1 metric 50",
        "rule del priority 981 from 10.0.0.2",
    )
    actor = story.actor
    assert isinstance(actor, Keeper)
    await story.until(lambda: "2001" in ip("rule") and "metric 50" in ip("route"))
    await story.until(lambda: "metric 20" in actor.obstacles.get(V4, ""))
    story.notes["obstacle"] = actor.obstacles[V4]
    story.notes["way"] = ip("route get 198.51.100.77")
    story.notes["routes"] = ip("route show table all")
    ip(
        "route del default via 10.1.0.1 metric 20",
        "route replace default via 10.1.0.1 dev eth1 metric 50 proto static",
    )
    await story.until(lambda: "taken" in actor.obstacles[V4])
    story.notes["taken"] = ip("route")


SCENARIOS: dict[str, Scenario] = {
    "cut": Scenario(cut_and_back),
    "cut, baseline": Scenario(cut, baseline=True),
    "unplugged": Scenario(unplugged),
    "5 % loss": Scenario(lossy(0.05, 60), settings=lambda each: replace(each, thresholds=LOSS)),
    "5 % loss, baseline": Scenario(lossy(0.05, 60), baseline=True),
    "15 % loss": Scenario(lossy(0.15, 90), settings=lambda each: replace(each, thresholds=LOSS)),
    "15 % loss, baseline": Scenario(lossy(0.15, 90), baseline=True),
    "30 % loss": Scenario(lossy(0.30, 60), settings=lambda each: replace(each, thresholds=LOSS)),
    "30 % loss, baseline": Scenario(lossy(0.30, 60), baseline=True),
    "latency": Scenario(
        slow,
        settings=lambda each: replace(each, thresholds=Thresholds(window=Window(size=10, rtt_down=0.04))),
    ),
    "target dies": Scenario(target_dies_on_backup),
    "target dies, baseline": Scenario(target_dies_on_backup, baseline=True),
    "address": Scenario(address_goes_and_comes),
    "router replaced": Scenario(router_is_replaced),
    "same gateway": Scenario(cut_and_back, same_gateway=True),
    "planned": Scenario(planned),
    "planned, baseline": Scenario(planned, baseline=True),
    "forced": Scenario(forced_to_a_dead_one),
    "all cut": Scenario(everything_is_cut),
    "three": Scenario(two_of_three, count=3),
    "IPv6": Scenario(cut_and_back, family=V6),
    "meddling": Scenario(meddling),
}


# --- running them


@dataclass(frozen=True)
class Outcome:
    sent: int
    lost: int
    refused: int
    uses: tuple[str, ...]
    """The uplinks in use, one after the other."""
    foreign: int
    notes: dict[str, object]

    @property
    def switches(self) -> int:
        return len(self.uses) - 1


def played(name: str, scenario: Scenario) -> Outcome:
    with Isps(scenario.count, same_gateway=scenario.same_gateway) as isps:
        fix_arp_timing()
        return asyncio.run(_play(isps, name, scenario))


async def _play(isps: Isps, name: str, scenario: Scenario) -> Outcome:
    files = Files(name)
    make_folder(files.state.parent)
    heard = files.state.with_name("heard")
    settings = replace(
        scenario.settings(isps.settings(scenario.family)),
        track_file=str(files.state.with_name("track")),
        run=("sh", "-c", f'echo "$@" >>"{heard}"', "-"),
    )
    actor = LinuxFailover(settings, isps) if scenario.baseline else Keeper(settings, files)
    story = Story(isps, files, actor, Traffic(family=scenario.family), settings)
    stop = asyncio.Event()
    acting = asyncio.ensure_future(actor.run(stop))
    await story.uses("isp0")
    await asyncio.sleep(6 * INTERVAL)  # every target has answered
    noting = asyncio.ensure_future(_note(story))
    flowing = asyncio.ensure_future(story.traffic.flow())
    await asyncio.sleep(0.2)
    try:
        await asyncio.wait_for(scenario.script(story), 30)
    finally:
        flowing.cancel()
        await asyncio.sleep(0.3)
        noting.cancel()
        stop.set()
        await asyncio.wait_for(acting, 10)
        story.traffic.close()
    story.notes["heard"] = heard.read_text().splitlines() if heard.exists() else []
    foreign = sum(isp.foreign for isp in isps.isps)
    traffic = story.traffic
    return Outcome(traffic.sent, traffic.lost, traffic.refused, tuple(story.seen), foreign, story.notes)


async def _note(story: Story) -> None:
    while True:
        if not story.seen or story.seen[-1] != story.active:
            story.seen.append(story.active)
        await asyncio.sleep(0.005)
