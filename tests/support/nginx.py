"""The real nginx with one site, as an ordinary process on the loopback interface."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.require import require

CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


def free_port() -> int:
    """Answer a port that nobody listens on, of either family."""
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as listener:
        port: int = listener.getsockname()[1]
        return port


def written(site: str, folder: Path) -> Path:
    """Write a configuration with *site* in its http block, and answer the file."""
    (folder / "site.conf").write_text(site)
    (folder / "nginx.conf").write_text(CONFIGURATION.format(folder=folder))
    return folder / "nginx.conf"


def complaint(site: str, folder: Path) -> str:
    """Answer what ``nginx -t`` says against *site*; empty when it takes it."""
    program = require("nginx")
    tested = subprocess.run(
        [program, "-t", "-q", "-p", folder, "-c", written(site, folder)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return tested.stderr


@contextmanager
def running(site: str, folder: Path, port: int) -> Iterator[None]:
    """Have nginx serve *site*, which listens on *port*, for the block."""
    program = require("nginx")
    configuration = written(site, folder)
    with (
        (folder / "stderr").open("wb") as story,
        subprocess.Popen([program, "-p", folder, "-c", configuration], stderr=story) as server,
    ):
        try:
            for _ in range(200):
                with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
                    break
                assert server.poll() is None, (folder / "stderr").read_text()
                time.sleep(0.02)
            yield
        finally:
            server.kill()
