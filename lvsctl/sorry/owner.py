"""Who owns a virtual server, as observed: a keepalived of this network namespace whose configuration has it.

What keepalived *holds* counts, not what its file says by now. It only looks: the processes and their copies of the
configuration in /proc. What the spec says (``owner:``) is compared here too, handed in as a plain word.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from lvsctl.errors import LvsctlError
from lvsctl.keepalived import process
from lvsctl.keepalived.account import held
from lvsctl.keepalived.command_line import checks
from lvsctl.keepalived.parse import Options, parse
from lvsctl.keepalived.process import Daemon
from lvsctl.sorry.form import lines_to_add
from lvsctl.sorry.managed import Maintenance, Managed, managed
from lvsctl.vocabulary import ServiceKey


class Nobody(NamedTuple):
    """No keepalived here has the service: lvsctl may change it."""


class Keepalived(NamedTuple):
    """A keepalived here has it."""

    daemon: Daemon
    server: Managed

    @property
    def config(self) -> str:
        """The file that the daemon reads, as its command line names it."""
        return self.daemon.config

    @property
    def is_alive(self) -> bool:
        """Whether the daemon still runs."""
        return process.is_alive(self.daemon.parent)

    @property
    def maintenance(self) -> Maintenance | None:
        """The file that switches the service; None where lvsctl did not render the configuration."""
        return self.server.maintenance


class Unreadable(NamedTuple):
    """It cannot be told who owns it."""

    reason: str
    hint: str = ""


Owner = Nobody | Keepalived | Unreadable


class Refused(LvsctlError):
    """The service is not whose it should be, or that cannot be told."""


@dataclass(frozen=True)
class Owners:
    """One look at all keepaliveds of a network namespace; answers for any number of services."""

    known: tuple[tuple[Daemon, tuple[Managed, ...]], ...]
    unreadable: tuple[Unreadable, ...] = ()

    def of(self, key: ServiceKey) -> Owner:
        """Answer who owns *key*. A daemon that could not be read may own anything that no other one has."""
        single, ranges = self._by_key
        found: list[Keepalived] = [
            *single.get(key, []),
            *(each for each in ranges if each.server.covers(key)),
        ]
        if len(found) > 1:
            who = ", ".join(f"{each.config} (process {each.daemon.parent.pid})" for each in found)
            return Unreadable(
                f"{key} is in more than one keepalived or virtual_server: {who}", "leave it in one of them"
            )
        if found:
            return found[0]
        return self.unreadable[0] if self.unreadable else Nobody()

    @cached_property
    def _by_key(self) -> tuple[dict[ServiceKey, list[Keepalived]], list[Keepalived]]:
        """Those that make one service, by its key, and the others."""
        single: dict[ServiceKey, list[Keepalived]] = {}
        ranges: list[Keepalived] = []
        for daemon, servers in self.known:
            for server in servers:
                key = server.only_key
                (ranges if key is None else single.setdefault(key, [])).append(Keepalived(daemon, server))
        return single, ranges


def look(*, netns: str | None = None) -> Owners:
    """Look at every keepalived that works on the IPVS table of this network namespace, or of *netns*."""
    here = _identity(_path(netns))
    if here is None:
        return Owners((), (Unreadable(f"{_path(netns)}: the network namespace cannot be looked at"),))
    read: list[tuple[Daemon, tuple[Managed, ...]]] = []
    unreadable: list[Unreadable] = []
    for daemon in process.daemons():
        if checks(process.words(daemon.parent.pid, "cmdline")):
            found = _read(daemon, here)
            if isinstance(found, Unreadable):
                unreadable.append(found)
            elif found is not None:
                read.append((daemon, found))
    return Owners(tuple(read), tuple(unreadable))


def as_declared(key: ServiceKey, owner: Owner, declared: str | None) -> Nobody | Keepalived:
    """Answer *owner* when it is who the spec says; *declared* is ``keepalived``, ``lvsctl`` or None (no spec says).

    Raises Refused with the reason and the next step.
    """
    match owner:
        case Unreadable(reason, hint):
            raise Refused(f"{key}: who owns it cannot be told: {reason}", hint=hint)
        case Nobody() if declared == "keepalived":
            raise Refused(
                f"{key}: the spec gives it to keepalived, and no keepalived here has it",
                hint="start or reload keepalived with the rendered file; or write owner: lvsctl",
            )
        case Keepalived() if declared == "lvsctl":
            raise Refused(
                f"{key}: the spec gives it to lvsctl, and keepalived (process {owner.daemon.parent.pid}) has it",
                hint=f"take the virtual_server {owner.server.name} out of {owner.config} and reload; or write owner: keepalived",
            )
        case _:
            return owner


def needs_maintenance(key: ServiceKey, owner: Keepalived, name: str) -> Refused:
    """Answer the error for a service whose keepalived.conf has no maintenance file: what to add, what to do tonight."""
    server = owner.server
    missing = server.unmaintained or server.real_servers
    lines = "\n".join(lines_to_add(name, server.safe_form, missing))
    return Refused(
        f"{key}: keepalived (process {owner.daemon.parent.pid}) owns it, and nothing in {owner.config} "
        f"lets lvsctl switch it. Add to it, and reload:\n\n{lines}\n",
        hint="for tonight: the same command with --guard holds the sorry up behind keepalived's back, while it runs",
    )


def _read(daemon: Daemon, here: tuple[int, int]) -> tuple[Managed, ...] | Unreadable | None:
    """Answer the daemon's virtual servers, or why they are unknown; None when it works on another namespace."""
    theirs = _namespace(daemon)
    if theirs is None:
        if not process.is_alive(daemon.parent):
            return None
        return Unreadable(
            f"keepalived (process {daemon.parent.pid}) does not show its network namespace",
            "run lvsctl as root",
        )
    copy = held(daemon)
    text = copy if copy is not None else _file(daemon)
    if text is None:
        if theirs != here or not process.is_alive(daemon.parent):
            return None
        return Unreadable(
            f"keepalived (process {daemon.parent.pid}) does not show its configuration", "run lvsctl as root"
        )
    config = parse(text, options=Options(config_id=process.config_id(daemon))).config
    elsewhere = [each.words for each in config if each.keyword == "net_namespace_ipvs"]
    if elsewhere:
        theirs = _identity(_named(daemon, elsewhere[0][1:]))
    return managed(config) if theirs == here else None


def _file(daemon: Daemon) -> str | None:
    """Answer the daemon's file, for one that keeps no copy; its includes are not followed."""
    with suppress(OSError):
        return process.seen(daemon, daemon.config).read_text("utf-8", "surrogateescape")
    return None


def _namespace(daemon: Daemon) -> tuple[int, int] | None:
    """Answer where the daemon works: ``net_namespace`` is entered before its children are made."""
    pids: Iterable[int] = (each.pid for each in process.children(daemon))
    return next(_identities(pids), None) or next(_identities((daemon.parent.pid,)), None)


def _identities(pids: Iterable[int]) -> Iterator[tuple[int, int]]:
    for pid in pids:
        if found := _identity(process.PROC / str(pid) / "ns/net"):
            yield found


def _identity(path: Path) -> tuple[int, int] | None:
    with suppress(OSError):
        status = path.stat()
        return status.st_dev, status.st_ino
    return None


def _path(netns: str | None) -> Path:
    if netns is None:
        return process.PROC / "thread-self/ns/net"
    return Path(netns) if "/" in netns else Path("/run/netns") / netns


def _named(daemon: Daemon, name: tuple[str, ...]) -> Path:
    """Answer the namespace of ``net_namespace_ipvs NAME``; without a name it is the system's own."""
    return process.seen(daemon, f"/run/netns/{name[0]}") if name else process.PROC / "1/ns/net"
