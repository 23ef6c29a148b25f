"""``lvsctl ipvsadm …``: runs one command line of ipvsadm, or many from standard input, against the kernel.

Exit status as ipvsadm's: 0 done, 2 the command line makes no sense (or there is no IPVS), 255 the kernel refused or
the line does not begin with a command. Restoring sends all rules in batches instead of one by one, which is what makes
it fast; the outcome is that of sending them one by one.
"""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from io import TextIOWrapper
from typing import Final, TextIO

from lvsctl.errors import LvsctlError, Usage
from lvsctl.ipvs.backend import Ipvs
from lvsctl.ipvs.compat import connections, show
from lvsctl.ipvs.compat.help import HELP
from lvsctl.ipvs.compat.options import UnknownOption
from lvsctl.ipvs.compat.parse import NoCommand, Request, parse
from lvsctl.ipvs.errors import RequestRefused
from lvsctl.ipvs.kernel import KernelIpvs
from lvsctl.ipvs.steps import Step

WRONG: Final = 2
REFUSED: Final = 255
NOT_LISTED: Final = 1
INTERRUPTED: Final = 130

VERSION: Final = "ipvsadm v1.31 (spoken by lvsctl)"
CONNECTIONS: Final = "/proc/thread-self/net/ip_vs_conn"
"""Not /proc/net, which is that of the first thread, whatever namespace this one is in."""


def main(arguments: Sequence[str]) -> int:
    """Run *arguments* (without the program's name) on the kernel's table; answer the exit status."""
    if isinstance(sys.stdin, TextIOWrapper):
        # A byte that is no text is a rule that makes no sense, not an accident.
        sys.stdin.reconfigure(errors="backslashreplace")
    try:
        status = Ipvsadm(KernelIpvs, sys.stdin, sys.stdout, sys.stderr).run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has seen enough (`| head`). Nothing more may be written, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


class Ipvsadm:
    """ipvsadm on the table that *connect* opens."""

    def __init__(self, connect: Callable[[], Ipvs], stdin: TextIO, stdout: TextIO, stderr: TextIO) -> None:
        self._connect = connect
        self._stdin = stdin
        self._stdout = stdout
        self._stderr = stderr

    def run(self, arguments: Sequence[str]) -> int:
        """Run one command line; answer the exit status."""
        try:
            request = parse(arguments) if arguments else Request("list", frozenset())
            if request.command in ("help", "version"):
                self._print([HELP if request.command == "help" else VERSION])
                return 0
            with self._connect() as ipvs:
                return self._execute(ipvs, request)
        except LvsctlError as error:
            return self._fail(error)

    def _execute(self, ipvs: Ipvs, request: Request) -> int:
        match request.command:
            case "list":
                return self._list(ipvs, request)
            case "save":
                self._print(show.saved(ipvs.observe(), numeric="numeric" in request.given))
            case "restore":
                return self._restore(ipvs)
            case "set" if request.timeouts:
                ipvs.set_timeouts(request.timeouts)
            case "start-daemon" if request.daemon:
                ipvs.start_daemon(request.daemon)
            case "stop-daemon" if request.daemon:
                ipvs.stop_daemon(request.daemon.role)
            case _:
                return self._send(ipvs, [] if request.step is None else [request.step])
        return 0

    def _list(self, ipvs: Ipvs, request: Request) -> int:
        given = request.given
        if "connection" in given:
            with open(CONNECTIONS, encoding="ascii") as file:  # noqa: PTH123 - pathlib costs 6 ms
                engines = "persistent-conn" in given
                self._print(connections.listing(file, numeric="numeric" in given, engines=engines))
        elif "timeout" in given:
            self._print([show.timeouts(ipvs.timeouts())])
        elif "daemon" in given:
            self._print(show.daemon(daemon) for daemon in ipvs.daemons())
        elif request.key:
            seen = ipvs.observe_one(request.key)
            if not seen.table:
                self._stderr.write(f"{request.key}: there is no such service\n")
                return NOT_LISTED
            self._print(show.Listing(given).lines(seen))
        else:
            self._print([show.version(ipvs.info())])
            self._print(show.Listing(given).lines(ipvs.observe()))
        return 0

    def _restore(self, ipvs: Ipvs) -> int:
        """Run every line of standard input. The status is the last line's; a line that makes no sense ends it at once."""
        status, steps = 0, list[Step]()
        for line in self._stdin:
            words = [word for word in line.split() if word != "ipvsadm"]
            if not words:
                continue
            try:
                request = parse(words)
            except Usage as error:
                self._send(ipvs, steps)
                status, steps = self._fail(error), []
                if not isinstance(error, UnknownOption):
                    return status
                continue
            if request.step is not None:
                steps.append(request.step)
                continue
            self._send(ipvs, steps)
            steps = []
            if request.command == "restore":
                return self._fail(NoCommand("a restore within a restore"))
            status = self._execute(ipvs, request)
        return self._send(ipvs, steps) if steps else status

    def _send(self, ipvs: Ipvs, steps: Sequence[Step]) -> int:
        """Send *steps*; answer the status of the last of them."""
        refusals = ipvs.send(steps)
        for refusal in refusals:
            self._stderr.write(f"{refusal}\n")
        return REFUSED if refusals and refusals[-1].step is steps[-1] else 0

    def _print(self, lines: Iterable[str]) -> None:
        self._stdout.writelines(f"{line}\n" for line in lines)

    def _fail(self, error: LvsctlError) -> int:
        self._stderr.write(f"{error.message}\n")
        if error.hint:
            self._stderr.write(f"{error.hint}\n")
        return REFUSED if isinstance(error, UnknownOption | NoCommand | RequestRefused) else WRONG
