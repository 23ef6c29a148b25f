"""Rules about the programs that keepalived runs, as far as the spec alone tells. LVS400 to LVS419."""

from collections.abc import Iterator

from lvsctl.compose.hooks import hooks_are_wired
from lvsctl.compose.rules.programs import programs
from lvsctl.compose.rules.rule import ERROR, WARNING, Broken, Path, of_spec
from lvsctl.spec.spec import Spec
from lvsctl.spec.vrrp_instance import VrrpInstance

SHELL = frozenset({"&&", "||", "|", ";", ">", ">>", "<", "2>&1", "&"})
STATES = ("notify_master", "notify_backup", "notify_fault", "notify_stop")


@of_spec(
    "LVS400",
    WARNING,
    "Scripts without enable_script_security",
    reason="keepalived then runs, as root, scripts that others could have changed; `keepalived -t` answers 6 ('SECURITY VIOLATION') for any script at all.",
    remedy="Write enable_script_security: true and script_user under global_defs.",
)
def insecure_scripts(spec: Spec) -> Iterator[Broken]:
    """Where lvsctl's hooks are wired (`notify` is not none) it is switched on anyway."""
    if hooks_are_wired(spec) or (spec.global_defs is not None and spec.global_defs.enable_script_security):
        return
    first = next(iter(programs(spec)), None)
    if first is not None:
        yield Broken(first.path, "there are scripts, but global_defs has no enable_script_security: true")


@of_spec(
    "LVS401",
    WARNING,
    "A program without its full path",
    reason="keepalived looks it up in its own PATH, which systemd sets, not your shell: it may find another program, or none, and then the script is disabled.",
    remedy="Write the absolute path, as `command -v` shows it.",
)
def relative_program(spec: Spec) -> Iterator[Broken]:
    """`</path` is no program: it asks whether a file can be opened."""
    for path, command, _, _ in programs(spec):
        if not command[0].startswith(("/", "<")):
            yield Broken(
                path,
                f"{command[0]!r} is no absolute path: write /usr/bin/{command[0].rpartition('/')[2]}, or wherever it is",
            )


@of_spec(
    "LVS402",
    ERROR,
    "Shell syntax without a shell",
    reason="keepalived starts programs without a shell: && and | reach the program as arguments, and what follows never runs (keepalived issue 931). The exit status is that of the wrong command.",
    remedy="Put the line into a script with #!/bin/sh, or call /bin/sh -c through such a script.",
)
def shell_syntax(spec: Spec) -> Iterator[Broken]:
    """Only words that a shell treats apart, standing alone; `</path` at the start is keepalived's own."""
    for path, command, _, _ in programs(spec):
        if (word := next((each for each in command[1:] if each in SHELL), None)) is not None:
            yield Broken(
                path,
                f"there is no shell: {command[0]} gets {word!r} as an argument; put the line into a script",
            )


@of_spec(
    "LVS403",
    WARNING,
    "notify of your own keeps lvsctl's out",
    reason="An instance has one notify. With yours, lvsctl's agent is not woken on transitions: failover IPs and return paths move only when it looks by itself.",
    remedy="Move your command to notify.master and so on as {run: [program, argument]}, which run in order; or write notify: none.",
)
def own_notify(spec: Spec) -> Iterator[Broken]:
    """`notify` of instances and sync groups."""
    if not hooks_are_wired(spec):
        return
    for path, block in _notified(spec):
        if block.notify is not None:
            yield Broken(
                (*path, "notify"),
                "it takes the place of lvsctl's own hook: write it as notify: {master: [{run: […]}]} at the top",
            )


@of_spec(
    "LVS404",
    WARNING,
    "notify_master and its kin beside lvsctl's hooks",
    reason="keepalived starts both at once and waits for neither: yours may run before or after lvsctl has moved an address (keepalived issues 996 and 1055).",
    remedy="Move the command to notify.master (backup, fault, stop) as {run: [program, argument]}: there steps run in order.",
)
def both_families(spec: Spec) -> Iterator[Broken]:
    """Both families at once have no order between them."""
    if not hooks_are_wired(spec):
        return
    for path, block in _notified(spec):
        for field in STATES:
            if getattr(block, field) is not None:
                state = field.removeprefix("notify_")
                yield Broken(
                    (*path, field),
                    f"it runs beside lvsctl's hook, in no order: write it as notify: {{{state}: [{{run: […]}}]}} at the top",
                )


def _notified(spec: Spec) -> Iterator[tuple[Path, VrrpInstance]]:
    for field in ("vrrp_instances", "vrrp_sync_groups"):
        for name, block in getattr(spec, field).items():
            yield (field, name), block


@of_spec(
    "LVS405",
    WARNING,
    "A FIFO of your own keeps lvsctl's out",
    reason="There is one vrrp_notify_fifo, and it is what lvsctl believes about the order of transitions.",
    remedy="Use notify_fifo for your own reader: keepalived writes to both.",
)
def own_fifo(spec: Spec) -> Iterator[Broken]:
    """`vrrp_notify_fifo` of `global_defs`."""
    if (
        hooks_are_wired(spec)
        and spec.global_defs is not None
        and spec.global_defs.vrrp_notify_fifo is not None
    ):
        yield Broken(
            ("global_defs", "vrrp_notify_fifo"),
            "lvsctl's agent cannot read it, too: use notify_fifo for yours",
        )


@of_spec(
    "LVS406",
    WARNING,
    "A FIFO script without its FIFO",
    reason="keepalived never starts it: there is nothing to read.",
    remedy="Write the FIFO beside it, such as notify_fifo: /run/keepalived.fifo.",
)
def script_without_fifo(spec: Spec) -> Iterator[Broken]:
    """`notify_fifo_script` and its two siblings."""
    for field in ("notify_fifo", "vrrp_notify_fifo", "lvs_notify_fifo"):
        block = spec.global_defs
        if block is None or getattr(block, f"{field}_script") is None or getattr(block, field) is not None:
            continue
        if field != "vrrp_notify_fifo" or not hooks_are_wired(spec):
            yield Broken(("global_defs", f"{field}_script"), f"there is no {field} for it to read")
