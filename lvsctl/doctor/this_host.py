"""Answers a check's questions about this machine: files below a root folder, and the kernel of this network namespace.

It only looks. What costs something is looked up once. Files that are sockets, pipes or devices are not opened.
"""

import ctypes
import os
import time
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path

from lvsctl.doctor import lookups
from lvsctl.doctor.firewall import Printed
from lvsctl.doctor.host import Clock, Kept, Quota, Running
from lvsctl.errors import Denied, LvsctlError, Unavailable
from lvsctl.failover.budget import Purpose
from lvsctl.failover.credentials import read_login, read_token
from lvsctl.failover.ledger import file_ledger
from lvsctl.failover.observation import Observation as Pointed
from lvsctl.failover.shelf import HostClock
from lvsctl.host.facts import Here, PathComponent
from lvsctl.host.files import read_text
from lvsctl.host.paths import root
from lvsctl.host.run import run
from lvsctl.ipvs.errors import NoIpvs
from lvsctl.ipvs.kernel import KernelIpvs
from lvsctl.ipvs.model import Observation, Table
from lvsctl.ipvs.procfs import read_proc
from lvsctl.keepalived import process
from lvsctl.keepalived.account import held
from lvsctl.keepalived.program import Program, installed
from lvsctl.net.kernel import Net
from lvsctl.net.model import HostAddress, Link, Route, Rule
from lvsctl.returnpath.check import Seen
from lvsctl.returnpath.intent import Intended
from lvsctl.returnpath.see import see, with_boot_files
from lvsctl.sorry.journal import Journal
from lvsctl.sorry.listeners import Socket
from lvsctl.sorry.listeners import look as look_around
from lvsctl.sorry.preflight import Candidate, Examined, examine
from lvsctl.spec.failover_ips import FailoverIp
from lvsctl.vocabulary import Address, Family

MOST_TEXT = 256 * 2**20
"""Bytes of a file that are read; a program may be long."""

SYSCTLS = Path("/proc/sys")

PATIENCE = 5.0
"""Seconds for a question to a name server."""


class ThisHost(Here):
    """This machine, in the network namespace of the calling thread (see :class:`lvsctl.doctor.host.Host`)."""

    def __init__(self, folder: Path | None = None, *, netns: str | None = None) -> None:
        self._root = root() if folder is None else folder
        self._netns = netns
        """What the namespace is called, for the folders that are named after it."""

    def _at(self, path: str) -> Path:
        return self._root / path.lstrip("/")

    # --- files

    def text(self, path: str) -> str | None:
        """Answer what the file *path* contains; None when there is no such file."""
        at = Path(path) if path.startswith("/proc/") else self._at(path)
        try:
            return read_text(at, most=MOST_TEXT)
        except Unavailable as error:
            if isinstance(error.__cause__, NotADirectoryError) or not at.exists():
                return None
            raise

    def names(self, folder: str) -> Sequence[str]:
        """Answer what is in *folder*, sorted; nothing when it does not exist."""
        try:
            return sorted(each.name for each in self._at(folder).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as error:
            raise Denied(f"{folder}: {error.strerror}", hint="run lvsctl as root") from error

    def components(self, path: str) -> tuple[PathComponent, ...]:
        """Answer every component of *path*; what may not be looked at is an error, not missing."""
        _let_in(self._at(path))
        if self._root == Path("/"):
            return super().components(path)
        depth = len(self._root.parts) - 1
        found = super().components(str(self._at(path)))[depth:]
        return tuple(
            each._replace(path="/" + os.path.relpath(each.path, self._root).removeprefix("."))
            for each in found
        )

    def real_path(self, path: str) -> str:
        """Answer where *path* really is, without links."""
        real = super().real_path(str(self._at(path)))
        top = str(self._root.resolve()).rstrip("/")
        return real.removeprefix(top) or "/"

    # --- the kernel

    def sysctl(self, name: str) -> int | None:
        """Answer the sysctl *name*, written with slashes; None when the kernel has none."""
        try:
            return int((SYSCTLS / name).read_text(encoding="ascii").split()[0])
        except (FileNotFoundError, ValueError, IndexError):
            if not (SYSCTLS / "net/core").exists():  # then none is missing: nothing can be seen
                raise Unavailable(f"{SYSCTLS} has no settings of the network") from None
            return None
        except OSError as error:
            raise Denied(f"/proc/sys/{name}: {error.strerror}", hint="run lvsctl as root") from error

    def release(self) -> str:
        """Answer the kernel's release."""
        return os.uname().release

    @cached_property
    def _links(self) -> Mapping[str, Link]:
        with Net() as net:
            return net.links()

    @cached_property
    def _addresses(self) -> Sequence[HostAddress]:
        with Net() as net:
            return net.addresses()

    @cached_property
    def _routes(self) -> Mapping[Family, Sequence[Route]]:
        with Net() as net:
            return {family: net.routes(family) for family in Family}

    @cached_property
    def _rules(self) -> Mapping[Family, Sequence[Rule]]:
        with Net() as net:
            return {family: net.rules(family) for family in Family}

    def links(self) -> Mapping[str, Link]:
        """Answer its interfaces by name."""
        return self._links

    def interfaces(self) -> frozenset[str]:
        """Answer the names of its interfaces; /sys shows those of the namespace that it was mounted in."""
        return frozenset(self._links)

    def addresses(self) -> Sequence[HostAddress]:
        """Answer its addresses."""
        return self._addresses

    def routes(self, family: Family) -> Sequence[Route]:
        """Answer its routes, of all tables."""
        return self._routes[family]

    def rules(self, family: Family) -> Sequence[Rule]:
        """Answer its routing rules."""
        return self._rules[family]

    @cached_property
    def _table(self) -> Observation:
        try:
            with KernelIpvs() as ipvs:
                return ipvs.observe()
        except Denied:
            return read_proc()

    def table(self) -> Observation:
        """Answer the IPVS table; without root as far as /proc tells it."""
        return self._table

    def exact_table(self) -> Table:
        """Answer the IPVS table with every setting."""
        try:
            with KernelIpvs() as ipvs:
                return ipvs.table()
        except NoIpvs:
            return {}

    @cached_property
    @lookups.remembered
    def _sockets(self) -> frozenset[Socket]:
        return look_around().sockets

    def sockets(self) -> frozenset[Socket]:
        """Answer who listens."""
        return self._sockets

    # --- keepalived and sorry

    @cached_property
    def _daemons(self) -> Sequence[Running]:
        here = _namespace("thread-self")
        found = []
        for each in process.daemons():
            # A process may end while it is looked at; then it is in no namespace, and hides none.
            theirs = {child: _namespace(str(child.pid)) for child in process.children(each) or {each.parent}}
            if any(space is None and process.is_alive(child) for child, space in theirs.items()):
                raise Denied(
                    f"keepalived (process {each.parent.pid}) does not show its network namespace",
                    hint="run lvsctl as root",
                )
            if here in theirs.values():
                found.append(Running(each.parent.pid, each.config, held(each)))
        return found

    def daemons(self) -> Sequence[Running]:
        """Answer the keepaliveds of this network namespace."""
        return self._daemons

    @cached_property
    @lookups.remembered
    def _installed(self) -> Program | None:
        return installed()

    def keepalived(self) -> Program | None:
        """Answer the keepalived that is installed."""
        return self._installed

    @cached_property
    def _snapshots(self) -> Kept:
        journal = Journal(netns=self._netns)
        found = journal.all()
        own = {journal.path(key).name for key in found.snapshots}
        there = {
            name for name in self._in(journal.folder) if name.endswith(".json") and not name.startswith(".")
        }
        faulty = {fault.message.partition(":")[0].rpartition("/")[2] for fault in found.faults}
        strays = sorted(str(journal.folder / name) for name in there - own - faulty)
        return Kept(tuple(found.snapshots.values()), [each.message for each in found.faults], strays)

    @staticmethod
    def _in(folder: Path) -> list[str]:
        try:
            return [each.name for each in folder.iterdir()]
        except OSError:  # the journal has said why
            return []

    def snapshots(self) -> Kept:
        """Answer the snapshots of sorries."""
        return self._snapshots

    def examine_sorry(self, candidates: Sequence[Candidate]) -> Examined:
        """Ask the sorry servers for a page that cannot exist."""
        return examine(candidates)

    def return_paths(self, intended: Intended) -> Seen:
        """Look at routes, rules and the files of the next boot."""
        return self._return_paths(intended)

    @cache  # noqa: B019 - one host lives as long as the process that asks it
    def _return_paths(self, intended: Intended) -> Seen:
        return with_boot_files(see(intended, boot=False), self._root)

    # --- providers

    def credentials(self, entry: FailoverIp) -> str:
        """Answer what is wrong with the credentials of *entry*; the empty string when they can be used."""
        path = self._at(entry.credentials or "")
        try:
            (read_login if entry.provider == "hetzner-robot" else read_token)(path)
        except LvsctlError as error:
            if isinstance(error.__cause__, PermissionError):
                raise
            return error.message
        return ""

    def quota(self, entry: FailoverIp, nodes: int) -> Quota:
        """Answer what may still be spent on the account of *entry*, which *nodes* share."""
        from lvsctl.failover.opening import Providers  # noqa: PLC0415 - 90 ms for an HTTP client, where there is one to ask

        clock = HostClock()
        ledger = file_ledger(Providers("").of(entry), nodes, clock)
        return Quota(ledger.budget(), clock.now())

    def ask_provider(self, entry: FailoverIp, node: str, nodes: int) -> str:
        """Spend a call: answer why the provider of *entry* did not say where it points; empty when it did."""
        import asyncio  # noqa: PLC0415 - only --fresh pays for it

        from lvsctl.failover.opening import Providers  # noqa: PLC0415 - likewise

        async def ask() -> object:
            clock = HostClock()
            providers = Providers(node)
            try:
                provider = providers.of(entry)
                ledger = file_ledger(provider, nodes, clock)
                spend = ledger.spender(Purpose.OPERATOR)
                reading = await provider.observe(entry.ip, spend=spend)
                if spend.last:
                    ledger.answered(spend.last, reading)
                return reading
            finally:
                await providers.aclose()

        reading = asyncio.run(ask())
        if isinstance(reading, Pointed):
            return ""
        return str(getattr(reading, "why", "") or type(reading).__name__)

    # --- others

    def resolve(self, name: str) -> frozenset[Address]:
        """Answer the addresses of a DNS name; none when there is no such name."""
        from ipaddress import ip_address  # noqa: PLC0415 - next to its only use

        done = run(["getent", "ahosts", "--", name], timeout=PATIENCE)
        if done.status not in (0, _NO_SUCH_NAME):
            raise Unavailable(
                f"{name}: cannot be looked up: {done.last_words or f'getent ends with {done.status}'}"
            )
        return frozenset(
            ip_address(line.split()[0].partition("%")[0]) for line in done.stdout.splitlines() if line
        )

    def syntax(self, path: str, interpreter: str) -> str:
        """Answer what *interpreter* has against the grammar of a script, without running it; empty for nothing."""
        if interpreter in ("sh", "dash", "bash"):
            done = run([interpreter, "-n", str(self._at(path))], timeout=PATIENCE)
            return done.last_words if done.status else ""
        if interpreter.startswith("python3"):
            try:
                compile(self.text(path) or "", path, "exec", dont_inherit=True)
            except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
                return str(error)
        return ""

    def firewall(self) -> Printed:
        """Answer the rules of the packet filter of this network namespace."""
        return self._firewall

    @cached_property
    @lookups.remembered
    def _firewall(self) -> Printed:
        return lookups.firewall()

    def journal(self) -> Sequence[str] | None:
        """Answer what those who make the network have logged since boot; None where systemd did not boot the machine."""
        return lookups.journal()

    def label(self, path: str) -> str:
        """Answer the SELinux label of a file; the empty string when it has none."""
        return lookups.label(self._at(path))

    def clock(self) -> Clock:
        """Answer how the clock is kept (adjtimex(2) with nothing to change)."""
        found = _Timex()
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(found))
        if state < 0:
            code = ctypes.get_errno()
            raise Unavailable(f"adjtimex: {os.strerror(code)}")
        return Clock(state != _TIME_ERROR and not found.status & _STA_UNSYNC, found.maxerror / 1e6)

    def now(self) -> float:
        """Answer the time, in seconds since 1970."""
        return time.time()

    def is_alive(self, pid: int) -> bool:
        """Answer whether a process runs."""
        return Path("/proc", str(pid)).exists()


_NO_SUCH_NAME = 2
_TIME_ERROR, _STA_UNSYNC = 5, 0x40


class _Timex(ctypes.Structure):
    """struct timex (linux/timex.h), as far as it is read; the kernel writes 208 bytes on 64-bit machines."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 208),
    )


def _namespace(process_name: str) -> tuple[int, int] | None:
    try:
        found = Path("/proc", process_name, "ns/net").stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _let_in(path: Path) -> None:
    """Raise Denied when this user may not look at *path*: it would seem to be missing."""
    try:
        path.lstat()
    except PermissionError as error:
        raise Denied(f"{path}: {error.strerror}", hint="run lvsctl as root") from error
    except (OSError, ValueError):
        return
