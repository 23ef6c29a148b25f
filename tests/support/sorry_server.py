"""A real `lvsctl sorry serve` for tests: started on free ports of the loopback, spoken to in raw bytes."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

SECONDS = 10.0
"""How long anything may take before a test fails."""


class Served:
    """A server that runs."""

    def __init__(self, process: "subprocess.Popen[str]", ports: Sequence[int]) -> None:
        self.process = process
        self.ports = ports

    @property
    def workers(self) -> list[int]:
        parent = self.process.pid
        return [int(each) for each in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]

    def connect(self, port: int = 0) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.ports[port]), SECONDS)

    def ask(self, data: bytes, port: int = 0) -> bytes:
        """Send *data*, say that nothing follows, and answer everything that comes back."""
        with self.connect(port) as sock:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            return everything(sock)

    def heard(self, words: str) -> None:
        """Read the log up to a line with *words*."""
        assert self.process.stderr is not None
        assert any(words in line for line in self.process.stderr), words


def everything(sock: socket.socket) -> bytes:
    """Answer what arrives until the other side closes; a reset is an error."""
    found = []
    while data := sock.recv(1 << 20):
        found.append(data)
    return b"".join(found)


def answer(sock: socket.socket) -> tuple[bytes, bytes]:
    """Read one answer; answer its head and its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        assert more, f"cut off after {data!r}"
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(re.findall(rb"Content-Length: (\d+)", head)[0])
    while len(body) < length:
        more = sock.recv(65536)
        assert more, "cut off"
        body += more
    assert len(body) == length
    return head, body


@contextmanager
def sorry_server(*arguments: str, user: int | None = None) -> Iterator[Served]:
    """Run `lvsctl sorry serve` with *arguments*; it has to end by itself, and without complaint, at SIGTERM."""
    argv = [sys.executable, "-m", "lvsctl", "sorry", "serve", *arguments]
    environment = {key: value for key, value in os.environ.items() if key != "LVSCTL_SPEC"}
    process = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, env=environment, user=user)
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        ports = [int(port) for port in re.findall(r":(\d+)(?:,|$)", line)]
        assert ports, line + process.stderr.read()
        yield Served(process, ports)
        process.send_signal(signal.SIGTERM)
        assert process.wait(3 * SECONDS) == 0
    finally:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()
