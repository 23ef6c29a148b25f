"""The network of the next boot and of the last one: addresses that files give for good, and what the journal tells."""

import re
import shlex
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Final

from lvsctl.doctor.model import DIRECTOR, ERROR, WARNING, Found, Machine, check
from lvsctl.doctor.serving import virtual_addresses
from lvsctl.returnpath.boot import of_file
from lvsctl.vocabulary import Address, as_address

FOLDERS: Final = (
    "/etc/network/interfaces.d",
    "/etc/netplan",
    "/etc/systemd/network",
    "/etc/NetworkManager/system-connections",
    "/run/NetworkManager/system-connections",
    "/usr/lib/NetworkManager/system-connections",
)
MOST_FILES: Final = 500
MOST_TEXT: Final = 2**20

_KEYS: Final = re.compile(
    r"""^\s*(?:
        address\d*\s*[=\s] | Address\s*= | addresses\s*[:=] | -\s*["']?[0-9a-fA-F]*[.:]
      | (?:pre-up|post-up|up)\b.*\bip\b.*\baddr?(?:ess)?\b.*\badd\b
    )(?P<rest>.*)""",
    re.VERBOSE,
)
_ADDRESS: Final = re.compile(r"[0-9a-fA-F]*[.:][0-9a-fA-F.:]*")


def addresses(text: str) -> Iterator[tuple[int, Address]]:
    """Yield the addresses that a file of the network gives an interface, with the number of their line.

    Gateways of NetworkManager stand in the same line, behind a comma: they are left out.
    """
    for number, line in enumerate(text[:MOST_TEXT].splitlines(), 1):
        found = None if line.lstrip().startswith(("#", ";")) else _KEYS.match(line[:4096])
        if found is None:
            continue
        said = line[:4096]
        if re.match(r"\s*address\d+\s*=", said):
            said = said.partition(",")[0].partition("=")[2]
        for each in _ADDRESS.findall(said):
            try:
                yield number, as_address(each.strip(":") if each.count(":") == 1 else each)
            except ValueError:
                continue


def _files(machine: Machine) -> Iterator[str]:
    yield "/etc/network/interfaces"
    for folder in FOLDERS:
        for name in machine.host.names(folder)[:MOST_FILES]:
            if of_file(f"{folder}/{name}"):
                yield f"{folder}/{name}"


@check(
    "LVD416",
    ERROR,
    "A virtual address that a file gives this machine for good",
    why="VRRP moves it, and at boot this machine takes it, too, whoever is master: both directors answer ARP for it until keepalived here has become backup, and again whenever the interface is brought up.",
    remedy="Take the address out of the file: keepalived adds it where it belongs.",
    roles=DIRECTOR,
    needs_spec=True,
)
def given_for_good(machine: Machine) -> Iterator[Found]:
    """Addresses of VRRP instances in the files of ifupdown, netplan, systemd-networkd and NetworkManager. Failover IPs are left out: both directors have those all the time."""
    moved = {each.interface.ip for each in virtual_addresses(machine.spec)}
    both = [ip_network(each.ip) for each in machine.spec.failover_ips]
    moved = {each for each in moved if not any(each in network for network in both)}
    for path in _files(machine) if moved else ():
        for line, address in addresses(machine.host.text(path) or ""):
            if address in moved:
                yield Found(path, f"line {line} gives {address} to an interface", _take_out(path, address))


def _take_out(path: str, address: Address) -> str:
    if path.endswith(".nmconnection"):
        name = path.rpartition("/")[2].removesuffix(".nmconnection")
        return f"nmcli connection modify {shlex.quote(name)} -ipv{address.version}.addresses {address}/PREFIX"
    return f"grep -n {address} {shlex.quote(path)}; take the line out"


TRACES: Final = (
    (
        re.compile(r"RTNETLINK answers: File exists"),
        "a route or an address was there already, so the second one was refused: two defaults that raced look like this",
    ),
    (
        re.compile(r"Nexthop has invalid gateway|RTNETLINK answers: Network is unreachable"),
        "a route was added before its gateway could be reached",
    ),
    (
        re.compile(
            r"[Ff]ailed to bring up \S+|Could not (set|bring up|configure) .*(route|address).*File exists"
        ),
        "an interface did not come up whole",
    ),
    (
        re.compile(r"platform.*(route|rule).*(File exists|EEXIST|failure)"),
        "NetworkManager could not add a route",
    ),
)


@check(
    "LVD417",
    WARNING,
    "The last boot did not get all of its routes",
    why="Whoever came second was refused, and nobody tried again: what works now depends on the order in which interfaces came up, and the next boot may turn it round.",
    remedy="lvsctl return-path check names the defaults that race; keep one, or give each address a table of its own (return_paths).",
)
def traces(machine: Machine) -> Iterator[Found]:
    """The last 5000 lines of this boot that ifupdown (networking, ifup@), systemd-networkd and NetworkManager have in the journal. A machine that systemd did not boot has none, and passes; a journal that cannot be read, or is empty, is told as not looked at."""
    lines = machine.host.journal()
    for pattern, what in TRACES:
        found = [each for each in lines or () if pattern.search(each[:1000])]
        if found:
            times = f" ({len(found)} times)" if len(found) > 1 else ""
            yield Found(
                "journal of this boot",
                f"{found[0][:160]}{times}: {what}",
                "lvsctl return-path check; journalctl -b -u networking -u systemd-networkd -u NetworkManager",
            )
