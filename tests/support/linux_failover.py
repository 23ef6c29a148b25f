"""The algorithm that linux_failover documents, to compare with: written anew from its description (facts: uplink §1).

Every provider and target in turn, one ping with a second's patience each, all targets have to answer; a provider is
good when it has not failed too often in its window and the last two rounds were good; the first good provider in order
is used, or the first of all. A switch deletes all default routes and adds them again by shell commands.
"""

import asyncio
from collections import deque

from lvsctl.uplink.model import Settings, Uplink
from lvsctl.uplink.probes import Pinger
from lvsctl.vocabulary import as_address
from tests.support.isps import Isps

WINDOW, MOST_FAILED, MIN_CONSECUTIVE, START_METRIC, PATIENCE = 50, 50, 1, 100, 1.0


class LinuxFailover:
    """Its loop; ``active`` is the provider it has switched to last."""

    def __init__(self, settings: Settings, isps: Isps) -> None:
        self._uplinks = settings.uplinks
        self._interval = settings.interval
        self._sources = {
            each.key: as_address(isps[number].address) for number, each in enumerate(self._uplinks)
        }
        self._pingers = {each.key: Pinger(each) for each in self._uplinks}
        self._results = {each.key: deque([True] * 3, maxlen=WINDOW) for each in self._uplinks}
        self.active = ""
        self.switches: list[str] = []
        self.sticky = ""

    async def run(self, stop: asyncio.Event) -> None:
        for each in self._uplinks:
            table = each.table
            await _ip(f"route add default via {each.gateway} dev {each.interface} table {table}")
            await _ip(f"rule add from {self._sources[each.key]} table {table}")
        await self._use(self._uplinks[0])
        while not stop.is_set():
            await asyncio.sleep(self._interval)
            best = next((each for each in self._uplinks if each.name == self.sticky), None)
            if best is None:
                await self._check()
                best = next(filter(self._is_reliable, self._uplinks), self._uplinks[0])
            if best.name != self.active:
                await self._use(best)
        for pinger in self._pingers.values():
            pinger.close()

    async def _check(self) -> None:
        for each in self._uplinks:
            good = True
            for target in each.targets:
                sample = await self._pingers[each.key].ask(self._sources[each.key], target, PATIENCE)
                good = good and sample.is_good
            self._results[each.key].append(good)

    def _is_reliable(self, uplink: Uplink) -> bool:
        results = self._results[uplink.key]
        consecutive = next((index for index, good in enumerate(reversed(results)) if not good), len(results))
        return results.count(False) <= MOST_FAILED and consecutive > MIN_CONSECUTIVE

    async def _use(self, uplink: Uplink) -> None:
        for _ in self._uplinks if self.active else ():
            await _ip("route del default")
        order = [uplink, *(each for each in self._uplinks if each is not uplink)]
        for index, each in enumerate(order):
            await _ip(
                f"route add default via {each.gateway} dev {each.interface} metric {START_METRIC + index}"
            )
        self.active = uplink.name
        self.switches.append(uplink.name)


async def _ip(line: str) -> None:
    child = await asyncio.create_subprocess_exec("ip", *line.split(), stderr=asyncio.subprocess.DEVNULL)
    await child.wait()
