"""Would clients of a service reach its sorry server, and be told 503? Asked before anything changes.

What the kernel does with each forwarding method was measured on 6.1 and is in docs/explanation/sorry-swap.md: NAT to a
loopback address hangs every client, and for a DR or TUN destination on this node the kernel ignores address and port.
The judging is pure; :func:`examine` looks around and knocks. Nothing is changed here.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple

from lvsctl.errors import LvsctlError
from lvsctl.host.netns import inside
from lvsctl.sorry.listeners import Here, look
from lvsctl.sorry.model import Target
from lvsctl.sorry.probe import Door, Reply, ask
from lvsctl.vocabulary import Address, Family, ForwardingMethod, Protocol, endpoint, family_of

SORRY: Final = 503
SMTP_SORRY: Final = 421
"""Service not available, closing transmission channel (RFC 5321, 4.2.3)."""
SMTP_PORTS: Final = frozenset({25, 587})

BUDGET: Final = 15.0
"""Seconds for all questions together; services mostly share one sorry server, which is asked once."""

BACKEND: Final = "start it: systemctl start lvsctl-sorry"


class Candidate(NamedTuple):
    """A service and the sorry server that it would get."""

    target: Target
    tls: bool = False
    """Whether its clients speak TLS."""
    elsewhere: bool = False
    """Whether the spec names another machine for it; else it has to be on this node."""

    @property
    def in_spec(self) -> bool:
        """Whether the spec knows the service: the remedy is a line of it, else an option."""
        return self.target.name != str(self.target.key)

    @property
    def protocol(self) -> Protocol:
        """What it listens to; a firewall mark is taken for TCP, as most are."""
        return self.target.key.protocol or Protocol.TCP

    @property
    def port(self) -> int:
        """The port that packets arrive at where nothing rewrites it; 0: not known."""
        return self.target.key.port or self.target.dest_key.port


class Objection(NamedTuple):
    """Why a service may not be switched."""

    name: str
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"


class Refused(LvsctlError):
    """The sorry server would not be reached, or would not say sorry; with every objection."""

    def __init__(self, objections: Sequence[Objection]) -> None:
        remedies = dict.fromkeys(each.remedy for each in objections)
        super().__init__("\n".join(map(str, objections)), hint="\n  ".join(remedies))
        self.objections = tuple(objections)


class Examined(NamedTuple):
    """What an examination found."""

    objections: tuple[Objection, ...]
    notes: tuple[str, ...] = ()
    """What could not be asked, and why."""


def examine(candidates: Sequence[Candidate], *, netns: str | None = None, probe: bool = True) -> Examined:
    """Look at this node (its network namespace *netns*) and ask each sorry server once; answer what speaks against it.

    Without *probe* nothing is asked. Takes BUDGET seconds at most for all questions.
    """
    here = look(netns)
    against = [each for candidate in candidates for each in objections(candidate, here)]
    if against or not probe:
        return Examined(tuple(against))
    notes = [f"{each.target.name}: not asked: {why}" for each in candidates if (why := unasked(each, here))]
    asked = [each for each in candidates if not unasked(each, here)]
    work = partial(_probed, asked, here)
    return Examined(tuple(work() if netns is None else inside(netns, work)), tuple(notes))


def objections(candidate: Candidate, here: Here) -> Iterator[Objection]:
    """Yield what speaks against a sorry server without asking it: its address, its family, and nobody listening."""
    target = candidate.target
    address, method = target.dest_key.address, target.dest.method
    if family_of(address) is not target.key.family and method is not ForwardingMethod.TUN:
        yield _objection(
            candidate, f"{address} is not {_ip(target.key.family)}, as the service is", _own(candidate, here)
        )
    elif method is ForwardingMethod.NAT and address.is_loopback:
        yield _objection(
            candidate,
            f"clients of {target.dest_key} would hang: the kernel drops what NAT sends to loopback",
            _own(candidate, here),
        )
    elif not here.is_own(address):
        if not candidate.elsewhere:
            yield _objection(candidate, f"{address} is no address of this node", _own(candidate, here))
    else:
        yield from _unheard(candidate, here)


def _unheard(candidate: Candidate, here: Here) -> Iterator[Objection]:
    """Yield why nobody on this node would take the packets."""
    place, port = _arrival(candidate)
    protocol = candidate.protocol
    if not port or protocol is Protocol.SCTP:
        return
    if not here.listens(protocol, place, port):
        where = f"port {port} of any own address" if place is None else endpoint(place, port)
        yield _objection(candidate, f"nobody listens at {where}{_why_there(candidate)}", _listen(candidate))
    elif protocol is Protocol.UDP and place is not None and here.is_wildcard(protocol, place, port):
        yield _objection(
            candidate,
            f"the server at UDP port {port} is bound to all addresses: its answers leave from another one, and clients drop them",
            f"bind it to {place}",
        )


def _arrival(candidate: Candidate) -> tuple[Address | None, int]:
    """Answer the address and port that packets for this node arrive at; None is whatever the client asked for."""
    key, dest_key = candidate.target.key, candidate.target.dest_key
    if candidate.target.dest.method is ForwardingMethod.NAT:
        return dest_key.address, dest_key.port or key.port
    return key.address, candidate.port


def _why_there(candidate: Candidate) -> str:
    method = candidate.target.dest.method
    if method is ForwardingMethod.NAT:
        return ""
    return f", where {method} leaves the packets: for a destination on this node it ignores address and port"


def _listen(candidate: Candidate) -> str:
    if candidate.target.dest.method is ForwardingMethod.NAT:
        return BACKEND
    return (
        f"write sorry_server_lvs_method: NAT under virtual_servers.{candidate.target.name}"
        if candidate.in_spec
        else "--sorry-method NAT rewrites address and port"
    )


def _own(candidate: Candidate, here: Here) -> str:
    if candidate.in_spec:
        return f"write sorry_server: {{}} under virtual_servers.{candidate.target.name}, and this node's address under nodes"
    port = candidate.target.dest_key.port
    mine = here.addresses(candidate.target.key.family)
    return "this node has: " + (
        ", ".join(f"--sorry {endpoint(each, port)}" for each in mine[:5])
        or f"no {_ip(candidate.target.key.family)} address"
    )


def _ip(family: Family) -> str:
    return "IPv4" if family is Family.INET else "IPv6"


def _objection(candidate: Candidate, message: str, remedy: str) -> Objection:
    return Objection(candidate.target.name, message, remedy)


def unasked(candidate: Candidate, here: Here) -> str:
    """Answer why the sorry server cannot be asked from here; the empty string when it can."""
    if candidate.protocol is not Protocol.TCP:
        return f"{candidate.protocol} has no page to ask for"
    if door(candidate, here) is not None:
        return ""
    if not _arrival(candidate)[1]:
        return "which port clients use is not known"
    return "what is sent to the service's own address from here goes through the service"


def door(candidate: Candidate, here: Here) -> Door | None:
    """Answer where to ask for a page without going through the virtual service itself; None where there is no such way."""
    place, port = _arrival(candidate)
    key, dest_key = candidate.target.key, candidate.target.dest_key
    if not port:
        return None
    if candidate.target.dest.method is ForwardingMethod.NAT or not here.is_own(dest_key.address):
        captured = dest_key.address == key.address and key.port in (0, port)
        return None if captured else Door(dest_key.address, port, candidate.tls)
    if place is not None and not here.is_wildcard(Protocol.TCP, place, port):
        return None
    loopback = IPv4Address("127.0.0.1") if key.family is Family.INET else IPv6Address("::1")
    return Door(loopback, port, candidate.tls)


def _probed(candidates: Iterable[Candidate], here: Here) -> list[Objection]:
    """Ask every door once, and answer what is wrong with the replies."""
    deadline = time.monotonic() + BUDGET
    replies: dict[Door, Reply] = {}

    def answer(where: Door) -> Reply:
        if where not in replies:
            left = deadline - time.monotonic()
            replies[where] = (
                ask(where, timeout=min(3.0, left)) if left > 0 else Reply(0, "no time was left to ask it")
            )
        return replies[where]

    return [found for each in candidates for found in judged(each, door(each, here), answer)]


def judged(candidate: Candidate, where: Door | None, answer: Callable[[Door], Reply]) -> Iterator[Objection]:
    """Yield what is wrong with what a sorry server answers.

    Clients of TLS must be told in TLS; what the port says in the clear must not look like content then. Others must
    be told in the clear, unless the port speaks TLS alone.
    """
    if where is None:
        return
    said = answer(where)
    if not _is_sorry(candidate, said):
        if (
            not where.tls
            and said.status in (0, 400)
            and _is_sorry(candidate, answer(where._replace(tls=True)))
        ):
            return
        yield _wrong(candidate, where, said)
    elif where.tls and (plain := answer(where._replace(tls=False))).status in _CONTENT:
        yield _wrong(candidate, where._replace(tls=False), plain)


_CONTENT: Final = frozenset({*range(200, 400), 404})


def _is_sorry(candidate: Candidate, said: Reply) -> bool:
    return said.status == SORRY or (said.status == SMTP_SORRY and candidate.target.key.port in SMTP_PORTS)


def _wrong(candidate: Candidate, where: Door, said: Reply) -> Objection:
    if not said.status:
        return _objection(candidate, f"{where} does not say sorry: {said.story}", f"{BACKEND}; {_FORCE}")
    return _objection(
        candidate,
        f"{where} answers {said.status} to a page that does not exist, not {SORRY}: visitors and robots would believe it",
        f"have it answer {SORRY} to every path, as `lvsctl sorry serve` does; {_FORCE}",
    )


_FORCE: Final = "--force switches without asking"
