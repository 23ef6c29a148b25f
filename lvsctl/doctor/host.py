"""What a check may ask a machine. Answered by :mod:`lvsctl.doctor.this_host`, or made up by a test.

Every method may raise an LvsctlError (Denied, Unavailable): the question could not be answered here. Paths are those of
the machine. Nothing is changed, nothing is loaded, no module, no configuration.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from lvsctl.compose.rules.host import HostFacts
from lvsctl.doctor.firewall import Printed
from lvsctl.failover.budget import Budget
from lvsctl.ipvs.model import Observation, Table
from lvsctl.keepalived.program import Program
from lvsctl.net.model import HostAddress, Link, Route, Rule
from lvsctl.returnpath.check import Seen
from lvsctl.returnpath.intent import Intended
from lvsctl.sorry.listeners import Socket
from lvsctl.sorry.model import Snapshot
from lvsctl.sorry.preflight import Candidate, Examined
from lvsctl.spec.failover_ips import FailoverIp
from lvsctl.vocabulary import Address, Family


class Running(NamedTuple):
    """A keepalived that works in this network namespace."""

    pid: int
    config: str
    """The file it reads, as its command line names it."""
    copy: str | None
    """The configuration it holds; None when it keeps no copy (before 2.1)."""


class Kept(NamedTuple):
    """The snapshots of sorries."""

    snapshots: Sequence[Snapshot]
    faults: Sequence[str]
    """What is wrong with those that cannot be used."""
    strays: Sequence[str]
    """Files of the folder that are no snapshot under its own name."""


class Quota(NamedTuple):
    """What the ledger of a provider's account says."""

    budget: Budget
    now: float


class Clock(NamedTuple):
    """How the kernel's clock is kept (adjtimex(2))."""

    synchronised: bool
    error: float
    """The error it may have, in seconds, as the kernel believes."""


class Host(HostFacts, Protocol):
    """A machine."""

    def text(self, path: str) -> str | None:
        """Answer what the file *path* contains; None when there is no such file."""

    def names(self, folder: str) -> Sequence[str]:
        """Answer what is in *folder*, sorted; nothing when it does not exist."""

    def sysctl(self, name: str) -> int | None:
        """Answer the sysctl *name*, written with slashes (``net/ipv4/ip_forward``); None when the kernel has none."""

    def release(self) -> str:
        """Answer the kernel's release (uname -r)."""

    def links(self) -> Mapping[str, Link]:
        """Answer its interfaces by name."""

    def addresses(self) -> Sequence[HostAddress]:
        """Answer its addresses."""

    def routes(self, family: Family) -> Sequence[Route]:
        """Answer its routes, of all tables."""

    def rules(self, family: Family) -> Sequence[Rule]:
        """Answer its routing rules in the order in which they are asked."""

    def table(self) -> Observation:
        """Answer the IPVS table; without root as far as /proc tells it. NoIpvs without IPVS."""

    def exact_table(self) -> Table:
        """Answer the IPVS table with every setting. Raises Denied without root, NoIpvs without IPVS."""

    def sockets(self) -> frozenset[Socket]:
        """Answer who listens."""

    def daemons(self) -> Sequence[Running]:
        """Answer the keepaliveds of this network namespace."""

    def keepalived(self) -> Program | None:
        """Answer the keepalived that is installed."""

    def snapshots(self) -> Kept:
        """Answer the snapshots of sorries."""

    def examine_sorry(self, candidates: Sequence[Candidate]) -> Examined:
        """Ask the sorry servers for a page that cannot exist."""

    def credentials(self, entry: FailoverIp) -> str:
        """Answer what is wrong with the credentials of *entry*; the empty string when they can be used."""

    def quota(self, entry: FailoverIp, nodes: int) -> Quota:
        """Answer what may still be spent on the account of *entry*, which *nodes* share."""

    def ask_provider(self, entry: FailoverIp, node: str, nodes: int) -> str:
        """Spend a call: answer why the provider of *entry* did not say where it points; empty when it did."""

    def resolve(self, name: str) -> frozenset[Address]:
        """Answer the addresses of a DNS name; none when there is no such name."""

    def return_paths(self, intended: Intended) -> Seen:
        """Look at routes, rules and the files of the next boot, as `lvsctl return-path check` does."""

    def syntax(self, path: str, interpreter: str) -> str:
        """Answer what *interpreter* has against the grammar of a script, without running it; empty for nothing."""

    def firewall(self) -> Printed:
        """Answer the rules of the packet filter. Raises Denied without root, Unavailable when nobody can list them."""

    def journal(self) -> Sequence[str] | None:
        """Answer what those who make the network have logged since boot; None where systemd did not boot the machine."""

    def label(self, path: str) -> str:
        """Answer the SELinux label of a file; the empty string when it has none."""

    def clock(self) -> Clock:
        """Answer how the clock is kept."""

    def now(self) -> float:
        """Answer the time, in seconds since 1970."""

    def is_alive(self, pid: int) -> bool:
        """Answer whether a process runs."""
