"""The programs that keepalived starts: can they run, and will keepalived let them.

`keepalived -t` says nothing of scripts that it will disable at its start. Whether only root can change them is the rules'
to say for the operator's own (LVS800, with keepalived's own walk along the path); here it is asked for lvsctl's hooks.
"""

import re
import shlex
from collections.abc import Iterator
from typing import Final

from lvsctl.compose.hooks import with_hooks
from lvsctl.compose.paths import LIBEXEC
from lvsctl.compose.rules.here import WALKS_LINKS, why_disabled
from lvsctl.compose.rules.programs import programs
from lvsctl.doctor.host import Host
from lvsctl.doctor.model import DIRECTOR, ERROR, WARNING, Found, Machine, check
from lvsctl.keepalived.grammar import version

ELF: Final = "\x7fELF"
BOM: Final = "\ufeff"
FOLDERS: Final = ("/usr/sbin", "/usr/bin", "/sbin", "/bin")
"""Where a program is looked for at boot: nothing below /usr/local, no pyenv."""

DEFAULT_ROUTE: Final = re.compile(
    r"^(?![ \t]*#).*\b(ip[ \t]+(-[46][ \t]+)?route[ \t]+(add|del|replace|change|append)[ \t]+(default|0\.0\.0\.0/0|::/0)"
    r"|route[ \t]+(add|del)[ \t]+(default|-net[ \t]+0\.0\.0\.0)).*$",
    re.MULTILINE,
)
MOST_TEXT: Final = 64 * 1024
"""Characters of a script that are searched."""


def commands(machine: Machine) -> list[str]:
    """Answer the absolute paths of the programs that the rendered keepalived.conf names."""
    found = programs(with_hooks(machine.spec))
    return list(dict.fromkeys(each.command[0] for each in found if each.command[0].startswith("/")))


def start_fault(host: Host, path: str) -> str:
    """Answer why the kernel could not start the file *path*; the empty string when it can, or when it is not there."""
    text = host.text(path)
    if text is None or text.startswith(ELF):
        return ""
    if not text.strip():
        return "it is empty"
    if text.startswith(BOM):
        return "it begins with a byte order mark, so the kernel sees no #!"
    first = text.partition("\n")[0]
    if not first.startswith("#!"):
        return "it does not begin with #!"
    if first.endswith("\r"):
        return "its lines end with CR LF, so its interpreter's name ends with CR"
    return _interpreter_fault(host, first[2:].split())


def interpreter(text: str) -> str:
    """Answer the interpreter of a script: its path, or what env(1) is to find; empty without one."""
    words = text.partition("\n")[0].removeprefix("#!").split() if text.startswith("#!") else []
    if words and words[0].endswith("/env"):
        return next((word for word in words[1:] if not word.startswith("-") and "=" not in word), "")
    return words[0] if words else ""


def _interpreter_fault(host: Host, words: list[str]) -> str:
    if not words:
        return "its first line names no interpreter"
    if not words[0].startswith("/"):
        return f"its interpreter {words[0]!r} is no absolute path"
    if host.components(host.real_path(words[0]))[-1].kind == "missing":
        return f"its interpreter {words[0]} does not exist"
    name = interpreter("#!" + " ".join(words))
    if words[0].endswith("/env") and not name.startswith("/"):
        places = (f"{folder}/{name}" for folder in FOLDERS)
        if all(host.components(host.real_path(each))[-1].kind == "missing" for each in places):
            return f"env finds no {name!r} in {':'.join(FOLDERS)}"
    return ""


def changed_default_routes(text: str) -> str:
    """Answer the first line that adds or deletes a default route; the empty string without one."""
    found = DEFAULT_ROUTE.search(text[:MOST_TEXT])
    return found[0].strip() if found else ""


@check(
    "LVD100",
    ERROR,
    "A hook of lvsctl's that keepalived disables",
    why="The rendered file names it, and keepalived runs as root only what nobody but root can change; it says so once, in its log, at its start. Transitions then reach nobody.",
    remedy="lvsctl hooks install.",
    roles=DIRECTOR,
    needs_spec=True,
)
def hooks(machine: Machine) -> Iterator[Found]:
    """Files below /usr/libexec/lvsctl: keepalived's walk along the path (lib/notify.c)."""
    walks = version(machine.spec.target_version) >= WALKS_LINKS
    for path in commands(machine):
        if path.startswith(f"{LIBEXEC}/"):
            why = why_disabled(path, machine.host, as_root=True, walks_links=walks)
            if why is not None:
                yield Found(path, why, "lvsctl hooks install")


@check(
    "LVD101",
    ERROR,
    "A script that the kernel cannot start",
    why="keepalived finds it executable and starts it; the kernel says 'Exec format error' or 'No such file', and a failed notify script is told nowhere else.",
    remedy="Let its first line be #!/bin/sh or another interpreter that exists, with plain line ends: sed -i 's/\\r$//' FILE.",
    roles=DIRECTOR,
    needs_spec=True,
)
def not_startable(machine: Machine) -> Iterator[Found]:
    """Every program of the rendered file that is no ELF file."""
    for path in commands(machine):
        if said := start_fault(machine.host, path):
            yield Found(path, said, mend(path, said))


def mend(path: str, said: str) -> str:
    """Answer the command against what :func:`start_fault` said."""
    path = shlex.quote(path)
    if "CR" in said:
        return f"sed -i 's/\\r$//' {path}"
    if "byte order mark" in said:
        return f"sed -i '1s/^\\xEF\\xBB\\xBF//' {path}"
    if "does not begin" in said:
        return f"sed -i '1i #!/bin/sh' {path}"
    return f"edit the first line of {path}: #!/bin/sh"


@check(
    "LVD102",
    ERROR,
    "A script with a syntax error",
    why="It runs up to the error, or not at all, at the moment when it is needed.",
    remedy="sh -n FILE (bash -n, python3 -m py_compile) names the line.",
    roles=DIRECTOR,
    needs_spec=True,
)
def misspelt(machine: Machine) -> Iterator[Found]:
    """Shell and Python scripts of the rendered file; their grammar is read, they are not run."""
    for path in commands(machine):
        name = interpreter(machine.host.text(path) or "").rpartition("/")[2]
        if not start_fault(machine.host, path) and (said := machine.host.syntax(path, name)):
            yield Found(
                path, said, f"{name} -n {path}" if "python" not in name else f"{name} -m py_compile {path}"
            )


@check(
    "LVD103",
    WARNING,
    "A notify script that changes default routes",
    why="Between deleting the old route and adding the new one nothing leaves, and a default route that somebody else made is gone for good. Scripts run at once and in no order.",
    remedy="Declare return_paths (one routing table for each address) or uplinks in the spec, and take the lines out.",
    roles=DIRECTOR,
    needs_spec=True,
)
def routing_script(machine: Machine) -> Iterator[Found]:
    """Looks for `ip route add default` and its kin in the text."""
    for path in commands(machine):
        if line := changed_default_routes(machine.host.text(path) or ""):
            yield Found(
                path,
                f"it says: {line[:120]}",
                "lvsctl return-path explain; then declare return_paths in the spec",
            )
