"""Boots the kernel lab: a real Linux with IPVS as an ordinary process (User Mode Linux, ``linux.uml``).

The guest sees this machine's file system read-only, below an overlay in memory, so that nothing it does stays.
One folder, the exchange, is shared for writing. This module knows how to boot, watch and kill the guest; what
runs in it is the caller's command. It knows nothing of pytest (:mod:`tests.support.lab_plugin`).
"""

import mmap
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
"""The checkout; the guest sees it at the same path."""

GUEST_EXCHANGE = Path("/run/lab")
"""Where the guest sees the exchange folder."""

MEMORY_MIB = 1024
MODULES_FOLDER = Path("/usr/lib/uml/modules")
PRELOADED = ("ip_vs", "veth", "dummy", "bridge")
"""Loaded at boot; everything else is loaded by the kernel or by ``modprobe`` when it is needed."""

COVERED = (
    "/run",
    "/tmp",
    "/var/tmp",
    "/var/lib/lvsctl",
    "/etc/lvsctl",
    "/etc/keepalived",
    "/usr/libexec/lvsctl",
)
"""Folders that start empty in the guest, whatever this machine has there."""

NEEDED = {"linux.uml": "user-mode-linux", "modprobe": "kmod", "setpriv": "util-linux"}
"""Debian's package for each program the lab cannot do without."""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class NoLab(Exception):  # a reason, not a mistake
    """The lab cannot run on this machine; the message says why."""


class Kernel(NamedTuple):
    """The installed User Mode Linux: the program, its release, and the module for overlays."""

    program: str
    release: str
    overlay: Path


def kernel() -> Kernel:
    """Find User Mode Linux with its modules; raises NoLab with the reason."""
    programs = {name: shutil.which(name, path=PATH) for name in NEEDED}
    for name, path in programs.items():
        if path is None:
            raise NoLab(f"{name} is not installed (Debian: apt-get install {NEEDED[name]})")
    program = str(programs["linux.uml"])
    asked = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20, check=False)
    release = asked.stdout.strip()
    modules = MODULES_FOLDER / release / "kernel"
    overlays = sorted(modules.glob("fs/overlayfs/overlay.ko*"))
    if not overlays or not sorted(modules.glob("net/netfilter/ipvs/ip_vs.ko*")):
        raise NoLab(f"{program} is {release or 'of unknown release'}, but {modules} has no IPVS")
    return Kernel(program, release, overlays[0])


def why_not() -> str:
    """Answer why the lab cannot run here; the empty string when it can."""
    try:
        kernel()
        _memory_folder()
    except (NoLab, OSError, subprocess.SubprocessError) as error:
        return str(error)
    return ""


def _memory_folder() -> Path:
    """Find the folder for the guest's memory: it has to be big enough, and programs may run from it."""
    wanted = (MEMORY_MIB + 64) * 1024 * 1024
    for name in ("/dev/shm", "/tmp", "/var/tmp"):
        try:
            if shutil.disk_usage(name).free >= wanted and _executable(name):
                return Path(name)
        except OSError:
            continue
    raise NoLab(f"none of /dev/shm, /tmp, /var/tmp has {MEMORY_MIB} MiB free for memory that can be executed")


def _executable(folder: str) -> bool:
    with tempfile.TemporaryFile(dir=folder) as file:
        file.truncate(mmap.PAGESIZE)
        try:
            mmap.mmap(file.fileno(), mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_EXEC).close()
        except PermissionError:
            return False
    return True


WATCHED = (
    'exec 3<&0; trap "kill -s KILL -- \\$! -\\$!" TERM; "$@" <&3 3<&- & wait $!; kill -s KILL -- -$! 2>&-'
)
"""Shell text: run a command that starts a session, and end that session after it or when told to terminate."""

YIELDING = '{ echo 5 >/proc/self/autogroup; } 2>/dev/null; exec nice -n 5 "$@"'
"""Shell text, for a session of its own: run a command with less claim on the processors than this machine's tests.

Guests are three and would slow these down by half, and leave a processor idle once they are done. Where the kernel
shares out by sessions (sched(7), autogroup), nice(1) alone counts only among the processes of one.
"""


def _watched(argv: list[str]) -> list[str]:
    """Answer the command that runs *argv* and leaves nothing behind, also when we are killed.

    The guest's processes are this machine's processes, traced by the kernel program, and would outlive it.
    The kernel program has a session of its own, in which they all stay whatever they think; a shell beside it is
    told by the kernel when we die.
    """
    yielding = ["setsid", "sh", "-c", YIELDING, "lab", *argv]
    return ["setpriv", "--pdeathsig", "TERM", "sh", "-c", WATCHED, "lab", *yielding]


def fstab(exchange: Path, kept: Iterable[Path]) -> str:
    """Answer the guest's mounts, in order; *kept* paths stay visible although a folder above is covered."""
    kept = [path for path in kept if any(path.is_relative_to(folder) for folder in COVERED)]
    lines = ["proc /proc proc", "sysfs /sys sysfs", "devtmpfs /dev devtmpfs"]
    lines += ["devpts /dev/pts devpts X-mount.mkdir", "tmpfs /dev/shm tmpfs X-mount.mkdir"]
    lines += [f"{path} /lab-kept/{index} none bind,X-mount.mkdir" for index, path in enumerate(kept)]
    lines += [f"tmpfs {folder} tmpfs mode={_mode(folder)},X-mount.mkdir" for folder in COVERED]
    lines += [f"/lab-kept/{index} {path} none bind,X-mount.mkdir" for index, path in enumerate(kept)]
    lines += [f"none {GUEST_EXCHANGE} hostfs {exchange},X-mount.mkdir"]
    lines += [f"{MODULES_FOLDER} /lib/modules none bind,X-mount.mkdir"]
    return "".join(f"{line}\n" for line in lines)


def _mode(folder: str) -> str:
    return "1777" if folder.endswith("tmp") else "0755"


def command_script(argv: Sequence[str], env: Mapping[str, str]) -> str:
    """Answer the shell script that runs *argv* in the checkout, its output in the exchange folder."""
    settings = {"HOME": "/root", "LC_ALL": "C.UTF-8", "LVSCTL_LAB": str(GUEST_EXCHANGE), **env}
    exports = [f"export {name}={shlex.quote(value)}" for name, value in settings.items()]
    return "\n".join([*exports, f"cd {shlex.quote(str(ROOT))}", f"exec {shlex.join(argv)}", ""])


class Guest:
    """A booted lab: its exchange folder, and whether it still lives."""

    def __init__(self, process: "subprocess.Popen[bytes]", exchange: Path) -> None:
        self.exchange = exchange
        self._process = process

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the kernel has powered off; raises subprocess.TimeoutExpired."""
        self._process.wait(timeout)

    def kill(self) -> None:
        """End the kernel and everything that runs in it."""
        self._process.terminate()
        self._process.wait()

    def status(self) -> int | None:
        """Answer the exit status of the command, or None when it did not come to its end."""
        text = self.read("status").strip()
        return int(text) if text else None

    def read(self, name: str) -> str:
        """Answer the text of a file in the exchange folder; empty when there is none."""
        path = self.exchange / name
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def last_words(self, lines: int = 40) -> str:
        """Answer the end of the kernel's log and of the command's output, for a message."""
        parts = []
        for name, title in (("console", "kernel log"), ("output", "output")):
            tail = "\n".join(self.read(name).splitlines()[-lines:])
            parts.append(f"--- {title} of the lab ---\n{tail}")
        return "\n".join(parts)


@contextmanager
def exchange_folder() -> Iterator[Path]:
    """Make the exchange folder, and remove it afterwards.

    Always in /tmp: its path is part of the kernel's command line, which takes no blanks.
    """
    with tempfile.TemporaryDirectory(prefix="lvsctl-lab-", dir="/tmp", ignore_cleanup_errors=True) as name:
        yield Path(name)


def boot(exchange: Path, script: str, *, terminal: bool = False) -> Guest:
    """Boot the guest, which runs the shell text *script* and powers off; answer at once.

    With *terminal* the guest's /dev/tty1 is our standard input and output. Raises NoLab.
    """
    found = kernel()
    beside = [path for path in (ROOT.parent / "shared",) if path.is_dir()]
    kept = [ROOT, *beside, Path(sys.prefix), Path(sys.base_prefix)]
    (exchange / "fstab").write_text(fstab(exchange, kept))
    (exchange / "modules").write_text(" ".join(PRELOADED) + "\n")
    (exchange / "command").write_text(script)
    shutil.copy(ROOT / "tests/kernel/lab/init", exchange / "init")
    console = (exchange / "console").open("wb")
    with console:
        argv = [found.program, *_kernel_line(found, exchange, console.fileno(), terminal=terminal)]
        process = subprocess.Popen(
            _watched(argv),
            stdin=None if terminal else subprocess.DEVNULL,
            stdout=None if terminal else console,
            stderr=console,
            env={
                "PATH": PATH,
                "HOME": "/",
                "TMPDIR": str(_memory_folder()),
                "TERM": os.environ.get("TERM", "dumb"),
            },
            pass_fds=[console.fileno()],
            start_new_session=True,
        )
    return Guest(process, exchange)


def _kernel_line(found: Kernel, exchange: Path, console: int, *, terminal: bool) -> list[str]:
    return [
        f"mem={MEMORY_MIB}M",
        "rootfstype=hostfs",
        "rootflags=/",
        "ro",
        f"init={exchange}/init",
        f"LAB={exchange}",
        f"LAB_OVERLAY={found.overlay}",
        f"uml_dir={exchange}",
        "umid=uml",
        "con=null",
        f"con0=null,fd:{console}",
        *(["con1=fd:0,fd:1"] if terminal else []),
    ]
