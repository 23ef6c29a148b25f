"""``lvsctl`` on a host of the lab without its start: imports cost seconds there, and a session has a dozen commands.

A child of the test process, which has everything imported, enters the host's namespaces and waits. The program
``lvsctl`` on the host's PATH hands it arguments, environment, folder and standard streams, and gets the exit code; each
command is a fork of its own. What runs is the program's own main(), on the host's files and network.
"""

import ctypes
import gc
import json
import os
import signal
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import lvsctl.backend.supervisor
import lvsctl.cli.entry
import lvsctl.cli.findings
import lvsctl.cli.ipvs_drain
import lvsctl.cli.main
import lvsctl.cli.sorry_switch
import lvsctl.compose.render
import lvsctl.compose.sorry_targets
import lvsctl.ipvs.compat.main
import lvsctl.ipvs.files
import lvsctl.ipvs.procfs
import lvsctl.ipvs.report
import lvsctl.sorry.guard
import lvsctl.spec.load
from tests.support.hosts import Host, wait_until

BIN = "/run/bin"
"""Where the program is; put it first on the PATH."""
SOCKET = "/run/lvsctl-preloaded"
CLIENT = f"""#!/usr/bin/python3 -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({SOCKET!r})
    request = json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()])
    socket.send_fds(server, [request.encode()], [0, 1, 2])
    sys.exit(int(server.recv(16) or b"1"))
"""


@contextmanager
def preloaded(host: Host) -> Iterator[str]:
    """Have ``lvsctl`` in BIN of *host*; answers BIN."""
    host.write(f"{BIN}/lvsctl", CLIENT, 0o755)
    ready, told = os.pipe()
    namespaces = [
        os.open(f"/proc/{host.pid}/ns/{kind}", os.O_RDONLY) for kind in ("net", "uts", "pid", "mnt")
    ]
    child = os.fork()
    if not child:
        with suppress(BaseException):
            _serve(namespaces, told)
        os._exit(1)
    os.close(told)
    for each in namespaces:
        os.close(each)
    assert os.read(ready, 1) == b"!", "the child could not enter the host"
    os.close(ready)
    try:
        yield BIN
    finally:
        _end(child)


def _end(child: int) -> None:
    # Its own children first: they are in the host's PID namespace, which cannot end while their parent is not
    # there to take note of their end.
    left = Path(f"/proc/{child}/task/{child}/children")
    for pid in left.read_text().split():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    assert wait_until(lambda: not left.read_text().split(), 10)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _serve(namespaces: list[int], told: int) -> None:
    gc.freeze()
    libc = ctypes.CDLL(None, use_errno=True)
    for each in namespaces:
        if libc.setns(each, 0):
            return
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(SOCKET)
        Path(SOCKET).chmod(0o777)
        listener.listen()
        os.write(told, b"!")
        while True:
            connection = listener.accept()[0]
            if not os.fork():
                listener.close()
                _answer(connection)
            connection.close()


def _become(connection: socket.socket) -> None:
    """Be the user who asks."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, gid = struct.unpack("3i", credentials)
    if uid:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)


def _answer(connection: socket.socket) -> None:
    status = 1
    try:
        request, handles, _, _ = socket.recv_fds(connection, 1 << 20, 3)
        arguments, environment, folder = json.loads(request)
        for number, handle in enumerate(handles):
            os.dup2(handle, number)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _become(connection)
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)
        sys.argv = ["lvsctl", *arguments]
        sys.stdin, sys.stdout, sys.stderr = (open(n, mode, closefd=False) for n, mode in enumerate("rww"))  # noqa: SIM115 - they stay open as long as the process
        lvsctl.cli.entry.main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    finally:
        with suppress(OSError):
            sys.stdout.flush()
        connection.sendall(str(status).encode())
        os._exit(status)
