"""Namespaces of its own in which ``keepalived -t`` finds what a configuration expects, and harms nothing.

2.2.7 makes folders even under ``-t`` (config_save_dir), and ends itself when a script runs as someone else
unless it is the first process of its namespace. So: own network, processes, mounts and root folder. This
module starts programs; what they said is for the judge.
"""

import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from lvsctl.errors import LvsctlError
from lvsctl.host.run import Finished, find, run
from lvsctl.keepalived import stand_ins
from lvsctl.keepalived.program import Program
from lvsctl.keepalived.surroundings import Surroundings

SETUP_FAILED = 97
"""The script's own exit status when the namespaces could not be furnished; keepalived's end at 6."""

CHROOT_FAILED = (125, 126, 127)
"""What chroot ends with when it cannot do its part or cannot start the program."""

SCRIPT = """
set -eu
trap 'exit 97' EXIT
work=$1 machine=$2 keepalived=$3 node=$4
ulimit -c 0
mount -t tmpfs -o mode=0755 tmpfs "$work/root"
cp -a "$work/tree/." "$work/root/"
mount --rbind / "$work/root/$machine"
mount -t proc proc "$work/root/proc" 2>/dev/null || mount --rbind /proc "$work/root/proc"
ip link set lo up
ip -batch "$work/links"
cd "$work/root"
exec chroot . "$keepalived" -t -f /.judged/keepalived.conf -i "$node"
"""
"""No text of anybody enters it: the values are arguments, and the names of interfaces are checked."""

_INTERFACE = re.compile(r"[A-Za-z0-9_][\w.+=,@-]{0,14}", re.ASCII)


def links(names: Iterable[str]) -> str:
    """Answer the commands for ``ip -batch`` that make the interfaces; an impossible name is left out."""
    commands = []
    for number, name in enumerate(dict.fromkeys(names)):
        if _INTERFACE.fullmatch(name) and name != "lo":
            commands.append(f"link add name {name} type veth peer name ~{number}")
            commands.append(f"link set {name} up")
            commands.append(f"link set ~{number} up")
    return "".join(f"{command}\n" for command in commands)


class Refused(LvsctlError):
    """The namespaces cannot be made or furnished; the message says what stood in the way."""


def ask(program: Program, text: str, node: str, wanted: Surroundings, timeout: float) -> Finished:
    """Run ``keepalived -t`` on *text* with everything it expects in place, and answer how it ended.

    Raises Refused, and Unavailable after *timeout* seconds.
    """
    if find("unshare") is None:
        raise Refused("unshare is not installed")
    try:
        with _folder() as name:
            _prepare(Path(name), text, wanted)
            argv = [*_unshare(name), "/bin/sh", "-c", SCRIPT, "sh", name, Path(name).name, program.path, node]
            finished = run(argv, timeout=timeout)
    except OSError as error:
        raise Refused(str(error)) from error
    if was_refused(finished):
        raise Refused(finished.last_words)
    return finished


def _prepare(work: Path, text: str, wanted: Surroundings) -> None:
    (work / "root").mkdir()
    (work / "tree").mkdir()
    stand_ins.build(work / "tree", text, wanted, work.name)
    (work / "links").write_text(links(wanted.interfaces), encoding="ascii")


MEMORY = "/dev/shm"  # noqa: S108  # a folder of our own is made in it, 0700
"""Where the work is done if possible: fast, and a password in the text never reaches a disk."""


def _folder() -> tempfile.TemporaryDirectory[str]:
    where = MEMORY if os.access(MEMORY, os.W_OK | os.X_OK) else None
    return tempfile.TemporaryDirectory(prefix="lvsctl-judge-", dir=where, ignore_cleanup_errors=True)


def _unshare(folder: str) -> list[str]:
    everybody = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", *_propagation(folder)]
    return everybody if os.geteuid() == 0 else [*everybody, "--map-root-user"]


def _propagation(folder: str) -> list[str]:
    """Answer the options of unshare that keep mounts in *folder* from showing outside.

    Usually none: unshare makes every mount private. In a chroot whose / is no mount point it cannot, and need not
    where the mount around *folder* is shared with nobody (mount_namespaces(7)). Raises Refused where it is.
    """
    lines = [line.split() for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()]
    tags = {fields[4]: fields[6 : fields.index("-")] for fields in lines}
    if "/" in tags:
        return []
    around = max((point for point in tags if Path(folder).is_relative_to(point)), key=len, default="")
    if not around or any(tag.startswith("shared:") for tag in tags[around]):
        raise Refused("this is a chroot on a shared mount: mounts made here would show outside of it")
    return ["--propagation", "unchanged"]


def was_refused(finished: Finished) -> bool:
    """Answer whether *finished* is the end of the preparations rather than of keepalived."""
    return finished.status in {SETUP_FAILED, *CHROOT_FAILED} or (
        finished.status == 1 and finished.last_words.startswith("unshare:")
    )


def ask_plainly(program: Program, text: str, node: str, timeout: float) -> tuple[Finished, str]:
    """Run ``keepalived -t`` on *text* on this machine as it is; answer how it ended, and the name of the file.

    What it says may be about the machine. Raises Unavailable after *timeout* seconds.
    """
    with _folder() as name:
        path = Path(name) / "keepalived.conf"
        path.touch(0o600)
        path.write_bytes(stand_ins.encoded(text))
        return run([program.path, "-t", "-f", str(path), "-i", node], timeout=timeout), str(path)
