"""What keepalived's processes together make of a configuration.

Each process acts on its own root keywords and counts braces over the blocks of the others. While braces are where
the keywords want them that is one and the same way through the lines; else each process is followed on its own.

Source: the init_*_keywords() of keepalived 2.2.7 and which of them each process activates.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from lvsctl.keepalived.config import Config, Statement
from lvsctl.keepalived.grammar import Keyword
from lvsctl.keepalived.parse_blocks import Blocks
from lvsctl.keepalived.parse_lines import Line
from lvsctl.keepalived.parse_notes import Kind, Notes

PARENT = frozenset(
    [
        "linkbeat_use_polling",
        "net_namespace",
        "net_namespace_ipvs",
        "namespace_with_ipsets",
        "use_pid_dir",
        "instance",
        "child_wait_time",
        "global_defs",
    ]
)
BFD = frozenset({"bfd_instance"})
_SHARED = BFD | {"track_file", "vrrp_track_file"}
CHECKER = _SHARED | {"SSL", "virtual_server_group", "virtual_server"}
VRRP = _SHARED | frozenset(
    [
        "track_group",
        "static_ipaddress",
        "static_routes",
        "static_rules",
        "vrrp_sync_group",
        "garp_group",
        "linkbeat_interfaces",
        "vrrp_instance",
        "vrrp_script",
        "vrrp_track_process",
        "interface_up_down_delays",
    ]
)


class _Process(NamedTuple):
    """Which lines a process reads, and which root keywords it acts on."""

    lines: Sequence[Line]
    acts_on: AbstractSet[str]


def statements(parent: Sequence[Line], children: Sequence[Line], root: Keyword, notes: Notes) -> Config:
    """Answer what the processes act on, in order. The parent reads *parent*, its children read *children*.

    What nobody acts on although it has words is in it too; *notes* say so.
    """
    seen = Notes()
    whole = Blocks(children, root, seen)
    placed = whole.read()
    if not whole.odd_braces and parent is children:
        notes.extend(seen)
        return tuple(found.statement for found in placed)
    above = _together([_Process(parent, PARENT)], root, notes) if parent is not children else {}
    processes = [_Process(children, keywords) for keywords in (VRRP, CHECKER, BFD)]
    if parent is children:
        processes.append(_Process(parent, PARENT))
    below = _together(processes, root, notes)
    unseen = whole.used - below.keys()
    for found in placed:
        keyword = found.statement.keyword
        if found.at in unseen and (parent is children or keyword not in PARENT):
            what = f"{' '.join(found.statement.words)}: no process of keepalived sees it, because of a brace before it"
            notes.add(children[found.at].origin, Kind.IGNORED, what)
    return (*above.values(), *(below[at] for at in sorted(below)))


def _together(processes: Sequence[_Process], root: Keyword, notes: Notes) -> dict[int, Statement]:
    """Answer what *processes*, which read the same lines, make of them: each statement by its line."""
    acted: set[int] = set()
    for lines, acts_on in processes:
        blocks = Blocks(lines, root, Notes(), acts_on)
        blocks.read()
        acted |= blocks.used
    found: dict[int, Statement] = {}
    for lines, acts_on in processes:
        blocks = Blocks(lines, root, notes, acts_on, elsewhere=acted)
        found = dict(blocks.read()) | found
        acted |= blocks.unknown
    return found
