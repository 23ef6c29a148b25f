"""The kernel's IPVS table as a library: read it, plan a change, apply it, save it, restore it.

Everything named here is public and described in docs/reference/ipvs-library.md, which is executed by the tests.
Names are loaded when they are first used, so that a script pays only for what it needs; pydantic, jinja2 and typer
are never loaded.
"""

import importlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lvsctl.ipvs.applying import Applied as Applied
    from lvsctl.ipvs.applying import NotAsApplied as NotAsApplied
    from lvsctl.ipvs.applying import apply as apply
    from lvsctl.ipvs.applying import change as change
    from lvsctl.ipvs.applying import restore as restore
    from lvsctl.ipvs.backend import Ipvs as Ipvs
    from lvsctl.ipvs.errors import NoIpvs as NoIpvs
    from lvsctl.ipvs.errors import NotRoot as NotRoot
    from lvsctl.ipvs.errors import Refusal as Refusal
    from lvsctl.ipvs.errors import RequestRefused as RequestRefused
    from lvsctl.ipvs.errors import Restless as Restless
    from lvsctl.ipvs.errors import StepsRefused as StepsRefused
    from lvsctl.ipvs.files import load as load
    from lvsctl.ipvs.files import save as save
    from lvsctl.ipvs.kernel import KernelIpvs as KernelIpvs
    from lvsctl.ipvs.lock import table_lock as table_lock
    from lvsctl.ipvs.memory import MemoryIpvs as MemoryIpvs
    from lvsctl.ipvs.model import Connections as Connections
    from lvsctl.ipvs.model import Counters as Counters
    from lvsctl.ipvs.model import Dest as Dest
    from lvsctl.ipvs.model import DestKey as DestKey
    from lvsctl.ipvs.model import Info as Info
    from lvsctl.ipvs.model import Load as Load
    from lvsctl.ipvs.model import Observation as Observation
    from lvsctl.ipvs.model import Persistence as Persistence
    from lvsctl.ipvs.model import Service as Service
    from lvsctl.ipvs.model import SyncDaemon as SyncDaemon
    from lvsctl.ipvs.model import Table as Table
    from lvsctl.ipvs.model import Timeouts as Timeouts
    from lvsctl.ipvs.model import Tunnel as Tunnel
    from lvsctl.ipvs.model import VirtualServer as VirtualServer
    from lvsctl.ipvs.planning import drain_hazard as drain_hazard
    from lvsctl.ipvs.planning import order_differs as order_differs
    from lvsctl.ipvs.planning import plan as plan
    from lvsctl.ipvs.procfs import read_proc as read_proc
    from lvsctl.ipvs.steps import AddDest as AddDest
    from lvsctl.ipvs.steps import AddService as AddService
    from lvsctl.ipvs.steps import DeleteDest as DeleteDest
    from lvsctl.ipvs.steps import DeleteService as DeleteService
    from lvsctl.ipvs.steps import EditDest as EditDest
    from lvsctl.ipvs.steps import EditService as EditService
    from lvsctl.ipvs.steps import Flush as Flush
    from lvsctl.ipvs.steps import Step as Step
    from lvsctl.ipvs.steps import Zero as Zero
    from lvsctl.ipvs.steps import describe as describe
    from lvsctl.ipvs.steps import undo as undo
    from lvsctl.vocabulary import Family as Family
    from lvsctl.vocabulary import ForwardingMethod as ForwardingMethod
    from lvsctl.vocabulary import Protocol as Protocol
    from lvsctl.vocabulary import Scheduler as Scheduler
    from lvsctl.vocabulary import SchedulerFlag as SchedulerFlag
    from lvsctl.vocabulary import ServiceKey as ServiceKey
    from lvsctl.vocabulary import SyncRole as SyncRole
    from lvsctl.vocabulary import TunnelFlag as TunnelFlag
    from lvsctl.vocabulary import TunnelType as TunnelType

# No module here has the name of something public: importing it anywhere would put it in that thing's place.
_HOMES = {
    "lvsctl.ipvs.applying": ("Applied", "NotAsApplied", "apply", "change", "restore"),
    "lvsctl.ipvs.backend": ("Ipvs",),
    "lvsctl.ipvs.errors": ("NoIpvs", "NotRoot", "Refusal", "RequestRefused", "Restless", "StepsRefused"),
    "lvsctl.ipvs.files": ("load", "save"),
    "lvsctl.ipvs.kernel": ("KernelIpvs",),
    "lvsctl.ipvs.lock": ("table_lock",),
    "lvsctl.ipvs.memory": ("MemoryIpvs",),
    "lvsctl.ipvs.model": (
        *("Connections", "Counters", "Dest", "DestKey", "Info", "Load", "Observation", "Persistence"),
        *("Service", "SyncDaemon", "Table", "Timeouts", "Tunnel", "VirtualServer"),
    ),
    "lvsctl.ipvs.planning": ("drain_hazard", "order_differs", "plan"),
    "lvsctl.ipvs.procfs": ("read_proc",),
    "lvsctl.ipvs.steps": (
        *("AddDest", "AddService", "DeleteDest", "DeleteService", "EditDest", "EditService", "Flush", "Step"),
        *("Zero", "describe", "undo"),
    ),
    "lvsctl.vocabulary": (
        *("Family", "ForwardingMethod", "Protocol", "Scheduler", "SchedulerFlag", "ServiceKey", "SyncRole"),
        *("TunnelFlag", "TunnelType"),
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(importlib.import_module(home), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(_HOME_OF)
