"""Which programs a spec has keepalived run, and as whom. It finds no faults."""

from collections.abc import Iterator
from typing import NamedTuple

from lvsctl.compose.hooks import hooks_are_wired
from lvsctl.compose.rules.once import once_per_spec
from lvsctl.compose.rules.rule import Path
from lvsctl.compose.rules.shared_checks import asked
from lvsctl.spec.base import Model
from lvsctl.spec.script import Script, ScriptUser
from lvsctl.spec.spec import Spec
from lvsctl.spec.sync_group import VrrpSyncGroup
from lvsctl.spec.virtual_server import VirtualServer
from lvsctl.spec.vrrp_instance import VrrpInstance

DEFAULT_USER = "keepalived_script"
"""Whom scripts run as when nothing is said and there is such a user (lib/notify.c)."""
NOTIFIES = ("notify_backup", "notify_master", "notify_fault", "notify_stop", "notify")
GLOBAL = (
    "startup_script",
    "shutdown_script",
    "notify_fifo_script",
    "vrrp_notify_fifo_script",
    "lvs_notify_fifo_script",
)


class Program(NamedTuple):
    """A command that keepalived runs."""

    path: Path
    command: tuple[str, ...]
    user: str | None
    """As whom, where its own block says so."""
    group: str | None


@once_per_spec
def programs(spec: Spec) -> list[Program]:
    """Answer every command of the operator's in *spec*; lvsctl's own hooks are not in it."""
    return list(_programs(spec))


def _programs(spec: Spec) -> Iterator[Program]:
    if spec.global_defs is not None:
        yield from _of(spec.global_defs, ("global_defs",), GLOBAL)
    for name, script in spec.vrrp_scripts.items():
        yield _program(script.script, ("vrrp_scripts", name, "script"), script.user)
    for field, blocks in (
        ("vrrp_sync_groups", spec.vrrp_sync_groups),
        ("vrrp_instances", spec.vrrp_instances),
    ):
        for name, block in blocks.items():
            yield from notifies(block, (field, name))
    for name, service in spec.virtual_servers.items():
        yield from _of_service(service, ("virtual_servers", name))
    for each in asked(spec):
        if (misc := each.check.MISC_CHECK) is not None:
            yield _program(misc.misc_path, (*each.path, "MISC_CHECK", "misc_path"), misc.user)


def notifies(block: VrrpInstance | VrrpSyncGroup, path: Path) -> Iterator[Program]:
    """Yield the notify commands of an instance or a sync group."""
    yield from _of(block, path, NOTIFIES)
    if isinstance(block, VrrpInstance):
        yield from _of(block, path, ("notify_deleted", "notify_master_rx_lower_pri"))


def default_user(spec: Spec) -> str:
    """Answer whom commands run as that say nothing; lvsctl's hooks bring `script_user root` with them."""
    if spec.global_defs is not None and spec.global_defs.script_user is not None:
        return spec.global_defs.script_user.user
    return "root" if hooks_are_wired(spec) else DEFAULT_USER


def _of_service(service: VirtualServer, path: Path) -> Iterator[Program]:
    yield from _of(service, path, ("quorum_up", "quorum_down"))
    for index, server in enumerate(service.real_servers):
        if server.notify_up is not None or server.notify_down is not None:
            yield from _of(server, (*path, "real_servers", index), ("notify_up", "notify_down"))


def _of(block: Model, path: Path, fields: tuple[str, ...]) -> Iterator[Program]:
    for field in fields:
        script = getattr(block, field)
        if script is not None and script.command:
            yield _program(script, (*path, field))


def _program(script: Script, path: Path, user: ScriptUser | None = None) -> Program:
    who = user or script
    return Program(path, script.command, who.user, who.group)
