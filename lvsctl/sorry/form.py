"""The two forms in which keepalived can keep a sorry server, which of them a service may have, and its lines.

*Resident*: failed real servers and the idle sorry server stay in the kernel's table at weight 0, so no connection
breaks at a swap. It is only right where weight 0 means "no new client". *Plain*: they are removed and added.

Pure and small: rendering a spec, switching a service and explaining a keepalived.conf that somebody else wrote all
take their answers from here.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum

MAINTENANCE_FOLDER = "/var/lib/lvsctl/maintenance"
"""One file per service; outlives a reboot, so a sorry stays on."""

SKIP_WEIGHT_0 = frozenset({"rr", "wrr", "lc", "wlc", "sed", "nq", "fo", "ovf", "lblc", "lblcr"})
"""Schedulers that give no new connection to a server of weight 0, whatever the client."""

WITH_FALLBACK = frozenset({"sh", "mh"})
"""Schedulers that do so only with their fallback flag."""

DEFAULT_SCHEDULER = "wlc"
"""What keepalived takes when `lvs_sched` is not written (check_data.h, IPVS_DEF_SCHED)."""


class Form(StrEnum):
    """How keepalived keeps a failed real server and an idle sorry server."""

    RESIDENT = "resident"
    PLAIN = "plain"


def passes_over_weight_0(scheduler: str, *, fallback: bool) -> bool:
    """Answer whether *scheduler* never picks a server of weight 0 for a new client."""
    return scheduler in SKIP_WEIGHT_0 or (fallback and scheduler in WITH_FALLBACK)


def safe_form(scheduler: str, *, fallback: bool, persistent: bool, templates_expire: bool) -> Form:
    """Answer the form that refuses nobody while the service is healthy.

    *templates_expire* is net.ipv4.vs.expire_quiescent_template: without it the clients of a persistent service stay on
    a server of weight 0.
    """
    safe = passes_over_weight_0(scheduler, fallback=fallback) and (not persistent or templates_expire)
    return Form.RESIDENT if safe else Form.PLAIN


def track_file_name(service: str) -> str:
    """Answer the name of the maintenance track_file of *service*."""
    return f"lvsctl_{service}"


def lines_to_add(service: str, form: Form, real_servers: Iterable[str]) -> Iterator[str]:
    """Yield what a keepalived.conf needs so that `lvsctl sorry` can switch one of its virtual servers.

    *service* is the name that the file shall have, *real_servers* their words (``10.0.0.21 8080``).
    """
    name = track_file_name(service)
    yield "# anywhere before the virtual_server:"
    yield f"track_file {name} {{"
    yield f'    file "{MAINTENANCE_FOLDER}/{service}"'
    yield "    weight 0"
    yield "    init_file 0"
    yield "}"
    if form is Form.RESIDENT:
        yield "# in the virtual_server, the second line after its sorry_server:"
        yield "    inhibit_on_failure"
        yield "    sorry_server_inhibit"
    for each in real_servers:
        yield f"# in real_server {each}:"
        yield "        FILE_CHECK {"
        yield f"            track_file {name}"
        yield "        }"
