"""What SELinux and AppArmor let keepalived's scripts do: a confined daemon runs them, and they are denied what they are for."""

import re
import shlex
from collections.abc import Iterator
from functools import cache
from typing import Final

from lvsctl.compose.hooks import hooks_are_wired
from lvsctl.compose.paths import LIBEXEC
from lvsctl.doctor.host import Running
from lvsctl.doctor.model import DIRECTOR, ERROR, WARNING, Found, Machine, check
from lvsctl.doctor.patience import scripts
from lvsctl.doctor.scripts import commands

DOMAIN: Final = "keepalived_t"
FREE: Final = "keepalived_unconfined_script_exec_t"
"""The label of a script that leaves the domain when it is started (selinux-policy, keepalived.te)."""
PROFILES: Final = "/etc/apparmor.d"
MOST_PROFILES: Final = 500


def _programs(machine: Machine) -> list[str]:
    own = commands(machine) if machine.declared is not None and hooks_are_wired(machine.spec) else []
    return list(dict.fromkeys([*own, *(each.path for each in scripts(machine))]))


def _confined_to(machine: Machine, daemon: Running, *, of: str) -> str:
    """Answer the words of the kernel on the domain or profile of *daemon*."""
    for name in (f"attr/{of}/current", "attr/current"):
        if text := machine.host.text(f"/proc/{daemon.pid}/{name}"):
            return text.strip("\0\n ")
    return ""


@check(
    "LVD110",
    ERROR,
    "A script that SELinux confines with keepalived",
    why="keepalived works in the domain keepalived_t, and what it starts stays there unless the file's label says otherwise: the script runs and is denied what it is for (files, sockets, ip), told in the audit log only.",
    remedy="semanage fcontext -a -t keepalived_unconfined_script_exec_t FILE && restorecon -v FILE. Below /usr/libexec/keepalived the policy has that label already: restorecon -Rv is enough there.",
    roles=DIRECTOR,
)
def mislabelled(machine: Machine) -> Iterator[Found]:
    """Where SELinux enforces (/sys/fs/selinux/enforce) and a keepalived works in keepalived_t: the labels of its programs, those of lvsctl among them. A domain that was made permissive is not known here."""
    if (machine.host.text("/sys/fs/selinux/enforce") or "").strip() != "1":
        return
    if not any(_type(_confined_to(machine, each, of="selinux")) == DOMAIN for each in machine.host.daemons()):
        return
    for path in _programs(machine):
        real = machine.host.real_path(path)
        there = machine.host.components(real)[-1].kind != "missing"
        label = machine.host.label(real) if there else ""
        if there and _type(label) != FREE:
            yield Found(
                path,
                f"its label is {label or 'none'}, and keepalived is confined to {DOMAIN}",
                _relabel(real),
            )


def _type(label: str) -> str:
    parts = label.split(":")
    return parts[2] if len(parts) > 2 else ""  # noqa: PLR2004 - user, role, type, level


def _relabel(path: str) -> str:
    if path.startswith("/usr/libexec/keepalived/"):
        return f"restorecon -v {shlex.quote(path)}"
    if path.startswith(f"{LIBEXEC}/"):
        return f"semanage fcontext -a -t {FREE} '{LIBEXEC}(/.*)?' && restorecon -Rv {LIBEXEC}"
    return (
        f"semanage fcontext -a -t {FREE} {shlex.quote(re.escape(path))} && restorecon -v {shlex.quote(path)}"
    )


@check(
    "LVD111",
    WARNING,
    "A script that AppArmor does not let keepalived start",
    why="keepalived works under a profile that is enforced, and the profile does not name the script for execution: it is denied, keepalived logs that it could not be started, and the transition reaches nobody.",
    remedy="Add a line such as `/usr/libexec/lvsctl/** Ux,` to the profile's file below /etc/apparmor.d/local, then apparmor_parser -r.",
    roles=DIRECTOR,
)
def unprofiled(machine: Machine) -> Iterator[Found]:
    """Where a keepalived works under a profile that is enforced (/proc/PID/attr): the rules for execution in the profile's file and the one of its name below local. What these include from elsewhere is not looked at, and neither is what the script may do once it runs."""
    if (machine.host.text("/sys/module/apparmor/parameters/enabled") or "").strip() != "Y":
        return
    for daemon in machine.host.daemons():
        said = re.fullmatch(r"(.+?) \(enforce\)", _confined_to(machine, daemon, of="apparmor"))
        if said is None:
            continue
        file, text = _profile(machine, said[1])
        for path in _programs(machine):
            if not _lets_start(text, machine.host.real_path(path)):
                yield Found(
                    path,
                    f"keepalived works under {said[1]}, and {file or 'no file below ' + PROFILES} has no rule that lets it start",
                    _allow(file, path),
                )


def _allow(file: str, path: str) -> str:
    if not file:
        return "aa-status; aa-complain /usr/sbin/keepalived, until the profile has a rule for it"
    local = shlex.quote(f"{PROFILES}/local/{file.rpartition('/')[2]}")
    return f"echo {shlex.quote(f'{path} Ux,')} >> {local} && apparmor_parser -r {shlex.quote(file)}"


def _profile(machine: Machine, name: str) -> tuple[str, str]:
    """Answer the file that declares the profile *name*, and its text with what local adds; empty words without one."""
    declared = re.compile(
        rf"^\s*(profile\s+)?\"?{re.escape(name)}\"?(\s|\{{)|^\s*profile\s+\S+\s+\"?{re.escape(name)}\"?",
        re.MULTILINE,
    )
    for each in machine.host.names(PROFILES)[:MOST_PROFILES]:
        path = f"{PROFILES}/{each}"
        if machine.host.components(path)[-1].kind == "directory":
            continue
        text = machine.host.text(path) or ""
        if declared.search(text):
            return path, text + "\n" + (machine.host.text(f"{PROFILES}/local/{each}") or "")
    return "", ""


_RULE: Final = re.compile(
    r"^\s*(?:(?P<deny>deny)\s+)?(?:(?:audit|owner|allow|file)\s+)*\"?(?P<path>[/@][^\s\"]*)\"?\s+(?P<how>[a-zA-Z]+)\b",
    re.MULTILINE,
)


def _lets_start(text: str, path: str) -> bool:
    starts = [each for each in _RULE.finditer(text[: 2**20]) if "x" in each["how"].lower()]
    matching = [each for each in starts if _glob(each["path"]).fullmatch(path)]
    return bool(matching) and not any(each["deny"] for each in matching)


@cache
def _glob(pattern: str) -> re.Pattern[str]:
    """Answer AppArmor's pattern as an expression: ``*`` and ``?`` stop at a slash, ``**`` does not, ``{a,b}`` is either.

    What a variable stands for (``@{bin}``) is not looked up: it may be anything.
    """
    parts = re.split(r"(@\{[^{}]*\}|\*\*|\*|\?|\{[^{}]*\})", pattern)
    said = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(said.get(part) or _either(part) for part in parts))


def _either(part: str) -> str:
    if part.startswith("@{"):
        return ".*"
    if part.startswith("{") and part.endswith("}"):
        return "(?:" + "|".join(map(re.escape, part[1:-1].split(","))) + ")"
    return re.escape(part)
