"""The agent beside a hook of bash and curl: from the event to the first byte at the API; and a storm of events.

Both ask the same API about the same address, over TLS. The byte that counts is the first one that arrives on the
API's socket. The hook's time begins where keepalived starts it, the agent's where keepalived writes its FIFO.

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
from statistics import median

from tests.fakes.hetzner.server import HetznerFake
from tests.fakes.hetzner.worlds import PASSWORD, USER, furnished
from tests.support.agent import AgentProcess, Place, agent, keepalived, robot
from tests.support.daemon import until

ROUNDS = 15
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
        relay(fake.ports["robot"]) as door,
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
            turns: dict[str, list[float]] = {"fifo": [], "curl": []}
            for _ in range(ROUNDS):
                place.tell(BACKUP)
                time.sleep(0.3)
                turns["fifo"].append(door.timed(lambda: place.tell(MASTER)))
                turns["curl"].append(door.timed(lambda: _start(script, place)))
    curl, fifo = (median(turns[name]) * 1000 for name in ("curl", "fifo"))
    print("agent: event to first API byte, median of", ROUNDS)
    print(f"{'':>24} {'ms':>8} {'curl is':>12}   target >= {TARGET:g}×")
    print(f"{'bash + curl hook':>24} {curl:>8.1f}")
    print(f"{'agent, by the FIFO':>24} {fifo:>8.1f} {curl / fifo:>10.1f} ×\n")


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


class Door:
    """A port in front of an API's, which notes when the first byte comes."""

    def __init__(self, behind: int) -> None:
        self._behind = behind
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._first = threading.Event()
        self._at = 0.0

    def timed(self, event: Callable[[], None]) -> float:
        """Answer the seconds from *event* to the first byte that comes because of it."""
        self._first.clear()
        begun = time.perf_counter()
        event()
        if not self._first.wait(20):
            raise RuntimeError("nobody asks the API")
        time.sleep(0.2)
        return self._at - begun

    def serve(self) -> None:
        """Let everybody through, until the socket is closed."""
        with suppress(OSError):
            while True:
                front, _ = self._socket.accept()
                threading.Thread(target=self._carry, args=(front,), daemon=True).start()

    def close(self) -> None:
        """Let nobody through any more."""
        self._socket.close()

    def _carry(self, front: socket.socket) -> None:
        data = front.recv(65536)
        if not self._first.is_set():
            self._at = time.perf_counter()
            self._first.set()
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._behind)) as back, front:
            back.sendall(data)
            threading.Thread(target=_pipe, args=(back, front), daemon=True).start()
            _pipe(front, back)


def _pipe(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@contextmanager
def relay(behind: int) -> Iterator[Door]:
    """Open a door in front of the port *behind*."""
    door = Door(behind)
    threading.Thread(target=door.serve, daemon=True).start()
    try:
        yield door
    finally:
        door.close()
