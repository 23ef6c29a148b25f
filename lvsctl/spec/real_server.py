"""Real servers (keepalived.conf(5), "Virtual server(s)").

There may be ten thousand: whatever is checked here runs only for values that were written.
"""

from typing import Annotated

from pydantic import ValidationInfo, field_validator

from lvsctl.spec.base import Extensible
from lvsctl.spec.check_base import MAX_32, ConnectTimeout, Delay, Interval
from lvsctl.spec.checks import Check
from lvsctl.spec.forms import OWN, SPLICE
from lvsctl.spec.lvs_method import LvsMethod
from lvsctl.spec.script import Script
from lvsctl.spec.values import Address, Str, Switch, Whole, Word

MAX_WEIGHT = 2**31 - 1

AnyPort = Annotated[int, Whole(0, 65535)]


class RealServer(Extensible):
    """A machine that does the work."""

    address: Annotated[Address, OWN]
    """Where it is."""
    port: Annotated[AnyPort | None, OWN] = None
    """Its port; left out or 0, it is the virtual server's, and for a firewall mark the one the client asked for."""
    weight: Annotated[int, Whole(0, MAX_WEIGHT)] | None = None
    """Its share of the connections in proportion to the others; 0 gets no new ones. The default is the virtual server's `weight`."""
    lvs_method: LvsMethod | None = None
    """How packets get to it; the default is the virtual server's."""
    uthreshold: Annotated[int, Whole(0, MAX_32)] | None = None
    """Connections at which it gets no new ones; 0, the default, is no limit."""
    lthreshold: Annotated[int, Whole(0, MAX_32)] | None = None
    """Connections below which it gets new ones again after `uthreshold`; 0, the default, is three quarters of that."""
    inhibit_on_failure: Switch | None = None
    """When it fails, set its weight to 0 instead of removing it; the default is the virtual server's."""
    notify_up: Script | None = None
    """Runs when it comes up."""
    notify_down: Script | None = None
    """Runs when it fails."""
    alpha: Switch | None = None
    """Count it as failed until its checks have succeeded once; the default is the virtual server's."""
    delay_loop: Interval | None = None
    """Seconds between two checks; the default is the virtual server's."""
    connect_timeout: ConnectTimeout | None = None
    """Seconds a check waits for an answer; the default is the virtual server's."""
    retry: Annotated[int, Whole(1, MAX_32)] | None = None
    """Failures in a row that its checks forgive; the default is the virtual server's."""
    delay_before_retry: Delay | None = None
    """Seconds until a failed check is repeated; the default is the virtual server's."""
    warmup: Delay | None = None
    """Its first checks wait a random part of this many seconds; the default is the virtual server's."""
    smtp_alert: Switch | None = None
    """Send mail when it comes up or fails; the default is true, unless `global_defs` says otherwise."""
    virtualhost: Word | None = None
    """The Host header of its HTTP checks; the default is the virtual server's."""
    snmp_name: Str | None = None
    """What SNMP calls it."""
    checks: Annotated[tuple[Check, ...], SPLICE] = ()
    """Its own health checks, after those of the virtual server. It is up while all succeed."""

    @field_validator("lthreshold")
    @classmethod
    def _below_uthreshold(cls, value: int | None, info: ValidationInfo) -> int | None:
        # The kernel refuses the server otherwise (ip_vs_ctl.c, ip_vs_add_dest), and keepalived only logs that.
        high = info.data.get("uthreshold") or 0
        if value is not None and value > high:
            raise ValueError(f"expected at most uthreshold, which is {high}, not {value}")
        return value

    def head(self) -> tuple[str, ...]:
        """Answer the words between ``real_server`` and its block."""
        return (str(self.address),) if self.port is None else (str(self.address), str(self.port))
