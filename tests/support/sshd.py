"""A real sshd on one host of the lab, and root of another host who may log in there.

    with logged_in(lb1, lb2, "10.0.0.12", alias="lb2"):
        lb1.run(["ssh", "lb2", "true"])

What runs there has sshd's own PATH, and a start-up file that prints a line, as many have. Each host has a /root and a
/usr/local/bin of its own meanwhile: what this machine's root starts in .bashrc takes half a minute in the lab.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.hosts import Host
from tests.support.ipvs import ran

KEYS = "/run/keys"
HOME = "/root"
LOCAL = "/usr/local/bin"
CONFIG = f"""
Port 22
HostKey {KEYS}/host
AuthorizedKeysFile {KEYS}/user.pub
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
PermitRootLogin prohibit-password
KexAlgorithms curve25519-sha256
"""


@contextmanager
def logged_in(client: Host, server: Host, *addresses: str, alias: str) -> Iterator[None]:
    """Let root of *client* in at *server*, which has *addresses*; ssh calls the first one *alias*, too."""
    for host in (client, server):
        for folder in (HOME, LOCAL):
            host.run(["mount", "-t", "tmpfs", "-o", "mode=755", "none", folder])
    with TemporaryDirectory() as folder:
        for name in ("host", "user"):
            ran("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{folder}/{name}")
        keys = {each.name: each.read_text() for each in Path(folder).iterdir()}
    server.run(["mkdir", "-p", "/run/sshd"])
    server.write(f"{KEYS}/host", keys["host"], 0o600)
    server.write(f"{KEYS}/user.pub", keys["user.pub"])
    server.write(f"{KEYS}/sshd_config", CONFIG)
    server.write(f"{HOME}/.bashrc", "echo Welcome to $HOSTNAME\n")
    client.write(f"{HOME}/.ssh/id_ed25519", keys["user"], 0o600)
    client.write(f"{HOME}/.ssh/known_hosts", "".join(f"{each} {keys['host.pub']}" for each in addresses))
    client.write(f"{HOME}/.ssh/config", f"Host {alias}\n  HostName {addresses[0]}\n")
    sshd = server.start(["/usr/sbin/sshd", "-D", "-e", "-f", f"{KEYS}/sshd_config"])
    sshd.wait_for("Server listening")
    try:
        yield
    finally:
        sshd.end()
