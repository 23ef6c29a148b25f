"""Everybody who is connected to one worker: who waits how long, and who leaves when there are too many.

Newcomers, who have said nothing yet, are merely sockets: most of them will be answered and gone at their first word.
Each phase of the others has a queue in order of entry, so the next one to expire or to give up is always its first: ten
thousand idle connections cost nothing until one of them is due.
"""

from collections import OrderedDict
from select import EPOLLIN, epoll
from socket import SocketType
from ssl import SSLContext
from typing import Protocol

from lvsctl.backend.answers import Answers
from lvsctl.backend.limits import Limits, Phase

_LAST_CALL = 1.0
"""Seconds that an idle connection has left when its worker ends: its next request may be on the way."""


class Member(Protocol):
    """What a crowd has to know of a connection."""

    fd: int
    phase: Phase
    since: float

    def ready(self) -> None:
        """Go on: its socket can be read or written."""

    def expire(self) -> None:
        """Have waited long enough."""

    def close(self) -> None:
        """Leave."""


class Crowd:
    """The connections of one worker, and what they are told."""

    def __init__(self, answers: Answers, tls: SSLContext | None, limits: Limits) -> None:
        self.answers = answers
        self.tls = tls
        self.staying = limits.staying
        self.draining = False
        self.now = 0.0
        self.answered = 0
        self.evicted = 0
        self.expired = 0
        self.members: dict[int, Member] = {}
        self.newcomers: dict[int, tuple[SocketType, float]] = {}
        """By file descriptor, in order of arrival, with the time of it."""
        self._poll = epoll()
        self._limits = limits
        self._seconds = list(limits.seconds())
        self._queues: tuple[OrderedDict[int, Member], ...] = tuple(OrderedDict() for _ in Phase)

    def __len__(self) -> int:
        return len(self.members) + len(self.newcomers)

    def admit(self, sock: SocketType) -> None:
        """Have *sock* wait for its first request."""
        self._make_room()
        fd = sock.fileno()
        self.newcomers[fd] = sock, self.now
        self._poll.register(fd, EPOLLIN)

    def join(self, member: Member) -> None:
        """Take in *member*."""
        self._make_room()
        self.members[member.fd] = member
        member.since = self.now
        self._queues[member.phase][member.fd] = member

    def leave(self, member: Member) -> None:
        """Forget *member*."""
        self.members.pop(member.fd, None)
        self._queues[member.phase].pop(member.fd, None)

    def enter(self, member: Member, phase: Phase) -> None:
        """Have *member* wait for something from now on."""
        if member.fd not in self.members:
            return
        member.since = self.now
        if member.phase is phase:
            self._queues[phase].move_to_end(member.fd)
            return
        del self._queues[member.phase][member.fd]
        member.phase = phase
        self._queues[phase][member.fd] = member

    def watch(self, fd: int, events: int, *, anew: bool) -> None:
        """Be told when *fd* can be read or written."""
        if anew:
            self._poll.register(fd, events)
        else:
            self._poll.modify(fd, events)

    def wait(self, seconds: float) -> list[tuple[int, int]]:
        """Answer which file descriptors are ready, within *seconds*."""
        return self._poll.poll(seconds, 512)

    def evict(self) -> bool:
        """Close the connection that is needed least; answer whether there was one."""
        member = next((next(iter(queue.values())) for queue in self._queues if queue), None)
        if self.newcomers and (member is None or member.phase >= Phase.HEAD):
            self._turn_away()
        elif member is not None:
            member.close()
        else:
            return False
        self.evicted += 1
        return True

    def expire(self) -> None:
        """Let everybody go whose time is up."""
        for phase, queue in zip(Phase, self._queues, strict=True):
            due = self.now - self._seconds[phase]
            while queue and (member := next(iter(queue.values()))).since <= due:
                self.expired += 1
                member.expire()
        due = self.now - self._seconds[Phase.HEAD]
        while self.newcomers and next(iter(self.newcomers.values()))[1] <= due:
            self.expired += 1
            self._turn_away()

    def disperse(self) -> None:
        """Close everybody."""
        for member in list(self.members.values()):
            member.close()
        while self.newcomers:
            self._turn_away()

    def close(self) -> None:
        """Stop watching."""
        self._poll.close()

    def drain(self) -> None:
        """Say goodbye with every answer from now on."""
        self.draining = True
        self._seconds[Phase.IDLE] = _LAST_CALL

    def _make_room(self) -> None:
        """Have whoever has waited longest for the least leave when there are too many."""
        while len(self.members) + len(self.newcomers) >= self._limits.connections:
            self.evict()

    def _turn_away(self) -> None:
        """Close the first of the newcomers."""
        sock, _ = self.newcomers.pop(next(iter(self.newcomers)))
        sock.close()
