"""Scripts on a file system that lets nothing be executed (mount option noexec): their own mode says they can be."""

import re
import shlex
from collections.abc import Iterable, Iterator
from typing import Final

from lvsctl.doctor.dispatchers import How, hooks
from lvsctl.doctor.model import DIRECTOR, ERROR, Found, Machine, check
from lvsctl.doctor.patience import scripts
from lvsctl.doctor.scripts import commands

MOUNTS: Final = "/proc/thread-self/mounts"


def _barred(machine: Machine, paths: Iterable[str]) -> Iterator[Found]:
    points = list(_points(machine.host.text(MOUNTS) or ""))
    for path in dict.fromkeys(paths):
        real = machine.host.real_path(path)
        above = [(point, options) for point, options in points if _is_below(real, point)]
        # Of two mounts at one place the later one covers the other.
        point, options = max(reversed(above), key=lambda each: len(each[0]), default=("", frozenset[str]()))
        if "noexec" in options:
            yield Found(
                path,
                f"{point} is mounted noexec",
                f"mount -o remount,exec {shlex.quote(point)}, and the same in /etc/fstab; or put the script elsewhere",
            )


def _points(text: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield the mount points with their options (proc(5): blanks are written as octal numbers)."""
    for line in text.splitlines():
        words = line.split(" ")
        if len(words) > 3:  # noqa: PLR2004 - device, point, type, options
            point = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), words[1])
            yield point, frozenset(words[3].split(","))


def _is_below(path: str, point: str) -> bool:
    return path == point or path.startswith(f"{point.rstrip('/')}/")


@check(
    "LVD112",
    ERROR,
    "A script on a file system that lets nothing be executed",
    why="Its mode says that it can be run, and the kernel refuses it: keepalived disables it at its start.",
    remedy="mount -o remount,exec, or put the script elsewhere: /usr/libexec or /etc/keepalived.",
    roles=DIRECTOR,
)
def barred(machine: Machine) -> Iterator[Found]:
    """Programs of keepalived's, and the mount options of where they really are."""
    own = commands(machine) if machine.declared is not None else []
    yield from _barred(machine, [*own, *(each.path for each in scripts(machine))])


@check(
    "LVD132",
    ERROR,
    "A hook file on a file system that lets nothing be executed",
    why="It is passed over, or refused by the kernel: nobody says so at boot.",
    remedy="mount -o remount,exec, or put the hook's program elsewhere.",
)
def hook_barred(machine: Machine) -> Iterator[Found]:
    """Hook files that are executed; dhclient reads its own."""
    yield from _barred(
        machine, [each.path for each in hooks(machine.host) if each.is_taken and each.how is not How.SOURCED]
    )
