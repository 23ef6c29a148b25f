"""HTTP/1.1 on a stream: reads requests, and delivers responses as well or as badly as it is told."""

import asyncio
import contextlib
import socket
import struct
from email.utils import formatdate
from http import HTTPStatus

from tests.fakes.hetzner.message import Delivery, Reply, Request, Response

MAX_BODY = 1024 * 1024
SLOW_PAUSE = 0.05
RESET = struct.pack("ii", 1, 0)


async def read_request(reader: asyncio.StreamReader, source: str) -> Request | None:
    """Answer the next request, or None when there is none any more, or none that can be read."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _version = first.split(" ")
        headers = dict(_header(line) for line in lines if line)
        length = int(headers.get("content-length", "0"))
        if length > MAX_BODY:
            return None
        return Request(method, target, headers, await reader.readexactly(length), source)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, OSError):
        return None


async def deliver(writer: asyncio.StreamWriter, reply: Reply, now: float) -> bool:
    """Send *reply* the way it is to be sent, and answer whether the connection can carry another request."""
    data, head = encoded(reply.response, now)
    match reply.delivery:
        case Delivery.WHOLE:
            writer.write(data)
            await writer.drain()
            return True
        case Delivery.HALF:
            await _part(writer, data[: head // 2])
            reset(writer)
        case Delivery.CUT:
            await _part(writer, data[: head + (len(data) - head) // 2])
        case Delivery.SLOW:
            await _slowly(writer, data, head)
        case Delivery.RESET:
            reset(writer)
        case Delivery.CLOSED | Delivery.HANG:
            pass
    return False


def encoded(response: Response, now: float) -> tuple[bytes, int]:
    """Answer *response* as bytes, and how many of them are its head."""
    status = response.status
    headers = {
        "Date": formatdate(now, usegmt=True),
        **response.headers,
        "Content-Length": str(len(response.body)),
    }
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    head = "\r\n".join([*lines, "", ""]).encode()
    return head + response.body, len(head)


def reset(writer: asyncio.StreamWriter) -> None:
    """End the connection with a reset instead of an orderly close."""
    raw = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()


async def _part(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()
    await asyncio.sleep(0.02)  # let it arrive before the end does


async def _slowly(writer: asyncio.StreamWriter, data: bytes, head: int) -> None:
    writer.write(data[:head])
    for each in data[head:]:
        writer.write(bytes([each]))
        await writer.drain()
        await asyncio.sleep(SLOW_PAUSE)


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip().lower(), value.strip()
