"""The agent beside a hook of bash and curl: from the event to the first byte at the API; and a storm of events.

Both ask the same API about the same address, each over a new connection with a full TLS handshake. Two bytes count:
the first one that arrives on the API's socket, and the first one of the HTTP request, once TLS is off. The hook's time
begins where keepalived starts it, the agent's where keepalived writes its FIFO. The two take turns.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Queue
from statistics import median
from typing import NamedTuple

from tests.fakes.hetzner.server import HetznerFake
from tests.fakes.hetzner.worlds import PASSWORD, USER, furnished
from tests.support.agent import AgentProcess, Place, agent, keepalived, robot
from tests.support.daemon import until

ROUNDS = 31
PAUSE = 0.3
"""Seconds in which what follows from an event comes to an end, so that the next one finds everybody asleep."""

TARGET = 3.0
RATE, SECONDS = 1000, 5

CURL = """\
#!/bin/bash
[ "$3" = MASTER ] || exit 0
curl --silent --show-error --cacert {ca} --user '{user}:{password}' --max-time 30 {url}/failover/203.0.113.10 >/dev/null
"""

BACKUP, MASTER = 'INSTANCE "VI_1" BACKUP 100', 'INSTANCE "VI_1" MASTER 100'


def run() -> None:
    """Print the tables."""
    if shutil.which("curl") is None or shutil.which("keepalived") is None or os.geteuid() != 0:
        print("agent: needs curl, keepalived and root, which are not here\n")
        return
    _first_byte()
    _storm()


def _first_byte() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory(dir="/dev/shm") as memory,
        furnished(HetznerFake()) as fake,
        relay(fake) as door,
    ):
        fake.ports["robot"] = door.port
        # As on a director: /run is memory, /var/lib a disk.
        (Path(folder) / "root").mkdir()
        (Path(folder) / "root/run").symlink_to(memory, target_is_directory=True)
        place = Place(Path(folder) / "root")
        robot(place, fake)
        script = place.root / "hook"
        script.write_text(CURL.format(ca=fake.tls.ca_file, user=USER, password=PASSWORD, url=fake.robot_url))
        script.chmod(0o755)
        with agent(place) as running:
            until(place.fifo.exists, running.log)
            turns = [_turn(door, place, script) for _ in range(ROUNDS)]
    agents, hooks = zip(*turns, strict=True)
    print(f"agent: from the event to the API, medians of {ROUNDS} turns, ms;  target >= {TARGET:g}×")
    print(f"{'':>24} {'agent':>8} {'bash + curl':>12} {'ratio':>8}")
    for name, what in (("hello", "first byte"), ("request", "first byte of HTTP")):
        ours, theirs = (median(getattr(each, name) for each in side) * 1000 for side in (agents, hooks))
        print(f"{what:>24} {ours:>8.1f} {theirs:>12.1f} {theirs / ours:>7.1f}×")
    print()


def _turn(door: "Door", place: Place, script: Path) -> tuple["Seen", "Seen"]:
    """Have the node become master; answer when the agent asks, and when the hook does."""
    _forget_calls(place)
    place.tell(BACKUP)
    time.sleep(PAUSE)
    ours = door.timed(lambda: place.tell(MASTER))
    time.sleep(PAUSE)
    return ours, door.timed(lambda: _start(script, place))


def _forget_calls(place: Place) -> None:
    """Begin a new ledger: after twenty looks within a minute the agent would wait before the next one."""
    for each in place.root.glob("*/**/failover/ledger-*.json"):
        each.unlink()


def _storm() -> None:
    with tempfile.TemporaryDirectory() as folder, furnished(HetznerFake()) as fake:
        failover = fake.robot.world.failovers["203.0.113.10"]
        failover.active = failover.dataplane = "192.0.2.12"
        place = Place(Path(folder) / "root")
        robot(place, fake)
        with agent(place) as running, keepalived(place):
            until(lambda: place.status()["failover"]["203.0.113.10"]["holds"], running.log)
            before, calls, used = running.memory(), len(fake.journal), _cpu(running)
            for _ in range(SECONDS * 10):
                place.tell(*('INSTANCE "VI_1" MASTER_RX_LOWER_PRI 50',) * (RATE // 10))
                time.sleep(0.1)
            time.sleep(1)
            print(f"agent: {RATE} events/s for {SECONDS} s")
            print(f"{'memory before, after':>24} {before / 1024:>8.1f} {running.memory() / 1024:>8.1f} MiB")
            print(f"{'processor time':>24} {_cpu(running) - used:>8.2f} s")
            print(
                f"{'calls':>24} {len(fake.journal) - calls:>8} looks, {len(fake.journal.posts())} move in all\n"
            )


def _start(program: Path, place: Place) -> None:
    """Start a hook as keepalived does, and let it run."""
    argv = [str(program), "INSTANCE", "VI_1", "MASTER", "100"]
    process = subprocess.Popen(argv, env=place.environment, stdin=subprocess.DEVNULL)
    threading.Thread(target=process.wait).start()


def _cpu(running: AgentProcess) -> float:
    fields = Path(f"/proc/{running.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Seen(NamedTuple):
    """When something first came to the API, in seconds of ``perf_counter``."""

    hello: float
    """The first byte of a connection, which begins its TLS handshake."""
    request: float
    """The first byte of an HTTP request."""


class Door:
    """A port in front of an API's, which ends TLS as the API does, and notes when what comes."""

    def __init__(self, fake: HetznerFake) -> None:
        self._behind = fake.ports["robot"]
        self._as_server, self._as_client = fake.tls.contexts["good"], fake.client_context()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._seen: Queue[Seen] = Queue()

    def timed(self, event: Callable[[], None]) -> Seen:
        """Answer the seconds from *event* to what comes because of it."""
        begun = time.perf_counter()
        event()
        seen = self._seen.get(timeout=20)
        return Seen(seen.hello - begun, seen.request - begun)

    def serve(self) -> None:
        """Let everybody through, until the socket is closed."""
        with suppress(OSError):
            while True:
                front, _ = self._socket.accept()
                threading.Thread(target=self._carry, args=(front,), daemon=True).start()

    def close(self) -> None:
        """Let nobody through any more."""
        self._socket.close()

    def _carry(self, plain: socket.socket) -> None:
        plain.recv(1, socket.MSG_PEEK)
        hello = time.perf_counter()
        with suppress(OSError), self._as_server.wrap_socket(plain, server_side=True) as front:
            data = front.recv(65536)
            self._seen.put(Seen(hello, time.perf_counter()))
            with (
                socket.create_connection(("127.0.0.1", self._behind), timeout=1) as wire,
                self._as_client.wrap_socket(wire, server_hostname="127.0.0.1") as back,
            ):
                back.sendall(data)
                while data := back.recv(65536):
                    front.sendall(data)


@contextmanager
def relay(fake: HetznerFake) -> Iterator[Door]:
    """Open a door in front of *fake*'s Robot."""
    door = Door(fake)
    threading.Thread(target=door.serve, daemon=True).start()
    try:
        yield door
    finally:
        door.close()
