"""``lvsctl sorry on --guard``: the guard in the foreground, until somebody ends it or there is nothing left to guard."""

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from lvsctl.cli.output import say
from lvsctl.cli.signals import heard
from lvsctl.errors import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lvsctl.ipvs import ServiceKey
    from lvsctl.sorry.node import Node

LOOK_EVERY = 0.5
"""Seconds between two looks whether the sorries are still on."""


def guarded(node: "Node", keys: "Sequence[ServiceKey]", *, netns: str | None, quiet: bool) -> None:
    """Put right what others change, and keep the time, while a sorry of *keys* is on.

    SIGINT, SIGTERM and SIGHUP end only the guard: the sorry stays on, because nobody wants a closed terminal to bring
    visitors back to servers that are being worked on.
    """
    from lvsctl.host.netns import inside
    from lvsctl.sorry import owner
    from lvsctl.sorry.guard import Guard

    watch = Guard(node, lambda: owner.look(netns=netns), lambda line: say(visible(line), quiet=quiet))
    with heard() as ended:
        going_on = _Watch(node, keys, ended)
        say("guarding; Ctrl-C ends the guard and leaves the sorry on", quiet=quiet)
        if netns is None:
            watch.run(going_on)
        else:
            inside(netns, lambda: watch.run(going_on))
    if ended():
        say(
            "the guard has ended; the sorry stays on, and nobody watches it: lvsctl sorry off ends it",
            quiet=quiet,
        )
    else:
        say("no sorry is left to guard", quiet=quiet)


class _Watch:
    """Whether to go on guarding; it is asked a hundred times a second, and looks less often."""

    def __init__(self, node: "Node", keys: "Sequence[ServiceKey]", ended: "Callable[[], bool]") -> None:
        self._paths = [node.journal.path(key) for key in keys]
        self._ended = ended
        self._next = 0.0

    def __call__(self) -> bool:
        if self._ended():
            return False
        now = time.monotonic()
        if now < self._next:
            return True
        self._next = now + LOOK_EVERY
        with suppress(OSError):
            return any(path.exists() for path in self._paths)
        return True
