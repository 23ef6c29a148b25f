"""Hetzner's Cloud: floating IPs, and the actions that move them.

Reads errors by their ``code``. A move is accepted at once and done when its action says so; the action is polled for
a bounded time. Source of the rules: the Cloud API's OpenAPI description.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import Any, NamedTuple

from lvsctl.failover.asking import Asks, Heard
from lvsctl.failover.cloud_errors import fault_in
from lvsctl.failover.observation import FailoverAddress, Observation, Status, Target, as_failover_address
from lvsctl.failover.provider import (
    Accepted,
    AlreadyThere,
    Answer,
    Call,
    Clock,
    Failed,
    Fault,
    NewServerNotFound,
    NotFound,
    Pace,
    Quota,
    Reading,
    Readings,
    Refused,
    Spend,
    Unavailable,
    Unknown,
    Unreachable,
)

BASE_URL = "https://api.hetzner.cloud/v1"
QUOTAS = (Quota(frozenset(Call), 3600, 3600.0),)

PER_PAGE = 50
MAX_PAGES = 20
ACCEPTS_WITHIN = 30.0
"""Seconds until a change is accepted; the change itself is the action's time."""

POLL_FIRST, POLL_LONGEST, POLL_FOR = 0.5, 5.0, 60.0
"""Seconds before the first look at an action, between later ones, and in all."""

NO_ANSWER = (Unreachable, Unknown)


class FloatingIp(NamedTuple):
    """A floating IP as the API shows it."""

    id: int
    ip: FailoverAddress
    server: int | None


class HetznerCloud:
    """One Cloud project."""

    name = "hetzner-cloud"
    quotas = QUOTAS
    pace = Pace(switch=10.0, lock=90.0)
    lists = True

    def __init__(
        self,
        client: Asks,
        token_digest: str,
        *,
        known: Mapping[FailoverAddress, int | str] | None = None,
        clock: Clock = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        dice: Random | None = None,
    ) -> None:
        """Take a *client* of :data:`BASE_URL`, and what :func:`digest` makes of its token.

        *known* gives ids or names of floating IPs; the others are looked for by their address, once.
        """
        self.account = f"cloud-{token_digest}"
        self._client = client
        self._known = known or {}
        self._ids = {ip: each for ip, each in self._known.items() if isinstance(each, int)}
        self._running: dict[FailoverAddress, int] = {}
        self._clock = clock
        self._sleep = sleep
        self._dice = dice or Random()  # noqa: S311 - jitter, not a secret

    async def observe(self, ip: FailoverAddress, *, spend: Spend) -> Reading:
        """Ask where *ip* points; before that whether our last action on it has ended, when that is not known."""
        await self._client.prepare()
        at = self._clock()
        status = await self._status(ip, spend)
        found = await self._look(ip, spend)
        if not isinstance(found, FloatingIp):
            return found
        return Observation(_target(found.server), status, at)

    async def observe_all(self, *, spend: Spend) -> Readings:
        """Ask where all floating IPs of the project point, page by page."""
        at = self._clock()
        running = {ip: await self._status(ip, spend) for ip in tuple(self._running)}
        found = await self._pages({}, spend)
        if not isinstance(found, list):
            return found
        self._ids.update({each.ip: each.id for each in found})
        return {each.ip: Observation(_target(each.server), running.get(each.ip), at) for each in found}

    async def assign(self, ip: FailoverAddress, target: Target, *, spend: Spend) -> Answer:
        """Assign *ip* to the server with the id *target*, and wait for the action, within bounds."""
        if not target.isdecimal():
            return Refused(f"{target} is no server id, which is what the Cloud API assigns to")
        number = await self._locate(ip, spend)
        if not isinstance(number, int):
            return number
        path = f"/floating_ips/{number}/actions/assign"
        answer = await self._change(ip, path, {"server": int(target)}, target, spend)
        return await self._compared(ip, target, spend) if isinstance(answer, AlreadyThere) else answer

    async def release(self, ip: FailoverAddress, *, spend: Spend) -> Answer:
        """Unassign *ip*, and wait for the action, within bounds."""
        number = await self._locate(ip, spend)
        if not isinstance(number, int):
            return number
        return await self._change(ip, f"/floating_ips/{number}/actions/unassign", None, None, spend)

    async def aclose(self) -> None:
        """Close the client."""
        await self._client.aclose()

    # Finding the floating IP

    async def _look(self, ip: FailoverAddress, spend: Spend) -> FloatingIp | Fault:
        """Ask for the one floating IP by id, which is looked for first where it is not known."""
        if ip not in self._ids:
            return await self._find(ip, spend)
        heard = await self._get(f"/floating_ips/{self._ids[ip]}", None, Call.GET_ONE, spend)
        if not isinstance(heard, Heard):
            if isinstance(heard, NotFound) and ip not in self._known:
                self._ids.pop(ip, None)  # deleted and made anew, perhaps
            return heard
        found = _floating_ip(heard.value.get("floating_ip"))
        if found is None or found.ip != ip:
            return Unknown(cut=False, why=f"asked about {ip}, and the answer is not about it")
        return found

    async def _locate(self, ip: FailoverAddress, spend: Spend) -> int | Fault:
        """Answer the id; a fault proves that nothing was changed, because nothing was asked to change yet."""
        if ip in self._ids:
            return self._ids[ip]
        found = await self._find(ip, spend)
        if isinstance(found, FloatingIp):
            return found.id
        return found if found.certain else Unreachable(f"the floating IP could not be looked up: {found.why}")

    async def _find(self, ip: FailoverAddress, spend: Spend) -> FloatingIp | Fault:
        name = self._known.get(ip)
        found = await self._pages({} if name is None else {"name": str(name)}, spend)
        if not isinstance(found, list):
            return found
        self._ids.update({each.ip: each.id for each in found})
        for each in found:
            if each.ip == ip:
                return each
        return NotFound(f"the project has no floating IP {ip}" + (f" named {name}" if name else ""))

    async def _pages(self, params: Mapping[str, str], spend: Spend) -> list[FloatingIp] | Fault:
        found: list[FloatingIp] = []
        for page in range(1, MAX_PAGES + 1):
            asked: dict[str, str | int] = {**params, "page": page, "per_page": PER_PAGE}
            heard = await self._get("/floating_ips", asked, Call.GET_LIST, spend)
            if not isinstance(heard, Heard):
                return heard
            entries = heard.value.get("floating_ips")
            if not isinstance(entries, list):
                return Unknown(cut=False, why="the list of floating IPs is no list")
            found += filter(None, map(_floating_ip, entries))
            if not _has_next(heard.value):
                return found
        return Unknown(cut=False, why=f"more than {MAX_PAGES} pages of floating IPs")

    async def _get(
        self, path: str, params: Mapping[str, str | int] | None, call: Call, spend: Spend
    ) -> Heard | Fault:
        """Ask; an answer is a dict, and no error."""
        if withheld := spend(call):
            return withheld
        heard = await self._client.read(path, params)
        if isinstance(heard, NO_ANSWER):
            return heard
        fault = fault_in(heard)
        return (
            Unknown(cut=False, why="the answer is to another question")
            if isinstance(fault, AlreadyThere)
            else (fault or heard)
        )

    # Changing it

    async def _change(
        self,
        ip: FailoverAddress,
        path: str,
        body: Mapping[str, Any] | None,
        target: Target | None,
        spend: Spend,
    ) -> Answer:
        if withheld := spend(Call.POST):
            return withheld
        heard = await self._client.change("POST", path, body=body or {}, within=ACCEPTS_WITHIN)
        if isinstance(heard, NO_ANSWER):
            return heard
        if fault := fault_in(heard):
            return self._not_found(ip, target) if isinstance(fault, NotFound) else fault
        action = _action(heard.value)
        if action is None:
            return Unknown(cut=False, why="the change was accepted, and its action makes no sense")
        self._running[ip] = action[0]
        return await self._followed(ip, action, target, spend)

    def _not_found(self, ip: FailoverAddress, target: Target | None) -> Answer:
        """The API does not say which of the two it does not know; what may have changed is asked anew."""
        if ip not in self._known:
            self._ids.pop(ip, None)
        return NewServerNotFound(f"the project has no server {target}, or no longer the floating IP {ip}")

    async def _followed(
        self, ip: FailoverAddress, action: tuple[int, str], target: Target | None, spend: Spend
    ) -> Answer:
        """Poll until the action ends, for :data:`POLL_FOR` seconds at most."""
        number, status = action
        pause, ends = POLL_FIRST, self._clock() + POLL_FOR
        at = self._clock()
        while status == "running" and self._clock() + pause < ends:
            await self._sleep(pause * self._dice.uniform(0.8, 1.2))
            pause = min(pause * 1.5, POLL_LONGEST)
            at = self._clock()
            seen = await self._action_status(number, spend)
            if not isinstance(seen, str):
                if not isinstance(seen, Unavailable | Unreachable | Unknown):
                    break
                continue
            status = seen
        return self._ended(ip, status, target, at)

    def _ended(self, ip: FailoverAddress, status: str, target: Target | None, at: float) -> Answer:
        if status == "running":
            return Accepted(Observation(target, Status.PROCESSING, at))
        self._running.pop(ip, None)
        if status == "success":
            return Accepted(Observation(target, Status.READY, at))
        return Failed("the action ended in an error")

    async def _action_status(self, number: int, spend: Spend) -> str | Fault:
        heard = await self._get(f"/actions/{number}", None, Call.GET_ONE, spend)
        if not isinstance(heard, Heard):
            return heard
        action = _action(heard.value)
        return action[1] if action else Unknown(cut=False, why="the action makes no sense")

    async def _status(self, ip: FailoverAddress, spend: Spend) -> Status | None:
        """Answer PROCESSING while an action of ours is not known to have ended."""
        number = self._running.get(ip)
        if number is None:
            return None
        seen = await self._action_status(number, spend)
        if seen in {"success", "error"} or isinstance(seen, NotFound):
            self._running.pop(ip, None)
            return None
        return Status.PROCESSING

    async def _compared(self, ip: FailoverAddress, target: Target, spend: Spend) -> Answer:
        """``floating_ip_assigned`` does not say to whom: look."""
        found = await self._look(ip, spend)
        if not isinstance(found, FloatingIp):
            return (
                found
                if found.certain is False
                else Unknown(cut=False, why="assigned, and cannot see to whom")
            )
        if _target(found.server) == target:
            return AlreadyThere()
        return Failed(f"the API says that it is assigned already, and it is: to {found.server}")


def digest(token: str) -> str:
    """Answer a short name for the account behind *token*, from which nobody finds the token."""
    return hashlib.sha256(token.encode()).hexdigest()[:12]


def _target(server: int | None) -> Target | None:
    return None if server is None else Target(str(server))


def _floating_ip(value: Any) -> FloatingIp | None:
    """Read one floating IP, or None when it makes no sense."""
    if not isinstance(value, dict) or "server" not in value:
        return None
    ip, server = value.get("ip"), value["server"]
    if not _is_id(value.get("id")) or not isinstance(ip, str) or not (server is None or _is_id(server)):
        return None
    try:
        return FloatingIp(value["id"], as_failover_address(ip), server)
    except ValueError:
        return None


def _action(value: Any) -> tuple[int, str] | None:
    """Read an action's id and status, or None when it makes no sense."""
    action = value.get("action") if isinstance(value, dict) else None
    if not isinstance(action, dict) or not _is_id(action.get("id")):
        return None
    status = action.get("status")
    return (action["id"], status) if status in ("running", "success", "error") else None


def _has_next(value: Mapping[str, Any]) -> bool:
    meta = value.get("meta")
    pagination = meta.get("pagination") if isinstance(meta, dict) else None
    return isinstance(pagination, dict) and pagination.get("next_page") is not None


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
