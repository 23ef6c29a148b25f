"""Uplinks, kept as long as the spec declares any and nobody else keeps them.

All of it is :func:`lvsctl.uplink.keeper.keep_uplinks`; here is when it runs. Routes and rules stay when the agent ends.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from lvsctl.errors import LvsctlError
from lvsctl.spec import uplinks as spec
from lvsctl.uplink.declared import settings
from lvsctl.uplink.keeper import Keeper, keep_uplinks

AGAIN: Final = 30.0
"""Seconds until it is tried again: `lvsctl uplink run` may have been keeping them, and have ended."""


class Uplinks:
    """Keeps what *declared* answers then. *complain* gets what keeps us from it."""

    def __init__(self, declared: Callable[[], spec.Uplinks | None], complain: Callable[[str], None]) -> None:
        self._declared = declared
        self._complain = complain
        self._anew = asyncio.Event()
        self._keeper: Keeper | None = None

    def renew(self) -> None:
        """Go on with what is declared now. That switches nothing, and what is known of uplinks that stay is kept."""
        self._anew.set()

    async def serve(self) -> None:
        """Keep them until :meth:`renew`, or wait for that when there are none."""
        self._anew.clear()
        declared = self._declared()
        before, self._keeper = self._keeper, None
        if declared is None:
            await self._anew.wait()
            return
        try:
            self._keeper = await keep_uplinks(settings(declared), self._anew, before=before)
        except LvsctlError as error:
            self._complain(f"uplinks: {error.message}")
            with suppress(TimeoutError):
                async with asyncio.timeout(AGAIN):
                    await self._anew.wait()
