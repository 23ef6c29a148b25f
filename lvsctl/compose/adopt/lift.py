"""Say once what is the same for all: health checks that every real server of a service begins with."""

from typing import Any

Data = dict[str, Any]


def lift_checks(data: Data) -> None:
    """Move what the checks of all real servers of a service begin with to the service, where it means the same."""
    for service in data.get("virtual_servers", {}).values():
        servers = service.get("real_servers", ())
        if len(servers) > 1 and (shared := _beginning([server.get("checks", []) for server in servers])):
            _lift(service, shared)


def _beginning(lists: list[list[Data]]) -> list[Data]:
    first, *others = lists
    for length in range(len(first), 0, -1):
        if all(other[:length] == first[:length] for other in others):
            return first[:length]
    return []


def _lift(service: Data, shared: list[Data]) -> None:
    servers = service.pop("real_servers")
    for server in servers:
        del server["checks"][: len(shared)]
        if not server["checks"]:
            del server["checks"]
    service["checks"] = shared
    service["real_servers"] = servers
