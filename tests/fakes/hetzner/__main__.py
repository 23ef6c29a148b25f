"""The fake as a process of its own: ``python -m tests.fakes.hetzner --host 10.9.0.1 --state world.json``.

Prints one line of JSON with its addresses once it listens, and ends on SIGTERM. What else there is to do goes
through the admin port.
"""

import argparse
import json
import shutil
import signal
import sys
import threading
from pathlib import Path

from tests.fakes.hetzner.clock import Clock
from tests.fakes.hetzner.message import Request
from tests.fakes.hetzner.server import HetznerFake


def main() -> None:
    """Run until somebody says stop."""
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.hetzner", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--robot-port", type=int, default=0)
    parser.add_argument("--cloud-port", type=int, default=0)
    parser.add_argument("--admin-port", type=int, default=0)
    parser.add_argument("--rate", type=float, default=1.0, help="how fast time passes; 0: only on request")
    parser.add_argument("--state", type=Path, help="JSON, as POST /_fake/state takes it")
    parser.add_argument("--ca", type=Path, help="where to put the authority's certificate")
    asked = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    ports = (asked.robot_port, asked.cloud_port, asked.admin_port)
    with HetznerFake(clock=Clock(asked.rate), host=asked.host, ports=ports) as fake:
        if asked.state:
            set_state(fake, asked.state.read_bytes())
        if asked.ca:
            shutil.copyfile(fake.tls.ca_file, asked.ca)
        addresses = {"robot": fake.robot_url, "cloud": fake.cloud_url, "admin": fake.admin_url}
        sys.stdout.write(json.dumps(addresses) + "\n")
        sys.stdout.flush()
        stop.wait()


def set_state(fake: HetznerFake, state: bytes) -> None:
    """Put *state* into *fake*; SystemExit says what is wrong with it."""
    answer = fake.admin.handle(Request("POST", "/_fake/state", body=state), fake.clock.now())
    if answer.status != 200:
        raise SystemExit(answer.body.decode())


if __name__ == "__main__":
    main()
