"""The installed keepalived: where it is, which release, and what it was built with."""

import re
from typing import NamedTuple

from lvsctl.host.run import find, run
from lvsctl.keepalived.grammar import Version


class Program(NamedTuple):
    """A keepalived that can be started."""

    path: str
    version: Version
    options: frozenset[str]
    """Its "Config options": ``LVS``, ``VRRP``, ``JSON``, ``NFTABLES``, …"""


def described(path: str, account: str) -> Program | None:
    """Read what ``keepalived --version`` wrote (to standard error); None when it is no such account."""
    found = re.search(r"^Keepalived v(\d+)\.(\d+)\.(\d+)", account, re.MULTILINE)
    if not found:
        return None
    options = re.search(r"^Config options: *(.*)$", account, re.MULTILINE)
    version = (int(found[1]), int(found[2]), int(found[3]))
    return Program(path, version, frozenset(options[1].split()) if options else frozenset())


def installed() -> Program | None:
    """Answer the keepalived that lvsctl's fixed PATH finds, or None; raises Unavailable when it hangs."""
    path = find("keepalived")
    if path is None:
        return None
    finished = run([path, "--version"], timeout=10)
    return described(path, finished.stderr or finished.stdout)


def dotted(version: Version) -> str:
    """Spell a release the usual way: ``2.2.7``."""
    return ".".join(map(str, version))
