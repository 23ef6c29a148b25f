"""`lvsctl sorry serve` beside nginx's `return 503`: one process each on one core, the load from another core.

What counts is answers per second of the server's own processor time: with a shared machine under it, and a load generator
that takes its share, answers per second of the clock say little. Both send the same body and the same fields about it, nginx its
own ones besides; all else about nginx is as its package has it. Turns alternate, and the ratio is that of their medians.
"""

import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

PORT = 18503
TARGET = 0.9
ROUNDS = 15
SECONDS = 1
CONNECTIONS = 64
IDLE = 10_000
BODY = "x" * 4000
"""About as long as our own page, and as nginx takes one word of its configuration."""
SPEC = """\
nodes: {{lb1: {{address: 10.0.0.11, priority: 150}}}}
sorry: {{page: {folder}/page.html}}
"""
TICKS = os.sysconf("SC_CLK_TCK")

BROWSER = [
    "-H", "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "-H", "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "-H", "Accept-Language: en-US,en;q=0.5", "-H", "Accept-Encoding: gzip, deflate, br, zstd",
    "-H", "Connection: keep-alive", "-H", "Sec-Fetch-Mode: navigate",
]  # fmt: skip
PATHS = """\
local count = 0
request = function() count = count + 1; return wrk.format("GET", "/shop/" .. count .. "?page=" .. count % 7) end
"""
LOADS = {
    "one connection each": ["-H", "Connection: close"],
    "keep-alive": [],
    "keep-alive, a browser's fields": BROWSER,
    "the same, and another path each": [*BROWSER, "-s", "{folder}/paths.lua"],
    "the same, and a cookie": [
        *BROWSER,
        "-s",
        "{folder}/paths.lua",
        "-H",
        "Cookie: sid=0123456789abcdef; theme=dark",
    ],
}

NGINX = """\
daemon off; worker_processes 1; pid {folder}/pid; error_log /dev/null crit; user root;
events {{ worker_connections 20000; }}
http {{
    access_log off; server_tokens off;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        default_type text/html; charset utf-8;
        {fields}
        location / {{ return 503 "{body}"; }}
    }}
}}
"""


class Turn(NamedTuple):
    """What one load made of a server."""

    per_cpu_second: float
    per_second: float
    p99: float
    """Milliseconds."""


def run() -> None:
    """Print the tables."""
    if missing := [name for name in ("wrk", "nginx") if shutil.which(name) is None]:
        subprocess.run([str(Path(__file__).parents[1] / "tests/setup"), *missing], check=False)
    if shutil.which("wrk") is None or shutil.which("nginx") is None:
        print("sorry serve: needs wrk and nginx, which are not here\n")
        return
    print(
        f"sorry serve: lvsctl against nginx `return 503`, {CONNECTIONS} connections, one process on one core"
    )
    print(
        f"{'':>32} {'lvsctl/cpu s':>13} {'nginx/cpu s':>12} {'ratio':>6} {'p99 ms':>14}   target >= {TARGET}"
    )
    with tempfile.TemporaryDirectory() as name:
        _compare_all(Path(name))
    print()


def _compare_all(folder: Path) -> None:
    folder.chmod(0o755)  # ours reads its page as nobody
    (folder / "paths.lua").write_text(PATHS)
    with ours(PORT, folder) as mine, nginx(PORT + 1, folder) as peer:
        for load, options in LOADS.items():
            _compare(load, [each.format(folder=folder) for each in options], mine, peer)
        _idle(mine, peer)


def _compare(load: str, options: Sequence[str], mine: int, peer: int) -> None:
    turns: tuple[list[Turn], list[Turn]] = ([], [])
    for _ in range(ROUNDS):
        for server, port, found in ((mine, PORT, turns[0]), (peer, PORT + 1, turns[1])):
            found.append(_turn(server, port, options))
    a, b = (Turn(*(median(column) for column in zip(*found, strict=True))) for found in turns)
    ratio = a.per_cpu_second / b.per_cpu_second
    print(
        f"{load:>32} {a.per_cpu_second:>13.0f} {b.per_cpu_second:>12.0f} {ratio:>6.2f} {a.p99:>6.1f}/{b.p99:<6.1f}"
    )


def _turn(server: int, port: int, options: Sequence[str]) -> Turn:
    before = _cpu(server)
    told = subprocess.run(
        [*_pinned(1), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}", "--latency", *options, f"http://127.0.0.1:{port}/"],
        capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    used = _cpu(server) - before
    count = int(_found(r"(\d+) requests in", told))
    if int(_found(r"responses: (\d+)", told)) < count:
        raise RuntimeError(f"not every answer was an error of HTTP: {told}")
    number, unit = re.findall(r"99%\s+([\d.]+)(us|ms|s)", told)[0]
    return Turn(count / used, float(_found(r"Requests/sec:\s+([\d.]+)", told)), float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit])  # fmt: skip


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    return match[1] if match else "0"


def _idle(mine: int, peer: int) -> None:
    """Tell how much memory connections cost that do nothing, and how fast somebody else is answered meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(IDLE, hard - 200)
    grown = {}
    for name, server, port in (("lvsctl", mine, PORT), ("nginx", peer, PORT + 1)):
        before = _memory(server)
        crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
        for each in crowd:
            each.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            each.recv(65536)
        grown[name] = (_memory(server), (_memory(server) - before) * 1024 / count)
        for each in crowd:
            each.close()
        time.sleep(0.5)
    told = ", ".join(f"{name} {total:.1f} MiB ({each:.2f} KiB each)" for name, (total, each) in grown.items())
    print(f"memory with {count} idle connections that were answered once: {told}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def ours(port: int, folder: Path) -> Iterator[int]:
    """Run our server; the value is its worker's process id."""
    (folder / "page.html").write_text(BODY)
    (folder / "lvs.yaml").write_text(SPEC.format(folder=folder))
    argv = [
        sys.executable, "-m", "lvsctl", "sorry", "serve", "--quiet", "--spec", str(folder / "lvs.yaml"),
        "--listen", f"127.0.0.1:{port}", "--workers", "1",
    ]  # fmt: skip
    with _program(argv, port) as worker:
        yield worker


@contextmanager
def nginx(port: int, folder: Path) -> Iterator[int]:
    """Run nginx as `return 503` with the same answer; the value is its worker's process id.

    Not the site that `lvsctl sorry page --nginx` writes: that one closes every connection.
    """
    fields = "\n        ".join(f'add_header {name} "{value}" always;' for name, value in _fields(PORT))
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, body=BODY, fields=fields))
    with _program(["nginx", "-c", str(folder / "nginx.conf")], port) as worker:
        yield worker


def _fields(port: int) -> list[tuple[str, str]]:
    """Answer the fields that our server sends, but for those that every server makes itself."""
    with socket.create_connection(("127.0.0.1", port), 5) as sock:
        sock.sendall(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        head = sock.recv(65536).decode("latin-1")
    fields = [(name, value) for name, _, value in (line.partition(": ") for line in head.split("\r\n")[1:-2])]
    return [(name, value) for name, value in fields if name not in {"Content-Type", "Content-Length"}]


@contextmanager
def _program(argv: Sequence[str], port: int) -> Iterator[int]:
    child = subprocess.Popen([*_pinned(0), *argv])
    try:
        _wait_for(port)
        children = Path(f"/proc/{child.pid}/task/{child.pid}/children")
        while not children.read_text():  # it listens before it has a worker
            time.sleep(0.05)
        yield int(children.read_text().split()[0])
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(30)


def _wait_for(port: int) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"nothing listens on port {port}")


def _pinned(core: int) -> list[str]:
    cores = sorted(os.sched_getaffinity(0))
    return ["taskset", "-c", str(cores[core])] if len(cores) > 1 else []


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _memory(pid: int) -> float:
    """Answer the resident memory of a process, in MiB."""
    return int(_found(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())) / 1024


if __name__ == "__main__":
    run()
