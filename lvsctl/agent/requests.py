"""The agent's socket: how ``lvsctl failover`` talks to it.

``/run/lvsctl/agent.sock``, mode 0600; only root and the agent's own user are heard (SO_PEERCRED). One request on a
connection: one line of JSON of at most 4 KiB. The answer is lines of JSON, each an object; the last one has
``"done": true`` and ends the connection, whoever hangs up earlier stops waiting and nothing else.

Requests::

    {"verb": "status", "ip": IP or null, "fresh": false}   fresh spends one API call for each address
    {"verb": "assign", "ip": IP, "wait": SECONDS}          take it; wait 0: only give the order
    {"verb": "release", "ip": IP, "reason": TEXT}          hold it, and point it nowhere (DELETE)
    {"verb": "hold", "ip": IP or null, "reason": TEXT}     null: every address
    {"verb": "resume", "ip": IP or null}
    {"verb": "reload"}                                     as SIGHUP

Answers::

    {"done": false, "failover": {IP: ADDRESS}}             progress, while *assign* waits: when something changed
    {"done": true, "ok": true, "failover": {IP: ADDRESS}, …}
    {"done": true, "ok": false, "code": 1 to 77, "error": TEXT, "hint": TEXT}

An ADDRESS is what ``failover`` of status.json holds for it (docs/reference/status-json.md). *hold* and *resume* add
``"changed": [IP, …]``. ``code`` is the exit code of lvsctl that the refusal has. *assign* ends ok when the address
points here, else with 1 after *wait* seconds, or earlier when a hold, the VRRP state or the provider forbids it.
*release* ends ok when the provider has accepted it.
"""

import asyncio
import json
import os
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from lvsctl.errors import Invalid, LvsctlError, Unavailable, Usage
from lvsctl.host.files import refused
from lvsctl.host.paths import run_folder

LONGEST: Final = 4096
"""Bytes of a request."""

MOST: Final = 32
"""Requests at the same time; more are told to try again."""

READ_WITHIN: Final = 5.0

Doc = dict[str, Any]
Answers = AsyncIterator[Doc]
Handler = Callable[[Doc], Answers]
"""Yields progress, and as the last thing what the final answer holds. Raises LvsctlError."""


def path() -> Path:
    """Answer where the socket is."""
    return run_folder() / "agent.sock"


class Requests:
    """Serves the socket."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._open = 0
        self._server: asyncio.Server | None = None

    async def listen(self) -> None:
        """Make the socket and serve it. Raises Denied or Unavailable."""
        try:
            with suppress(FileNotFoundError):
                path().unlink()
            before = os.umask(0o177)
            try:
                self._server = await asyncio.start_unix_server(self._serve, path(), limit=LONGEST)
            finally:
                os.umask(before)
        except OSError as error:
            raise refused(path(), error) from error

    def close(self) -> None:
        """Serve nobody any more."""
        if self._server is not None:
            self._server.close()
            with suppress(OSError):
                path().unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            with suppress(ConnectionError, TimeoutError):
                if _is_trusted(writer.get_extra_info("socket")):
                    await self._answer(reader, writer)
        finally:
            self._open -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._open > MOST:
                raise Unavailable("the agent has too many requests at once")
            async with asyncio.timeout(READ_WITHIN):
                request = _request(await reader.readline())
            last: Doc = {}
            async for last in self._handler(request):
                await _say(writer, {"done": False, **last})
            final = {**last, "done": True, "ok": True}
        except ValueError:
            final = _refusal(Usage("no request of the agent's"))
        except LvsctlError as error:
            final = _refusal(error)
        await _say(writer, final)


async def _say(writer: asyncio.StreamWriter, answer: Doc) -> None:
    writer.write(json.dumps(answer).encode() + b"\n")
    await writer.drain()


def _refusal(error: LvsctlError) -> Doc:
    message = str(error.faults[0]) if isinstance(error, Invalid) else error.message
    return {"done": True, "ok": False, "code": error.exit_code, "error": message, "hint": error.hint}


def _request(line: bytes) -> Doc:
    """Read a request. ValueError when it is none."""
    try:
        found = json.loads(line)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(found, dict) or not isinstance(found.get("verb"), str):
        raise ValueError("no request")  # noqa: TRY004 - as json's own
    return found


def _is_trusted(peer: socket.socket) -> bool:
    """Answer whether root, or the user whom the agent runs as, is at the other end (unix(7))."""
    size = struct.calcsize("3i")
    _pid, uid, _gid = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return uid in {0, os.geteuid()}


def ask(request: Doc, *, timeout: float = 10.0) -> Iterator[Doc]:
    """Send *request* to the agent and yield its answers; the last one has ``done``.

    For command lines: it blocks. *timeout* is between two answers, in seconds. Raises Unavailable when no agent
    listens or it does not answer.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as end:
        end.settimeout(timeout)
        try:
            end.connect(str(path()))
            end.sendall(json.dumps(request).encode() + b"\n")
            with end.makefile("rb") as lines:
                for line in lines:
                    answer: Doc = json.loads(line)
                    yield answer
                    if answer.get("done"):
                        return
        except (OSError, ValueError) as error:
            raise Unavailable(
                f"the agent does not answer: {getattr(error, 'strerror', None) or error}"
            ) from error
    raise Unavailable("the agent ended before it had answered")
