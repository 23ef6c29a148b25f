"""How long ``lvsctl sorry`` waits for connections to end, how it shows that, and what ends it early."""

import math
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lvsctl.cli.output import say
from lvsctl.cli.signals import heard

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lvsctl.cli.signals import Wish
    from lvsctl.cli.sorry_switch import Asked, More
    from lvsctl.sorry.model import Target
    from lvsctl.sorry.node import Node
    from lvsctl.sorry.parting import Grace

WITH_A_GUARD = 3.0
"""Seconds to wait for connections that the guard goes on waiting for."""

LEFT_TO_ITSELF = (
    "interrupted half way: `lvsctl sorry status` says how it is, the same command again brings it to an end"
)


@contextmanager
def untouched() -> "Iterator[None]":
    """Say to whoever interrupts the block, which only looks, that nothing has been changed."""
    try:
        yield
    except KeyboardInterrupt:
        say("interrupted: nothing has been changed")
        raise


@contextmanager
def unbroken(*, quiet: bool) -> "Iterator[Wish]":
    """Let nothing but a second Ctrl-C, SIGTERM or lost terminal break the switch off; the first ends the waiting."""
    try:
        with heard() as wish:
            yield wish
    except KeyboardInterrupt:
        say(LEFT_TO_ITSELF)
        raise
    if wish():
        say("interrupted: connections were not waited for any longer", quiet=quiet)


@contextmanager
def granted(asked: "Asked", wish: "Wish", more: "More | None" = None) -> "Iterator[Grace]":
    """Answer how long keepalived waits until it deletes; where a guard goes on waiting, nobody has to stay for long."""
    from lvsctl.cli.ipvs_drain import Bar
    from lvsctl.sorry.heartbeat import agent_is_alive
    from lvsctl.sorry.parting import Grace

    bar = Bar(sys.stderr, quiet=asked.quiet)
    drawn = False

    def draw(left: int, passed: float) -> None:
        nonlocal drawn
        drawn = True
        bar.draw(left, passed)

    # The agent guards the table of its own network namespace. It goes on when we end, and a guard of our own does not.
    stays = asked.netns is None and agent_is_alive()
    guarded = stays or (more is not None and more.guard)
    seconds = (more.timeout or math.inf) if more is not None and more.wait else asked.grace
    try:
        yield Grace(
            min(seconds, WITH_A_GUARD) if guarded else seconds, guarded, draw, lambda: wish() and not stays
        )
    finally:
        if drawn:
            bar.close()


def drained(node: "Node", targets: "Sequence[Target]", wish: "Wish", *, timeout: float, quiet: bool) -> int:
    """Wait until the real servers have no connections, at most *timeout* seconds (0: for ever); answer what is left."""
    from lvsctl.cli.ipvs_drain import POLL, Bar
    from lvsctl.sorry.lingering import SETTLE
    from lvsctl.sorry.ways import draining

    begun = time.monotonic()
    bar = Bar(sys.stderr, quiet=quiet)
    while True:
        left = draining(node, targets)
        passed = time.monotonic() - begun
        bar.draw(left, passed)
        # A handshake that was under way counts only when it is done.
        if (not left and passed >= SETTLE) or (timeout and passed >= timeout) or wish():
            bar.close()
            return left
        time.sleep(min(POLL, timeout - passed) if timeout else POLL)
