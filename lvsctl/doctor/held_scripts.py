"""The programs of a keepalived that no spec describes: read from the configuration that it holds, or from its file."""

from collections.abc import Iterator
from shlex import quote
from typing import NamedTuple

from lvsctl.compose.rules.here import ROOT, WALKS_LINKS, why_disabled
from lvsctl.compose.rules.programs import DEFAULT_USER, GLOBAL, NOTIFIES
from lvsctl.doctor.keepalived import configurations
from lvsctl.doctor.model import DIRECTOR, ERROR, WARNING, Found, Machine, check
from lvsctl.keepalived.config import Config, Statement

COMMANDS = frozenset(
    {
        *NOTIFIES,
        *GLOBAL,
        *("script", "misc_path", "quorum_up", "quorum_down", "notify_up", "notify_down"),
        *("notify_deleted", "notify_master_rx_lower_pri"),
    }
)


class Command(NamedTuple):
    """A program, and whom it runs as where its own block says so."""

    path: str
    user: str | None


def commands(config: Config) -> Iterator[Command]:
    """Yield every program of *config* that is named by its whole path."""
    for block in config:
        body = block.body or ()
        own = _after(body, "user")
        for each in body:
            if each.keyword in COMMANDS and len(each.words) > 1 and each.words[1].startswith("/"):
                named = next(iter(each.words[2:]), None)
                user = own if each.keyword in {"script", "misc_path"} else named
                yield Command(each.words[1].split()[0], user)
        yield from commands(tuple(each for each in body if each.body is not None))


def _after(body: Config, keyword: str) -> str | None:
    return next((each.words[1] for each in body if each.keyword == keyword and len(each.words) > 1), None)


def _configs(machine: Machine) -> Iterator[tuple[str, Config]]:
    """Yield what each daemon holds; without one, what its file says. Nothing where a spec is: its rules tell more."""
    if machine.declared is None or machine.adoption is not None:
        yield from configurations(machine)


def _global(config: Config) -> tuple[Statement, ...]:
    return tuple(each for block in config if block.keyword == "global_defs" for each in block.body or ())


@check(
    "LVD104",
    ERROR,
    "A script of keepalived's that it disables",
    why="keepalived runs as root only what nobody but root could have changed: every folder of the path and the file itself. Anything else is disabled when it starts, without a word from `keepalived -t` (lib/notify.c).",
    remedy="Install the script as root:root 0755 in folders that only root can write, such as /usr/local/libexec.",
    roles=DIRECTOR,
)
def disabled(machine: Machine) -> Iterator[Found]:
    """Only without a spec, from the running configuration or the file; with one, see LVS800."""
    for file, config in _configs(machine):
        program = machine.host.keepalived()
        walks = program is not None and program.version >= WALKS_LINKS
        otherwise = _after(_global(config), "script_user") or DEFAULT_USER
        shared = otherwise if machine.host.user_exists(otherwise) or otherwise != DEFAULT_USER else "root"
        for path, user in dict.fromkeys(commands(config)):
            as_root = (user or shared) in ROOT
            if (why := why_disabled(path, machine.host, as_root=as_root, walks_links=walks)) is not None:
                yield Found(
                    path,
                    f"{file} names it, and {why}",
                    f"ls -ld {quote(path)}; chown root:root {quote(path)}; chmod 755 {quote(path)}",
                )


@check(
    "LVD105",
    WARNING,
    "Scripts without enable_script_security",
    why="keepalived then runs, as root, scripts that others could have changed, and only logs 'SECURITY VIOLATION'.",
    remedy="Write enable_script_security and script_user under global_defs.",
    roles=DIRECTOR,
)
def insecure(machine: Machine) -> Iterator[Found]:
    """Only without a spec; with one, see LVS400."""
    for file, config in _configs(machine):
        secured = any(each.keyword == "enable_script_security" for each in _global(config))
        if not secured and (first := next(commands(config), None)) is not None:
            yield Found(
                file,
                f"it names {first.path}, and global_defs has no enable_script_security",
                "write enable_script_security and script_user under global_defs, above every script",
            )
