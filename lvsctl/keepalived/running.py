"""Whether a running keepalived runs with a configuration, decided on what was seen of it.

Pure: :mod:`lvsctl.keepalived.reload` looks and acts.
"""

from typing import NamedTuple

from lvsctl.keepalived.held import holds
from lvsctl.keepalived.inventory import Inventory, accounted, differences
from lvsctl.keepalived.process import Process


class Seen(NamedTuple):
    """What a look at a daemon has shown."""

    alive: bool
    children: frozenset[Process] = frozenset()
    copy: str | None = None
    """The configuration it holds; None when it keeps no copy."""
    account: str | None = None
    """What it says of itself, all dumps together; None when it did not say."""

    @property
    def inventory(self) -> Inventory | None:
        """What it says that it works on."""
        return None if self.account is None else accounted(self.account)


class Wanted(NamedTuple):
    """What has to be seen."""

    text: str
    inventory: Inventory | None = None
    """What the text makes keepalived work on; None when that is not known."""


def shortcoming(seen: Seen, wanted: Wanted) -> str:
    """Say what a daemon lacks that should run with *wanted*; the empty string when it lacks nothing.

    The copy is no proof under ``reload_check_config``: keepalived writes it before its own check, which may
    make it stay with the old configuration. :mod:`lvsctl.keepalived.obstacles` has made that check before.
    """
    if not seen.alive:
        return "keepalived died"
    if seen.copy is not None and not holds(seen.copy, wanted.text):
        return "keepalived has not read the file"
    if wanted.inventory is None:
        return ""
    found = seen.inventory
    return "keepalived does not answer" if found is None else "; ".join(differences(wanted.inventory, found))
