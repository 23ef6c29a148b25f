"""Hosts for a test case in the lab: small machines with network, mounts, processes and a name of their own.

    with Net() as net:
        lb1 = net.host("lb1", eth0="lan 10.0.0.11/24")
        web = net.host("web", eth0="lan 10.0.0.21/24 fd00::21/64")
        lb1.run(["ping", "-c1", "10.0.0.21"])

``lan`` is a switch; it exists from its first mention. ``dummy`` instead of a switch is an interface that leads
nowhere. Each host has an empty /tmp, /run, /etc/keepalived, … of its own. After the block everything is gone.
"""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from lvsctl.host.run import CommandFailed, Finished, run
from tests.support import netns
from tests.support.lab import COVERED, PATH

HOLDER = """
echo "$1" >/proc/sys/kernel/hostname
mount --all --fstab "$2"
for each in all default; do echo 0 >/proc/sys/net/ipv6/conf/$each/accept_dad; done
ip link set lo up
echo ready
exec cat
"""
"""Shell text of a host's first process: it lives until its standard input ends, and the host with it."""

UNSHARED = ("--net", "--mount", "--uts", "--pid", "--fork", "--kill-child=KILL", "--mount-proc")


class Host:
    """One machine. Made by :meth:`Net.host`."""

    def __init__(self, name: str, fstab: Path) -> None:
        self.name = name
        self._holder = subprocess.Popen(
            ["unshare", *UNSHARED, "sh", "-c", HOLDER, name, name, str(fstab)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PATH": PATH},
        )
        self._started: list[Background] = []
        self._pid = 0

    @property
    def pid(self) -> int:
        """The process id of the host's first process, as the lab sees it."""
        if not self._pid:
            assert self._holder.stdout is not None
            assert self._holder.stdout.readline() == b"ready\n"
            self._pid = children(self._holder.pid)[0]
        return self._pid

    def path(self, name: str | Path) -> Path:
        """Answer the path at which the lab sees the host's file *name*."""
        return Path(f"/proc/{self.pid}/root/{str(name).lstrip('/')}")

    def write(self, name: str, content: str | bytes, mode: int = 0o644) -> None:
        """Write a file of the host, with the folders above it."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)

    def inside(self) -> AbstractContextManager[None]:
        """Be in the host's network: sockets opened in the block are the host's. No process is started."""
        return netns.inside(f"/proc/{self.pid}/ns/net")

    def sysctl(self, name: str, value: object) -> None:
        """Set a network sysctl of the host."""
        with self.inside():
            netns.sysctl(name, value)

    def run(
        self,
        argv: Sequence[str],
        *,
        check: bool = True,
        timeout: float = 60,
        stdin: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Finished:
        """Run a program to its end on the host; raises CommandFailed unless told not to *check*."""
        return _checked(run([*self._entered(), *argv], timeout=timeout, stdin=stdin, env=env), check=check)

    def start(self, argv: Sequence[str], env: Mapping[str, str] | None = None) -> "Background":
        """Start a program that keeps running, until it is stopped or the host goes."""
        background = Background([*self._entered(), *argv], env or {})
        self._started.append(background)
        return background

    def ip(self, *batch: str) -> str:
        """Run ``ip`` commands, each given without the word ip, in one process."""
        return self._net_only(["ip", "-batch", "-"], "".join(f"{line}\n" for line in batch))

    def ipvsadm(self, *arguments: str, stdin: str | None = None) -> str:
        """Run ipvsadm in the host's network and answer what it printed."""
        return self._net_only(["ipvsadm", *arguments], stdin)

    def _net_only(self, argv: Sequence[str], stdin: str | None) -> str:
        with self.inside():
            return _checked(run(argv, stdin=stdin, timeout=60), check=True).stdout

    def _entered(self) -> list[str]:
        return ["nsenter", f"--target={self.pid}", "--net", "--mount", "--uts", "--pid", "--wd=/"]

    def end(self) -> None:
        """Kill everything that runs on the host, and forget the host."""
        self._holder.communicate()  # ends its input, so its first process, so all the others
        for background in self._started:
            background.end()


def children(pid: int) -> list[int]:
    """Wait until the process has children, and answer their ids."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    wait_until(path.read_text, 10)
    return [int(word) for word in path.read_text().split()]


def _checked(finished: Finished, *, check: bool) -> Finished:
    if check and finished.status:
        raise CommandFailed(finished)
    return finished


class Background:
    """A program that keeps running; what it prints, both streams, is in :attr:`output`."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the program: end() closes it
        self.process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=self._file,
            stderr=subprocess.STDOUT,
            env={"PATH": PATH, "LC_ALL": "C.UTF-8", **env},
            start_new_session=True,
        )

    @property
    def output(self) -> str:
        size = os.fstat(self._file.fileno()).st_size
        return os.pread(self._file.fileno(), size, 0).decode("utf-8", "backslashreplace")

    @property
    def pid(self) -> int:
        """The program's process id as the lab sees it (nsenter, which we started, is its parent)."""
        return children(self.process.pid)[0]

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def stop(self, timeout: float = 30) -> int:
        """Ask it to terminate and answer its exit status."""
        if self.alive:
            self.signal(signal.SIGTERM)
        return self.process.wait(timeout)

    def wait_for(self, text: str, timeout: float = 30) -> None:
        """Wait until it has printed *text*; an AssertionError says what it printed instead."""
        wait_until(lambda: text in self.output or not self.alive, timeout)
        assert text in self.output, f"expected {text!r} in:\n{self.output}"

    def end(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._file.close()


def wait_until(condition: Callable[[], object], timeout: float = 30, every: float = 0.02) -> bool:
    """Wait until *condition* holds; answer whether it did in time."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


class Net:
    """The hosts of one test case and the switches between them."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._folder = Path()
        self._fabric: Host | None = None
        self._switches: set[str] = set()

    def __enter__(self) -> Self:
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="net-")))
        # A source of its own, or mount(8) takes the lab's tmpfs on the same folder for this one.
        lines = [f"private {folder} tmpfs X-mount.mkdir\n" for folder in COVERED]
        (self._folder / "fstab").write_text("".join(lines))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def host(self, name: str, **interfaces: str) -> Host:
        """Make a host; each interface says its switch (or ``dummy``) and its addresses."""
        host = Host(name, self._folder / "fstab")
        self._stack.callback(host.end)
        plans = {device: text.split() for device, text in interfaces.items()}
        fabric = list(self._wires(host, {device: plan[0] for device, plan in plans.items()}))
        if fabric:
            self._switchboard().ip(*fabric)
        if plans:
            host.ip(
                *(
                    line
                    for device, (kind, *addresses) in plans.items()
                    for line in _own(device, kind, addresses)
                )
            )
        return host

    def cable(self, host: Host, *devices: str, plugged: bool) -> None:
        """Pull the cables of *host*'s interfaces out of their switches, or plug them in again."""
        state = "up" if plugged else "down"
        self._switchboard().ip(*(f"link set {host.name}-{device} {state}" for device in devices))

    def _wires(self, host: Host, switches: Mapping[str, str]) -> Iterator[str]:
        for device, switch in switches.items():
            if switch == "dummy":
                continue
            if switch not in self._switches:
                self._switches.add(switch)
                yield f"link add {switch} type bridge"
                yield f"link set {switch} up"
            port = f"{host.name}-{device}"
            yield f"link add {port} type veth peer name {device} netns {host.pid}"
            yield f"link set {port} master {switch} up"

    def _switchboard(self) -> Host:
        if self._fabric is None:
            self._fabric = Host("fabric", self._folder / "fstab")
            self._stack.callback(self._fabric.end)
        return self._fabric


def _own(device: str, kind: str, addresses: Sequence[str]) -> Iterator[str]:
    if kind == "dummy":
        yield f"link add {device} type dummy"
        yield f"link set {device} multicast on arp on"
    yield from (f"address add {each} dev {device}" for each in addresses)
    yield f"link set {device} up"
