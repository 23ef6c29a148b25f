"""What happens to uplinks, as scenarios with real packets: for the test that looks at what came of them, and the bench.

Each is played in a namespace of its own, by lvsctl or by linux_failover's algorithm at the same probe interval.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from lvsctl.uplink.keeper import Keeper
from lvsctl.uplink.model import Key, Settings, Thresholds, Verdict, Window
from lvsctl.uplink.saved import Files, Wish
from lvsctl.vocabulary import Family
from tests.support import netns
from tests.support.internet import FAR, FAR6
from tests.support.isps import INTERVAL, Isps, Traffic
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

    def look(self) -> None:
        """Note which uplink is in use."""
        if not self.seen or self.seen[-1] != self.active:
            self.seen.append(self.active)

    @property
    def tracked(self) -> str:
        return Path(self.settings.track_file).read_text()

    @property
    def heard(self) -> list[str]:
        """What the program was told that is run for every event."""
        path = self.files.state.with_name("heard")
        return path.read_text().splitlines() if path.exists() else []

    @property
    def family(self) -> Family:
        return self.settings.families[0]

    def target(self, number: int) -> str:
        return str(self.settings.uplinks[0].targets[number].address)

    async def ip(self, *lines: str) -> str:
        """Run ``ip`` commands of the family, while everything else goes on."""
        return await asyncio.to_thread(ip, *lines, family=self.family)

    async def shows(self, line: str, condition: Callable[[str], bool]) -> bool:
        """Wait until *condition* holds for what an ``ip`` command says."""
        for _ in range(100):
            if condition(await self.ip(line)):
                return True
            await asyncio.sleep(0.02)
        return False

    def has_address(self, number: int) -> str:
        """Answer the words that give an uplink its address."""
        isp = self.isps[number]
        there = f"{isp.address}/24" if self.family is V4 else f"{isp.address6}/64"
        return f"{there} dev {isp.interface}"

    async def until(self, condition: Callable[[], bool], patience: float = 12.0) -> bool:
        """Wait until *condition* holds; answer whether it did."""
        for _ in range(int(patience / 0.02)):
            if condition():
                return True
            await asyncio.sleep(0.02)
        return False

    async def lost_since(self, first: int) -> int:
        """Answer how many of the packets from number *first* on are lost, once that is known."""
        return self.traffic.lost(first, await self.traffic.settled())

    @property
    def has_begun(self) -> bool:
        """Whether everything is as it should be before anything happens."""
        if isinstance(self.actor, LinuxFailover):
            return self.active == "isp0"
        good = all(each.verdict is Verdict.UP for each in self.actor.ward.standings.values())
        return good and self.active == "isp0"

    async def told(self, what: str) -> bool:
        """Wait until *what* was the last event."""
        return await self.until(lambda: self.heard[-1:] == [what.replace("FAMILY", self.family.value)])

    async def uses(self, name: str) -> bool:
        return await self.until(lambda: self.active == name)


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


Script = Callable[[Story], Awaitable[None]]


@dataclass(frozen=True)
class Scenario:
    script: Script
    baseline: bool = False
    count: int = 2
    same_gateway: bool = False
    is_impatient: bool = False
    """With neighbours: one that does not answer any more is asked for anew within a second."""
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
    await story.told("switch FAMILY isp0")


async def down_and_up(story: Story) -> None:
    """Somebody takes the interface down and up, which costs IPv6 its addresses unless keep_addr_on_down is set."""
    await story.ip("link set eth0 down")
    await story.uses("isp1")
    await asyncio.sleep(0.3)
    await story.ip("link set eth0 up")
    if story.family is V6:
        actor = story.actor
        assert isinstance(actor, Keeper)
        await story.until(lambda: "address" in actor.ward.standings[Key(V6, "isp0")].reason)
        await asyncio.sleep(1)  # it would be good by now
        story.notes["without an address"] = story.active, actor.ward.standings[Key(V6, "isp0")].reason
        story.notes["rules without it"] = await story.ip("rule")
        await story.ip(f"address add {story.has_address(0)}")
    await story.uses("isp0")
    await asyncio.sleep(0.3)
    story.notes["table"] = await story.ip("route show table 2001")


async def down_and_up_with_addresses_kept(story: Story) -> None:
    netns.sysctl("net.ipv6.conf.eth0.keep_addr_on_down", 1)
    await story.ip("link set eth0 down")
    await story.uses("isp1")
    await story.ip("link set eth0 up")
    await story.uses("isp0")
    await asyncio.sleep(0.3)
    story.notes["table"] = await story.ip("route show table 2001")


async def unplugged(story: Story) -> None:
    """The other end of the cable goes, and no address."""
    await story.isps.beyond("link set far0 down")
    await story.uses("isp1")
    await asyncio.sleep(0.3)
    first = story.traffic.sent
    await story.isps.beyond("link set far0 up")
    await story.uses("isp0")
    await asyncio.sleep(0.3)
    story.notes["lost on the way back"] = await story.lost_since(first)
    story.notes["table"] = await story.ip("route show table 2001")


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
        isp.dead.add(story.target(0))
    # linux_failover takes three patiences for a round, and only then changes back to the one that is cut.
    await story.until(lambda: story.active == "isp0", 8 if isinstance(story.actor, LinuxFailover) else 2)
    await asyncio.sleep(1)
    story.notes["lost after the target died"] = await story.lost_since(first)


async def address_goes_and_comes(story: Story) -> None:
    await story.ip(f"address del {story.has_address(0)}")
    # IPv6 keeps the route, and sends with whatever other address there is until lvsctl takes the route away.
    await story.shows("route show default", lambda said: "eth0" not in said)
    await story.traffic.settled()
    story.notes["foreign by the kernel"] = story.isps[0].foreign
    await story.uses("isp1")
    assert isinstance(story.actor, Keeper)
    story.notes["reason"] = story.actor.ward.standings[Key(story.family, "isp0")].reason
    await story.ip(f"address add {story.has_address(0)}")
    await story.uses("isp0")
    story.notes["rules"] = await story.ip("rule")
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
    await story.until(lambda: actor.ward.is_forced_down(story.family))
    await story.told("forced-down FAMILY isp1")
    story.notes["document"] = actor.document()
    story.files.want(None)
    await story.uses("isp0")


async def everything_is_cut(story: Story) -> None:
    for isp in story.isps.isps:
        isp.is_cut = True
    actor = story.actor
    assert isinstance(actor, Keeper)
    await story.until(lambda: actor.ward.are_all_down(story.family))
    await story.told("all-down FAMILY isp0")
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
    first, second = story.settings.uplinks
    here = story.isps[0].address if story.family is V4 else story.isps[0].address6
    theirs = f"default via {second.gateway} dev eth1"
    await story.ip(f"route add {theirs} metric 20")
    await story.ip(
        "route flush table 2001",
        f"route del default via {first.gateway} dev eth0 metric 50",
        f"rule del priority 981 from {here}",
    )
    actor = story.actor
    assert isinstance(actor, Keeper)
    await story.shows("rule", lambda said: "2001" in said)
    await story.shows("route", lambda said: "metric 50" in said)
    await story.until(lambda: "metric 20" in actor.obstacles.get(story.family, ""))
    story.notes["obstacle"] = actor.obstacles[story.family]
    story.notes["way"] = await story.ip(f"route get {FAR if story.family is V4 else FAR6}")
    story.notes["routes"] = await story.ip("route show table all")
    await story.ip(
        f"route del {theirs} metric 20",
        f"route replace {theirs} metric 50 proto static",
    )
    await story.until(lambda: "taken" in actor.obstacles[story.family])
    story.notes["taken"] = await story.ip("route")


SCENARIOS: dict[str, Scenario] = {
    "cut": Scenario(cut_and_back),
    "cut, baseline": Scenario(cut, baseline=True),
    "down and up": Scenario(down_and_up),
    "down and up, IPv6": Scenario(down_and_up, family=V6),
    "down and up, IPv6, kept": Scenario(down_and_up_with_addresses_kept, family=V6),
    "unplugged": Scenario(unplugged),
    "unplugged, IPv6": Scenario(unplugged, family=V6),
    "5 % loss": Scenario(lossy(0.05, 60), settings=lambda each: replace(each, thresholds=LOSS)),
    "5 % loss, baseline": Scenario(lossy(0.05, 60), baseline=True),
    "15 % loss": Scenario(lossy(0.15, 90), settings=lambda each: replace(each, thresholds=LOSS)),
    "15 % loss, IPv6": Scenario(
        lossy(0.15, 90), family=V6, settings=lambda each: replace(each, thresholds=LOSS)
    ),
    "15 % loss, baseline": Scenario(lossy(0.15, 90), baseline=True),
    "30 % loss": Scenario(lossy(0.30, 60), settings=lambda each: replace(each, thresholds=LOSS)),
    "30 % loss, baseline": Scenario(lossy(0.30, 60), baseline=True),
    "latency": Scenario(
        slow,
        settings=lambda each: replace(each, thresholds=Thresholds(window=Window(size=10, rtt_down=0.04))),
    ),
    "target dies": Scenario(target_dies_on_backup),
    "target dies, IPv6": Scenario(target_dies_on_backup, family=V6),
    "target dies, baseline": Scenario(target_dies_on_backup, baseline=True),
    "address": Scenario(address_goes_and_comes),
    "address, IPv6": Scenario(address_goes_and_comes, family=V6),
    "router replaced": Scenario(router_is_replaced, is_impatient=True),
    "router replaced, IPv6": Scenario(router_is_replaced, is_impatient=True, family=V6),
    "same gateway": Scenario(cut_and_back, same_gateway=True),
    "planned": Scenario(planned),
    "planned, IPv6": Scenario(planned, family=V6),
    "planned, baseline": Scenario(planned, baseline=True),
    "forced": Scenario(forced_to_a_dead_one),
    "forced, IPv6": Scenario(forced_to_a_dead_one, family=V6),
    "all cut": Scenario(everything_is_cut),
    "all cut, IPv6": Scenario(everything_is_cut, family=V6),
    "three": Scenario(two_of_three, count=3),
    "cut, IPv6": Scenario(cut_and_back, family=V6),
    "meddling": Scenario(meddling),
    "meddling, IPv6": Scenario(meddling, family=V6),
}
