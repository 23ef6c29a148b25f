"""The agent's figures for Prometheus: its text format (version 0.0.4), and a server of it on the loopback.

Written by hand: it is a page of text, and a library would be the larger part of it.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple

from lvsctl.errors import LvsctlError, Unavailable
from lvsctl.failover.model import Vrrp

LIMIT: Final = 8192
WITHIN: Final = 5.0
MOST: Final = 16
"""Connections at the same time; anybody on the host may connect."""

STATES: Final = tuple(Vrrp)

Doc = Mapping[str, Any]


class Sample(NamedTuple):
    """One figure."""

    labels: Mapping[str, str]
    value: float


class Family(NamedTuple):
    """Figures of one name."""

    name: str
    kind: str
    help: str
    samples: tuple[Sample, ...]


def families(doc: Doc, now: float) -> Iterator[Family]:
    """Yield the figures of *doc*, which is what status.json holds."""
    failover = {ip: each for ip, each in doc["failover"].items() if each["provider"] != "none"}
    yield _one(
        "lvsctl_heartbeat_age_seconds", "gauge", "Age of the last heartbeat.", now - (doc["heartbeat"] or now)
    )
    yield _one("lvsctl_start_time_seconds", "gauge", "When the agent started.", doc["started"])
    yield Family(
        "lvsctl_vrrp_state",
        "gauge",
        "1 for the state in which an instance is.",
        tuple(
            Sample({"instance": name, "state": state.value}, float(each["state"] == state))
            for name, each in doc["instances"].items()
            for state in STATES
        ),
    )
    yield _each(
        "lvsctl_vrrp_generation", "Changes of state, counted on.", "instance", doc["instances"], "generation"
    )
    yield Family(
        "lvsctl_failover_holds",
        "gauge",
        "1 if the failover IP points here, 0 if not, -1 if unknown.",
        tuple(
            Sample({"ip": ip}, -1.0 if each["holds"] is None else float(each["holds"]))
            for ip, each in failover.items()
        ),
    )
    yield _told("lvsctl_failover_trouble", "1 if something is wrong with a failover IP.", failover, "trouble")
    yield _told("lvsctl_failover_hold", "1 while an operator holds a failover IP.", failover, "hold")
    yield Family(
        "lvsctl_failover_age_seconds",
        "gauge",
        "Age of the last answer of the provider.",
        tuple(
            Sample({"ip": ip}, now - each["seen_at"]) for ip, each in failover.items() if each.get("seen_at")
        ),
    )
    for name, value in doc["counters"].items():
        yield _one(f"lvsctl_{name}_total", "counter", COUNTERS[name], value)


COUNTERS: Final = {
    "events": "Events of keepalived's that were read.",
    "rejected": "Entries of the spool and lines of the FIFO that were none.",
    "transitions": "Changes of state.",
    "questions": "Times that keepalived was asked for its own account.",
    "steps_failed": "Steps of transitions that failed.",
    "alerts": "Runs of the alert command.",
}


def text(found: Iterable[Family]) -> str:
    """Answer *found* in Prometheus's text format."""
    return "".join(_lines(found))


def _lines(found: Iterable[Family]) -> Iterator[str]:
    for family in found:
        yield f"# HELP {family.name} {family.help}\n# TYPE {family.name} {family.kind}\n"
        for sample in family.samples:
            labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in sample.labels.items())
            yield (
                f"{family.name}{{{labels}}} {sample.value:.10g}\n"
                if labels
                else f"{family.name} {sample.value:.10g}\n"
            )


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _one(name: str, kind: str, said: str, value: float) -> Family:
    return Family(name, kind, said, (Sample({}, value),))


def _each(name: str, said: str, label: str, docs: Mapping[str, Doc], key: str) -> Family:
    return Family(name, "gauge", said, tuple(Sample({label: each}, doc[key]) for each, doc in docs.items()))


def _told(name: str, said: str, docs: Mapping[str, Doc], key: str) -> Family:
    samples = tuple(Sample({"ip": ip}, float(bool(doc.get(key)))) for ip, doc in docs.items())
    return Family(name, "gauge", said, samples)


class Metrics:
    """Serves ``GET /metrics`` on *host* and *port*; *page* answers the text."""

    def __init__(self, host: str, port: int, page: Callable[[], str]) -> None:
        self.where = host, port
        self._page = page
        self._open = 0
        self._server: asyncio.Server | None = None

    async def listen(self) -> None:
        """Serve. Raises Unavailable when the port is taken."""
        try:
            self._server = await asyncio.start_server(self._serve, *self.where, limit=LIMIT)
        except OSError as error:
            raise Unavailable(f"metrics on {self.where[0]}:{self.where[1]}: {error.strerror}") from error

    def close(self) -> None:
        """Serve nobody any more."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open <= MOST:
                with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                    async with asyncio.timeout(WITHIN):
                        head = await reader.readuntil(b"\r\n\r\n")
                        writer.write(self._answer(head.split(b" ")[:2]))
                        await writer.drain()
        finally:
            self._open -= 1
            writer.close()

    def _answer(self, words: list[bytes]) -> bytes:
        if words != [b"GET", b"/metrics"]:
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        try:
            body = self._page().encode()
        except LvsctlError:
            return b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
        return head.encode() + b"Connection: close\r\n\r\n" + body
