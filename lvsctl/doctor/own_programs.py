"""The operator's programs that lvsctl itself starts, as root: could somebody else put another one in their place."""

from collections.abc import Iterable, Iterator
from shlex import quote

from lvsctl.compose.rules.here import why_disabled
from lvsctl.doctor.model import DIRECTOR, ERROR, Found, Machine, check
from lvsctl.spec.notify import Action
from lvsctl.spec.spec import Spec

Argv = tuple[str, ...]


def programs(spec: Spec) -> Iterator[tuple[str, Argv]]:
    """Yield what the agent and `lvsctl uplink run` start, each with who names it."""
    if (notify := spec.notify) is not None:
        steps = (*notify.master, *notify.backup, *notify.fault, *notify.stop)
        quorum = [each for actions in notify.quorum.values() for each in (*actions.down, *actions.up)]
        yield from (("notify", argv) for argv in _of(*steps, *quorum))
    for entry in spec.failover_ips:
        yield from ((f"failover IP {entry.ip}", argv) for argv in (entry.command,) if argv)
    if (uplinks := spec.uplinks) is not None:
        targets = (*uplinks.targets, *(each for own in uplinks.providers.values() for each in own.targets))
        asked = (*(each.run for each in targets), uplinks.run)
        yield from (("uplinks", argv) for argv in asked if argv)


def _of(*actions: Action) -> Iterable[Argv]:
    return (each.run for each in actions if each.run)


@check(
    "LVD109",
    ERROR,
    "A program that lvsctl runs as root, and that others can change",
    why="The agent and `lvsctl uplink run` start it as root: whoever can write it, or a folder above it, is root at the next transition or probe. One that is missing, or not executable, is a step that fails.",
    remedy="Install it as root:root 0755 in folders that only root can write, such as /usr/local/libexec.",
    roles=DIRECTOR,
    needs_spec=True,
)
def open_to_others(machine: Machine) -> Iterator[Found]:
    """Programs of `notify`, of provider `command`, and of `uplinks`, that are named by their whole path; every folder above, also those of a link's end."""
    who_names = {argv[0]: who for who, argv in programs(machine.spec) if argv[0].startswith("/")}
    for path, who in who_names.items():
        why = why_disabled(path, machine.host, as_root=True, walks_links=True)
        if why is not None:
            mend = f"ls -ld {quote(path)}; chown root:root {quote(path)}; chmod 755 {quote(path)}"
            yield Found(path, f"{who} names it, and {why}", mend)
