"""keepalived's own account of what it parsed, read from the files it writes on SIGUSR1.

Two configurations mean the same when their normalised accounts are equal. Pure: it reads texts, not files
(:mod:`lvsctl.keepalived.account` has those). Which lines tell of the running state is read from the
``conf_write`` calls of keepalived 2.2.7: vrrp_data.c, vrrp_if.c, check_data.c, check_*.c, bfd_data.c,
global_data.c, track_file.c.

What the account leaves out cannot be compared: the bytes of a UDP_CHECK payload or reply, the cipher side of
``SSL``, ``init_fail`` of a script (its place tells of the running state once the script has run), and everything
keepalived dropped with a complaint.
"""

import re
from collections.abc import Iterator

_HEADER = re.compile(r" *------< (.+) >------")

_RUN_TIME_LINES = (
    # global definitions
    r"Reload scheduled for|No reload scheduled|current realtime ",
    # VRRP instances and sync groups
    r"(?:State|Wantstate|Master router|Master priority|Master advert int(?:erval)?|Last transition) = ",
    r"Number of (?:config|interface and track script) faults|Number of track scripts init|Num member ",
    r"(?:Read timeout|Master down timer|Effective priority|Total priority) = |Duplicate VRID$",
    r"Next gratuitous ARP |last [rt]x checksum = |fd_in -?\d|No sockets allocated$",
    # what they track
    r"(?:Result|Status|Init state|Current processes|Have quorum) = |(?:Fork|Terminate) delay timer |Bfd is ",
    # GARP groups
    r"(?:GARP|GNA) next time ",
    # virtual and real servers
    r"Alive: |alive = |reloaded = |Reloaded = |quorum_state_up = |effective weight = ",
    r"previous effective_weight = |num failed checkers = |RS set = ",
    # checkers
    r"(?:Enabled|Up|Has run|Current weight|Retries iterations|Last errno|Last ran|Last status) = ",
    r"Failed URL = |Regex ref count = ",
    # BFD
    r"fd_out |thread_\w+ 0x|sands_\w+ = |send error = |(?:local|remote) (?!interface)|last[_ ]seen = ",
    r"!?poll, !?final$",
)
"""Lines, without their indentation, that say how it is going rather than what was configured."""

_RUN_TIME = re.compile("|".join(_RUN_TIME_LINES))

_RUN_TIME_PARTS = tuple(
    (re.compile(pattern), kept)
    for pattern, kept in (
        (r"( VRRP Sync Group = .+), \w+", r"\1"),
        (r"( +Use (?:VMAC|IPVLAN), .+), is_up = \w+", r"\1"),
        (r"( +Using src_ip = )(?!.* \(from configuration\)).*", r"\1automatic"),
        (r"( +Multicast address .+), ifindex \d+", r"\1"),
        (r"( +RIP = .+, RPORT = \d+), WEIGHT = .*", r"\1"),
        (r"( {5}[0-9a-f.:]+(?:/\d+)? .*? scope .*?)( set)?( iptable_set)?( nftable_set)?$", r"\1"),
        (r"( {5}(?:prepend|append|add|change|replace) .*?) \[installed ifindex \d+\]", r"\1"),
    )
)

_UNTOLD = frozenset(("VRRP Sockpool", "BFD Data"))
"""Sections about sockets and threads only."""

_OF_INTERFACE = re.compile(
    r"(?:Up|Down) debounce timer = (?!0us)|Gratuitous (?:ARP|NA) |NIC (?:support|ioctl)"
)
"""The lines about an interface that a configuration decides; the others tell of the machine."""


def normalised(text: str) -> list[str]:
    """Answer the lines of one dump that say what was configured, without those that change while it runs."""
    return [kept for section, line in _sections(text) for kept in _configured(section, line)]


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """Pair every line with the section it stands in; inside ``Interfaces`` put the interface's name before it."""
    section = interface = ""
    for line in text.splitlines():
        header = _HEADER.fullmatch(line)
        if header:
            section = header[1]
        elif section == "Interfaces" and line.startswith(" Name = "):
            interface = line.removeprefix(" Name = ")
        yield section, f" {interface}: {line.strip()}" if section == "Interfaces" and not header else line


def _configured(section: str, line: str) -> Iterator[str]:
    if section == "Interfaces":
        if _OF_INTERFACE.match(line.partition(": ")[2]):
            yield line
    elif section not in _UNTOLD and not _RUN_TIME.match(line.lstrip()):
        for pattern, kept in _RUN_TIME_PARTS:
            line = pattern.sub(kept, line)
        yield line
