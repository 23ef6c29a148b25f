"""The file that keepalived reads, as a file: missing, a folder, executable - keepalived then goes on without a word."""

import shlex
from collections.abc import Iterator

from lvsctl.doctor.keepalived import CONFIG, config_file
from lvsctl.doctor.model import DIRECTOR, ERROR, Found, Machine, check

ANYBODY_RUNS = 0o111


@check(
    "LVD506",
    ERROR,
    "A configuration that keepalived passes over",
    why="keepalived takes a file that is missing, or executable, or no plain file for an empty configuration, and `keepalived -t` says nothing: at the next reload every service and every virtual address is dropped (measured).",
    remedy="Put the file back (lvsctl render -o FILE), and chmod 644 FILE.",
    roles=DIRECTOR,
)
def passed_over(machine: Machine) -> Iterator[Found]:
    """The file of every keepalived that runs here; without one the usual place, where a file that is missing is fine."""
    daemons = machine.host.daemons()
    for path in dict.fromkeys(
        [each.config for each in daemons if each.config.startswith("/")] or [config_file(machine) or CONFIG]
    ):
        last = machine.host.components(machine.host.real_path(path))[-1]
        if last.kind == "missing" and daemons:
            yield Found(
                path,
                f"it is not there, and keepalived (process {daemons[0].pid}) runs",
                f"lvsctl render -o {shlex.quote(path)}",
            )
        elif last.kind not in {"missing", "file"}:
            yield Found(
                path,
                f"it is a {last.kind}",
                f"ls -ld {shlex.quote(path)}; put the configuration there as a plain file",
            )
        elif last.kind == "file" and last.mode & ANYBODY_RUNS:
            yield Found(
                path, f"its mode is {last.mode:04o}, so it is executable", f"chmod 644 {shlex.quote(path)}"
            )
