"""One change of the table each: what a plan is made of, what a backend applies, and how to take it back.

A step says all it needs: identity, the new settings, and nothing about the old ones; its inverse is computed from
the table as it was. Steps are values: nothing here changes anything.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple, assert_never

from lvsctl.ipvs.model import Dest, DestKey, Service, Table, flag_names
from lvsctl.vocabulary import ForwardingMethod, ServiceKey, TunnelType


class AddService(NamedTuple):
    """Refused with EEXIST when it is there, ENOENT when the kernel lacks its scheduler or persistence engine."""

    key: ServiceKey
    service: Service


class EditService(NamedTuple):
    """Replace all settings, keep the destinations and connections; ESRCH when there is no such service."""

    key: ServiceKey
    service: Service


class DeleteService(NamedTuple):
    """Delete it with its destinations and counters; ESRCH when there is no such service."""

    key: ServiceKey


class AddDest(NamedTuple):
    """Refused with EEXIST when it is there, ESRCH when the service is not."""

    key: ServiceKey
    dest_key: DestKey
    dest: Dest


class EditDest(NamedTuple):
    """Replace all settings, keep connections and counters; ENOENT when there is no such destination."""

    key: ServiceKey
    dest_key: DestKey
    dest: Dest


class DeleteDest(NamedTuple):
    """Refused with ENOENT when there is no such destination. Its connections die with their next packet."""

    key: ServiceKey
    dest_key: DestKey


class Zero(NamedTuple):
    """Set the counters of a service and its destinations, or of everything, to nothing."""

    key: ServiceKey | None = None


class Flush(NamedTuple):
    """Empty the whole table, also what others put there. No plan contains it."""


Step = AddService | EditService | DeleteService | AddDest | EditDest | DeleteDest | Zero | Flush


def describe(step: Step) -> str:  # noqa: PLR0911 - one per kind of step
    """Write *step* as one line for a person, in the order: sign, service, destination, settings."""
    match step:
        case AddService(key, service):
            return f"+ {key} {describe_service(service)}"
        case EditService(key, service):
            return f"~ {key} {describe_service(service)}"
        case DeleteService(key):
            return f"- {key}"
        case AddDest(key, dest_key, dest):
            return f"+ {key} -> {dest_key} {describe_dest(dest)}"
        case EditDest(key, dest_key, dest):
            return f"~ {key} -> {dest_key} {describe_dest(dest)}"
        case DeleteDest(key, dest_key):
            return f"- {key} -> {dest_key}"
        case Zero(key):
            return f"0 {key or 'all counters'}"
        case Flush():
            return "- everything"
        case _:
            assert_never(step)


def describe_service(service: Service) -> str:
    """Write the settings that differ from the kernel's defaults."""
    words = [str(service.scheduler), *flag_names(service.scheduler, service.flags)]
    if service.one_packet:
        words.append("ops")
    if service.persistence:
        words.append(f"persistent {service.persistence.timeout}")
        if service.persistence.netmask is not None:
            words.append(f"mask {service.persistence.netmask}")
    if service.engine:
        words.append(f"pe {service.engine}")
    return " ".join(words)


def describe_dest(dest: Dest) -> str:
    """Write method and weight, and thresholds and tunnel where there are any."""
    words = [str(dest.method), f"weight {dest.weight}"]
    if dest.upper or dest.lower:
        words.append(f"thresholds {dest.upper}/{dest.lower}")
    if dest.method is ForwardingMethod.TUN and dest.tunnel.type is not TunnelType.IPIP:
        words.append(dest.tunnel.type)
        if dest.tunnel.port:
            words.append(f"port {dest.tunnel.port}")
        words.append((dest.tunnel.flags.name or str(int(dest.tunnel.flags))).lower())
    return " ".join(words)


Draft = dict[ServiceKey, tuple[Service, dict[DestKey, Dest]]]
"""A table being changed: the working copy of :func:`undo` and of the memory backend."""


def draft(table: Table) -> Draft:
    """Answer a copy of *table* that :func:`advance` may change."""
    return {key: (server.service, dict(server.dests)) for key, server in table.items()}


def advance(draft: Draft, step: Step) -> None:
    """Change *draft* as *step* changes a table that does not refuse it."""
    match step:
        case AddService(key, service):
            draft[key] = (service, {})
        case EditService(key, service):
            draft[key] = (service, draft[key][1])
        case DeleteService(key):
            del draft[key]
        case AddDest(key, dest_key, dest) | EditDest(key, dest_key, dest):
            draft[key][1][dest_key] = dest
        case DeleteDest(key, dest_key):
            del draft[key][1][dest_key]
        case Zero():
            pass
        case Flush():
            draft.clear()
        case _:
            assert_never(step)


def inverse(step: Step, before: Draft) -> Iterator[Step]:
    """Yield what takes *step* back, given the table *before* it. Counters do not come back."""
    match step:
        case AddService(key, _):
            yield DeleteService(key)
        case EditService(key, _):
            yield EditService(key, before[key][0])
        case DeleteService(key):
            yield from create(key, *before[key])
        case AddDest(key, dest_key, _):
            yield DeleteDest(key, dest_key)
        case EditDest(key, dest_key, _):
            yield EditDest(key, dest_key, before[key][1][dest_key])
        case DeleteDest(key, dest_key):
            yield AddDest(key, dest_key, before[key][1][dest_key])
        case Zero():
            pass
        case Flush():
            for key, (service, dests) in before.items():
                yield from create(key, service, dests)
        case _:
            assert_never(step)


def create(key: ServiceKey, service: Service, dests: Mapping[DestKey, Dest]) -> Iterator[Step]:
    """Yield the steps that make a whole virtual server where there is none."""
    yield AddService(key, service)
    for dest_key, dest in dests.items():
        yield AddDest(key, dest_key, dest)


def undo(done: Iterable[Step], before: Table) -> list[Step]:
    """Answer what takes the steps *done* back, newest first, given the table *before* the first of them.

    A step that cannot have succeeded on *before* changed what somebody else had made meanwhile: where nothing is known
    to go back to, it is left out.
    """
    working = draft(before)
    backwards: list[list[Step]] = []
    for step in done:
        with suppress(KeyError):
            backwards.append(list(inverse(step, working)))
            advance(working, step)
    return [step for steps in reversed(backwards) for step in steps]
