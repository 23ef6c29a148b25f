"""Wire lvsctl's hooks into a configuration: the FIFO that tells transitions in order, and one family of scripts.

keepalived starts its notify scripts without waiting for them, in no certain order; the FIFO's order is certain,
but nobody may be reading it. So the FIFO is believed and the scripts only wake whoever reads. Of the scripts only
the generic `notify` is used, which is told the name and the state; `notify_master_rx_lower_pri` is the one event
that it is not called for.
"""

from typing import Any, TypeVar

from lvsctl.compose.paths import LIBEXEC, VRRP_NOTIFY_FIFO
from lvsctl.spec.global_defs import GlobalDefs
from lvsctl.spec.script import Script
from lvsctl.spec.spec import Spec
from lvsctl.spec.sync_group import VrrpSyncGroup
from lvsctl.spec.virtual_server import VirtualServer
from lvsctl.spec.vrrp_instance import VrrpInstance

_Notified = TypeVar("_Notified", VrrpInstance, VrrpSyncGroup)


def script(*command: str) -> Script:
    """Answer the command of one of our hooks."""
    return Script(command=command)


NOTIFY = script(f"{LIBEXEC}/notify")


def with_hooks(spec: Spec) -> Spec:
    """Answer the resolved *spec* with lvsctl's FIFO and hooks written out, unless it says `notify: none`."""
    if spec.notify is not None and spec.notify.off:
        return spec
    changes: dict[str, Any] = {"virtual_servers": _services(spec)}
    if hooks_are_wired(spec):
        changes["global_defs"] = _global_defs(spec.global_defs or GlobalDefs(), spec)
    if spec.vrrp_instances:
        changes["vrrp_instances"] = {
            name: _instance(instance, name) for name, instance in spec.vrrp_instances.items()
        }
        changes["vrrp_sync_groups"] = {
            name: _notified(group) for name, group in spec.vrrp_sync_groups.items()
        }
    return spec.model_copy(update={name: value for name, value in changes.items() if value})


def hooks_are_wired(spec: Spec) -> bool:
    """Answer whether keepalived runs any of lvsctl's hooks."""
    notify = spec.notify
    return not (notify and notify.off) and bool(spec.vrrp_instances or (notify and notify.quorum))


def _global_defs(block: GlobalDefs, spec: Spec) -> GlobalDefs:
    changes: dict[str, Any] = {"enable_script_security": True}
    if block.script_user is None:
        changes["script_user"] = type(block).model_validate({"script_user": "root"}).script_user
    if block.vrrp_notify_fifo is None and spec.vrrp_instances:
        fifo = type(block).model_validate({"vrrp_notify_fifo": VRRP_NOTIFY_FIFO})
        changes |= {"vrrp_notify_fifo": fifo.vrrp_notify_fifo, "fifo_write_vrrp_states_on_reload": True}
    return block.model_copy(update=changes)


def _notified(block: _Notified) -> _Notified:
    return block if block.notify is not None else block.model_copy(update={"notify": NOTIFY})


def _instance(instance: VrrpInstance, name: str) -> VrrpInstance:
    notified = _notified(instance)
    if instance.notify_master_rx_lower_pri is not None:
        return notified
    wake = script(f"{LIBEXEC}/notify_master_rx_lower_pri", name)
    return notified.model_copy(update={"notify_master_rx_lower_pri": wake})


def _services(spec: Spec) -> dict[str, VirtualServer]:
    wanted = spec.notify.quorum if spec.notify else {}
    return {
        name: _quorum(service, name) if name in wanted else service
        for name, service in spec.virtual_servers.items()
    }


def _quorum(service: VirtualServer, name: str) -> VirtualServer:
    hooks = {word: script(f"{LIBEXEC}/{word}", name) for word in ("quorum_up", "quorum_down")}
    return service.model_copy(
        update={word: hook for word, hook in hooks.items() if getattr(service, word) is None}
    )
