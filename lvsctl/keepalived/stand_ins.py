"""A root folder in which a configuration finds everything it expects, whatever this machine has.

Everything that the configuration does not name is the machine's own, by symbolic links into a folder where the
sandbox mounts it; that folder has another name each time, so that no configuration can name it. What it names is a stand-in: an executable script, an empty folder, a known user. So
the judge's verdict does not depend on the machine. This module makes folders and files below one folder that
belongs to it; it mounts nothing and runs nothing.
"""

import os
from collections import deque
from contextlib import suppress
from itertools import islice
from pathlib import Path, PurePosixPath

from lvsctl.keepalived.held import bare_lines, values
from lvsctl.keepalived.surroundings import Surroundings

CONFIG = PurePosixPath("/.judged/keepalived.conf")
"""Where keepalived finds the text to judge. No configuration names this folder."""

DEFAULT_USER = "keepalived_script"
"""Whom keepalived runs scripts as when nothing else is said (lib/notify.c)."""

NAME_SOURCES = "passwd: files\ngroup: files\nhosts: files\n"
"""Only the files below answer, so nothing waits for a network that is not there."""

ENTRIES = 20_000
"""How many entries of one folder stay visible; more than any system folder has."""

ROOTS = ("/", "//")
"""How a path begins; POSIX leaves the meaning of two slashes open, to Linux they are one."""

STEPS = 1_000
"""How many parts one path may have after its symbolic links; a circle of links ends here."""


def build(root: Path, text: str, wanted: Surroundings, machine: str) -> None:
    """Fill the empty folder *root* for judging *text*; *machine* is the folder in it for the machine's own root."""
    tree = Tree(root, Path("/"), machine)
    # 2.2.7 makes this folder even under -t: it must be one of ours, whatever *wanted* says.
    saved = (PurePosixPath(each) for each in values(bare_lines(text), "config_save_dir"))
    inside = PurePosixPath("/proc"), PurePosixPath("/", machine), PurePosixPath("/tmp")  # noqa: S108  # inside
    for path in (*inside, *wanted.folders, *saved):
        tree.folder(path)
    for path, content in _files(wanted).items():
        tree.file(path, content)
    for path in wanted.scripts:
        tree.file(path, "#!/bin/sh\n", mode=0o755)
    tree.file(CONFIG, text, mode=0o600)


def encoded(text: str) -> bytes:
    """Answer the bytes of a file with *text*: what was no UTF-8 when it was read becomes what it was."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a lone surrogate from elsewhere, which unsaid() complains about
        return text.encode("utf-8", "replace")


def _files(wanted: Surroundings) -> dict[PurePosixPath, str]:
    # Every user is root: a script that runs as someone else makes keepalived switch its own identity, and
    # 2.2.7 ends itself then (issue #2587). Who may run what is a fact about the host.
    users = dict.fromkeys((DEFAULT_USER, *wanted.users))
    groups = dict.fromkeys((DEFAULT_USER, *wanted.groups))
    made = {
        "passwd": "".join(f"{name}:x:0:0::/:/bin/sh\n" for name in ("root", *users)),
        "group": "".join(f"{name}:x:0:\n" for name in ("root", *groups)),
        "hosts": "".join(f"192.0.2.1 {name}\n" for name in ("localhost", *wanted.hosts)),
        "nsswitch.conf": NAME_SOURCES,
    }
    etc = {PurePosixPath("/etc", name): content for name, content in made.items()}
    return {**etc, **wanted.files}


class Tree:
    """The folder *root*, which looks like *host* wherever nothing was put in.

    Its links lead into its folder *machine*, where *host* has to be mounted.
    """

    def __init__(self, root: Path, host: Path, machine: str) -> None:
        self.root = root
        self.host = host
        self.machine = machine
        self._mirror(PurePosixPath("/"))

    def file(self, path: PurePosixPath, content: str, mode: int = 0o644) -> None:
        """Put a file at *path*; what no file system can hold is left to keepalived to complain about."""
        with suppress(OSError, ValueError):
            target = self._inside(self.folder(path.parent)) / path.name
            if target.is_symlink():
                target.unlink()
            target.touch(mode)
            target.write_bytes(encoded(content))
            target.chmod(mode)

    def folder(self, path: PurePosixPath) -> PurePosixPath:
        """Make *path* a folder of our own and answer where it is, after the machine's own symbolic links."""
        reached, ahead = PurePosixPath("/"), deque(path.parts)
        for _ in range(STEPS):
            if not ahead:
                break
            part = ahead.popleft()
            step = PurePosixPath("/") if part in ROOTS else reached.parent if part == ".." else reached / part
            link = self._link(step)
            if link is None:
                self._make(step)
                reached = step
            else:
                ahead.extendleft(reversed(link.parts))
        return reached

    def _link(self, step: PurePosixPath) -> PurePosixPath | None:
        """Answer where the machine's own symbolic link at *step* leads."""
        with suppress(OSError, ValueError):
            return PurePosixPath((self.host / step.relative_to("/")).readlink())
        return None

    def _make(self, step: PurePosixPath) -> None:
        target = self._inside(step)
        with suppress(OSError, ValueError):
            if target.is_symlink():
                target.unlink()
            if not target.exists():
                target.mkdir()
                target.chmod(0o755)
                self._mirror(step)

    def _mirror(self, step: PurePosixPath) -> None:
        inside, host = f"{self._inside(step)}/", f"/{self.machine}{step}/"
        with suppress(OSError), os.scandir(self.host / step.relative_to("/")) as entries:
            for entry in islice(entries, ENTRIES):
                os.symlink(host + entry.name, inside + entry.name)  # noqa: PTH211 - one Path for each of thousands costs half of the time

    def _inside(self, path: PurePosixPath) -> Path:
        return self.root / path.relative_to("/")
