"""Scripts that may not come to an end, or do something else the second time: what can be told without running them."""

import shlex
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from lvsctl.compose.rules.programs import programs
from lvsctl.doctor.dispatchers import COMES_WITH_DEBIAN, RUN_PARTS_NAME, hooks
from lvsctl.doctor.habits import Line, piles_up, waits
from lvsctl.doctor.keepalived import configurations
from lvsctl.doctor.model import DIRECTOR, NOTE, WARNING, Found, Machine, check
from lvsctl.keepalived.config import Config, Statement

FEW: Final = 3

SCRIPTS: Final = frozenset(
    {
        *("notify", "notify_master", "notify_backup", "notify_fault", "notify_stop", "notify_deleted"),
        *("notify_master_rx_lower_pri", "notify_up", "notify_down", "quorum_up", "quorum_down"),
        *("startup_script", "shutdown_script", "script", "misc_path"),
    }
)
"""Keywords of programs that are to come to an end; those behind a FIFO are not."""
CHECKED: Final = frozenset({"script", "misc_path"})
"""Those that keepalived itself ends in time."""


class Script(NamedTuple):
    """A program of keepalived's."""

    keyword: str
    path: str


def scripts(machine: Machine) -> tuple[Script, ...]:
    """Answer the programs that the spec names; without one, those of the configuration that keepalived holds."""
    if machine.declared is not None:
        found = [Script(str(each.path[-1]), each.command[0]) for each in programs(machine.spec)]
    else:
        found = [each for _, config in configurations(machine) for each in _named(config)]
    return tuple(
        dict.fromkeys(each for each in found if each.path.startswith("/") and each.keyword in SCRIPTS)
    )


def _named(config: Config) -> Iterator[Script]:
    for each in config:
        if each.keyword in SCRIPTS and len(each.words) > 1 and each.words[1].split():
            yield Script(each.keyword, each.words[1].split()[0])
        yield from _named(each.body or ())


def _told(path: str, lines: Iterable[Line]) -> Iterator[Found]:
    """Yield one finding for a file: its first lines, and what to write."""
    found = list(lines)
    if found:
        more = f" (and {len(found) - FEW} more)" if len(found) > FEW else ""
        mends = ", ".join(dict.fromkeys(each.mend for each in found[:FEW]))
        yield Found(
            path,
            "; ".join(map(str, found[:FEW])) + more,
            f"sed -n {found[0].number}p {shlex.quote(path)}; write: {mends}",
        )


@check(
    "LVD106",
    WARNING,
    "A check script that is given more time than there is between its runs",
    why="keepalived starts the next run while the last one may still go on: it logs 'already running' and starts it all the same (vrrp_scheduler.c 2.2.7), results come late, and one that hangs is noticed only after its whole timeout.",
    remedy="timeout shorter than interval; without one keepalived ends the script after its interval.",
    roles=DIRECTOR,
)
def overlapping(machine: Machine) -> Iterator[Found]:
    """`timeout` and `interval` of each vrrp_script in the configuration that keepalived holds, or in its file; without an interval it is 1 second."""
    for file, config in configurations(machine):
        for block in config:
            if block.keyword == "vrrp_script" and len(block.words) > 1:
                interval, timeout = _seconds(block, "interval") or 1, _seconds(block, "timeout")
                if timeout > interval:
                    yield Found(
                        f"vrrp_script {block.words[1]}",
                        f"{file} gives it timeout {timeout} and interval {interval}",
                        f"write interval {timeout + 1} or timeout {interval}, then systemctl reload keepalived",
                    )


def _seconds(block: Statement, keyword: str) -> int:
    said = [each.words[1] for each in block.body or () if each.keyword == keyword and len(each.words) > 1]
    return int(said[-1]) if said and said[-1].isascii() and said[-1].isdecimal() and len(said[-1]) < 10 else 0  # noqa: PLR2004 - keepalived takes no longer one


def _of_keepalived(
    machine: Machine, look: Callable[[str], Iterator[Line]], passed: frozenset[str]
) -> Iterator[Found]:
    paths = dict.fromkeys(each.path for each in scripts(machine) if each.keyword not in passed)
    for path in paths:
        text = machine.host.text(path)
        if text is not None and text.startswith("#!"):
            yield from _told(path, look(text))


def _of_hooks(machine: Machine, look: Callable[[str], Iterator[Line]]) -> Iterator[Found]:
    for each in hooks(machine.host):
        if each.is_taken and not (each.name in COMES_WITH_DEBIAN and RUN_PARTS_NAME.fullmatch(each.name)):
            yield from _told(each.path, look(machine.host.text(each.path) or ""))


@check(
    "LVD107",
    WARNING,
    "A notify script that may wait for ever",
    why="keepalived never waits for it and never ends it (measured): whoever it asks may be just what failed, and then the transition is not done, the next one starts a second script beside it, and when keepalived stops it is killed after a second.",
    remedy="Give every call a limit of its own (curl --max-time, ssh -o ConnectTimeout=5 -o BatchMode=yes), or begin with timeout(1).",
    roles=DIRECTOR,
)
def may_hang(machine: Machine) -> Iterator[Found]:
    """Shell scripts of keepalived's that nothing else ends: curl, wget, ssh, scp, nc and ping without a limit, and loops that sleep and neither count nor leave. What timeout(1) starts, what runs in the background, and a call with options from a variable are passed over. Whether any other script comes to an end cannot be known by reading it: Python, Perl and what is not named here are not judged."""
    yield from _of_keepalived(machine, waits, CHECKED)


@check(
    "LVD108",
    NOTE,
    "A script that does something else the second time",
    why="keepalived calls it at every transition, at its start, and after a reload, and nobody promises that the opposite one came between: rules of `ip rule` and iptables pile up, and an address or route that is there already is an error, which ends a script with `set -e` halfway.",
    remedy="ip addr replace, ip route replace; delete before adding; iptables -C … || iptables -A ….",
    roles=DIRECTOR,
)
def differs(machine: Machine) -> Iterator[Found]:
    """`ip address|route|rule add` and `iptables -A|-I` in shell scripts, where neither the line says what happens otherwise (||, &&, if) nor a line above it looks or deletes. A hint, and no proof either way: what a second run does only a second run tells."""
    yield from _of_keepalived(machine, piles_up, frozenset())


@check(
    "LVD130",
    WARNING,
    "A hook file that may wait for ever",
    why="The interface is not up until its hooks have come to an end: while one waits, for a server that is reached by the very interface, ifup and the boot wait with it.",
    remedy="Give every call a limit of its own (curl --max-time, ssh -o ConnectTimeout=5 -o BatchMode=yes), or begin with timeout(1).",
)
def hook_may_hang(machine: Machine) -> Iterator[Found]:
    """As LVD107, for the hook files of all folders; what Debian brings along is left out. Whether any other one comes to an end cannot be known by reading it."""
    yield from _of_hooks(machine, waits)


@check(
    "LVD131",
    NOTE,
    "A hook file that does something else the second time",
    why="It is called whenever an interface comes up, once for each address family: rules of `ip rule` and iptables pile up, and an address or route that is there already is an error, which ends a script with `set -e` halfway.",
    remedy="ip addr replace, ip route replace; delete before adding; iptables -C … || iptables -A ….",
)
def hook_differs(machine: Machine) -> Iterator[Found]:
    """As LVD108, for the hook files of all folders; a hint, and no proof either way."""
    yield from _of_hooks(machine, piles_up)
