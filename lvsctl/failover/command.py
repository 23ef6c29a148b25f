"""A program of the operator's that moves failover IPs of a provider we do not know.

It is run as ``PROGRAM [ARGUMENT…] status|assign|release IP TARGET`` and has to end with 0 (held, done), 1 (unknown) or
2 (not held, not done), **and** say ``state=held``, ``state=not-held`` or ``state=unknown`` on a line of its own:
a missing interpreter ends with 2 as well. *TARGET* is what the spec calls this node. Anything else is *unknown*.
"""

import asyncio
import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from lvsctl.errors import LvsctlError, Unavailable, visible
from lvsctl.failover.asking import shortly
from lvsctl.failover.observation import ELSEWHERE, FailoverAddress, Observation, Status, Target
from lvsctl.failover.provider import (
    Accepted,
    Answer,
    Call,
    Clock,
    Failed,
    Pace,
    Quota,
    Reading,
    Readings,
    Refused,
    Spend,
    Unknown,
    Unreachable,
)
from lvsctl.host.run import Finished, run

Result = TypeVar("Result")

STATUS_WITHIN = 10.0
CHANGE_WITHIN = 200.0


class Command:
    """One program, seen from the node that the provider calls *here*."""

    name = "command"
    quotas: tuple[Quota, ...] = ()
    pace = Pace(switch=60.0, lock=CHANGE_WITHIN)
    lists = False

    def __init__(self, argv: Sequence[str], here: Target, *, clock: Clock = time.monotonic) -> None:
        """Take the program with its first arguments."""
        self.account = f"command-{hashlib.sha256(chr(0).join(argv).encode()).hexdigest()[:12]}"
        self._argv = tuple(argv)
        self._here = here
        self._clock = clock

    async def observe(self, ip: FailoverAddress, *, spend: Spend) -> Reading:
        """Ask whether *ip* points here: ``PROGRAM status IP TARGET``."""
        if withheld := spend(Call.GET_ONE):
            return withheld
        at = self._clock()
        finished = await self._run("status", ip, self._here, STATUS_WITHIN)
        if not isinstance(finished, Finished):
            return finished
        match _verdict(finished):
            case True:
                return Observation(self._here, Status.READY, at)
            case False:
                return Observation(ELSEWHERE, Status.READY, at)
            case None:
                return _unknown(finished)

    async def observe_all(self, *, spend: Spend) -> Readings:
        """Refuse: the program is asked about one address at a time."""
        del spend
        return Refused("a command answers about one address at a time")

    async def assign(self, ip: FailoverAddress, target: Target, *, spend: Spend) -> Answer:
        """Have *ip* pointed at *target*: ``PROGRAM assign IP TARGET``."""
        return await self._change("assign", ip, target, Call.POST, spend, wanted=True)

    async def release(self, ip: FailoverAddress, *, spend: Spend) -> Answer:
        """Have *ip* pointed nowhere: ``PROGRAM release IP TARGET``, done when it is not held any more."""
        return await self._change("release", ip, self._here, Call.DELETE, spend, wanted=False)

    async def aclose(self) -> None:
        """Do nothing."""

    async def _change(
        self, verb: str, ip: FailoverAddress, target: Target, call: Call, spend: Spend, *, wanted: bool
    ) -> Answer:
        if withheld := spend(call):
            return withheld
        at = self._clock()
        finished = await self._run(verb, ip, target, CHANGE_WITHIN)
        if not isinstance(finished, Finished):
            return finished
        verdict = _verdict(finished)
        if verdict is None:
            return _unknown(finished)
        if verdict is not wanted:
            return Failed(f"{verb} ended with {finished.status}, so nothing came of it")
        return Accepted(Observation(target if wanted else None, Status.READY, at))

    async def _run(
        self, verb: str, ip: FailoverAddress, target: Target, seconds: float
    ) -> Finished | Unreachable | Unknown:
        argv = (*self._argv, verb, str(ip), target)
        try:
            return await in_thread(lambda: run(argv, timeout=seconds))
        except Unavailable as error:
            if isinstance(error.__cause__, OSError):
                return Unreachable(error.message)
            return Unknown(cut=True, why=f"{visible(self._argv[0])}: no answer within {seconds:g} s")
        except LvsctlError as error:
            return Unknown(cut=True, why=error.message)


def _verdict(finished: Finished) -> bool | None:
    """Answer whether it is held, by status and word together, or None when those do not agree."""
    states = [line.strip() for line in finished.stdout.splitlines() if line.strip().startswith("state=")]
    match finished.status, states:
        case 0, ["state=held"]:
            return True
        case 2, ["state=not-held"]:
            return False
        case _:
            return None


def _unknown(finished: Finished) -> Unknown:
    how = finished.killed_by or f"status {finished.status}"
    return Unknown(cut=False, why=shortly(f"{finished.argv[0]}: {how}: {finished.last_words}"))


async def in_thread(work: Callable[[], Result]) -> Result:
    """Run *work* in a thread that nobody waits for: one that hangs must not hold up the end of the process.

    That is why not ``asyncio.to_thread``, whose threads the event loop joins when it closes.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Result] = loop.create_future()

    def settle(result: Result | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]  # either one or the other

    def work_and_tell() -> None:
        try:
            outcome: tuple[Result | None, BaseException | None] = (work(), None)
        except Exception as error:  # noqa: BLE001 - it is raised again where it is awaited
            outcome = (None, error)
        with suppress(RuntimeError):  # the loop may be closed by now, and then nobody wants to know
            loop.call_soon_threadsafe(settle, *outcome)

    threading.Thread(target=work_and_tell, daemon=True).start()
    return await done
