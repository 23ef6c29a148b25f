"""Give each service with a sorry server the file that `lvsctl sorry` switches it with.

keepalived owns these services and never looks at the kernel, so a swap has to come from keepalived itself: a
track_file per service, and a FILE_CHECK on it for every real server. Any number but 0 in the file takes all real
servers down at once, and keepalived brings the sorry server in (facts measured on 2.2.7: within 5 to 14 ms).

Two forms. *Resident* keeps failed real servers and the idle sorry server in the kernel's table at weight 0: no
connection breaks at a swap. It is only right for schedulers that pass over weight 0, and for persistent services
only when the kernel drops templates to such servers; elsewhere it would refuse clients while everything is
healthy, so there the *plain* form removes and adds them.
"""

from typing import Any

from lvsctl.sorry import form
from lvsctl.sorry.form import DEFAULT_SCHEDULER, MAINTENANCE_FOLDER, track_file_name
from lvsctl.spec.check_local import FileCheck
from lvsctl.spec.checks import Check
from lvsctl.spec.spec import Spec
from lvsctl.spec.track import InitFile, TrackFile, WideWeight
from lvsctl.spec.virtual_server import VirtualServer


def is_maintained(service: VirtualServer) -> bool:
    """Answer whether render gives *service* a maintenance file."""
    return service.owner == "keepalived" and service.sorry_server is not None and service.maintenance != "off"


def resident_is_safe(service: VirtualServer, spec: Spec) -> bool:
    """Answer whether servers of weight 0 may stay in the table of *service* without refusing anybody."""
    return passes_over_weight_0(service) and (not service.is_persistent or templates_expire(spec))


def passes_over_weight_0(service: VirtualServer) -> bool:
    """Answer whether the scheduler of *service* never picks a server of weight 0 for a new client."""
    fallback = service.sh_fallback or service.mh_fallback
    return form.passes_over_weight_0(service.lvs_sched or DEFAULT_SCHEDULER, fallback=fallback)


def templates_expire(spec: Spec) -> bool:
    """Answer whether the spec states that the kernel drops persistence templates to servers of weight 0."""
    return spec.sysctl is not None and spec.sysctl.expire_quiescent_template == 1


def form_of(service: VirtualServer, spec: Spec) -> str:
    """Answer the maintenance form of *service*: ``resident`` or ``plain``."""
    if service.maintenance in ("resident", "plain"):
        return service.maintenance
    return "resident" if resident_is_safe(service, spec) else "plain"


def with_maintenance(spec: Spec) -> Spec:
    """Answer the resolved *spec* with the maintenance files and checks of its services written out."""
    maintained = {name: service for name, service in spec.virtual_servers.items() if is_maintained(service)}
    if not maintained:
        return spec
    files = {track_file_name(name): _track_file(name) for name in maintained}
    services = {name: _service(service, name, spec) for name, service in maintained.items()}
    return spec.model_copy(
        update={
            "track_files": {**spec.track_files, **files},
            "virtual_servers": {**spec.virtual_servers, **services},
        }
    )


def _track_file(service: str) -> TrackFile:
    # Weight 0 is what makes a number in the file a failure; the default, 1, would only add to the weight.
    return TrackFile(
        file=f"{MAINTENANCE_FOLDER}/{service}", weight=WideWeight(weight=0), init_file=InitFile(value=0)
    )


def _service(service: VirtualServer, name: str, spec: Spec) -> VirtualServer:
    check = Check(FILE_CHECK=FileCheck(track_file=track_file_name(name)))
    changes: dict[str, Any] = {
        "real_servers": tuple(
            server.model_copy(update={"checks": (check, *server.checks)}) for server in service.real_servers
        )
    }
    if form_of(service, spec) == "resident":
        changes |= {"inhibit_on_failure": True, "sorry_server_inhibit": True}
    return service.model_copy(update=changes)
