"""Tables and steps for people and for programs: lines of text, and documents for JSON (docs/reference/json.md)."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from lvsctl.ipvs.model import Counters, Dest, Load, Observation, Service, flag_names
from lvsctl.ipvs.steps import Step, describe, describe_service
from lvsctl.vocabulary import ForwardingMethod, ServiceKey, TunnelFlag

_PLAIN_TITLES = ("METHOD", "WEIGHT", "ACTIVE", "INACTIVE", "LIMITS")
_STATS_TITLES = ("CONNS", "IN PKTS", "OUT PKTS", "IN BYTES", "OUT BYTES")


def lines(seen: Observation, *, stats: bool = False) -> Iterator[str]:
    """Yield a table for a person: one line per service, and one per destination below it."""
    titles = _STATS_TITLES if stats else _PLAIN_TITLES
    rows: list[tuple[str, tuple[str, ...]]] = []
    for key in sorted(seen.table, key=str):
        server = seen.table[key]
        rows.append(
            (f"{key}  {describe_service(server.service)}", _totals(seen.services[key]) if stats else ())
        )
        for dest_key, dest in server.dests.items():
            load = seen.dests[key, dest_key]
            rows.append((f"  -> {dest_key}", _totals(load.counters) if stats else _settings(dest, load)))
    yield from _aligned([("SERVICE", titles), *rows] if rows else [])


def _settings(dest: Dest, load: Load) -> tuple[str, ...]:
    method = str(dest.method)
    if dest.method is ForwardingMethod.TUN:
        method += f" {dest.tunnel.type}" + (f":{dest.tunnel.port}" if dest.tunnel.port else "")
    limits = f"{dest.lower}-{dest.upper}" if dest.upper else ""
    return method, str(dest.weight), str(load.connections.active), str(load.connections.inactive), limits


def _totals(counters: Counters) -> tuple[str, ...]:
    return tuple(map(str, counters[:5]))


def _aligned(rows: Sequence[tuple[str, tuple[str, ...]]]) -> Iterator[str]:
    # A service's own line may run on over the columns: they are the destinations'.
    first = max((len(head) for head, cells in rows if cells), default=0)
    widths = [
        max((len(cells[i]) for _, cells in rows if cells), default=0) for i in range(len(_PLAIN_TITLES))
    ]
    for head, cells in rows:
        padded = (f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=False))
        yield "  ".join((f"{head:<{first}}", *padded)).rstrip() if cells else head


def document(seen: Observation) -> dict[str, Any]:
    """Answer a table as a JSON document."""
    return {
        "services": [
            {
                "service": str(key),
                **_service(seen.table[key].service),
                "counters": seen.services[key]._asdict(),
                "destinations": [_dest(seen, key, dest_key) for dest_key in seen.table[key].dests],
            }
            for key in sorted(seen.table, key=str)
        ]
    }


def _service(service: Service) -> dict[str, Any]:
    persistence = None
    if service.persistence:
        mask = service.persistence.netmask
        persistence = {
            "timeout": service.persistence.timeout,
            "netmask": mask if mask is None or isinstance(mask, int) else str(mask),
        }
    return {
        "scheduler": str(service.scheduler),
        "flags": list(flag_names(service.scheduler, service.flags)),
        "one_packet": service.one_packet,
        "persistence": persistence,
        "engine": service.engine or None,
    }


def _dest(seen: Observation, key: ServiceKey, dest_key: Any) -> dict[str, Any]:
    dest, load = seen.table[key].dests[dest_key], seen.dests[key, dest_key]
    tunnel = None
    if dest.method is ForwardingMethod.TUN:
        kind, port, flags = dest.tunnel
        names = [flag.name.lower() for flag in TunnelFlag if flag & flags and flag.name]
        tunnel = {"type": str(kind), "port": port or None, "flags": names}
    return {
        "destination": str(dest_key),
        "method": str(dest.method),
        "weight": dest.weight,
        "upper_threshold": dest.upper,
        "lower_threshold": dest.lower,
        "tunnel": tunnel,
        "connections": load.connections._asdict(),
        "counters": load.counters._asdict(),
    }


def steps_document(steps: Iterable[Step]) -> dict[str, Any]:
    """Answer steps as a JSON document."""
    return {"steps": [{"step": type(step).__name__, "text": describe(step)} for step in steps]}
