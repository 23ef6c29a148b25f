"""Looks at a host: what :mod:`lvsctl.returnpath.check` judges."""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from lvsctl.host.netns import inside
from lvsctl.host.paths import root
from lvsctl.net.kernel import Net, NoRoute
from lvsctl.net.model import Lookup, Way
from lvsctl.returnpath.apply import look
from lvsctl.returnpath.boot import races, read
from lvsctl.returnpath.boot_files import collect
from lvsctl.returnpath.check import Seen
from lvsctl.returnpath.intent import Host, Intended
from lvsctl.vocabulary import Address, family_of

CONF = Path("/proc/sys/net/ipv4/conf")
NETSTAT = Path("/proc/thread-self/net/netstat")
"""Of the thread: another namespace is entered by a thread."""
DROPS = "IPReversePathFilter"


def see(
    intended: Intended, *, clients: Iterable[Address] = (), netns: str | None = None, boot: bool = True
) -> Seen:
    """Look at this host, or the namespace called *netns*, with *boot* also at the files of the next boot.

    Raises Unavailable when the kernel cannot be asked.
    """
    clients = tuple(clients)
    with Net(netns) as net:
        host = look(net, netns)
        seen = Seen(host, clients=clients)
        ways = dict(_ways(net, intended, seen))
    strict, drops, trouble = _of_reverse_path(host, netns)
    seen = seen._replace(ways=ways, rp_filter=strict, drops=drops, trouble=trouble)
    return with_boot_files(seen, root()) if boot else seen


def with_boot_files(seen: Seen, folder: Path) -> Seen:
    """Answer *seen* with what the boot files below *folder* declare."""
    files = collect(folder)
    declared = read(files.texts)
    return seen._replace(
        races=tuple(races(declared.defaults)), trouble=(*seen.trouble, *files.trouble, *declared.unread)
    )


def _ways(net: Net, intended: Intended, seen: Seen) -> Iterator[tuple[tuple[Address, Address], Way | str]]:
    local = {each.address for each in seen.host.addresses}
    asked = dict.fromkeys(
        [path.address for path in intended.paths] + [each.address for each in intended.unstated]
    )
    for src in asked:
        for dst in seen.destinations(family_of(src)) if src in local else ():
            yield (src, dst), _way(net, src, dst)


def _way(net: Net, src: Address, dst: Address) -> Way | str:
    try:
        return net.way(Lookup(dst, src=src))
    except NoRoute as error:
        return error.message.rpartition(": ")[2]


def _of_reverse_path(host: Host, netns: str | None) -> tuple[dict[str, int], int | None, tuple[str, ...]]:
    def read() -> tuple[dict[str, int], int | None, tuple[str, ...]]:
        try:
            every = _number(CONF / "all/rp_filter")
            strict = {name: max(every, _number(CONF / name / "rp_filter")) for name in host.links}
            return strict, counter(NETSTAT.read_text(encoding="ascii"), DROPS), ()
        except OSError as error:
            return {}, None, (f"{error.filename}: {error.strerror}",)

    return read() if netns is None else inside(netns, read)


def _number(path: Path) -> int:
    return int(path.read_text(encoding="ascii"))


def counter(text: str, name: str) -> int | None:
    """Answer a counter of /proc/net/netstat: a line of names, and below it a line of numbers, each by its prefix."""
    lines = [line.split() for line in text.splitlines()]
    for names, numbers in pairwise(lines):
        if name in names and names[0] == numbers[0] and len(names) == len(numbers):
            found = numbers[names.index(name)]
            return int(found) if re.fullmatch("[0-9]+", found) else None
    return None
