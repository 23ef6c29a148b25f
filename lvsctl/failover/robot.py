"""Hetzner's Robot: the failover IPs of dedicated servers, four calls of its webservice.

Reads errors by their ``code``; the status counts only where there is none. Source of the rules: the Robot webservice
documentation, and for ``status`` what clients observed of the live API.
"""

import hashlib
import time
from collections.abc import Callable, Mapping
from typing import Any

from lvsctl.failover.asking import Asks, Heard, shortly
from lvsctl.failover.observation import (
    FailoverAddress,
    Observation,
    Status,
    Target,
    as_failover_address,
    as_target,
    on_the_wire,
)
from lvsctl.failover.provider import (
    Accepted,
    AlreadyThere,
    Answer,
    Auth,
    Call,
    Clock,
    Failed,
    Fault,
    Locked,
    NewServerNotFound,
    NotComplete,
    NotFound,
    Pace,
    Quota,
    RateLimited,
    Reading,
    Readings,
    Refused,
    Spend,
    Unavailable,
    Unknown,
    Unreachable,
)

BASE_URL = "https://robot-ws.your-server.de"
HOUR = 3600.0
BAN = 600.0
"""Seconds to keep quiet after a refusal that names no time: bans were seen to last minutes."""

QUOTAS = (
    Quota(frozenset({Call.GET_LIST}), 100, HOUR),
    Quota(frozenset({Call.GET_ONE}), 100, HOUR),
    Quota(frozenset({Call.POST}), 50, HOUR),
    Quota(frozenset({Call.DELETE}), 50, HOUR),
)

CODES: Mapping[str, Callable[[str], Fault]] = {
    "UNAUTHORIZED": Auth,
    "NOT_FOUND": NotFound,
    "INVALID_INPUT": Refused,
    "FAILOVER_NEW_SERVER_NOT_FOUND": NewServerNotFound,
    "FAILOVER_LOCKED": Locked,
    "FAILOVER_FAILED": Failed,
    "FAILOVER_NOT_COMPLETE": NotComplete,
    "INTERNAL_ERROR": Unavailable,
}


class HetznerRobot:
    """One Robot webservice user."""

    name = "hetzner-robot"
    quotas = QUOTAS
    pace = Pace(switch=60.0, lock=180.0)
    lists = True

    def __init__(self, client: Asks, user: str, *, clock: Clock = time.monotonic) -> None:
        """Take a *client* of :data:`BASE_URL`; *user* only tells accounts apart."""
        self.account = f"robot-{hashlib.sha256(user.encode()).hexdigest()[:12]}"
        self._client = client
        self._clock = clock

    async def observe(self, ip: FailoverAddress, *, spend: Spend) -> Reading:
        """Ask where *ip* points: ``GET /failover/{ip}``."""
        await self._client.prepare()
        if withheld := spend(Call.GET_ONE):
            return withheld
        at = self._clock()
        heard = await self._client.read(_path(ip))
        if isinstance(heard, Unreachable | Unknown):
            return heard
        return _as_reading(_fault(heard) or _observation(heard.value, ip, at))

    async def observe_all(self, *, spend: Spend) -> Readings:
        """Ask where all failover IPs point: ``GET /failover``. An entry that makes no sense is left out."""
        if withheld := spend(Call.GET_LIST):
            return withheld
        at = self._clock()
        heard = await self._client.read("/failover")
        if isinstance(heard, Unreachable | Unknown):
            return heard
        if fault := _fault(heard):
            return _as_fault(fault)
        if not isinstance(heard.value, list):
            return Unknown(cut=False, why="the list of failover IPs is no list")
        return _observations(heard.value, at)

    async def assign(self, ip: FailoverAddress, target: Target, *, spend: Spend) -> Answer:
        """Point *ip* at *target*: ``POST /failover/{ip}``, which answers when the move is done."""
        if withheld := spend(Call.POST):
            return withheld
        return await self._change("POST", ip, {"active_server_ip": on_the_wire(target)})

    async def release(self, ip: FailoverAddress, *, spend: Spend) -> Answer:
        """Point *ip* nowhere: ``DELETE /failover/{ip}``."""
        if withheld := spend(Call.DELETE):
            return withheld
        return await self._change("DELETE", ip, None)

    async def aclose(self) -> None:
        """Close the client."""
        await self._client.aclose()

    async def _change(self, method: str, ip: FailoverAddress, form: Mapping[str, str] | None) -> Answer:
        at = self._clock()
        heard = await self._client.change(method, _path(ip), form=form)
        if isinstance(heard, Unreachable | Unknown):
            return heard
        if fault := _fault(heard):
            return fault
        found = _observation(heard.value, ip, at)
        return Accepted(found) if isinstance(found, Observation) else found


def _path(ip: FailoverAddress) -> str:
    return f"/failover/{on_the_wire(ip)}"


def _observation(value: Any, ip: FailoverAddress, at: float) -> Observation | Unknown:
    """Read ``{"failover": {…}}``, which has to be about *ip*."""
    try:
        found, observation = _entry(value, at)
    except ValueError as error:
        return Unknown(cut=False, why=str(error))
    if found != ip:
        return Unknown(cut=False, why=f"asked about {ip}, and the answer is about {found}")
    return observation


def _observations(entries: list[Any], at: float) -> dict[FailoverAddress, Observation]:
    found: dict[FailoverAddress, Observation] = {}
    for each in entries:
        try:
            ip, observation = _entry(each, at)
        except ValueError:
            continue
        found[ip] = observation
    return found


def _entry(value: Any, at: float) -> tuple[FailoverAddress, Observation]:
    """Read one failover object. ValueError says what is wrong with it."""
    entry = value.get("failover") if isinstance(value, dict) else None
    if not isinstance(entry, dict):
        raise ValueError("the answer holds no failover object")  # noqa: TRY004 - as below
    if "active_server_ip" not in entry:
        raise ValueError("the failover object does not say where it points")
    ip = as_failover_address(_text(entry.get("ip"), "ip"))
    active = entry["active_server_ip"]
    target = None if active is None else as_target(_text(active, "active_server_ip"))
    return ip, Observation(target, _status(entry.get("status")), at)


def _status(value: Any) -> Status | None:
    """Read the undocumented status. A word that nobody has seen yet is not ``ready``."""
    if value is None:
        return None
    return Status.READY if _text(value, "status") == Status.READY else Status.PROCESSING


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} is {type(value).__name__}, expected a text")  # noqa: TRY004 - one kind for all readers
    return value


def _fault(heard: Heard) -> Fault | AlreadyThere | None:
    """Answer what went wrong according to *heard*, or None when it may be an answer."""
    error = heard.value.get("error") if isinstance(heard.value, dict) else None
    if isinstance(error, dict) and isinstance(error.get("code"), str):
        return _by_code(error["code"], error, heard.status)
    if error is None and heard.status in {200, 201} and heard.value is not None:
        return None
    return _by_status(heard.status)


def _by_code(code: str, error: Mapping[str, Any], status: int) -> Fault | AlreadyThere:
    why = shortly(f"{code}: {error.get('message')}")
    if code == "RATE_LIMIT_EXCEEDED":
        return RateLimited(_interval(error.get("interval")), banned=False, why=why)
    if code == "FAILOVER_ALREADY_ROUTED":
        return AlreadyThere()
    if meaning := CODES.get(code):
        return meaning(why)
    return Unknown(cut=False, why=f"{why} (status {status})")


def _by_status(status: int) -> Fault:
    """Answer for a response that is not the API's JSON: a proxy, a maintenance page, a broken body."""
    match status:
        case 401:
            return Auth("status 401")
        case 403 | 429:
            return RateLimited(BAN, banned=True, why=f"status {status} without a word of the API")
        case _ if status >= 500:  # noqa: PLR2004 - HTTP's own border
            return Unavailable(f"status {status}")
        case _:
            return Unknown(cut=False, why=f"status {status}, and the body is not what the API answers")


def _interval(value: Any) -> float:
    """Answer the seconds that a rate limit names, if it names any that make sense."""
    makes_sense = isinstance(value, int) and not isinstance(value, bool) and 0 < value <= HOUR
    return float(value) if makes_sense else HOUR


def _as_fault(fault: Fault | AlreadyThere) -> Fault:
    """A question cannot be *already routed*; whoever says so is not understood."""
    return (
        Unknown(cut=False, why="the answer is to another question")
        if isinstance(fault, AlreadyThere)
        else fault
    )


def _as_reading(found: Observation | Fault | AlreadyThere) -> Reading:
    return found if isinstance(found, Observation) else _as_fault(found)
