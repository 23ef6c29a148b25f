"""Starts the real keepalived on this machine, in namespaces of its own, and ends it. For what needs no IPVS."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from lvsctl.keepalived.process import Daemon, find
from tests.support.cage import MOUNTS, PROCESSES

SCRIPT = """
set -e
mount -t tmpfs tmpfs /run
mount -t proc proc /proc
ip link set lo up
for name in $INTERFACES; do
    ip link add "$name" type veth peer name "~$name"
    ip link set "$name" up
    ip link set "~$name" up
done
while :; do
    keepalived -n -l -D "$@" || :
    test -n "$SUPERVISED" || exit 0
    # A keepalived that dies while it starts can leave a child behind, which systemd ends before it starts another.
    pkill --signal KILL --exact keepalived || :
    sleep 0.2
done
"""


class Running(NamedTuple):
    """A keepalived that was started for a test."""

    config: Path
    log: Path
    daemon: Daemon

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        os.kill(self.daemon.parent.pid, number)


@contextmanager
def running(
    config: Path,
    *,
    options: Sequence[str] = (),
    interfaces: Sequence[str] = ("eth0", "eth1"),
    supervised: bool = False,
) -> Iterator[Running]:
    """Run keepalived on *config*, with its dumps in the same folder, until the block ends.

    *supervised*: it is started again when it ends, as a service manager does.
    """
    log = config.with_suffix(".log")
    argv = ["unshare", "--net", *MOUNTS, *PROCESSES]
    environment = {
        "PATH": os.environ["PATH"],
        "TMPDIR": str(config.parent),
        "INTERFACES": " ".join(interfaces),
        "SUPERVISED": "yes" if supervised else "",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*argv, "sh", "-c", SCRIPT, "sh", "-f", str(config), *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
        )
    try:
        until(lambda: "Startup complete" in log.read_text(), f"keepalived does not start, see {log}")
        daemon = find(config)
        assert daemon, log.read_text()
        yield Running(config, log, daemon)
    finally:
        process.kill()
        process.wait()


def until(condition: Callable[[], object], complaint: str, seconds: float = 30.0) -> None:
    """Wait until *condition* holds, or fail with *complaint*."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, complaint
        time.sleep(0.02)
