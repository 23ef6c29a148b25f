"""Default gateways as boot files declare them, and which of them race for one place. Pure.

Two defaults with the same metric exclude each other: whichever interface comes up first gets its one, and the other
is refused (``RTNETLINK answers: File exists``). Running hosts show nothing of it until the next boot, so it is read
from what ifupdown, netplan, systemd-networkd, NetworkManager and Proxmox are told. Where the files are is
:mod:`lvsctl.returnpath.boot_files`'s business.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from lvsctl.returnpath.boot import ifupdown, netplan, networkd, networkmanager, proxmox
from lvsctl.returnpath.boot.model import Default, Unreadable

__all__ = ["Default", "Race", "Read", "Unreadable", "of_file", "races", "read"]

PARSERS: Mapping[str, Callable[[str, str], Iterator[Default]]] = {
    "ifupdown": ifupdown.defaults,
    "netplan": netplan.defaults,
    "networkd": networkd.defaults,
    "networkmanager": networkmanager.defaults,
    "proxmox": proxmox.defaults,
}


class Race(NamedTuple):
    """Defaults of which only one can be there, in the order of the files."""

    of: tuple[Default, ...]

    @property
    def guest(self) -> str:
        """The Proxmox guest it is about; empty for this host."""
        return self.of[0].guest

    def __str__(self) -> str:
        first = self.of[0]
        metric = f" with metric {first.metric}" if first.metric else ""
        return f"{len(self.of)} default routes{metric}: {'; '.join(map(str, self.of))}"


class Read(NamedTuple):
    """What the boot files say."""

    defaults: tuple[Default, ...] = ()
    unread: tuple[str, ...] = ()
    """What could not be understood, with the reason."""


def of_file(path: str) -> str:
    """Answer whose file *path* is: a key of :data:`PARSERS`, or nothing."""
    if path.startswith("/etc/network/interfaces"):
        return "ifupdown"
    if "/netplan/" in path:
        return "netplan"
    if "/systemd/network/" in path:
        return "networkd"
    if path.endswith(".nmconnection"):
        return "networkmanager"
    return "proxmox" if path.startswith("/etc/pve/") else ""


def read(files: Mapping[str, str]) -> Read:
    """Read the default routes from *files*, texts by path."""
    found: list[Default] = []
    unread: list[str] = []
    for path, text in files.items():
        if parser := PARSERS.get(of_file(path)):
            try:
                found += parser(path, text)
            except Unreadable as error:
                unread.append(f"{path}: {error}")
    return Read(tuple(_by_interface(each, files) for each in found), tuple(unread))


def _by_interface(each: Default, files: Mapping[str, str]) -> Default:
    """Answer a default of a networkd drop-in with the interface of the file that it belongs to."""
    folder, _, name = each.file.rpartition("/")
    if each.interface != name or not folder.endswith(".network.d"):
        return each
    of = folder.removesuffix(".d")
    return each._replace(interface=networkd.interface(of, files.get(of, "")))


def races(defaults: Iterable[Default]) -> Iterator[Race]:
    """Yield the defaults that exclude each other: same host, family and metric, and not the same way."""
    places: dict[tuple[str, str, int], list[Default]] = {}
    for each in defaults:
        places.setdefault((each.guest, each.family, each.metric), []).append(each)
    for group in places.values():
        ways = {(each.interface, each.gateway): each for each in reversed(group)}
        if len(ways) > 1:
            yield Race(tuple(each for each in group if ways[each.interface, each.gateway] is each))
