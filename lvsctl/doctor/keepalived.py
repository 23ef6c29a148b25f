"""The running keepalived: is it there, and does it work with what the spec renders."""

from collections.abc import Iterator
from functools import lru_cache
from shlex import quote

from lvsctl.compose.render import render
from lvsctl.doctor.host import Running
from lvsctl.doctor.model import DIRECTOR, ERROR, NOTE, WARNING, Found, Machine, check
from lvsctl.errors import Unavailable
from lvsctl.keepalived.config import Config
from lvsctl.keepalived.grammar import version
from lvsctl.keepalived.held import holds
from lvsctl.keepalived.parse import parse
from lvsctl.keepalived.parse_source import MAX_TEXT
from lvsctl.keepalived.program import dotted

CONFIG = "/etc/keepalived/keepalived.conf"


def _needs_keepalived(machine: Machine) -> bool:
    spec = machine.spec
    return bool(spec.vrrp_instances) or any(
        each.owner == "keepalived" for each in spec.virtual_servers.values()
    )


def config_file(machine: Machine) -> str:
    """Answer the file that keepalived reads here: the one of the running daemon when there is just one."""
    daemons = machine.host.daemons()
    return daemons[0].config if len(daemons) == 1 and daemons[0].config.startswith("/") else CONFIG


def configurations(machine: Machine) -> Iterator[tuple[str, Config]]:
    """Yield what each daemon holds, by the name of its file; without one, what the file of the next start says."""
    daemons = machine.host.daemons()
    for each in daemons:
        text = each.copy or (machine.host.text(each.config) if each.config.startswith("/") else None)
        if text is not None:
            yield each.config, parsed(text)
    if not daemons and (text := machine.host.text(CONFIG)) is not None:
        yield CONFIG, parsed(text)


@lru_cache(maxsize=4)
def parsed(text: str) -> Config:
    """Answer the statements of *text*, which several checks ask for: a long one takes seconds to read.

    Raises Unavailable for one that is too long to be a configuration.
    """
    if len(text) > MAX_TEXT:
        raise Unavailable(f"a configuration of more than {MAX_TEXT // 2**20} MiB is not read")
    return parse(text).config


@check(
    "LVD500",
    ERROR,
    "keepalived does not run",
    why="Nobody here takes over when the other director fails, and the services that keepalived owns are checked by nobody.",
    remedy="systemctl start keepalived; journalctl -u keepalived says why it ended.",
    roles=DIRECTOR,
    needs_spec=True,
)
def not_running(machine: Machine) -> Iterator[Found]:
    """A keepalived in this network namespace, where the spec has something for it."""
    if _needs_keepalived(machine) and not machine.host.daemons():
        yield Found(
            "keepalived", "no keepalived works in this network namespace", "systemctl start keepalived"
        )


@check(
    "LVD501",
    ERROR,
    "keepalived works with another configuration than its file has",
    why="The file was changed and never loaded, or a reload failed: what you read in the file is not what decides tonight, and the next restart will bring the difference.",
    remedy="lvsctl render --reload -o FILE: it validates, reloads, and takes it back if that fails.",
    roles=DIRECTOR,
)
def not_loaded(machine: Machine) -> Iterator[Found]:
    """Daemons that keep a copy of what they have read (2.1 and later)."""
    for daemon in machine.host.daemons():
        text = machine.host.text(daemon.config) if daemon.config.startswith("/") else None
        if daemon.copy is not None and text is not None and not holds(daemon.copy, text):
            yield Found(
                daemon.config,
                f"keepalived (process {daemon.pid}) has not read it as it is now",
                _reload(machine, daemon),
            )


def _reload(machine: Machine, daemon: Running) -> str:
    if machine.declared is None or machine.adoption is not None:
        return "keepalived -t && systemctl reload keepalived"
    return f"lvsctl render {quote(machine.declared.document.file)} --reload -o {quote(daemon.config)}"


@check(
    "LVD502",
    ERROR,
    "keepalived's file is not what the spec renders",
    why="Somebody changed the file by hand, or the spec was changed and not rendered: the next render takes one of the two away.",
    remedy="lvsctl render --check -o FILE shows the difference; take it into the spec, then render.",
    roles=DIRECTOR,
    needs_spec=True,
    not_adopted=True,
)
def not_rendered(machine: Machine) -> Iterator[Found]:
    """Compares every byte, as `lvsctl render --check` does."""
    if not _needs_keepalived(machine):
        return
    path, declared = config_file(machine), machine.declared
    text = machine.host.text(path)
    if declared is not None and text != render(declared, machine.node).text:
        is_ours = text is not None and text.startswith("# Rendered by lvsctl")
        said = "it is missing" if text is None else "it differs" if is_ours else "lvsctl has not written it"
        yield Found(path, said, f"lvsctl render {quote(declared.document.file)} --check -o {quote(path)}")


@check(
    "LVD503",
    ERROR,
    "Two keepaliveds with one file",
    why="Both advertise the same virtual routers and fight over addresses and table; one of them is left over from a start by hand.",
    remedy="Stop the one that systemd did not start.",
    roles=DIRECTOR,
)
def twice(machine: Machine) -> Iterator[Found]:
    """Daemons of this network namespace that read a file of the same name."""
    by_file: dict[str, list[int]] = {}
    for daemon in machine.host.daemons():
        by_file.setdefault(daemon.config, []).append(daemon.pid)
    for file, pids in by_file.items():
        if len(pids) > 1:
            told = ", ".join(map(str, sorted(pids)))
            yield Found(
                file,
                f"processes {told} read it",
                f"kill {max(pids)}; systemctl status keepalived shows the other one",
            )


@check(
    "LVD504",
    WARNING,
    "Another keepalived than the spec is for",
    why="Keywords and defaults differ between releases: the file is rendered, and judged, for target_version.",
    remedy="Write the installed release as target_version, and validate.",
    roles=DIRECTOR,
    needs_spec=True,
    not_adopted=True,
)
def another_release(machine: Machine) -> Iterator[Found]:
    """The release that is installed, compared in its first two numbers."""
    program = machine.host.keepalived()
    target = machine.spec.target_version
    if program is not None and program.version[:2] != version(target)[:2]:
        yield Found(
            program.path,
            f"it is {dotted(program.version)}, and the spec says target_version {target}",
            f'write target_version: "{dotted(program.version)}", then lvsctl validate',
        )


@check(
    "LVD505",
    NOTE,
    "keepalived does not start at boot",
    why="After a reboot this director stays out of the pair until somebody notices.",
    remedy="systemctl enable keepalived.",
    roles=DIRECTOR,
    needs_spec=True,
)
def not_enabled(machine: Machine) -> Iterator[Found]:
    """A link below multi-user.target, on machines with systemd."""
    folder = "/etc/systemd/system"
    if not _needs_keepalived(machine) or not machine.host.names(folder):
        return
    if "keepalived.service" not in machine.host.names(f"{folder}/multi-user.target.wants"):
        yield Found("keepalived.service", "systemd does not start it at boot", "systemctl enable keepalived")
