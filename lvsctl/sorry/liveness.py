"""Which real servers keepalived holds alive, and what keeps the others down: read from the dump of its checker.

Pure: it reads the text that keepalived writes on SIGUSR1 (:func:`lvsctl.keepalived.account.account` gets it). The
lines are those of keepalived 2.2.7: check_data.c, check_api.c, check_file.c, track_file.c. What the texts of other
releases lack is missing here, and whoever asks then does less: a real server is never raised on a guess.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from lvsctl.ipvs.model import Dest, DestKey, Tunnel
from lvsctl.vocabulary import ForwardingMethod, ServiceKey, TunnelFlag, TunnelType, as_address


class RealServer(NamedTuple):
    """One real server as keepalived holds it."""

    key: DestKey
    """Address and port as configured; port 0 where none is."""
    dest: Dest
    """How it stands in the kernel's table while it is alive, with the weight that its checks leave it."""
    alive: bool
    """It is, or will be when the quorum is back, in the pool."""
    failed: int
    """How many of its checks fail, the maintenance file among them."""
    failed_files: frozenset[str] = frozenset()
    """The track_files among these."""

    def waits_only_for(self, track_file: str) -> bool:
        """Answer whether *track_file* is all that keeps it down."""
        return self.failed == 1 and self.failed_files == {track_file}

    def in_table(self, service: ServiceKey) -> DestKey:
        """Answer its key in the table entry of *service*: without NAT the port is the service's (ipvswrapper.c)."""
        if self.dest.method is ForwardingMethod.NAT:
            return DestKey(self.key.address, self.key.port or service.port)
        return DestKey(self.key.address, service.port)


class VirtualServer(NamedTuple):
    """One virtual server as keepalived holds it."""

    quorum: int
    hysteresis: int
    quorum_up: bool
    real_servers: tuple[RealServer, ...]

    @property
    def enough(self) -> int:
        """Answer the sum of weights from which on the sorry server goes."""
        return self.quorum + self.hysteresis


class Liveness(NamedTuple):
    """What one dump tells."""

    virtual_servers: Mapping[str, VirtualServer]
    """By keepalived's name: ``[10.0.0.1]:tcp:80``, ``FWM 7``, ``[web]``."""
    track_files: Mapping[str, int]
    """The number that keepalived has read from each, by name."""


def liveness(text: str) -> Liveness:
    """Read the dump of the checker process. Raises nothing: what is not understood is left out."""
    failed = _failed_files(text)
    servers = {}
    for block in _BLOCK.findall(text):
        head, *reals = block.split("   ------< Real server >------\n")
        name, quorum, up = _name(head), _QUORUM.search(head), _QUORUM_UP.search(head)
        if name and quorum and up:  # a full disk cuts a dump off: what is not there is not taken for no
            found = tuple(_real_servers(name, reals, failed))
            servers[name] = VirtualServer(int(quorum[1]), int(quorum[2]), up[1] != "0", found)
    return Liveness(servers, {name: int(status) for name, status in _TRACK_FILE.findall(text)})


_BLOCK = re.compile(r"^ ------< Virtual server >------$(.*?)(?=^ ?------<|\Z)", re.MULTILINE | re.DOTALL)
_VIP = re.compile(r"^ VS VIP = (\S+), VPORT = (\d+)", re.MULTILINE)
_MARK = re.compile(r"^ VS FWMARK = (\d+)", re.MULTILINE)
_GROUP = re.compile(r"^ VS GROUP = (\[.*\]):\d+$", re.MULTILINE)
_PROTOCOL = re.compile(r"^   protocol = (\w+)$", re.MULTILINE)
_QUORUM = re.compile(r"^   quorum = (\d+), hysteresis = (\d+)$", re.MULTILINE)
_QUORUM_UP = re.compile(r"^   quorum_state_up = (\d+)$", re.MULTILINE)
_RIP = re.compile(r"^   RIP = (\S+), RPORT = (\d+), WEIGHT = (-?\d+)", re.MULTILINE)
_METHOD = re.compile(
    r"^   forwarding method = (NAT|DR|TUN)(?:, type = (\w+)(?:, port = (\d+))?(?:, (no|remote)? ?(checksum))?)?$",
    re.MULTILINE,
)
_LIMITS = re.compile(r"^   connection limit range = (\d+) -> (\d+)$", re.MULTILINE)
_ALIVE = re.compile(r"^   alive = (\d+)$", re.MULTILINE)
_FAILED = re.compile(r"^   num failed checkers = (\d+)$", re.MULTILINE)
_TRACK_FILE = re.compile(r"^ Track file = (.*)\n   File = .*\n   Status = (-?\d+)$", re.MULTILINE)
_FILE_CHECK = re.compile(
    r"^ (\S.*) -> (\S+)\n   Enabled = \w+\n   Up = no\n(?:   (?!Keepalive method).*\n)*?"
    r"   Keepalive method = FILE_CHECK\n     Tracked file = (.*)$",
    re.MULTILINE,
)
_CHECKSUM = {"no": TunnelFlag.NOCSUM, "": TunnelFlag.CSUM, "remote": TunnelFlag.REMCSUM}


def _name(head: str) -> str:
    if found := _VIP.search(head):
        protocol = _PROTOCOL.search(head)
        return f"[{_canonical(found[1])}]:{protocol[1].lower() if protocol else 'none'}:{found[2]}"
    if found := _MARK.search(head):
        return f"FWM {found[1]}"
    found = _GROUP.search(head)
    return found[1] if found else ""


def _real_servers(
    name: str, texts: list[str], failed: Mapping[tuple[str, str], frozenset[str]]
) -> Iterator[RealServer]:
    for text in texts:
        place, alive, count = _RIP.search(text), _ALIVE.search(text), _FAILED.search(text)
        dest = _dest(text)
        if place and alive and count and dest:
            key = DestKey(as_address(place[1]), int(place[2]))
            files = failed.get((name, f"[{key.address}]:{key.port}"), frozenset())
            yield RealServer(key, dest, alive[1] != "0", int(count[1]), files)


def _dest(text: str) -> Dest | None:
    place, method, limits = _RIP.search(text), _METHOD.search(text), _LIMITS.search(text)
    if not place or not method or not limits:
        return None
    tunnel = Tunnel()
    if method[2]:
        checksum = _CHECKSUM[method[4] or ""] if method[5] else TunnelFlag.NOCSUM
        tunnel = Tunnel(TunnelType(method[2].lower()), int(method[3] or 0), checksum)
    return Dest(
        ForwardingMethod(method[1]), int(place[3]), upper=int(limits[2]), lower=int(limits[1]), tunnel=tunnel
    )


def _failed_files(text: str) -> dict[tuple[str, str], frozenset[str]]:
    """Answer the track_files whose FILE_CHECK is down, by the names of the virtual and the real server."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for server, real, track_file in _FILE_CHECK.findall(text):
        key = (_bare_name(server), _bare_real(real))
        found[key] = found.get(key, frozenset()) | {track_file}
    return found


def _bare_name(server: str) -> str:
    """Answer the name of a virtual server as :class:`Liveness` has it: a group's without its port."""
    address, separator, rest = server.partition("]:")
    if not separator:
        return server
    if ":" not in rest:
        return f"{address}]"
    return f"[{_canonical(address[1:])}]:{rest}"


def _bare_real(real: str) -> str:
    address, _, rest = real.partition("]:")
    return f"[{_canonical(address[1:])}]:{rest.rpartition(':')[2]}"


def _canonical(address: str) -> str:
    try:
        return str(as_address(address))
    except ValueError:
        return address
