"""Questions to other programs and to the kernel's security modules, for :mod:`lvsctl.doctor.this_host`.

Each is asked once, with a time limit, and only where asking loads nothing: nft(8) would load nf_tables.
"""

import json
import os
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import TypeVar
from weakref import WeakKeyDictionary

from lvsctl.doctor.firewall import Printed
from lvsctl.errors import Denied, LvsctlError, Unavailable
from lvsctl.host.run import find, run

PATIENCE = 5.0
MOST_LINES = 5000
UNITS = ("networking", "ifup@*", "systemd-networkd", "NetworkManager")
"""Who makes the network at boot."""
LABEL = "security.selinux"
ROOT = "run lvsctl as root"


S = TypeVar("S")
T = TypeVar("T")


def remembered(ask: Callable[[S], T]) -> Callable[[S], T]:
    """Have a method without arguments that had no answer once say so again, without asking.

    Every check that needs a program would otherwise wait for one that hangs. What it does answer is for a
    ``cached_property`` around it to keep.
    """
    failed: WeakKeyDictionary[S, LvsctlError] = WeakKeyDictionary()

    @wraps(ask)
    def answer(asked: S) -> T:
        if asked in failed:
            raise failed[asked]
        try:
            return ask(asked)
        except LvsctlError as error:
            failed[asked] = error
            raise

    return answer


def firewall() -> Printed:
    """Answer the rules of this network namespace. Raises Denied without root, Unavailable when no program can list them."""
    return Printed(_nft(), _saved("ip"), _saved("ip6"))


def _nft() -> str:
    if _is_to_be_loaded("nf_tables"):
        return ""  # then there are no rules, and asking would load it
    _only_root()
    return _printed(["nft", "-j", "list", "ruleset"])


def _saved(which: str) -> str:
    """Answer what the program prints that goes with the tables that are there: the older ones have a file of their names."""
    try:
        names = Path(f"/proc/thread-self/net/{which}_tables_names").read_text(encoding="ascii").split()
    except OSError as error:
        if isinstance(error, PermissionError):
            raise Denied(f"{error.filename}: {error.strerror}", hint=ROOT) from error
        names = []
    found = []
    if names:
        legacy = f"{which}tables-legacy-save"
        found.append(_printed([legacy if find(legacy) else f"{which}tables-save"]))
    if find(f"{which}tables-nft-save") and not _is_to_be_loaded("nf_tables"):
        _only_root()
        found.append(_printed([f"{which}tables-nft-save"]))
    return "".join(found)


def _is_to_be_loaded(module: str) -> bool:
    """Answer whether *module* is one of this kernel's, and not loaded."""
    if Path("/sys/module", module).exists():
        return False
    try:
        there = Path("/lib/modules", os.uname().release, "modules.dep").read_text(
            encoding="utf-8", errors="replace"
        )
    except OSError:
        return False
    return f"/{module}.ko" in there


def _only_root() -> None:
    if os.geteuid():
        raise Denied("the rules of the packet filter are only root's to read", hint=ROOT)


def _printed(argv: list[str]) -> str:
    if find(argv[0]) is None:
        raise Unavailable(
            f"there are rules of the packet filter, and no {argv[0]} to list them",
            hint=f"apt install {'nftables' if argv[0] == 'nft' else 'iptables'}",
        )
    done = run(argv, timeout=PATIENCE)
    if done.status:
        raise Unavailable(f"{argv[0]}: {done.last_words or f'it ends with {done.status}'}", hint=ROOT)
    return done.stdout


def journal() -> tuple[str, ...] | None:
    """Answer what the programs that make the network have logged since boot; None on a machine that systemd did not boot.

    Raises Unavailable when there is no journal, or it is not this user's to read.
    """
    if not Path("/run/systemd/system").is_dir():  # sd_booted(3)
        return None
    if find("journalctl") is None:
        raise Unavailable("there is no journalctl to read the journal with")
    units = [word for unit in UNITS for word in ("-u", unit)]
    done = run(
        ["journalctl", "-b", "-q", "--no-pager", "-o", "json", "-n", str(MOST_LINES), *units],
        timeout=PATIENCE,
    )
    if done.status:
        raise Unavailable(f"journalctl: {done.last_words or f'it ends with {done.status}'}", hint=ROOT)
    if not done.stdout.strip():
        raise Unavailable("the journal has no line of this boot from those who make the network", hint=ROOT)
    return tuple(messages(done.stdout))


def messages(text: str) -> Iterator[str]:
    """Yield the messages in what ``journalctl -o json`` prints, each behind the name of who says it."""
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        message = entry.get("MESSAGE") if isinstance(entry, dict) else None
        if isinstance(message, str):  # bytes come as a list of numbers
            who = entry.get("SYSLOG_IDENTIFIER") or entry.get("_COMM") or ""
            yield f"{who}: {message}"


def label(path: Path) -> str:
    """Answer the SELinux label of the file *path*; the empty string when it has none."""
    try:
        return os.getxattr(path, LABEL).decode("utf-8", "replace").rstrip("\0")
    except OSError:
        return ""
