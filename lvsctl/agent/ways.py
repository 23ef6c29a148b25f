"""Return paths, kept right whenever a link, an address or a rule changes, and looked at now and then.

The steps of a transition do the same once (:mod:`lvsctl.agent.verbs`); both may happen at the same time.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from lvsctl.compose.return_paths import intended
from lvsctl.errors import LvsctlError
from lvsctl.failover.command import in_thread
from lvsctl.returnpath.ensure import ensure
from lvsctl.returnpath.watch import Watch
from lvsctl.spec.spec import Spec

log = logging.getLogger("lvsctl.agent")

EVERY: Final = 60.0
"""Seconds after which it is looked at without news: the kernel does not tell of every route that goes."""

SOON: Final = 2.0
"""Likewise, when something was wrong: a link may have gone in the middle of it."""


class Ways:
    """Keeps what *spec* answers then. *complain* gets what keeps an address from answering as it should."""

    def __init__(self, spec: Callable[[], Spec], complain: Callable[[str], None]) -> None:
        self._spec = spec
        self._complain = complain

    async def serve(self) -> None:
        """Do it for ever."""
        try:
            watch = Watch()
        except LvsctlError as error:
            self._complain(f"links and addresses cannot be watched: {error.message}")
            await self._look()
            await asyncio.sleep(EVERY)
            return
        with watch:
            while True:
                pause = EVERY if await self._look() else SOON
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await anext(watch)

    async def _look(self) -> bool:
        """Make it right; answer whether it is."""
        wanted = intended(self._spec())
        try:
            said = await in_thread(lambda: ensure(wanted))
        except LvsctlError as error:
            self._complain(f"return paths: {error.message}")
            return False
        if said:
            log.info("return paths: %s", said)
        return True
