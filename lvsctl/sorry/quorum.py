"""Which services follow when another one loses its quorum of real servers, or has it again. Pure.

The spec says it under ``notify: quorum:``. There are no cascades: a service that is down because lvsctl has taken it
down takes nobody along. keepalived reports that as a lost quorum, too, which would otherwise spread by itself.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple


class Quorum(StrEnum):
    """What keepalived reports of a virtual server (FIFO: ``VS … UP|DOWN``)."""

    DOWN = "down"
    UP = "up"


class Action(NamedTuple):
    """``{sorry: on|off, services: […]}`` of the spec."""

    on: bool
    services: tuple[str, ...] = ()
    """Names; none means the service that the event is about."""


Policy = Mapping[str, Mapping[Quorum, Sequence[Action]]]
"""By service, by event: what is to be done, in order."""


class Request(NamedTuple):
    """One service to switch, for the holder QUORUM."""

    name: str
    on: bool
    reason: str


def follow(
    policy: Policy, service: str, event: Quorum, *, down: Collection[str] = (), held: Collection[str] = ()
) -> tuple[Request, ...]:
    """Answer what the quorum of *service* asks for.

    *down*: the services without a quorum after this event, as far as known. *held*: the services whose sorry lvsctl has
    on; when *service* is one of them its lost quorum is our own doing. A quorum that is back always counts: it only
    gives up what this holder has. A service that another lost quorum keeps down is not brought back.
    """
    if event is Quorum.DOWN and service in held:
        return ()
    kept = set(_kept_down(policy, [each for each in down if each != service and each not in held]))
    wanted = dict(_wanted(policy, service, event))
    return tuple(
        Request(name, on, f"{service} has {'lost its' if event is Quorum.DOWN else 'its'} quorum")
        for name, on in wanted.items()
        if on or name not in kept
    )


def _wanted(policy: Policy, service: str, event: Quorum) -> Iterator[tuple[str, bool]]:
    for action in policy.get(service, {}).get(event, ()):
        yield from ((name, action.on) for name in action.services or (service,))


def _kept_down(policy: Policy, down: Collection[str]) -> Iterator[str]:
    for service in down:
        yield from (name for name, on in _wanted(policy, service, Quorum.DOWN) if on)
