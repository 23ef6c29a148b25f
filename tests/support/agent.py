"""The agent as a process of its own, in a root folder of a test's; and a keepalived whose instance can be moved."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.fakes.hetzner.server import HetznerFake
from tests.fakes.hetzner.worlds import PASSWORD, USER
from tests.support.daemon import Running, running, until

COMMAND = (sys.executable, "-c", "from lvsctl.cli.entry import main; main()")

INSTANCE = """
global_defs {{
    vrrp_notify_fifo {fifo}
    vrrp_version 3
}}
static_ipaddress {{
    10.99.0.2/24 dev eth0
}}
track_file away {{
    file {folder}/away
}}
vrrp_instance VI_1 {{
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority 100
    advert_int 0.1
    unicast_src_ip 10.99.0.2
    unicast_peer {{
        10.99.0.3
    }}
    track_file {{
        away weight 0
    }}
    virtual_ipaddress {{
        10.99.0.1/32
    }}
}}
"""


class Place:
    """A root folder for lvsctl: ``etc``, ``run`` and ``var`` are in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.run = root / "run/lvsctl"
        self.spool = self.run / "spool"
        self.fifo = self.run / "vrrp_notify_fifo"
        self.config = root / "etc/keepalived/keepalived.conf"
        self.spec = root / "etc/lvsctl/lvs.yaml"
        self.log = root / "agent.log"
        for folder in (self.config.parent, self.spec.parent, self.spool, root / "tmp"):
            folder.mkdir(parents=True)
        self.spool.chmod(0o700)
        self.environment = {
            "PATH": os.environ["PATH"],
            "LVSCTL_ROOT": str(root),
            "TMPDIR": str(root / "tmp"),
        }

    def write_spec(self, **blocks: Any) -> None:
        self.spec.write_text(yaml.safe_dump({**blocks}, allow_unicode=True))

    def record(self, name: str, *arguments: str, boottime: float | None = None) -> None:
        """Leave what the hook *name* leaves."""
        now = int((boottime or time.clock_gettime(time.CLOCK_BOOTTIME)) * 1e9)
        from lvsctl.notify import hook

        fields = hook.read(name, list(arguments))
        path = self.spool / f"{now:020d}-{os.getpid()}.event"
        path.with_name(f".{path.name}").write_bytes(hook.as_json({"version": 1, "boottime_ns": now} | fields))
        path.with_name(f".{path.name}").rename(path)

    def tell(self, *lines: str) -> None:
        """Write lines to the FIFO, as keepalived does."""
        file = os.open(self.fifo, os.O_RDWR | os.O_NONBLOCK)
        for line in lines:
            os.write(file, f"{line}\n".encode())
        os.close(file)

    def is_served(self) -> bool:
        """Answer whether an agent listens, and has written its status."""
        return (self.run / "agent.sock").exists() and (self.run / "status.json").exists()

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.run / "status.json").read_text())
        return found

    def lvsctl(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*COMMAND, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


class AgentProcess:
    """A running agent."""

    def __init__(self, place: Place, *options: str, environment: Mapping[str, str] | None = None) -> None:
        self.place = place
        arguments = ("agent", "--spec", str(place.spec), "--node", "lb1", "--config", str(place.config))
        self.output = place.log.open("ab")
        self.process = subprocess.Popen(
            [*COMMAND, *arguments, *options],
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=self.output,
            env={**place.environment, **(environment or {})},
        )

    def wait_ready(self) -> "AgentProcess":
        until(
            lambda: self.process.poll() is not None or self.place.is_served(),
            f"the agent does not start: {self.log}",
        )
        assert self.process.poll() is None, self.log
        return self

    @property
    def log(self) -> str:
        return self.place.log.read_text()

    def memory(self) -> int:
        """Answer its resident memory in KiB."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("VmRSS")))

    def kill(self, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal, wait for the end, and answer the status."""
        self.process.send_signal(number)
        status = self.process.wait(30)
        self.output.close()
        return status


@contextmanager
def agent(
    place: Place, *options: str, environment: Mapping[str, str] | None = None
) -> Iterator[AgentProcess]:
    """Run an agent until the block ends."""
    process = AgentProcess(place, *options, environment=environment)
    try:
        yield process.wait_ready()
    finally:
        if process.process.poll() is None:
            process.kill(signal.SIGKILL)


@contextmanager
def keepalived(place: Place) -> Iterator[Running]:
    """Run the real keepalived with one instance, VI_1, which becomes MASTER within half a second."""
    away(place, is_away=False)
    place.config.write_text(INSTANCE.format(fifo=place.fifo, folder=place.root))
    with running(place.config, interfaces=("eth0",)) as found:
        yield found


def away(place: Place, *, is_away: bool) -> None:
    """Have VI_1 go into FAULT, or come back."""
    (place.root / "away").write_text("1\n" if is_away else "0\n")


def robot(place: Place, fake: HetznerFake, *, more: Sequence[Mapping[str, Any]] = (), **blocks: Any) -> None:
    """Write a spec with one failover IP at *fake*'s Robot, and its credentials."""
    credentials = place.spec.with_name("robot.cred")
    credentials.write_text(f"user={USER}\npassword={PASSWORD}\n")
    credentials.chmod(0o600)
    entry = {
        "ip": "203.0.113.10",
        "provider": "hetzner-robot",
        "vrrp_instance": "VI_1",
        "credentials": str(credentials),
        "targets": {"lb1": "192.0.2.11", "lb2": "192.0.2.12"},
        "api": {"url": fake.robot_url, "ca": str(fake.tls.ca_file)},
    }
    place.write_spec(
        nodes={"lb1": {"address": "127.0.0.1"}, "lb2": {"address": "127.0.0.2"}},
        vrrp_instances={"VI_1": {"interface": "eth0", "virtual_router_id": "51", "advert_int": "0.1"}},
        failover_ips=[entry, *more],
        **blocks,
    )
