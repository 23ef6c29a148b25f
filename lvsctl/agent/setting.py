"""What the agent is to do, read from the spec. Pure but for reading the file."""

import pwd
from dataclasses import dataclass
from pathlib import Path

from lvsctl.agent.model import Interest
from lvsctl.compose.paths import VRRP_NOTIFY_FIFO
from lvsctl.errors import Usage
from lvsctl.failover.model import Vrrp
from lvsctl.host.paths import root
from lvsctl.spec.agent import Agent, endpoint
from lvsctl.spec.global_defs import GlobalDefs
from lvsctl.spec.load import read
from lvsctl.spec.notify import Action, Notify
from lvsctl.spec.spec import Spec
from lvsctl.spec.vrrp_instance import VrrpInstance

CONFIG = "/etc/keepalived/keepalived.conf"

ADVERTS = 3
"""Intervals without an advert, and a skew of less than one more, after which a backup becomes master."""

SLACK = 1.0
"""Seconds by which what is read from the FIFO may be late."""


@dataclass(frozen=True)
class Options:
    """How the agent was started."""

    spec: Path
    node: str = ""
    config: Path | None = None
    """keepalived's configuration file; None: where it usually is."""
    metrics: str | None = None
    once: bool = False

    @property
    def keepalived(self) -> Path:
        """The file that names our keepalived."""
        return self.config or root() / CONFIG.lstrip("/")


@dataclass(frozen=True)
class Setting:
    """The spec of this node, as far as the agent has to know it."""

    spec: Spec
    node: str
    metrics: tuple[str, int] | None = None

    @property
    def notify(self) -> Notify:
        """What is done on transitions."""
        return self.spec.notify or Notify()

    @property
    def agent(self) -> Agent:
        """The agent's own block."""
        return self.spec.agent or Agent()

    @property
    def interest(self) -> Interest:
        """What is listened for."""
        return Interest(
            {name: _patience(each, self.spec.global_defs) for name, each in self.spec.vrrp_instances.items()},
            {name: tuple(each.group) for name, each in self.spec.vrrp_sync_groups.items()},
            frozenset(self.notify.quorum),
        )

    @property
    def fifo(self) -> Path | None:
        """The FIFO that keepalived was told to write to; None when it is somebody else's, or there is none."""
        theirs = self.spec.global_defs and self.spec.global_defs.vrrp_notify_fifo
        if self.notify.off or (theirs and str(theirs.path) != VRRP_NOTIFY_FIFO):
            return None
        return root() / VRRP_NOTIFY_FIFO.lstrip("/")

    @property
    def owners(self) -> frozenset[int]:
        """Who may leave records in the spool: root, and whom the scripts run as."""
        user = self.spec.global_defs and self.spec.global_defs.script_user
        name = str(user.user) if user else "root"
        try:
            return frozenset({0, int(name) if name.isdecimal() else pwd.getpwnam(name).pw_uid})
        except KeyError:
            return frozenset({0})

    def actions(self, state: Vrrp) -> tuple[Action, ...]:
        """Answer what is done when an instance comes into *state*."""
        notify = self.notify
        return {
            Vrrp.MASTER: notify.master,
            Vrrp.BACKUP: notify.backup,
            Vrrp.FAULT: notify.fault,
            Vrrp.STOP: notify.stop,
            Vrrp.UNKNOWN: (),
        }[state]


def setting(options: Options, host: str) -> Setting:
    """Read the spec. Raises SpecInvalid, Denied, Unavailable, or Usage when the node is none of its."""
    declared = read(options.spec)
    node = options.node or (host if declared.nodes else "")
    if declared.nodes and node not in declared.nodes:
        raise Usage(
            f"this host is called {host!r}, which is no node of {options.spec}",
            hint=f"name one with --node: {', '.join(declared.nodes)}",
        )
    spec = declared.spec(node)
    where = options.metrics or (spec.agent.metrics if spec.agent else None)
    return Setting(spec, node, endpoint(where) if where else None)


def _patience(instance: VrrpInstance, defaults: GlobalDefs | None) -> float:
    """Answer for how many seconds a backup that hears no adverts stays one (RFC 5798, 6.1)."""
    adverts = instance.down_timer_adverts or (defaults and defaults.vrrp_down_timer_adverts) or ADVERTS
    return float(instance.advert_int or 1) * (adverts + 1) + SLACK
