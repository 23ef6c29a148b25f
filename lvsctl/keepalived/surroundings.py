"""What a configuration expects of the machine it runs on: interfaces, folders, scripts, users, names, files.

Pure. The judge builds stand-ins for these, so that its verdict is about the configuration and not about the
machine that happens to ask. What is really there is for the rules to examine, with facts about a host.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address
from itertools import pairwise
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from lvsctl.keepalived.config import Config, Statement
from lvsctl.keepalived.parse_lexer import split_escaped

NOTHING: Mapping[PurePosixPath, str] = MappingProxyType({})


class Surroundings(NamedTuple):
    """What has to be there for keepalived to accept a configuration."""

    interfaces: tuple[str, ...] = ()
    """Names of network interfaces; ``lo`` is always there."""
    folders: tuple[PurePosixPath, ...] = ()
    """Absolute folders in which keepalived expects or creates files."""
    scripts: tuple[PurePosixPath, ...] = ()
    """Absolute paths of programs that keepalived runs."""
    users: tuple[str, ...] = ()
    """Names of users that scripts run as; ``keepalived_script``, the default, is always there."""
    groups: tuple[str, ...] = ()
    """Names of groups that scripts run as."""
    hosts: tuple[str, ...] = ()
    """Names that keepalived resolves while it reads."""
    files: Mapping[PurePosixPath, str] = NOTHING
    """Absolute paths of further files, with what stands in for their content (an included secret)."""


def surroundings(config: Config) -> Surroundings:
    """Read from *config* what it expects to find on its machine."""
    every = tuple(_walk(config, ""))
    commands = tuple(command for _, each in every for command in _commands(each))
    accounts = tuple(account for parent, each in every for account in _accounts(parent, each))
    return Surroundings(
        interfaces=_unique(_interfaces(every)),
        folders=_unique(folder for each in every for folder in _folders(*each)),
        scripts=_unique(path for command in commands if (path := _program(command))),
        users=_unique(words[0] for words in accounts if words),
        groups=_unique(words[1] for words in accounts if len(words) > 1),
        hosts=_unique(host for _, each in every for host in _hosts(each)),
        files={path: content for parent, each in every for path, content in _secrets(parent, each)},
    )


Placed = tuple[str, Statement]
"""A statement and the keyword of the block it stands in."""


def _walk(config: Config, parent: str) -> Iterator[Placed]:
    for each in config:
        if each.words:
            yield parent, each
        if each.body:
            yield from _walk(each.body, each.words[0] if each.words else "")


Item = TypeVar("Item")


def _unique(items: Iterable[Item]) -> tuple[Item, ...]:
    return tuple(dict.fromkeys(items))


NAMED_INTERFACE = frozenset(
    ("interface", "default_interface", "lvs_sync_daemon", "lvs_sync_daemon_interface", "bind_if", "vrf")
)
"""Keywords whose first value is an interface."""

LISTED_INTERFACES = frozenset(
    ("track_interface", "linkbeat_interfaces", "interface_up_down_delays", "interfaces")
)
"""Blocks whose items begin with an interface."""

NETWORK_LINES = frozenset(
    (
        "virtual_ipaddress",
        "virtual_ipaddress_excluded",
        "virtual_routes",
        "virtual_rules",
        "static_ipaddress",
        "static_routes",
        "static_rules",
    )
)
"""Blocks whose items are written as iproute2 writes them."""

DEFAULT_INTERFACE = "eth0"
"""Where static addresses without a ``dev`` go when there is no default_interface (DFLT_INT)."""

_SCOPED = re.compile(r"fe80:[0-9a-f:.]*%(.+)", re.IGNORECASE)
_VMAC = re.compile(r"vrrp6?\.\d+")


def _interfaces(every: Iterable[Placed]) -> Iterator[str]:
    """Name the interfaces, without those that keepalived makes itself (use_vmac, use_ipvlan)."""
    placed = tuple(every)
    made = {
        word
        for _, each in placed
        if not {"use_vmac", "use_ipvlan"}.isdisjoint(each.words)
        for word in _after(each.words, "use_vmac", "use_ipvlan")
    }
    makes = any(not {"use_vmac", "use_ipvlan"}.isdisjoint(each.words) for _, each in placed)
    for parent, each in placed:
        for name in _named(parent, each.words):
            if name not in made and name != "lo" and not (makes and _VMAC.fullmatch(name)):
                yield name


def _named(parent: str, words: tuple[str, ...]) -> Iterator[str]:
    if parent in LISTED_INTERFACES:
        yield words[0]
    elif parent in NETWORK_LINES:
        named = tuple(_after(words, "dev", "oif", "iif"))
        yield from named
        if not named and parent == "static_ipaddress":
            yield DEFAULT_INTERFACE
    elif words[0] in NAMED_INTERFACE and len(words) > 1:
        yield words[1]
    yield from (found[1] for word in words if (found := _SCOPED.fullmatch(word)))


def _after(words: tuple[str, ...], *keys: str) -> Iterator[str]:
    return (value for key, value in pairwise(words) if key in keys)


KEPT_FILES = frozenset(("file", "reload_time_file", "reload_file"))
KEPT_FOLDERS = frozenset(("config_save_dir", "tmp_config_directory"))


def _folders(parent: str, each: Statement) -> Iterator[PurePosixPath]:
    path = _absolute(each.words[1]) if len(each.words) > 1 else None
    if path is None:
        return
    if each.keyword in KEPT_FOLDERS:
        yield path
    elif each.keyword in KEPT_FILES and parent in ("track_file", "vrrp_track_file", "global_defs"):
        yield path.parent


def _absolute(text: str) -> PurePosixPath | None:
    """Answer *text* as a path that can be stood in for, else None."""
    path = PurePosixPath(text)
    return path if path.is_absolute() and ".." not in path.parts and "\0" not in text else None


COMMANDS = frozenset(
    (
        "notify",
        "notify_master",
        "notify_backup",
        "notify_fault",
        "notify_stop",
        "notify_deleted",
        "notify_master_rx_lower_pri",
        "notify_up",
        "notify_down",
        "quorum_up",
        "quorum_down",
        "script",
        "misc_path",
        "startup_script",
        "shutdown_script",
        "notify_fifo_script",
        "vrrp_notify_fifo_script",
        "lvs_notify_fifo_script",
    )
)
"""Keywords whose first value is a command line, and whose second and third are a user and a group."""


def _commands(each: Statement) -> Iterator[str]:
    if each.body is None and len(each.words) > 1 and each.keyword in COMMANDS:
        yield each.words[1]


def _program(command: str) -> PurePosixPath | None:
    """Answer the program of a command line; one without a folder is looked for on the PATH."""
    words = split_escaped(command) or command.split(maxsplit=1)
    name = words[0].removeprefix("<") if words else ""
    if not name or name in (".", ".."):
        return None
    return _absolute(name if "/" in name else f"{BARE_PROGRAMS}/{name}")


BARE_PROGRAMS = "/usr/local/sbin"
"""The first folder of the PATH that keepalived searches: stand-ins shadow what is installed."""


def _accounts(parent: str, each: Statement) -> Iterator[tuple[str, ...]]:
    """Name the users, each with its group when one is given."""
    words = each.words
    if each.body is not None:
        return
    if each.keyword == "script_user" or (each.keyword == "user" and parent in ("vrrp_script", "MISC_CHECK")):
        yield words[1:3]
    elif each.keyword in COMMANDS or each.keyword.endswith("notify_fifo"):
        yield words[2:4]


def _hosts(each: Statement) -> Iterator[str]:
    if each.keyword == "smtp_server" and len(each.words) > 1 and not _is_address(each.words[1]):
        yield each.words[1]


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


STAND_IN_SECRET = "auth_pass standin\n"  # noqa: S105  # eight characters that are no secret


def _secrets(parent: str, each: Statement) -> Iterator[tuple[PurePosixPath, str]]:
    """Name the files that an authentication block includes to keep its password out of this text."""
    if parent == "authentication" and each.keyword.startswith("include") and len(each.words) > 1:
        path = _absolute(each.words[1])
        if path:
            yield path, STAND_IN_SECRET
