"""What ``lvsctl hooks install`` puts where: files, links and folders, all of them root's. Only says; does nothing."""

import grp
import pwd
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from lvsctl.compose.paths import LIBEXEC
from lvsctl.errors import Usage
from lvsctl.notify.hook import EVENTS

PACKAGE: Final = Path(__file__).resolve().parents[1]
UNITS: Final = "/etc/systemd/system"
OCF: Final = "/usr/lib/ocf"
UNIT_KINDS: Final = (".service", ".path", ".timer", ".socket")
PROGRAM_IN_UNITS: Final = "/usr/bin/lvsctl"
SPOOL_LINE: Final = "d /run/lvsctl/spool          0700 root root -"
DEFAULT_USER: Final = "keepalived_script"
"""Whom keepalived runs scripts as when there is such a user and nothing else is said."""


@dataclass(frozen=True, slots=True)
class File:
    """A file with a content of ours."""

    path: Path
    text: str
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link."""

    path: Path
    target: str


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder. Only one of *ours* is taken away again."""

    path: Path
    mode: int = 0o755
    gid: int = 0
    ours: bool = False


Part = File | Link | Folder


class ScriptUser(NamedTuple):
    """Whom keepalived runs our hooks as."""

    name: str
    gid: int
    group: str


ROOT: Final = ScriptUser("root", 0, "root")


def script_user(name: str | None) -> ScriptUser:
    """Answer the user *name*, or keepalived's default one. Raises Usage when there is none of that name."""
    try:
        found = pwd.getpwnam(name or DEFAULT_USER)
    except (KeyError, ValueError):
        if name is None:
            return ROOT
        raise Usage(f"there is no user {name!r}") from None
    if found.pw_uid == 0:
        return ROOT
    try:
        group = grp.getgrgid(found.pw_gid).gr_name
    except KeyError:
        group = str(found.pw_gid)
    return ScriptUser(found.pw_name, found.pw_gid, group)


def this_program() -> Path:
    """Answer the ``lvsctl`` that runs now."""
    called = Path(sys.argv[0])
    found = called if called.name == "lvsctl" and called.exists() else Path(sys.executable).parent / "lvsctl"
    return found.absolute()


def parts(root: Path, program: Path, user: ScriptUser) -> Iterator[Part]:
    """Yield everything, in the order in which it is put in place: a name appears when what it leads to is there."""
    libexec = _below(root, LIBEXEC)
    yield Folder(libexec, ours=True)
    yield Link(libexec / "lvsctl", str(program))
    yield File(libexec / "notify", _text("notify/hook.py"), 0o755)
    yield from (Link(libexec / name, "notify") for name in EVENTS if name != "notify")
    yield File(libexec / "parse-hetzner-json", _text("hooks/parse-hetzner-json"), 0o755)
    yield from _folders(root, user)
    yield File(_below(root, "/etc/sysusers.d/lvsctl.conf"), _text("templates/lvsctl.sysusers.conf"))
    yield File(_below(root, "/etc/tmpfiles.d/lvsctl.conf"), _tmpfiles(user))
    yield from _units(root)
    if _below(root, OCF).is_dir():
        folder = _below(root, f"{OCF}/resource.d/lvsctl")
        yield Folder(folder, ours=True)
        yield File(folder / "hetzner-failover-ip", _text("hooks/ocf/hetzner-failover-ip"), 0o755)


def _folders(root: Path, user: ScriptUser) -> Iterator[Folder]:
    for path in ("/run/lvsctl", "/var/lib/lvsctl", "/var/lib/lvsctl/maintenance"):
        yield Folder(_below(root, path))
    # Who runs the hooks puts records in; the sticky bit keeps one user's from another's hands.
    yield Folder(_below(root, "/run/lvsctl/spool"), 0o700 if user == ROOT else 0o1770, user.gid)


def _units(root: Path) -> Iterator[File]:
    for template in sorted((PACKAGE / "templates").iterdir()):
        if template.suffix in UNIT_KINDS:
            text = template.read_text().replace(PROGRAM_IN_UNITS, f"{LIBEXEC}/lvsctl")
            yield File(_below(root, f"{UNITS}/{template.name}"), text)


def _tmpfiles(user: ScriptUser) -> str:
    text = _text("templates/lvsctl.tmpfiles.conf")
    if user == ROOT:
        return text
    return text.replace(SPOOL_LINE, f"d /run/lvsctl/spool          1770 root {user.group} -")


def _text(name: str) -> str:
    return (PACKAGE / name).read_text()


def _below(root: Path, path: str) -> Path:
    return root / path.lstrip("/")
