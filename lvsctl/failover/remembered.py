"""What this node knows of a failover IP without asking anybody: the claim's file, read by a command line.

Loads no HTTP: `failover status` is called once a minute by monitors, and mostly this is its answer.
"""

from typing import Final

from lvsctl.failover.claim import Claim, holds
from lvsctl.failover.hold import held
from lvsctl.failover.keeper import Report, file_claim
from lvsctl.failover.model import Nothing, Truth, Vrrp
from lvsctl.failover.observation import FailoverAddress, Target
from lvsctl.failover.shelf import HostClock

CACHED: Final = 300.0
"""Seconds for which an answer of the provider's is good enough for `failover status`."""


def remembered(ip: FailoverAddress, target: Target, clock: HostClock) -> Report | None:
    """Answer what was last seen of *ip*, or None when that is unknown or older than CACHED.

    Raises Busy, Denied or Unavailable when the claim cannot be read.
    """
    report = report_of(ip, file_claim(ip, clock).read(), target, clock)
    return None if report.holds is None else report


def report_of(ip: FailoverAddress, claim: Claim, target: Target, clock: HostClock) -> Report:
    """Answer *claim* as a keeper would report it. Nobody asked what VRRP says, so nothing comes next."""
    now = clock.now()
    here = holds(claim, target, now, most=CACHED)
    truth = Truth(Vrrp.UNKNOWN, claim.generation)
    return Report(ip, claim, truth, Nothing("no agent runs"), here, None, held(ip), now)
