"""The words everyone shares, spelled as keepalived spells them; where the kernel knows more, its own word.

How the kernel numbers them is :mod:`lvsctl.ipvs.codec`'s business, how ipvsadm abbreviates them
:mod:`lvsctl.ipvs.compat`'s. Importing this costs a process nothing that :mod:`lvsctl.errors` has not cost already,
apart from ``enum`` and ``ipaddress`` (2 ms).
"""

from enum import IntFlag, StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple, Self

Address = IPv4Address | IPv6Address
"""Where a service or a real server is; the family is the type's."""


MAX_PORT = 65535
MAX_MARK = 2**32 - 1


class Family(StrEnum):
    """An address family, spelled as ``virtual_server fwmark`` services spell it (``ip_family inet6``)."""

    INET = "inet"
    INET6 = "inet6"


def as_address(text: Address | str) -> Address:
    """Answer *text* as an address. ValueError when it is none, or an IPv6 one with a zone: IPVS keeps no zones."""
    address = ip_address(text)
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise ValueError(f"{str(address)!r} has a zone, which IPVS cannot keep")
    return address


def as_endpoint(text: str) -> tuple[Address, int]:
    """Answer the address and port of ``10.0.0.1:80`` or ``[2001:db8::1]:80``. ValueError says what is wrong."""
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not 0 <= _number(port) <= MAX_PORT:
        raise ValueError(f"{text!r} does not end in a port: expected ADDRESS:PORT or [IPV6]:PORT")
    address = as_address(host[1:-1] if bracketed else host)
    if bracketed is not isinstance(address, IPv6Address):
        raise ValueError(f"{text!r}: brackets go around an IPv6 address, and only there")
    return address, int(port)


def _number(text: str) -> int:
    # int() alone also takes signs, blanks, underscores and the digits of other scripts.
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 12 else -1  # noqa: PLR2004 - beyond 32 bits


def family_of(address: Address) -> Family:
    """Answer the family of *address*."""
    return Family.INET if address.version == 4 else Family.INET6  # noqa: PLR2004 - IP versions are their own names


class Protocol(StrEnum):
    """What a virtual service listens to (``protocol TCP``)."""

    TCP = "TCP"
    UDP = "UDP"
    SCTP = "SCTP"


class Scheduler(StrEnum):
    """Who gets the next connection (``lvs_sched``); each is a kernel module named ``ip_vs_NAME``."""

    RR = "rr"
    WRR = "wrr"
    LC = "lc"
    WLC = "wlc"
    LBLC = "lblc"
    LBLCR = "lblcr"
    SH = "sh"
    MH = "mh"
    DH = "dh"
    FO = "fo"
    OVF = "ovf"
    SED = "sed"
    NQ = "nq"
    TWOS = "twos"


class SchedulerFlag(IntFlag):
    """What a service asks of its scheduler. The bits are the kernel's, and each scheduler reads them its own way.

    Two names of one bit are two readings of it: :func:`lvsctl.ipvs.model.flag_names` picks the scheduler's.
    """

    NONE = 0
    FLAG_1 = 0x08
    FLAG_2 = 0x10
    FLAG_3 = 0x20
    SH_FALLBACK = 0x08
    SH_PORT = 0x10
    MH_FALLBACK = 0x08
    MH_PORT = 0x10


class ForwardingMethod(StrEnum):
    """How packets reach a real server (``lvs_method``). LOCAL and BYPASS are the kernel's; keepalived has no word."""

    NAT = "NAT"
    DR = "DR"
    TUN = "TUN"
    LOCAL = "LOCAL"
    BYPASS = "BYPASS"


class TunnelType(StrEnum):
    """The encapsulation of ForwardingMethod.TUN (``lvs_method TUN type gue port 6080``)."""

    IPIP = "ipip"
    GUE = "gue"
    GRE = "gre"


class TunnelFlag(IntFlag):
    """How a gue or gre tunnel uses checksums; the bits are the kernel's."""

    NOCSUM = 0
    CSUM = 1
    REMCSUM = 2


class SyncRole(StrEnum):
    """The two kinds of connection sync daemon; a director may run both."""

    MASTER = "master"
    BACKUP = "backup"


class ServiceKey(NamedTuple):
    """Which virtual service: protocol, address and port, or a firewall mark and a family.

    Make one with :meth:`tcp`, :meth:`udp`, :meth:`sctp` or :meth:`fwmark`; a mark of 0 means that the address counts.
    """

    protocol: Protocol | None
    address: Address | None
    port: int
    mark: int
    family: Family

    @classmethod
    def of(cls, protocol: Protocol, address: Address | str, port: int) -> Self:
        """Name the service that listens at *address* and *port*. ValueError when *address* is not an IP address."""
        where = as_address(address)
        return cls(protocol, where, port, 0, family_of(where))

    @classmethod
    def tcp(cls, address: Address | str, port: int) -> Self:
        """Name a TCP service."""
        return cls.of(Protocol.TCP, address, port)

    @classmethod
    def udp(cls, address: Address | str, port: int) -> Self:
        """Name a UDP service."""
        return cls.of(Protocol.UDP, address, port)

    @classmethod
    def sctp(cls, address: Address | str, port: int) -> Self:
        """Name an SCTP service."""
        return cls.of(Protocol.SCTP, address, port)

    @classmethod
    def fwmark(cls, mark: int, family: Family = Family.INET) -> Self:
        """Name the service of every packet that the firewall marked with *mark* (1 to 2³²-1)."""
        return cls(None, None, 0, mark, family)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what ``str()`` writes: ``tcp/10.0.0.1:80``, ``udp/[2001:db8::1]:53``, ``fwmark/5``, ``fwmark6/5``.

        ValueError says what is wrong and what was expected.
        """
        kind, slash, rest = text.partition("/")
        if slash and kind in ("fwmark", "fwmark6"):
            if not 0 < _number(rest) <= MAX_MARK:
                raise ValueError(f"{rest!r} is not a firewall mark: expected 1 to {MAX_MARK}")
            return cls.fwmark(int(rest), Family.INET if kind == "fwmark" else Family.INET6)
        if not slash or kind.upper() not in Protocol.__members__:
            raise ValueError(f"{text!r} names no service: expected tcp/ADDR:PORT, udp/…, sctp/… or fwmark/N")
        return cls.of(Protocol(kind.upper()), *as_endpoint(rest))

    def __str__(self) -> str:
        if self.mark:
            return f"fwmark/{self.mark}" if self.family is Family.INET else f"fwmark6/{self.mark}"
        return f"{str(self.protocol).lower()}/{endpoint(self.address, self.port)}"


def endpoint(address: Address | None, port: int) -> str:
    """Write an address and a port as one word, an IPv6 address in brackets."""
    return f"[{address}]:{port}" if isinstance(address, IPv6Address) else f"{address}:{port}"
