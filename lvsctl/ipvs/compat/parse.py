"""What a command line of ipvsadm asks for: options → Request, refused where ipvsadm refuses it.

The options are read in order, because ipvsadm does so: ``-6`` counts after ``-f``, ``-M`` after ``-t``. With *exact*
what ipvsadm forbids and the kernel allows is allowed, and a port is what it says; saved tables are read like that.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from lvsctl.errors import Usage
from lvsctl.ipvs.compat import allowed
from lvsctl.ipvs.compat.address import endpoint, netmask
from lvsctl.ipvs.compat.options import COMMANDS, Option, UnknownOption, split
from lvsctl.ipvs.model import Dest, DestKey, Persistence, Service, SyncDaemon, Timeouts, Tunnel, flag_bit
from lvsctl.ipvs.steps import (
    AddDest,
    AddService,
    DeleteDest,
    DeleteService,
    EditDest,
    EditService,
    Flush,
    Step,
    Zero,
)
from lvsctl.vocabulary import (
    MAX_MARK,
    MAX_PORT,
    Address,
    Family,
    ForwardingMethod,
    Protocol,
    Scheduler,
    SchedulerFlag,
    ServiceKey,
    SyncRole,
    TunnelFlag,
    TunnelType,
    as_address,
    family_of,
)

_MONTH: Final = 31 * 86400
_INT_MAX: Final = 2**31 - 1
_UINT_MAX: Final = 2**32 - 1
_LONGEST_SYNC_MESSAGE: Final = 65535 - 20 - 8
_COMMANDS: Final = frozenset((*COMMANDS.values(), "set", "start-daemon", "stop-daemon"))
_PROTOCOLS: Final = {"tcp-service": Protocol.TCP, "udp-service": Protocol.UDP, "sctp-service": Protocol.SCTP}
_METHODS: Final = {
    "masquerading": ForwardingMethod.NAT,
    "gatewaying": ForwardingMethod.DR,
    "ipip": ForwardingMethod.TUN,
    "local": ForwardingMethod.LOCAL,
    "bypass": ForwardingMethod.BYPASS,
}
_CHECKSUMS: Final = {
    "tun-nocsum": TunnelFlag.NOCSUM,
    "tun-csum": TunnelFlag.CSUM,
    "tun-remcsum": TunnelFlag.REMCSUM,
}
_ONE_OPTION: Final = dict.fromkeys((*_PROTOCOLS, "fwmark-service"), "service-address") | dict.fromkeys(
    _METHODS, "forwarding-method"
)
"""Several spellings that count as one option; giving two of them is giving one twice."""
_NO_TUNNEL: Final = Tunnel()
_NOT_COUNTED: Final = ("ipv6", "sort")


class Request(NamedTuple):
    """What is asked for."""

    command: str
    """The long name of the command: ``add-service``, ``list``, …"""
    given: frozenset[str]
    """The options beside it."""
    key: ServiceKey | None = None
    step: Step | None = None
    """The change, for the commands that are one."""
    timeouts: Timeouts | None = None
    daemon: SyncDaemon | None = None


class NoCommand(Usage):
    """The command line does not begin with a command."""


def parse(arguments: Sequence[str], *, exact: bool = False) -> Request:
    """Read the command line *arguments*, without the program's name. Raises Usage."""
    options = split(arguments)
    try:
        first = next(options, Option(""))
    except UnknownOption as error:
        raise NoCommand(error.message) from error
    if first.name not in _COMMANDS:
        raise NoCommand("the first option has to be a command")
    return _Reader(first, exact=exact).read(options)


class _Reader:
    """One command line: what counts in the order it was given, and every other option's value by name."""

    def __init__(self, command: Option, *, exact: bool) -> None:
        self.command = command
        self.exact = exact
        self.given: dict[str, str] = {}
        self.words: list[str] = []
        self.protocol = Protocol.TCP
        self.address: Address | None = None
        self.port = 0
        self.mark = 0
        self.family = Family.INET
        self.server: DestKey | None = None
        self.method = ForwardingMethod.DR

    def read(self, options: Iterator[Option]) -> Request:
        for name, value in options:
            self._take(name, value or "")
        self._check_words()
        command = self.command.name
        allowed.check(command, self.given)
        return Request(
            command,
            frozenset(self.given),
            self._key() if "service-address" in self.given else None,
            self._step(),
            Timeouts(*(_number(word, 0, _MONTH, "a timeout") for word in self.words)) if self.words else None,
            self._daemon() if command in ("start-daemon", "stop-daemon") else None,
        )

    def _take(self, name: str, value: str) -> None:
        if not name:
            self.words.append(value)
            return
        if name in _COMMANDS:
            raise Usage(f"one command at a time: {self.command.name} and {name}")
        option = _ONE_OPTION.get(name, name)
        if option in self.given:
            raise Usage(f"the option {option} is given twice")
        if option not in _NOT_COUNTED:
            self.given[option] = value
        if name in _PROTOCOLS:
            self._take_service(_PROTOCOLS[name], value)
        elif name == "fwmark-service":
            self.mark = _number(value, 1, MAX_MARK, "a firewall mark")
        elif name == "ipv6":
            self._take_ipv6()
        elif name == "real-server":
            address, port = endpoint(value, self.protocol)
            self.server = DestKey(address, self.port if port is None else port)
        elif name in _METHODS:
            self.method = _METHODS[name]

    def _take_service(self, protocol: Protocol, value: str) -> None:
        self.protocol = protocol
        self.address, port = endpoint(value, protocol)
        self.port, self.family = port or 0, family_of(self.address)

    def _take_ipv6(self) -> None:
        if not self.mark:
            raise Usage("-6 goes after -f")
        self.family = Family.INET6

    def _check_words(self) -> None:
        expected = len(Timeouts._fields) if self.command.name == "set" else 0
        if len(self.words) < expected:
            raise Usage("--set takes three timeouts: tcp tcpfin udp")
        if len(self.words) > expected:
            raise Usage(f"unexpected argument {self.words[expected]!r}")

    def _key(self) -> ServiceKey:
        if self.mark:
            return ServiceKey.fwmark(self.mark, self.family)
        return ServiceKey(self.protocol, self.address, self.port, 0, self.family)

    def _step(self) -> Step | None:  # noqa: PLR0911 - one per command
        match self.command.name:
            case "add-service":
                return AddService(self._key(), self._service())
            case "edit-service":
                return EditService(self._key(), self._service())
            case "delete-service":
                return DeleteService(self._key())
            case "add-server" if self.server:
                return AddDest(self._key(), self._dest_key(self.server), self._dest())
            case "edit-server" if self.server:
                return EditDest(self._key(), self._dest_key(self.server), self._dest())
            case "delete-server" if self.server:
                return DeleteDest(self._key(), self.server)
            case "zero":
                return Zero(self._key() if "service-address" in self.given else None)
            case "clear":
                return Flush()
        return None

    def _service(self) -> Service:
        persistent, one_packet = "persistent" in self.given, "ops" in self.given
        if not self.exact and not self.mark:
            if not self.port and not persistent:
                raise Usage("port 0 stands for every port, which takes a persistent service (-p)")
            if one_packet and self.protocol is not Protocol.UDP:
                raise Usage("one-packet scheduling (-o) is for UDP")
        scheduler = self.given.get("scheduler") or Scheduler.WLC
        return Service(
            scheduler,
            _flags(scheduler, self.given.get("sched-flags", "")),
            one_packet=one_packet,
            persistence=self._persistence() if persistent else None,
            engine=self.given.get("pe", ""),
        )

    def _persistence(self) -> Persistence:
        timeout = Persistence().timeout
        if self.given["persistent"]:
            low, high = (0, _UINT_MAX) if self.exact else (1, _MONTH)
            timeout = _number(self.given["persistent"], low, high, "a timeout")
        mask = self.given.get("netmask")
        if mask is None:
            return Persistence(timeout)
        inet = self.family is Family.INET
        return Persistence(timeout, netmask(mask) if inet else _number(mask, 1, 128, "an IPv6 prefix length"))

    def _dest_key(self, server: DestKey) -> DestKey:
        if self.exact:
            return server
        if family_of(server.address) is not self.family and self.method is not ForwardingMethod.TUN:
            raise Usage("only a tunnel (-i) leads to the other address family")
        if not self.mark and self.method in (ForwardingMethod.TUN, ForwardingMethod.DR):
            # The packet is not rewritten, so it arrives at the port it was sent to.
            return server._replace(port=self.port)
        return server

    def _dest(self) -> Dest:
        return Dest(
            self.method,
            self._value("weight", 0, _INT_MAX, "a weight", 1),
            self._value("u-threshold", 0, _UINT_MAX, "an upper threshold", 0),
            self._value("l-threshold", 0, _UINT_MAX, "a lower threshold", 0),
            self._tunnel() if any(name.startswith("tun-") for name in self.given) else _NO_TUNNEL,
        )

    def _tunnel(self) -> Tunnel:
        kind = _tunnel_type(self.given.get("tun-type", TunnelType.IPIP))
        allowed.check_tunnel(kind, self.given, tunnelled=self.method is ForwardingMethod.TUN)
        flags = TunnelFlag(self._value("tun-flags", 0, MAX_PORT, "tunnel flags", 0))
        for name, flag in _CHECKSUMS.items():
            flags |= flag if name in self.given else TunnelFlag.NOCSUM
        return Tunnel(kind, self._value("tun-port", 1, MAX_PORT, "a tunnel port", 0), flags)

    def _daemon(self) -> SyncDaemon:
        return SyncDaemon(
            _role(self.command),
            self.given.get("mcast-interface", "eth0"),
            self._value("syncid", 0, 255, "a sync id", 0),
            self._value("sync-maxlen", 1, _LONGEST_SYNC_MESSAGE, "a length", 0),
            _group(self.given["mcast-group"]) if "mcast-group" in self.given else None,
            self._value("mcast-port", 1, MAX_PORT, "a port", 0),
            self._value("mcast-ttl", 1, 255, "a TTL", 0),
        )

    def _value(self, name: str, low: int, high: int, what: str, default: int) -> int:
        return _number(self.given[name], low, high, what) if name in self.given else default


def _role(command: Option) -> SyncRole:
    if command.value not in tuple(SyncRole):
        raise Usage(f"--{command.name} {command.value}: expected master or backup")
    return SyncRole(command.value)


def _number(text: str, low: int, high: int, what: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        raise Usage(f"{text!r} is not {what}: expected {low} to {high}")
    return number


def _flags(scheduler: str, names: str) -> SchedulerFlag:
    flags = SchedulerFlag.NONE
    for name in filter(None, names.split(",")):
        bit = flag_bit(scheduler, name)
        if bit is None:
            raise Usage(f"the scheduler {scheduler} has no flag {name!r}")
        flags |= bit
    return flags


def _tunnel_type(value: str) -> TunnelType:
    if value not in tuple(TunnelType):
        raise Usage(f"{value!r} is not a tunnel type: expected ipip, gue or gre")
    return TunnelType(value)


def _group(value: str) -> Address:
    try:
        address = as_address(value)
    except ValueError as error:
        raise Usage(f"{value!r} is not an address") from error
    if not address.is_multicast:
        raise Usage(f"{value} is not a multicast address")
    return address
