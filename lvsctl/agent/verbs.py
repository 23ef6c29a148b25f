"""How each step of a transition is done (:class:`lvsctl.agent.steps.Doer`), with its deadline."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from lvsctl.agent.desk import Desk, Wish
from lvsctl.agent.setting import Setting
from lvsctl.compose.return_paths import intended
from lvsctl.errors import LvsctlError
from lvsctl.failover.command import in_thread
from lvsctl.host.start import finish
from lvsctl.returnpath.ensure import ensure
from lvsctl.sorry.model import Holder
from lvsctl.spec.notify import Action

log = logging.getLogger("lvsctl.agent")

RUN_WITHIN: Final = 10
"""Seconds for a program whose step states none."""

RETURN_PATH_WITHIN: Final = 15.0
SORRY_WITHIN: Final = 30.0
"""After which the next step begins; what was asked for is still tried."""


class Verbs:
    """Does the steps of one node. *ring* wakes the keepers of an instance."""

    def __init__(self, setting: Setting, desk: Desk, ring: Callable[[str], None]) -> None:
        self.setting = setting
        self._desk = desk
        self._ring = ring

    async def do(self, action: Action, subject: str) -> str:
        """Do *action* because of *subject*."""
        if action.run is not None:
            return await self._run(action.run, action.timeout or RUN_WITHIN, subject)
        if action.sorry is not None:
            return await self._sorry(action, subject)
        if action.verb == "return_path":
            return await self._return_path()
        # It was rung before all steps: nothing that comes earlier in the list may hold up the address.
        self._ring(subject)
        return ""

    async def _run(self, argv: tuple[str, ...], seconds: int, subject: str) -> str:
        status = await finish(
            argv, timeout=seconds, heard=lambda line: log.info("%s: %s: %s", subject, argv[0], line)
        )
        if status:
            raise LvsctlError(f"{argv[0]} ended with {status}")
        return ""

    async def _sorry(self, action: Action, subject: str) -> str:
        names = action.services or tuple(
            name
            for name, service in self.setting.spec.virtual_servers.items()
            if service.sorry_server is not None
        )
        on = action.sorry == "on"
        wishes = [Wish(name, Holder.NOTIFY, on, f"transition of {subject}") for name in names]
        self._desk.want(wishes)
        async with asyncio.timeout(SORRY_WITHIN):
            await self._desk.settled(wishes)
        return ""

    async def _return_path(self) -> str:
        wanted = intended(self.setting.spec)
        async with asyncio.timeout(RETURN_PATH_WITHIN):
            return await in_thread(lambda: ensure(wanted))
