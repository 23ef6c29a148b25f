"""Virtual servers: the services that clients reach, and who serves them (keepalived.conf(5), "Virtual server(s)").

What 2.2.7 would drop or bend without stopping is refused here where one block shows it; what takes several blocks
or a host to see is a rule (:mod:`lvsctl.compose.rules`).
"""

from ipaddress import IPv4Address
from typing import Annotated, Any, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from lvsctl.spec.base import Extensible, Line, OptionalLine
from lvsctl.spec.check_base import MAX_32, ConnectTimeout, Delay, Interval
from lvsctl.spec.checks import Check
from lvsctl.spec.forms import FIRST, OWN, Form, Written
from lvsctl.spec.lvs_method import LvsMethod
from lvsctl.spec.real_server import MAX_WEIGHT, AnyPort, RealServer
from lvsctl.spec.script import Script
from lvsctl.spec.values import (
    Address,
    AnyCase,
    Flag,
    JsonSchema,
    Name,
    OneOf,
    Parsed,
    Str,
    Switch,
    Text,
    Truth,
    Whole,
    Word,
    expected,
)
from lvsctl.vocabulary import Protocol, Scheduler

SCHEDULERS = tuple(scheduler.value for scheduler in Scheduler)
LONGEST_PERSISTENCE = 31 * 24 * 3600
FAMILIES = {4: "inet", 6: "inet6"}


def _flag(keyword: str) -> Any:
    return Written(Form.FLAG, keyword)


class Persistence(OptionalLine):
    """How long a client stays with its real server."""

    syntax = "[SECONDS]"

    seconds: Annotated[Annotated[int, Whole(1, LONGEST_PERSISTENCE, "s")] | None, FIRST] = None
    """The time after its last connection; keepalived's default is 360."""


class Granularity(Parsed):
    """Which clients count as one for persistence: an IPv4 netmask, or an IPv6 prefix length."""

    what = "an IPv4 netmask such as 255.255.255.0, or an IPv6 prefix length from 1 to 128"

    def parse(self, value: object) -> IPv4Address | int:  # noqa: D102 - see Parsed
        if isinstance(value, IPv4Address):
            return value
        try:
            return (
                IPv4Address(value) if isinstance(value, str) and "." in value else Whole(1, 128).parse(value)
            )
        except ValueError:
            raise expected(self.what, value) from None

    def json_schema(self) -> JsonSchema:  # noqa: D102 - see Parsed
        return {
            "anyOf": [{"type": "string", "format": "ipv4"}, {"type": "integer", "minimum": 1, "maximum": 128}]
        }


class SorryServer(Line):
    """Who answers when nobody else can: an address, or with nothing written the local sorry backend."""

    syntax = "[ADDRESS [PORT]]"

    address: Annotated[Address | None, FIRST] = None
    """Where it is; the default is the backend that `sorry` describes, on this node."""
    port: Annotated[AnyPort | None, FIRST] = None
    """Its port; the default is the virtual server's."""

    @field_validator("port")
    @classmethod
    def _with_address(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and info.data.get("address", "") is None:
            raise ValueError("a port needs its address; the port of the local backend is `sorry.port`")
        return value

    @property
    def is_local(self) -> bool:
        """Whether the local sorry backend is meant."""
        return self.address is None


class VirtualServer(Extensible):
    """One service: an address and port, a firewall mark or a group, and the real servers behind it."""

    address: Annotated[Address | None, OWN] = None
    """The address that clients connect to."""
    port: Annotated[AnyPort | None, OWN] = None
    """The port that clients connect to; 0 or nothing is every port, which takes persistence."""
    fwmark: Annotated[Annotated[int, Whole(1, MAX_32)] | None, OWN] = None
    """Instead of an address: the mark that the firewall sets on the packets."""
    group: Annotated[Name | None, OWN] = None
    """Instead of an address: the `virtual_server_groups` entry that lists them."""
    owner: Annotated[str, OneOf("keepalived", "lvsctl"), OWN] = "keepalived"
    """Who keeps it in the kernel: keepalived, or `lvsctl ipvs apply` (then it is not rendered)."""
    maintenance: Annotated[str, OneOf("auto", "resident", "plain", "off"), OWN] = "auto"
    """How `lvsctl sorry on` works: `resident` keeps the sorry server in the table at weight 0, `plain` adds it when needed, `auto` picks what is safe for the scheduler, `off` leaves it out."""
    checks: Annotated[tuple[Check, ...], OWN] = ()
    """Health checks of every real server, before its own."""

    ip_family: Annotated[str, OneOf("inet", "inet6")] | None = None
    """The address family of a firewall mark; only needed when all real servers are tunnelled."""
    protocol: Annotated[str, AnyCase(*(protocol.value for protocol in Protocol))] | None = None
    """What it listens to. lvsctl writes TCP when nothing is said; a firewall mark takes none."""
    lvs_sched: Annotated[str, OneOf(*SCHEDULERS)] | None = None
    """Who gets the next connection; the default is wlc."""
    flag_1: Annotated[bool, Truth(), _flag("flag-1"), Field(alias="flag-1")] = False
    """Set the scheduler's first flag."""
    flag_2: Annotated[bool, Truth(), _flag("flag-2"), Field(alias="flag-2")] = False
    """Set the scheduler's second flag."""
    flag_3: Annotated[bool, Truth(), _flag("flag-3"), Field(alias="flag-3")] = False
    """Set the scheduler's third flag."""
    sh_port: Annotated[bool, Truth(), _flag("sh-port"), Field(alias="sh-port")] = False
    """Scheduler sh: hash the client's port as well."""
    sh_fallback: Annotated[bool, Truth(), _flag("sh-fallback"), Field(alias="sh-fallback")] = False
    """Scheduler sh: go on to the next real server where one has weight 0."""
    mh_port: Annotated[bool, Truth(), _flag("mh-port"), Field(alias="mh-port")] = False
    """Scheduler mh: hash the client's port as well."""
    mh_fallback: Annotated[bool, Truth(), _flag("mh-fallback"), Field(alias="mh-fallback")] = False
    """Scheduler mh: go on to the next real server where one has weight 0."""
    ops: Flag = False
    """One-packet scheduling: every UDP packet is a connection of its own."""
    lvs_method: LvsMethod | None = None
    """How packets get to the real servers; the default is NAT."""
    persistence_engine: (
        Annotated[str, Text("the name of a persistence engine", r"[^\s]+", high=16)] | None
    ) = None
    """The kernel's persistence engine; `sip` is the only one."""
    persistence_timeout: Persistence | None = None
    """Clients stay with their real server for this many seconds; `true` is keepalived's 360."""
    persistence_granularity: Annotated[IPv4Address | int, Granularity()] | None = None
    """Clients that agree in this netmask or prefix count as one; this alone makes the service persistent."""
    ha_suspend: Flag = False
    """Pause the health checks while the address is not on this node."""
    smtp_alert: Switch | None = None
    """Send mail when the quorum is gained or lost; the default is false, unless `global_defs` says otherwise."""
    virtualhost: Word | None = None
    """The Host header of HTTP checks that state none."""
    snmp_name: Str | None = None
    """What SNMP calls it."""
    delay_loop: Interval | None = None
    """Seconds between two checks; the default is 60."""
    connect_timeout: ConnectTimeout | None = None
    """Seconds a check waits for an answer; the default is 5."""
    retry: Annotated[int, Whole(1, MAX_32)] | None = None
    """Failures in a row that checks forgive; the default is the check's own, mostly 1."""
    delay_before_retry: Delay | None = None
    """Seconds until a failed check is repeated; the default is the check's own, mostly 1."""
    warmup: Delay | None = None
    """First checks wait a random part of this many seconds; the default is `delay_loop`, and 0 means at once."""
    inhibit_on_failure: Flag = False
    """When a real server fails, set its weight to 0 instead of removing it."""
    alpha: Flag = False
    """When keepalived starts, count real servers as failed until their checks have succeeded."""
    omega: Flag = False
    """When keepalived stops, run the notify_down and quorum_down programs too."""
    quorum_up: Script | None = None
    """Runs when the quorum is gained."""
    quorum_down: Script | None = None
    """Runs when the quorum is lost."""
    quorum: Annotated[int, Whole(1, MAX_32)] | None = None
    """The total weight of living real servers that the service needs; below, the sorry server takes over. The default is 1."""
    hysteresis: Annotated[int, Whole(0, MAX_32)] | None = None
    """Lost only at quorum minus this, gained only at quorum plus this; the default is 0."""
    weight: Annotated[int, Whole(1, MAX_WEIGHT)] | None = None
    """The weight of real servers that state none; the default is 1."""
    sorry_server: SorryServer | None = None
    """Who answers when the quorum is lost: `{}` for the local sorry backend, or an address and port."""
    sorry_server_inhibit: Flag = False
    """Keep the sorry server in the table at weight 0 instead of adding it when needed."""
    sorry_server_lvs_method: LvsMethod | None = None
    """How packets get to the sorry server; the default is `lvs_method`."""
    real_servers: Annotated[tuple[RealServer, ...], Written(Form.REPEAT, "real_server")] = ()
    """Who serves it."""

    @field_validator("ip_family")
    @classmethod
    def _family_of_address(cls, value: str | None, info: ValidationInfo) -> str | None:
        address = info.data.get("address")
        if value is not None and address is not None and value != FAMILIES[address.version]:
            raise ValueError(f"{address} is {FAMILIES[address.version]}, so ip_family cannot be {value}")
        return value

    @field_validator("protocol", "ha_suspend")
    @classmethod
    def _not_for_a_mark(cls, value: str | bool | None, info: ValidationInfo) -> str | bool | None:  # noqa: FBT001 - a field's value
        if value and info.data.get("fwmark") is not None:
            raise ValueError(f"keepalived ignores {info.field_name} for a firewall mark")
        return value

    @field_validator("sh_port", "sh_fallback", "mh_port", "mh_fallback")
    @classmethod
    def _flag_of_scheduler(cls, value: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 - a field's value
        word = str(info.field_name)
        scheduler, _, _ = word.partition("_")
        if value and info.data.get("lvs_sched", scheduler) != scheduler:
            raise ValueError(f"{word.replace('_', '-')} is for lvs_sched {scheduler} only")
        return value

    @field_validator("ops")
    @classmethod
    def _ops_for_udp(cls, value: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 - a field's value
        protocol = info.data.get("protocol", "UDP") or ("UDP" if info.data.get("fwmark") else "TCP")
        if value and protocol != "UDP":
            raise ValueError("ops needs `protocol: UDP`")
        return value

    @field_validator("persistence_granularity")
    @classmethod
    def _granularity_of_family(
        cls, value: IPv4Address | int | None, info: ValidationInfo
    ) -> IPv4Address | int | None:
        address = info.data.get("address")
        family = FAMILIES[address.version] if address else info.data.get("ip_family")
        if value is not None and family and (family == "inet") is isinstance(value, int):
            what = "a netmask such as 255.255.255.0" if family == "inet" else "a prefix length from 1 to 128"
            raise ValueError(f"expected {what} for {family}, not {str(value)!r}")
        return value

    @field_validator("hysteresis")
    @classmethod
    def _below_quorum(cls, value: int | None, info: ValidationInfo) -> int | None:
        quorum = info.data.get("quorum") or 1
        if value is not None and value >= quorum:
            raise ValueError(f"expected less than quorum, which is {quorum}, not {value}")
        return value

    @field_validator("sorry_server_inhibit", "sorry_server_lvs_method")
    @classmethod
    def _needs_sorry_server(cls, value: object, info: ValidationInfo) -> object:
        if value and info.data.get("sorry_server", "") is None:
            raise ValueError(f"{info.field_name} needs a sorry_server; {{}} is the local one")
        return value

    @field_validator("real_servers")
    @classmethod
    def _enough_for_quorum(
        cls, value: tuple[RealServer, ...], info: ValidationInfo
    ) -> tuple[RealServer, ...]:
        quorum, weight = info.data.get("quorum") or 1, info.data.get("weight") or 1
        total = sum(weight if server.weight is None else server.weight for server in value)
        if value and total < quorum and info.data.get("owner") == "keepalived":
            raise ValueError(f"the weights add up to {total}, so the quorum of {quorum} can never be reached")
        return value

    @model_validator(mode="after")
    def _is_one_service(self) -> Self:
        if sum(value is not None for value in (self.address, self.fwmark, self.group)) != 1:
            raise ValueError("expected exactly one of address (with port), fwmark and group")
        if self.address is None and self.port is not None:
            raise ValueError("a port belongs to an address: for a group, write it in the group's lines")
        if self.address is not None and not self.port and not self.is_persistent:
            raise ValueError(
                "expected a port: only a persistent service (persistence_timeout) takes all ports"
            )
        if not self.real_servers and self.owner == "keepalived":
            raise ValueError(
                "expected at least one entry in real_servers: keepalived ignores a service without"
            )
        return self

    @property
    def is_persistent(self) -> bool:
        """Whether clients stay with their real server."""
        return self.persistence_timeout is not None or self.persistence_granularity is not None

    def head(self) -> tuple[str, ...]:
        """Answer the words between ``virtual_server`` and its block."""
        if self.fwmark is not None:
            return ("fwmark", str(self.fwmark))
        if self.group is not None:
            return ("group", self.group)
        return (str(self.address),) if self.port is None else (str(self.address), str(self.port))
