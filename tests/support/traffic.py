"""Visitors and servers of a traffic test, and what became of every single request.

    with Loop(client) as loop:
        servers = Servers(loop)
        with real.inside():
            servers.listen("r1", 80)
        traffic = Traffic(loop)
        traffic.start(NEW, workers=8, clients=addresses, targets=[("10.0.0.100", 80)])
        …
        requests = traffic.stop()

Real HTTP over real sockets: new connections, answers that take 150 ms, keep-alive. Each request leaves a
:class:`Request` with its times and its :class:`Outcome`; who may answer when is for the test to judge.
"""

import errno
import itertools
import socket
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from functools import partial
from typing import NamedTuple

from tests.support.hosts import wait_until
from tests.support.loop import READ, WRITE, Loop

SLOWLY = 0.150
"""Seconds that a server takes to answer ``/slow``."""
STALLED = 0.9
"""Seconds beyond which an answered request counts as stalled: a lost SYN is sent again after one second."""
PATIENCE = 2.5
"""Seconds after which a visitor gives up: hung."""
SORRY = "sorry"
"""The name of the server that answers 503."""

Target = tuple[str, int]

_ports: defaultdict[str, Iterator[int]] = defaultdict(lambda: itertools.cycle(range(10000, 60000)))
"""Each client's next port. With DR and TUN the kernel takes one that comes again for the old connection, for two minutes."""


class Outcome(StrEnum):
    """How a request ended for the visitor."""

    ANSWERED = "answered"
    STALLED = "stalled"
    REFUSED = "refused"
    RESET = "reset"
    HUNG = "hung"


LOST = (Outcome.REFUSED, Outcome.RESET, Outcome.HUNG, Outcome.STALLED)


class Habit(NamedTuple):
    """How a visitor behaves."""

    name: str
    path: str = "/"
    requests: int = 1
    """Over one connection; 0: as many as there is time for."""
    pause: float = 0.01
    """Seconds between two requests."""


NEW = Habit("new connection")
SLOW = Habit("150 ms answer", "/slow")
KEPT = Habit("keep-alive", requests=0, pause=0.05)
VISIT = Habit("short keep-alive", requests=6, pause=0.02)
ONCE = Habit("once", pause=0.0)
AT_ONCE = 20
"""How many visitors :meth:`Traffic.once` sends at a time."""


class Request(NamedTuple):
    """One request; times are of ``time.monotonic()``."""

    habit: str
    client: str
    port: int
    target: Target
    opened: float
    """When its connection was begun."""
    sent: float
    """When the kernel had sent the connection's first packet."""
    begun: float
    ended: float
    outcome: Outcome
    server: str = ""
    """Who answered; empty when nobody did."""


class Servers:
    """Servers in the namespaces where they were told to listen; each answers with its name."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._listening: list[socket.socket] = []
        self._talking: set[socket.socket] = set()

    def listen(self, name: str, *ports: int) -> None:
        """Listen on every address, of both families, of the namespace we are in."""
        for port in ports:
            listener = socket.create_server(
                ("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024
            )
            listener.setblocking(False)
            self._listening.append(listener)
            self._loop.call(partial(self._serve, listener, name))

    def close(self) -> None:
        """Stop listening, and talking to visitors whose end never came here. Call it when the loop has ended."""
        for each in (*self._listening, *self._talking):
            each.close()

    def _serve(self, listener: socket.socket, name: str) -> None:
        self._loop.watch(listener.fileno(), READ, lambda _: self._accept(listener, name))

    def _accept(self, listener: socket.socket, name: str) -> None:
        with suppress(BlockingIOError):
            while True:
                connection, _ = listener.accept()
                self._talking.add(connection)
                Conversation(self._loop, connection, name, self._talking.discard)


class Conversation:
    """One connection at a server."""

    def __init__(
        self, loop: Loop, connection: socket.socket, name: str, ended: Callable[[socket.socket], None]
    ) -> None:
        self._loop = loop
        self._socket = connection
        self._ended = ended
        self._fd = connection.fileno()
        self._answer = _answer(name)
        connection.setblocking(False)
        loop.watch(self._fd, READ, self._heard)

    def _heard(self, _: int) -> None:
        try:
            request = self._socket.recv(4096)
        except OSError:
            request = b""
        if not request:
            self._loop.forget(self._fd)
            self._socket.close()
            self._ended(self._socket)
        elif request.startswith(b"GET /slow"):
            self._loop.at(time.monotonic() + SLOWLY, self._reply)
        else:
            self._reply()

    def _reply(self) -> None:
        with suppress(OSError):  # the visitor has gone: the next reading notices
            self._socket.send(self._answer)


def _answer(name: str) -> bytes:
    status = "503 Service Unavailable" if name == SORRY else "200 OK"
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(name)}\r\n\r\n{name}".encode()


class Traffic:
    """Visitors, in the namespace of the loop's thread. What they saw is in :attr:`seen`, a list that only grows."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.going_on = True
        self.seen: list[Request] = []
        self._here = 0

    def start(self, habit: Habit, *, workers: int, clients: Sequence[str], targets: Sequence[Target]) -> None:
        """Let *workers* visitors come at a time, from all *clients* to all *targets* in turn, until :meth:`stop`."""
        every = list(itertools.product(clients, targets))
        for number in range(workers):
            first = number * len(every) // workers
            self._send(habit, itertools.cycle(every[first:] + every[:first]))

    def once(
        self, clients: Sequence[str], targets: Sequence[Target], *, port: int | None = None
    ) -> list[Request]:
        """Let each client ask each target once, from *port* or the next; answer what they saw, in that order."""
        every = list(itertools.product(clients, targets))
        for number in range(AT_ONCE):
            self._send(ONCE, iter(every[number::AT_ONCE]), port)
        seen = self._all_gone()
        return sorted(seen, key=lambda request: every.index((request.client, request.target)))

    def stop(self) -> list[Request]:
        """Let no more requests begin, wait for the answers to those that have, and answer all."""
        self.going_on = False
        return self._all_gone()

    def wait_for(self, counts: Mapping[Habit, int], *, after: float, timeout: float = 20) -> None:
        """Wait until that many requests of each habit, over connections opened later than *after*, have ended."""
        done, read = Counter[str](), 0

        def enough() -> bool:
            nonlocal read
            new = self.seen[read:]
            read += len(new)
            done.update(request.habit for request in new if request.opened > after)
            return bool(self.loop.failure) or all(
                done[habit.name] >= count for habit, count in counts.items()
            )

        assert wait_until(enough, timeout), f"only {dict(done)} requests in {timeout} s"
        self.loop.check()

    def left(self) -> None:
        """Count a visitor who will not come again."""
        self._here -= 1

    def _send(self, habit: Habit, journey: Iterator[tuple[str, Target]], port: int | None = None) -> None:
        self._here += 1
        self.loop.call(Visitor(self, habit, journey, port).come)

    def _all_gone(self) -> list[Request]:
        assert wait_until(lambda: not self._here or self.loop.failure, 30), "the visitors do not leave"
        self.loop.check()
        return self.seen


class Visitor:
    """Makes one request after the other, never two at a time. Everything happens in the loop's thread."""

    def __init__(
        self, traffic: Traffic, habit: Habit, journey: Iterator[tuple[str, Target]], port: int | None = None
    ) -> None:
        self._from = port
        self._traffic = traffic
        self._loop = traffic.loop
        self._habit = habit
        self._journey = journey
        self._asking = f"GET {habit.path} HTTP/1.1\r\nHost: www.example.org\r\n\r\n".encode()
        self._socket: socket.socket | None = None
        self._made = 0
        """Requests over this connection."""
        self._client, self._port, self._target = "", 0, ("", 0)
        self._opened = self._sent = self._begun = 0.0

    def come(self) -> None:
        """Begin the next request, over a new connection where there is none."""
        if self._traffic.going_on and self._socket is not None:
            self._begin()
            self._ask()
        elif self._traffic.going_on and (step := next(self._journey, None)):
            self._client, self._target = step
            self._connect()
        else:
            self._hang_up()
            self._traffic.left()

    def _connect(self) -> None:
        self._made = 0
        self._socket = socket.socket(socket.AF_INET6 if ":" in self._client else socket.AF_INET)
        self._socket.setblocking(False)
        self._port = self._from or next(_ports[self._client])
        self._socket.bind((self._client, self._port))
        self._begin()
        self._opened = self._begun
        code = self._socket.connect_ex(self._target)
        self._sent = time.monotonic()
        if code in (0, errno.EINPROGRESS):
            self._loop.watch(self._socket.fileno(), WRITE, self._connected)
        else:
            self._end(_outcome_of(code))

    def _begin(self) -> None:
        begun = self._begun = time.monotonic()
        self._made += 1
        self._loop.at(begun + PATIENCE, lambda: self._give_up(begun))

    def _connected(self, _: int) -> None:
        assert self._socket is not None
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._end(_outcome_of(code))
            return
        self._loop.forget(self._socket.fileno())
        self._loop.watch(self._socket.fileno(), READ, self._heard)
        self._ask()

    def _ask(self) -> None:
        assert self._socket is not None
        try:
            self._socket.send(self._asking)
        except OSError as error:
            self._end(_outcome_of(error.errno))

    def _heard(self, _: int) -> None:
        assert self._socket is not None
        try:
            answer = self._socket.recv(4096)
        except OSError as error:
            self._end(_outcome_of(error.errno))
            return
        if not answer and not self._begun:
            self._hang_up()  # a server may close a connection on which nothing was asked
        elif not answer:
            self._end(Outcome.RESET)
        elif self._waited() > STALLED:
            self._end(Outcome.STALLED, _who(answer))
        else:
            self._end(Outcome.ANSWERED, _who(answer))

    def _give_up(self, begun: float) -> None:
        if begun != self._begun:
            return
        if (
            left := PATIENCE - self._waited()
        ) > 0:  # client and server are this loop's, so neither could go on
            self._loop.at(time.monotonic() + left, lambda: self._give_up(begun))
        else:
            self._end(Outcome.HUNG)

    def _waited(self) -> float:
        """Answer how long the request has waited for anything but this loop's own absence."""
        return time.monotonic() - self._begun - self._loop.away(self._begun)

    def _end(self, outcome: Outcome, server: str = "") -> None:
        now = time.monotonic()
        asked, self._begun = self._begun, 0.0
        self._traffic.seen.append(
            Request(
                self._habit.name,
                self._client,
                self._port,
                self._target,
                self._opened,
                self._sent,
                asked or now,
                now,
                outcome,
                server,
            )
        )
        if not server or self._made == self._habit.requests:
            self._hang_up()
        if asked:  # else it is between two requests already
            self._loop.at(now + self._habit.pause, self.come)

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._loop.forget(self._socket.fileno())
            self._socket.close()
            self._socket = None


def _who(answer: bytes) -> str:
    """Answer the server's name: what a real one writes, and SORRY for whatever says 503."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return SORRY if b" 503 " in head[:16] else body.decode("ascii", "replace")


def _outcome_of(code: int | None) -> Outcome:
    return Outcome.RESET if code in (errno.ECONNRESET, errno.EPIPE) else Outcome.REFUSED
