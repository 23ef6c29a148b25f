"""Routes and rules, for an event loop: everything that speaks netlink is done in one thread beside it.

pyroute2 has a loop of its own, which cannot run inside another. The thread is in the network namespace of whoever
awaits first.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple, TypeVar

from lvsctl.errors import LvsctlError
from lvsctl.net.kernel import Net
from lvsctl.uplink import routes
from lvsctl.uplink.intent import Host, in_use, plan
from lvsctl.uplink.model import Settings, Uplink
from lvsctl.uplink.probes import why
from lvsctl.vocabulary import Family

T = TypeVar("T")
log = logging.getLogger("lvsctl.uplink")


class Made(NamedTuple):
    """What there was, and whether packets take the uplinks in use now."""

    host: Host
    obstacles: Mapping[Family, str]
    """Why they do not; empty where they do."""


class Gate:
    """The way to the kernel's routing for a loop. All methods raise LvsctlError alone."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._thread = ThreadPoolExecutor(1, "uplink-netlink")
        self._net: Net | None = None

    async def in_use(self) -> Mapping[Family, str]:
        """Answer the uplinks that lvsctl's default routes lead to."""
        return in_use(self._settings.uplinks, await self._do(routes.look))

    async def make(self, active: Mapping[Family, str]) -> Made:
        """Make what is missing while *active* are in use, take away what is left over, and ask whether it is so."""
        return await self._do(lambda net: self._make(net, active))

    def _make(self, net: Net, active: Mapping[Family, str]) -> Made:
        uplinks, metric = self._settings.uplinks, self._settings.metric
        host = routes.look(net)
        steps = plan(uplinks, active, metric, host)
        for command in steps.commands():
            log.info("%s", command)
        in_the_way = {each.family: routes.squatted(each) for each in routes.apply(net, steps)}
        checked = {
            each.family: routes.checked(net, each, metric).why or in_the_way.get(each.family, "")
            for each in uplinks
            if active.get(each.family) == each.name
        }
        return Made(host, checked)

    async def forget(self, old: Uplink, new: Uplink) -> int:
        """Delete the tracked connections that cannot heal after a switch; answer how many."""
        return await self._do(lambda net: routes.forget_old(net, old, new))

    async def close(self) -> None:
        """Close socket and thread."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._drop)
        self._thread.shutdown(wait=False)

    def _drop(self) -> None:
        with suppress(Exception):
            if self._net is not None:
                self._net.close()
        self._net = None

    async def _do(self, work: Callable[[Net], T]) -> T:
        def done() -> T:
            try:
                self._net = self._net or Net()
                return work(self._net)
            except LvsctlError:
                raise
            except Exception as error:
                self._drop()  # who knows what it is waiting for; the next one opens it anew
                raise LvsctlError(f"netlink: {why(error)}") from error

        return await asyncio.get_running_loop().run_in_executor(self._thread, done)
