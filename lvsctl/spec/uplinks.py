"""Uplinks: the ways to the Internet in order of preference, how each is watched, and when to change over."""

from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, field_validator, model_validator

from lvsctl.spec.base import Block
from lvsctl.spec.nodes import FAMILIES, one_or_list
from lvsctl.spec.script import Argument
from lvsctl.spec.values import (
    AbsolutePath,
    Address,
    AnyCase,
    Bool,
    Interface,
    JsonSchema,
    Port,
    ServiceName,
    Text,
    Whole,
    milliseconds,
    seconds,
)

HostName = Annotated[
    str, Text("a host name such as www.example.org", r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", high=253)
]
DomainName = Annotated[
    str,
    Text(
        "a name to look up, such as example.org, or '.' for the root",
        r"\.|([A-Za-z0-9_]([A-Za-z0-9_-]{0,62})\.)*[A-Za-z0-9_][A-Za-z0-9_-]{0,62}\.?",
        high=253,
    ),
]
UrlPath = Annotated[str, Text("a path that begins with '/'", r"/[!-~]*")]
Addresses = Annotated[
    tuple[Address, ...], BeforeValidator(one_or_list, json_schema_input_type=str | list[str])
]

ONLY_FOR = {
    "port": ("TCP", "HTTP", "HTTPS", "DNS"),
    "host": ("HTTP", "HTTPS"),
    "path": ("HTTP", "HTTPS"),
    "status": ("HTTP", "HTTPS"),
    "verify": ("HTTPS",),
    "name": ("DNS",),
    "run": ("command",),
}
"""The probes that a field of a target is for."""

FIRST_TABLE, LAST_TABLE = 2001, 2100
"""Uplinks without a `table` get theirs from here, in order; it is also how many uplinks there may be."""


class UplinkTarget(Block):
    """Something beyond an uplink that is asked whether it answers; an address alone is pinged."""

    shorthand: ClassVar[JsonSchema | None] = {"type": "string"}

    address: Address | None = None
    """Who is asked. Names are not resolved: a resolver that needs the uplink would say nothing about it."""
    probe: Annotated[str, AnyCase("ICMP", "TCP", "HTTP", "HTTPS", "DNS", "command")] = "ICMP"
    """How: `ICMP` pings, `TCP` connects, `HTTP` and `HTTPS` fetch a page whole, `DNS` looks a name up, `command` runs a program of yours."""
    port: Port | None = None
    """The port; the defaults are 80 (HTTP), 443 (HTTPS) and 53 (DNS)."""
    host: HostName | None = None
    """The host that is asked for over HTTP, and that the certificate has to name; the default is the address."""
    path: UrlPath | None = None
    """The page; the default is `/`."""
    status: Annotated[int, Whole(100, 599)] | None = None
    """The only status that is good; the default is any from 200 to 399."""
    verify: Bool | None = None
    """`false`: any certificate will do."""
    name: DomainName | None = None
    """The name that is looked up; the default is the root. That it does not exist is an answer, too."""
    run: tuple[Annotated[str, Argument()], ...] | None = None
    """The program and its arguments; status 0 within `timeout` is good. No shell is involved. LVSCTL_UPLINK, LVSCTL_INTERFACE, LVSCTL_SOURCE, LVSCTL_GATEWAY and LVSCTL_FAMILY say what it is about, and it has to bind to that interface or source itself."""

    @model_validator(mode="before")
    @classmethod
    def _from_address(cls, value: Any) -> Any:
        return {"address": value} if isinstance(value, (str, IPv4Address, IPv6Address)) else value

    @model_validator(mode="after")
    def _has_what_its_probe_needs(self) -> Self:
        for field, probes in ONLY_FOR.items():
            if getattr(self, field) is not None and self.probe not in probes:
                raise ValueError(f"{field}: belongs to probe {' or '.join(probes)}, not {self.probe}")
        if self.probe == "command":
            if not self.run or self.address is not None:
                raise ValueError("probe command needs run: [program, argument…], and takes no address")
        elif self.address is None:
            raise ValueError(f"probe {self.probe} needs an address")
        if self.probe == "TCP" and self.port is None:
            raise ValueError("probe TCP needs a port")
        return self

    def is_for(self, version: int) -> bool:
        """Answer whether it can be asked over IP of this *version* (4 or 6)."""
        return self.address is None or self.address.version == version


class UplinkWindow(Block):
    """When a target that still answers counts as bad, by its last samples; and when as good again."""

    size: Annotated[int, Whole(5, 1000)] = 60
    """How many samples of each target are looked at."""
    loss_down: Annotated[int, Whole(1, 100, "%")] = 20
    """Loss from which a target is bad. Until there are `size` samples, those that are missing count as good."""
    loss_up: Annotated[int, Whole(0, 99, "%")] = 10
    """Loss down to which a bad target is good again, over a whole window."""
    rtt_down: Annotated[Decimal, milliseconds("1", "60000")] | None = None
    """Mean round trip time from which a target is bad; by default time does not count."""
    rtt_up: Annotated[Decimal, milliseconds("1", "60000")] | None = None
    """Mean round trip time down to which it is good again; the default is half of `rtt_down`."""

    @model_validator(mode="after")
    def _recovers_below_where_it_falls(self) -> Self:
        if self.loss_up >= self.loss_down:
            raise ValueError(f"loss_up {self.loss_up} has to be below loss_down {self.loss_down}")
        if self.rtt_up is not None and (self.rtt_down is None or self.rtt_up >= self.rtt_down):
            raise ValueError("rtt_up has to be below rtt_down")
        return self


class Uplink(Block):
    """One way to the Internet: an interface and a router behind it."""

    interface: Interface
    """The interface that leads there."""
    gateway: Addresses
    """The router on that interface, or one of each family as a list; fe80::1 is fine, and two uplinks may have the same."""
    address: Addresses = ()
    """This node's address on that uplink, of each family at most one; the default is the interface's first global one."""
    table: Annotated[int, Whole(1, 2**31 - 1)] | None = None
    """The number of its own routing table; the default is 2001 for the first uplink, and so on."""
    targets: tuple[UplinkTarget, ...] = ()
    """What is asked over it; the default is what `uplinks` says."""
    quorum: Annotated[int, Whole(1, 100)] | None = None
    """How many targets have to be good; the default is what `uplinks` says."""
    track_value: Annotated[int, Whole(-1_000_000, 1_000_000)] | None = None
    """What `track_file` holds while this uplink is in use; the default is 0 for the first and 1 for every other."""

    @field_validator("gateway")
    @classmethod
    def _has_a_gateway(cls, value: tuple[Address, ...]) -> tuple[Address, ...]:
        if not value:
            raise ValueError("expected the address of a router")
        return value

    @field_validator("gateway", "address")
    @classmethod
    def _one_of_each_family(cls, value: tuple[Address, ...]) -> tuple[Address, ...]:
        for version, name in FAMILIES.items():
            if sum(each.version == version for each in value) > 1:
                raise ValueError(f"expected at most one {name} address; a second router is a second uplink")
        return value

    @field_validator("table")
    @classmethod
    def _is_nobody_elses(cls, value: int | None) -> int | None:
        if value is not None and (value in range(253, 256) or value in range(1001, 2001)):
            raise ValueError("tables 253 to 255 are the kernel's, 1001 to 2000 are for return paths")
        return value

    @model_validator(mode="after")
    def _addresses_have_gateways(self) -> Self:
        versions = {each.version for each in self.gateway}
        if other := next((each for each in self.address if each.version not in versions), None):
            raise ValueError(f"address {other}: there is no gateway of its family")
        if clash := next((each for each in self.gateway if each in self.address), None):
            raise ValueError(f"{clash} cannot be this node's address and its gateway")
        return self


class Uplinks(Block):
    """The ways to the Internet, and when to change from one to another. Each family has its own one in use."""

    providers: dict[ServiceName, Uplink] = {}
    """The uplinks by name, in order of preference: the first good one is used."""
    targets: tuple[UplinkTarget, ...] = ()
    """What is asked over each of them; each family needs one. Two or three of different owners are better than one."""
    quorum: Annotated[int, Whole(1, 100)] | None = None
    """How many targets have to be good for an uplink to be; the default is half of them, rounded up."""
    interval: Annotated[Decimal, seconds("0.02", "3600")] = Decimal(1)
    """How often each target is asked."""
    timeout: Annotated[Decimal, seconds("0.01", "3600")] | None = None
    """How long an answer may take; the default, and the most, is `interval`."""
    rise: Annotated[int, Whole(1, 1000)] = 3
    """How many answers in a row it takes for a target to be good; after it was bad, a whole window besides."""
    fall: Annotated[int, Whole(1, 1000)] = 3
    """After how many missing answers in a row a target is bad."""
    window: UplinkWindow = UplinkWindow()
    """Loss and round trip time, over the last samples."""
    hold: Annotated[Decimal, seconds("0", "86400")] = Decimal(30)
    """How long an uplink of higher preference has to have been good before it is used again."""
    min_time_on_backup: Annotated[Decimal, seconds("0", "86400")] = Decimal(60)
    """How long another than the first uplink stays in use at least, unless it fails."""
    metric: Annotated[int, Whole(1, 2**31 - 1)] = 50
    """The metric of lvsctl's default route. One of yours with a lower metric goes first; one with the same is refused."""
    run: tuple[Annotated[str, Argument()], ...] | None = None
    """A program and its arguments that is told of every event: three more arguments follow, the event (`switch`, `up`, `down`, `all-down`, `forced-down`), the family and the uplink. No shell is involved."""
    run_timeout: Annotated[int, Whole(1, 3600, "s")] = 10
    """How long `run` may take."""
    track_file: AbsolutePath | None = None
    """A file that holds the `track_value` of the uplink in use, for a `track_file` of a VRRP instance; of two families the one further from 0."""
    track_down: Annotated[int, Whole(-1_000_000, 1_000_000)] = 2
    """What it holds while the uplink in use is down, which it only is while every other is, too, or an operator said so."""

    @field_validator("run")
    @classmethod
    def _has_a_program(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and not value:
            raise ValueError("expected a program and its arguments")
        return value

    @field_validator("providers")
    @classmethod
    def _are_not_too_many(cls, value: dict[str, Uplink]) -> dict[str, Uplink]:
        if len(value) > LAST_TABLE - FIRST_TABLE + 1:
            raise ValueError(f"expected at most {LAST_TABLE - FIRST_TABLE + 1} uplinks, not {len(value)}")
        return value

    @model_validator(mode="after")
    def _has_time_to_answer(self) -> Self:
        if self.timeout is not None and self.timeout > self.interval:
            raise ValueError(
                f"timeout {self.timeout} is longer than interval {self.interval}: the next question would overtake the answer"
            )
        return self

    @model_validator(mode="after")
    def _everything_is_asked_about(self) -> Self:
        for name, each in self.providers.items():
            for gateway in each.gateway:
                count = len(self.targets_of(name, gateway.version))
                if not count:
                    raise ValueError(
                        f"providers.{name}: expected an {FAMILIES[gateway.version]} target in targets, because its gateway {gateway} is"
                    )
                if (wanted := each.quorum or self.quorum or 1) > count:
                    raise ValueError(
                        f"providers.{name}: a quorum of {wanted} cannot be had of {count} targets"
                    )
        return self

    @model_validator(mode="after")
    def _tables_are_their_own(self) -> Self:
        taken: dict[int, str] = {}
        for name in self.providers:
            number = self.table_of(name)
            if number in taken:
                raise ValueError(f"providers.{name}: table {number} is the one of {taken[number]}")
            taken[number] = name
        return self

    def table_of(self, name: str) -> int:
        """Answer the number of the routing table of the uplink *name*."""
        return self.providers[name].table or FIRST_TABLE + list(self.providers).index(name)

    def targets_of(self, name: str, version: int) -> tuple[UplinkTarget, ...]:
        """Answer what the uplink *name* is asked over IP of *version*."""
        return tuple(each for each in self.providers[name].targets or self.targets if each.is_for(version))
