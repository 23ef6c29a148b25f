"""What an instance can track besides interfaces: scripts, processes and files (keepalived.conf(5), "VRRP script(s)")."""

from typing import Annotated

from lvsctl.spec.base import Extensible
from lvsctl.spec.script import Script
from lvsctl.spec.values import Flag, Whole

Weight = Annotated[int, Whole(-253, 253)]


class VrrpScript(Extensible):
    """A command whose exit status decides over priorities or the FAULT state."""

    script: Script | None = None
    """The command to run."""
    interval: Annotated[int, Whole(1, 4294, "s")] | None = None
    """Time between two runs; keepalived's default is 1."""
    timeout: Annotated[int, Whole(1, 4294, "s")] | None = None
    """After this the run counts as failed."""
    weight: Weight | None = None
    """Added to the priority: on success when positive, on failure when negative; 0 means failure is FAULT."""
    rise: Annotated[int, Whole(1, 2147483647)] | None = None
    """Successes in a row until it counts as up."""
    fall: Annotated[int, Whole(1, 2147483647)] | None = None
    """Failures in a row until it counts as down."""
    init_fail: Flag = False
    """Count as failed until the first success."""
