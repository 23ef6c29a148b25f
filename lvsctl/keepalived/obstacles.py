"""What keeps a running keepalived from taking a configuration that is valid as such.

A reload is dangerous: an interface that does not exist, or a first virtual server without IPVS in the kernel,
ends the whole daemon (2.2.7), and a few settings make it stay with the old configuration. All of that can be
known before. This module asks the machine; the only thing it leaves for a moment is a file beside the
configuration, so that the daemon's own view of it is asked.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from lvsctl.errors import Unavailable
from lvsctl.host.files import refused
from lvsctl.host.run import Finished, run
from lvsctl.keepalived.held import bare_lines, main_lines, values
from lvsctl.keepalived.judge import Verdict, objections, verdict
from lvsctl.keepalived.process import PROC, Daemon, config_id
from lvsctl.keepalived.program import Program, installed

ONLY_AT_START = (
    "net_namespace",
    "net_namespace_ipvs",
    "instance",
    "nftables",
    "nftables_ipvs",
    "tmp_config_directory",
    "disable_local_igmp",
)
"""Keywords that keepalived refuses to change by a reload (reload_config() in core/main.c of 2.2.7)."""


def needs_restart(copy: str, text: str) -> tuple[str, ...]:
    """Name the keywords whose values in *text* a keepalived that holds *copy* takes only when it is restarted."""
    before, after = tuple(main_lines(copy)), tuple(bare_lines(text))
    return tuple(each for each in ONLY_AT_START if values(before, each) != values(after, each))


def lacks_ipvs(daemon: Daemon) -> bool:
    """Answer whether the daemon's network namespace has no IPVS, and the kernel no module that brings it."""
    if (PROC / str(daemon.parent.pid) / "net" / "ip_vs").exists():
        return False
    try:
        return run(["modprobe", "--dry-run", "--quiet", "ip_vs"], timeout=10).status != 0
    except Unavailable:
        return True


def verdict_here(daemon: Daemon, path: Path, text: str) -> Verdict | None:
    """Ask ``keepalived -t`` in the namespaces of *daemon*, which reads *path*, whether it accepts *text* there.

    None when keepalived is not installed. Raises Denied or Unavailable when it cannot be asked.
    """
    program = installed()
    if program is None:
        return None
    with _beside(path, text) as trial:
        theirs = str(PurePosixPath(daemon.config).with_name(trial.name))
        finished = _test(daemon, program, theirs)
    return verdict(finished, text, program.version, program.version, theirs)


@contextmanager
def _beside(path: Path, text: str) -> Iterator[Path]:
    """Keep *text* in a file in the folder of *path* while the block lasts; no glob of an include matches it."""
    folder = path.resolve().parent
    try:
        with tempfile.NamedTemporaryFile("wb", prefix=".lvsctl-trial-", dir=folder) as file:
            file.write(text.encode(errors="surrogateescape"))
            file.flush()
            yield Path(file.name)
    except OSError as error:
        raise refused(folder, error) from error


def _test(daemon: Daemon, program: Program, theirs: str) -> Finished:
    # As the first process of its namespace 2.2.7 does not end itself over the user of a script (issue #2587).
    enter = ["nsenter", "--target", str(daemon.parent.pid), "--net", "--mount", "--root", "--wd"]
    alone = ["unshare", "--pid", "--fork", "--kill-child"]
    return run([*enter, *alone, program.path, "-t", "-f", theirs, "-i", config_id(daemon)], timeout=20)


def obstacles(daemon: Daemon, path: Path, text: str, copy: str | None, *, ipvs: bool) -> tuple[str, ...]:
    """Say everything that keeps *daemon* from going over from *copy* to *text* by a reload; *ipvs*: it needs that.

    Raises Denied or Unavailable when the machine cannot be asked.
    """
    said = (
        []
        if copy is None
        else [f"{each} takes effect only at a restart" for each in needs_restart(copy, text)]
    )
    if ipvs and lacks_ipvs(daemon):
        said.append(
            "the kernel has no IPVS here (ip_vs), and keepalived would end at the first virtual server"
        )
    here = verdict_here(daemon, path, text)
    return (*said, *(f"on this machine: {each}" for each in (objections(here) if here else ())))
