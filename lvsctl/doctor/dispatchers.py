"""Hook files of the network's own programs: ifupdown, dhclient, NetworkManager, networkd-dispatcher.

Each has its own idea of which files it runs, and none says what it passes over (run-parts(8), NetworkManager-dispatcher(8),
ifupdown2 issues 89 and 304).
"""

import re
import shlex
from collections.abc import Iterator
from enum import Enum
from ipaddress import ip_address
from typing import Final, NamedTuple

from lvsctl.compose.rules.here import weak_component
from lvsctl.doctor.host import Host
from lvsctl.doctor.model import ERROR, WARNING, Found, Machine, check
from lvsctl.doctor.scripts import (
    MOST_TEXT,
    changed_default_routes,
    interpreter,
    mend,
    start_fault,
)
from lvsctl.net.model import Network

RUN_PARTS_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")
LEFT_OVER: Final = re.compile(r".*(~|\.bak|\.orig|\.old|\.dpkg-[a-z]+|\.ucf-[a-z]+|\.sw[a-p])")
ANYBODY_RUNS: Final = 0o111
COMES_WITH_DEBIAN: Final = frozenset(
    {"rfc3442-classless-routes", "debug", "timesyncd", "ntp", "chrony", "ntpsec", "README"}
)
MOST_FILES: Final = 500


class How(Enum):
    """How the files of a folder are used."""

    RUN_PARTS = "run-parts"
    """Executed if the name is plain and the file executable."""
    SOURCED = "sourced by dhclient-script"
    """Read by its shell if the name is plain."""
    OWNED = "executed when only root can write them"
    EVERY = "ifupdown2"
    """Every file is run, executable or not, whatever it is called."""


_IFUPDOWN = tuple(f"/etc/network/if-{each}.d" for each in ("pre-up", "up", "down", "post-down"))
_NETWORKD = ("carrier", "configured", "configuring", "degraded", "dormant", "no-carrier", "off", "routable")
_FOLDERS: Final = {
    **dict.fromkeys(_IFUPDOWN, How.RUN_PARTS),
    "/etc/dhcp/dhclient-enter-hooks.d": How.SOURCED,
    "/etc/dhcp/dhclient-exit-hooks.d": How.SOURCED,
    **{f"/etc/NetworkManager/dispatcher.d{each}": How.OWNED for each in ("", "/pre-up.d", "/pre-down.d")},
    **{f"/etc/networkd-dispatcher/{each}.d": How.OWNED for each in _NETWORKD},
}


class Hook(NamedTuple):
    """A file in one of the folders."""

    folder: str
    name: str
    how: How

    @property
    def path(self) -> str:
        """Where it is."""
        return f"{self.folder}/{self.name}"

    @property
    def is_taken(self) -> bool:
        """Whether its name is one that the folder's program takes."""
        return self.how in (How.OWNED, How.EVERY) or RUN_PARTS_NAME.fullmatch(self.name) is not None


def _text(machine: Machine, hook: Hook) -> str:
    return (machine.host.text(hook.path) or "")[:MOST_TEXT]


def hooks(host: Host) -> Iterator[Hook]:
    """Yield the files, links and others in the folders; no folders."""
    second = host.names("/usr/share/ifupdown2")
    for folder, how in _FOLDERS.items():
        for name in host.names(folder)[:MOST_FILES]:
            kind = host.components(f"{folder}/{name}")[-1].kind
            if kind not in ("directory", "missing"):
                yield Hook(folder, name, How.EVERY if second and folder in _IFUPDOWN else how)


@check(
    "LVD120",
    ERROR,
    "A hook file that is passed over in silence",
    why="run-parts takes names of letters, digits, - and _ only: x.sh never runs, and nobody says so.",
    remedy="mv x.sh x: the name without its ending.",
)
def bad_name(machine: Machine) -> Iterator[Found]:
    """Ifupdown and dhclient; what is plainly left over (.bak, .dpkg-old, ~) is meant not to run."""
    for each in hooks(machine.host):
        if not each.is_taken and not LEFT_OVER.fullmatch(each.name):
            plain = re.sub(r"[^A-Za-z0-9_-]+", "-", each.name.removesuffix(".sh"))
            yield Found(
                each.path,
                f"{each.how.value} takes no such name",
                f"mv {_quoted(each.path)} {_quoted(f'{each.folder}/{plain}')}",
            )


@check(
    "LVD121",
    WARNING,
    "A left-over file that ifupdown2 runs",
    why="ifupdown2 (Proxmox) runs every file of these folders: backups of an editor or of dpkg, too, so an old version undoes the new one.",
    remedy="Move it out of the folder.",
)
def run_backup(machine: Machine) -> Iterator[Found]:
    """Where ifupdown2 is installed."""
    for each in hooks(machine.host):
        if each.how is How.EVERY and LEFT_OVER.fullmatch(each.name):
            yield Found(each.path, "ifupdown2 runs it with all the others", f"mv {_quoted(each.path)} /root/")


@check(
    "LVD122",
    ERROR,
    "A hook file that is not executable",
    why="It is passed over in silence.",
    remedy="chmod 755 FILE.",
)
def not_executable(machine: Machine) -> Iterator[Found]:
    """Files that are executed; dhclient reads its own."""
    for each in hooks(machine.host):
        if each.how in (How.RUN_PARTS, How.OWNED) and each.is_taken:
            last = machine.host.components(machine.host.real_path(each.path))[-1]
            if last.kind == "file" and not last.mode & ANYBODY_RUNS:
                yield Found(each.path, f"its mode is {last.mode:04o}", f"chmod 755 {_quoted(each.path)}")


@check(
    "LVD123",
    ERROR,
    "A hook file that others than root can change",
    why="It runs as root: whoever can write it, or a folder above it, is root after the next link-up. NetworkManager and networkd-dispatcher refuse it instead.",
    remedy="chown root:root FILE; chmod go-w FILE, and so for the folders above.",
)
def open_to_others(machine: Machine) -> Iterator[Found]:
    """The file, where it leads, and every folder above."""
    for each in hooks(machine.host):
        if each.is_taken and (
            weak := weak_component(machine.host.components(machine.host.real_path(each.path)))
        ):
            yield Found(each.path, str(weak), weak.mend or f"chown root:root {_quoted(each.path)}")


@check(
    "LVD124",
    ERROR,
    "A hook file that cannot be started",
    why="Its link leads nowhere, or the kernel finds no interpreter: run-parts tells standard error, which nobody keeps at boot.",
    remedy="Mend the link or the first line.",
)
def not_startable(machine: Machine) -> Iterator[Found]:
    """Dangling links everywhere; first lines where files are executed."""
    for each in hooks(machine.host):
        if not each.is_taken:
            continue
        target = machine.host.real_path(each.path)
        if machine.host.components(target)[-1].kind == "missing":
            yield Found(each.path, f"it leads to {target}, which does not exist", f"rm {_quoted(each.path)}")
        elif each.how is not How.SOURCED and (said := start_fault(machine.host, each.path)):
            yield Found(each.path, said, mend(_quoted(each.path), said))


@check(
    "LVD125",
    WARNING,
    "Two versions of one hook file",
    why="One of them was meant to go; which of them runs depends on the dispatcher.",
    remedy="Remove the one that is not meant.",
)
def twice(machine: Machine) -> Iterator[Found]:
    """X beside x.sh in one folder."""
    found = list(hooks(machine.host))
    names = {(each.folder, each.name) for each in found}
    for each in found:
        if each.name.endswith(".sh") and (each.folder, each.name.removesuffix(".sh")) in names:
            yield Found(
                each.path,
                f"{each.name.removesuffix('.sh')} is there, too",
                f"diff {_quoted(each.path)} {_quoted(each.path.removesuffix('.sh'))}",
            )


@check(
    "LVD126",
    WARNING,
    "A hook file that changes default routes",
    why="That is how two gateways come to race at boot: whichever interface comes up first wins, and the other's addresses are half-dead. A table for each gateway cannot race.",
    remedy="Declare return_paths in the spec (lvsctl return-path fix), and remove the file.",
)
def routing(machine: Machine) -> Iterator[Found]:
    """Looks for `ip route add default` and its kin; what Debian brings along is left out."""
    for each in hooks(machine.host):
        is_ours = each.is_taken and each.name not in COMES_WITH_DEBIAN
        if is_ours and (line := changed_default_routes(_text(machine, each))):
            yield Found(
                each.path, f"it says: {line[:120]}", "lvsctl return-path check; then declare return_paths"
            )


_CHANGES: Final = re.compile(
    r"^(?![ \t]*#).*\bip[ \t]+(-[46][ \t]+)?(route|rule|addr|address)[ \t]+(add|del|replace|change)\b",
    re.MULTILINE,
)


@check(
    "LVD127",
    WARNING,
    "A hook file that does not ask which interface it is called for",
    why="It is called for every interface, lo among them, and once for each address family: what it does is done several times, first before its interface is there.",
    remedy='Begin with: [ "$IFACE" = eth1 ] || exit 0.',
)
def asks_nothing(machine: Machine) -> Iterator[Found]:
    """Files of ifupdown that change routes, rules or addresses without a word of $IFACE."""
    for each in hooks(machine.host):
        text = _text(machine, each) if each.folder in _IFUPDOWN and each.is_taken else ""
        if _CHANGES.search(text) and "IFACE" not in text:
            yield Found(
                each.path,
                "it changes the network and never looks at $IFACE",
                f"sed -i '2i [ \"$IFACE\" = eth1 ] || exit 0' {_quoted(each.path)}",
            )


@check(
    "LVD128",
    ERROR,
    "A hook of dhclient that ends dhclient's own script",
    why="dhclient-script reads the file into its own shell: `exit`, and `set -e` with a command that fails, end it before the address is set.",
    remedy="Use return instead of exit, and no set -e.",
)
def ends_dhclient(machine: Machine) -> Iterator[Found]:
    """`exit` at the beginning of a statement, and `set -e`."""
    for each in hooks(machine.host):
        if each.how is How.SOURCED and each.is_taken:
            found = _ENDS.search(_text(machine, each))
            if found:
                yield Found(
                    each.path,
                    f"it says: {found[0].strip()[:80]}",
                    f"sed -i 's/\\bexit\\b/return/' {_quoted(each.path)}",
                )


_ENDS: Final = re.compile(r"^[ \t]*(exit\b.*|set[ \t]+-[a-df-z]*e.*)$", re.MULTILINE)

_DEV: Final = re.compile(r"^(?![ \t]*#).*\bdev[ \t]+([A-Za-z][\w.-]*)", re.MULTILINE)
_VIA: Final = re.compile(r"^(?![ \t]*#).*\bvia[ \t]+([0-9a-fA-F:.]+)(?!.*\bonlink\b)", re.MULTILINE)


@check(
    "LVD129",
    WARNING,
    "A hook file with yesterday's interface or gateway",
    why="The interface is called otherwise now, or the gateway is in none of the machine's networks: the command fails, at every boot, unseen.",
    remedy="Correct the name or the address in the file.",
)
def outdated(machine: Machine) -> Iterator[Found]:
    """`dev NAME` and `via ADDRESS` in files of all folders."""
    links = machine.host.links()
    networks = [each.interface.network for each in machine.host.addresses()]
    for each in hooks(machine.host):
        text = _text(machine, each) if each.is_taken else ""
        for name in dict.fromkeys(_DEV.findall(text)):
            if name not in links:
                yield Found(
                    each.path,
                    f"it says dev {name}, and there is no such interface",
                    f"grep -n 'dev {name}' {_quoted(each.path)}",
                )
        for gateway in dict.fromkeys(_VIA.findall(text)):
            if _is_far(gateway, networks):
                yield Found(
                    each.path,
                    f"it says via {gateway}, which is in none of this machine's networks",
                    f"grep -n 'via {gateway}' {_quoted(each.path)}",
                )


@check(
    "LVD133",
    ERROR,
    "A hook file with a syntax error",
    why="It runs up to the error, or not at all, whenever an interface comes up; what dhclient reads stops dhclient's own script there.",
    remedy="sh -n FILE (bash -n, python3 -m py_compile) names the line.",
)
def misspelt(machine: Machine) -> Iterator[Found]:
    """Shell and Python files of all folders; their grammar is read, they are not run. What Debian brings along is left out."""
    for each in hooks(machine.host):
        if not each.is_taken or each.name in COMES_WITH_DEBIAN:
            continue
        is_read = each.how is How.SOURCED
        if not is_read and start_fault(machine.host, each.path):
            continue
        name = "sh" if is_read else interpreter(_text(machine, each)).rpartition("/")[2]
        if said := machine.host.syntax(each.path, name):
            asks = "-m py_compile" if "python" in name else "-n"
            yield Found(each.path, said, f"{name} {asks} {_quoted(each.path)}")


def _is_far(text: str, networks: list[Network]) -> bool:
    try:
        gateway = ip_address(text)
    except ValueError:
        return False
    return not gateway.is_link_local and not any(gateway in network for network in networks)


def _quoted(path: str) -> str:
    return shlex.quote(path)
