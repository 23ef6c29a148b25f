"""The agent as a process: one per node, its signals, its end.

``serve`` runs until SIGTERM; with ``once`` until what was told is done, for hosts without systemd.
"""

import asyncio
import ctypes
import gc
import logging
import os
import resource
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Final

from lvsctl.agent import systemd
from lvsctl.agent.agent import Agent
from lvsctl.agent.answers import Answers
from lvsctl.agent.ears import has_more
from lvsctl.agent.requests import Requests
from lvsctl.agent.setting import Options, Setting, setting
from lvsctl.errors import Busy
from lvsctl.host.lock import locked
from lvsctl.host.paths import run_folder

log = logging.getLogger("lvsctl.agent")

LOCK_WITHIN: Final = 1.0
"""Seconds for the lock: a hook that looks whether we live holds it for an instant."""

ONCE_AT_MOST: Final = 900.0
"""Seconds that ``--once`` takes at most: a move that is locked, and its verification, fit into that."""

ONCE_LOOK: Final = 0.1

ROUNDS: Final = 5
"""Times that ``--once`` begins anew because of what came while it ended; the next hook starts another one."""

_PR_SET_DUMPABLE: Final = 4


def serve(options: Options) -> int:
    """Run the agent and answer the exit code.

    Raises Busy when another one runs, SpecInvalid, Usage, Denied or Unavailable.
    """
    _keep_memory_private()
    systemd.log_to()
    host = socket.gethostname().partition(".")[0]
    for _ in range(ROUNDS):
        with _the_only_one():
            asyncio.run(_run(options, setting(options, host), host))
        # A hook that ran while we were ending saw our lock, and left it to us.
        if not options.once or not has_more(run_folder() / "spool"):
            break
    return 0


def lock_file() -> Path:
    """Answer the file whose lock an agent holds for life."""
    return run_folder() / "agent.lock"


@contextmanager
def _the_only_one() -> Iterator[None]:
    """Hold the lock, or raise Busy with what to do."""
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(lock_file(), timeout=LOCK_WITHIN))
        except Busy as error:
            raise Busy("another agent runs", hint="see it: lvsctl agent status") from error
        yield


async def _run(options: Options, found: Setting, host: str) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    agent = Agent(options, found, host)
    requests = Requests(Answers(agent))
    reloading: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = loop.create_task(_reload(agent))
        reloading.add(task)
        task.add_done_callback(reloading.discard)

    loop.add_signal_handler(signal.SIGHUP, reload)
    try:
        await agent.open()
        await requests.listen()
        _warm_up()
        systemd.tell("READY=1")
        log.info("the agent of %s runs", found.node or "this node")
        if options.once:
            await _until_rest(agent, stop)
        else:
            await stop.wait()
    finally:
        systemd.tell("STOPPING=1")
        requests.close()
        for task in reloading:
            task.cancel()
        await agent.close()
        log.info("the agent ends")


def _warm_up() -> None:
    """Load now what the first call to an API would load, and spare the garbage collector all that stays for good."""
    for name in ("concurrent.futures.thread", "encodings.idna"):  # what a name is looked up with
        import_module(name)
    gc.collect()
    gc.freeze()


async def _until_rest(agent: Agent, stop: asyncio.Event) -> None:
    """Take in what comes until there is nothing left to do, or for ONCE_AT_MOST seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(ONCE_AT_MOST):
            while not stop.is_set():
                taken = await agent.basket.empty()
                agent.line.drain()
                if not taken and agent.is_at_rest():
                    return
                await asyncio.sleep(ONCE_LOOK)


async def _reload(agent: Agent) -> None:
    systemd.tell("RELOADING=1")
    await agent.reload()
    systemd.tell("READY=1")


def _keep_memory_private() -> None:
    """Keep credentials out of core dumps, and from other processes of root's capabilities (prctl(2))."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if os.geteuid() == 0:  # for others, /proc/self would belong to root then
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
