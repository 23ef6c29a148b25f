"""The health checks of a spec, each once: a service's `checks` are shared by all its real servers. It finds no faults."""

from typing import NamedTuple

from lvsctl.compose.rules.once import once_per_spec
from lvsctl.compose.rules.rule import Path
from lvsctl.spec.checks import Check
from lvsctl.spec.real_server import RealServer
from lvsctl.spec.spec import Spec
from lvsctl.spec.virtual_server import VirtualServer


class Asked(NamedTuple):
    """One check of a service; real servers may share it, and then the first of them stands for all."""

    name: str
    """The service's."""
    service: VirtualServer
    server: RealServer
    check: Check
    path: Path


@once_per_spec
def asked(spec: Spec) -> list[Asked]:
    """Answer each check of each service once, however many real servers share it."""
    found: list[Asked] = []
    for name, service in spec.virtual_servers.items():
        seen: set[int] = set()
        for index, server in enumerate(service.real_servers):
            for number, check in enumerate(server.checks):
                if id(check) not in seen:
                    seen.add(id(check))
                    path = ("virtual_servers", name, "real_servers", index, "checks", number)
                    found.append(Asked(name, service, server, check, path))
    return found
