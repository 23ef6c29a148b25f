"""Single destinations: find one, change its weight, watch its connections go.

The watching itself, with its waiting, is the caller's.
"""

from lvsctl.errors import LvsctlError
from lvsctl.host.netns import inside
from lvsctl.ipvs.applying import apply
from lvsctl.ipvs.backend import Ipvs
from lvsctl.ipvs.model import Connections, DestKey, Observation
from lvsctl.ipvs.planning import drain_hazard
from lvsctl.ipvs.steps import DeleteDest, EditDest, Step
from lvsctl.vocabulary import ServiceKey

_TEMPLATES = "/proc/sys/net/ipv4/vs/expire_quiescent_template"


class NoSuchDest(LvsctlError):
    """The table has no such service, or the service no such destination."""


class Hazard(LvsctlError):
    """Weight 0 does not do what one expects with this service."""


def find(ipvs: Ipvs, key: ServiceKey, dest_key: DestKey) -> Observation:
    """Answer the observation of a service that has this destination. Raises NoSuchDest with those it has."""
    seen = ipvs.observe_one(key)
    if key not in seen.table:
        raise NoSuchDest(f"there is no service {key}", hint="see: lvsctl ipvs show")
    if dest_key not in seen.table[key].dests:
        have = ", ".join(map(str, seen.table[key].dests)) or "none"
        raise NoSuchDest(f"{key} has no destination {dest_key}", hint=f"it has: {have}")
    return seen


def set_weight(ipvs: Ipvs, key: ServiceKey, dest_key: DestKey, weight: int) -> Step | None:
    """Give a destination another weight and nothing else; answer the step, None when it had that weight.

    Raises NoSuchDest, or StepsRefused. Hold the table's lock around it: it reads before it writes.
    """
    table = find(ipvs, key, dest_key).table
    dest = table[key].dests[dest_key]
    if dest.weight == weight:
        return None
    step = EditDest(key, dest_key, dest._replace(weight=weight))
    apply(ipvs, [step], table, verify=False)
    return step


def remove(ipvs: Ipvs, key: ServiceKey, dest_key: DestKey) -> None:
    """Delete a destination. Raises NoSuchDest, or StepsRefused."""
    apply(ipvs, [DeleteDest(key, dest_key)], find(ipvs, key, dest_key).table, verify=False)


def connections(ipvs: Ipvs, key: ServiceKey, dest_key: DestKey) -> Connections:
    """Answer how many connections a destination has; none when it is gone."""
    load = ipvs.observe_one(key).dests.get((key, dest_key))
    return load.connections if load else Connections()


def check_drainable(ipvs: Ipvs, key: ServiceKey, dest_key: DestKey, *, netns: str | None = None) -> None:
    """Raise Hazard when weight 0 would hurt the clients of this service instead of draining it."""
    service = find(ipvs, key, dest_key).table[key].service
    hazard = drain_hazard(service, templates_expire=templates_expire(netns))
    if hazard:
        raise Hazard(f"{key}: {hazard}", hint="--force drains nevertheless")


def templates_expire(netns: str | None = None) -> bool:
    """Answer whether persistence templates of destinations of weight 0 expire at once (a sysctl of the namespace)."""
    return _read_sysctl() if netns is None else inside(netns, _read_sysctl)


def _read_sysctl() -> bool:
    try:
        with open(_TEMPLATES, encoding="ascii") as file:  # noqa: PTH123 - a path of the kernel's
            return file.read().strip() == "1"
    except OSError:
        return False
