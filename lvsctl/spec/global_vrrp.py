"""The part of ``global_defs`` about VRRP: interfaces, adverts, gratuitous ARPs, the firewall."""

from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Self, TypeVar

from pydantic import AfterValidator, model_validator

from lvsctl.spec.base import Block, Line, OptionalLine
from lvsctl.spec.forms import BARE, FIRST
from lvsctl.spec.values import (
    Address4,
    Address6,
    Bool,
    Flag,
    Interface,
    Switch,
    Text,
    Whole,
    expected,
    seconds,
)

UINT = 4294967295
Seconds = Annotated[int, Whole(0, 4294, "s")]
Repeat = Annotated[int, Whole(1, UINT)]
Interval = Annotated[Decimal, seconds("0.000001", "4294.967295")]
ChainPriority = Annotated[int, Whole(-2147483648, 2147483647)]
VmacPrefix = Annotated[str, Text("the beginning of an interface name", r"[A-Za-z0-9_.:-]+", high=11)]
"""15 characters of an interface name, without the dot and the virtual router ID that keepalived appends."""

LINK_LOCAL = 2
"""The scope of an IPv6 multicast address that stays on its link (RFC 4291, 2.7)."""


AnyAddress = TypeVar("AnyAddress", IPv4Address, IPv6Address, IPv4Address | IPv6Address)


def multicast(address: AnyAddress) -> AnyAddress:
    """Answer *address* if it is a multicast address, else raise ValueError."""
    if not address.is_multicast:
        raise expected("a multicast address", address)
    return address


def _link_local_multicast(address: IPv6Address) -> IPv6Address:
    if not address.is_multicast or address.packed[1] & 0x0F != LINK_LOCAL:
        raise expected("a link-local multicast address (ff02::…)", address)
    return address


class DynamicInterfaces(OptionalLine):
    """Interfaces that may come and go."""

    syntax = "[allow_if_changes]"

    allow_if_changes: Annotated[Bool, BARE] = False
    """An interface may also come back as another kind of interface."""


class GarpExtraIf(Line):
    """How often interfaces that only carry addresses send gratuitous ARPs."""

    syntax = "[all] SECONDS"

    all: Annotated[Bool, BARE] = False
    """On every interface of an instance; without it only on VMACs."""
    interval: Annotated[int, Whole(1, 86400, "s"), FIRST]
    """The time between two, in seconds; a third of what a switch remembers is sensible."""


TableName = Annotated[str, Text("the name of an nftables table", r"[\x21-\x7e]+", high=255)]


class NftTable(OptionalLine):
    """An nftables table of keepalived's own."""

    syntax = "[TABLE]"

    table: Annotated[TableName | None, FIRST] = None
    """Its name, which no other table and no other keepalived may use."""


ChainName = Annotated[str, Text("the name of an iptables chain", r"[^\s!#-][^\s!#]*", high=27)]
SetName = Annotated[str, Text("the name of an ipset", r"[^\s]+", high=30)]


class _Names(OptionalLine):
    """Names in a fixed order, of which the last ones may be left out."""

    @model_validator(mode="after")
    def _none_is_skipped(self) -> Self:
        given = [getattr(self, name) is not None for name in type(self).model_fields]
        if given != sorted(given, reverse=True):
            raise ValueError(f"expected {self.syntax}: a name needs those before it")
        return self


class IptablesChains(_Names):
    """The chains that keepalived may fill."""

    syntax = "[IN_CHAIN [OUT_CHAIN]]"

    in_chain: Annotated[ChainName | None, FIRST] = None
    """For packets that come in; `true` alone is INPUT and OUTPUT."""
    out_chain: Annotated[ChainName | None, FIRST] = None
    """For packets that go out."""


class IpSets(_Names):
    """The sets that keepalived may create; it makes up the names that are left out."""

    syntax = "[ADDRESSES [ADDRESSES6 [INTERFACES6 [IGMP [MLD]]]]]"

    address: Annotated[SetName | None, FIRST] = None
    """IPv4 addresses; `true` alone is to use no sets."""
    address6: Annotated[SetName | None, FIRST] = None
    """IPv6 addresses."""
    address_if6: Annotated[SetName | None, FIRST] = None
    """Link-local IPv6 addresses with their interfaces."""
    igmp: Annotated[SetName | None, FIRST] = None
    """Interfaces that send no IGMP."""
    mld: Annotated[SetName | None, FIRST] = None
    """Interfaces that send no MLD."""


class VrrpDefaults(Block):
    """Defaults of all instances, and what they share."""

    dynamic_interfaces: DynamicInterfaces | None = None
    """Accept interfaces that do not exist yet, and wait for them: `true`, or `allow_if_changes`."""
    default_interface: Interface | None = None
    """The interface of static addresses that name none; keepalived's default is eth0."""
    disable_local_igmp: Flag = False
    """Have the kernel send no IGMP for 224.0.0.0/24 at all (its igmp_link_local_mcast_reports)."""
    vrrp_version: Annotated[int, Whole(2, 3)] | None = None
    """The VRRP version of instances that state none; keepalived's default is 2, and 3 for IPv6."""
    vrrp_strict: Flag = False
    """Hold all instances to the RFC: no unicast, no authentication, addresses required, and more."""
    vrrp_mcast_group4: Annotated[Address4, AfterValidator(multicast)] | None = None
    """Where adverts go over IPv4; keepalived's default is 224.0.0.18."""
    vrrp_mcast_group6: Annotated[Address6, AfterValidator(_link_local_multicast)] | None = None
    """Where adverts go over IPv6; keepalived's default is ff02::12."""
    vrrp_startup_delay: Annotated[Decimal, seconds("0.001", "4294.967295")] | None = None
    """How long instances wait after keepalived's start, in seconds: bonds and switches need time."""
    vrrp_check_unicast_src: Flag = False
    """Ignore unicast adverts that do not come from a configured peer."""
    vrrp_skip_check_adv_addr: Flag = False
    """Compare the addresses in an advert only when it comes from another master than the one before."""
    vrrp_lower_prio_no_advert: Switch | None = None
    """A master does not answer an advert of lower priority, as the RFC has it."""
    vrrp_higher_prio_send_advert: Switch | None = None
    """A master sends one more advert when it gives way, so that the other one repeats its gratuitous ARPs."""
    vrrp_down_timer_adverts: Annotated[int, Whole(1, 100)] | None = None
    """How many adverts may be missing before a backup takes over; keepalived's default is 3."""
    log_unknown_vrids: Flag = False
    """Log adverts of virtual router IDs that no instance on that interface has."""
    vrrp_min_garp: Switch | None = None
    """Send one gratuitous ARP per address instead of five and five more; what the next keywords say still counts."""
    vrrp_garp_master_delay: Seconds | None = None
    """When a new master sends its second series of gratuitous ARPs, in seconds; 0 is never; the default is 5."""
    vrrp_garp_master_repeat: Repeat | None = None
    """How many there are in a series; keepalived's default is 5."""
    vrrp_garp_master_refresh: Annotated[int, Whole(0, UINT, "s")] | None = None
    """How often a master repeats them, in seconds; keepalived's default is 0, never."""
    vrrp_garp_master_refresh_repeat: Repeat | None = None
    """How many it sends then; keepalived's default is 1."""
    vrrp_garp_lower_prio_delay: Seconds | None = None
    """When the second series follows on an advert of lower priority; the default is vrrp_garp_master_delay."""
    vrrp_garp_lower_prio_repeat: Annotated[int, Whole(0, 2147483647)] | None = None
    """How many there are in that series; the default is vrrp_garp_master_repeat."""
    vrrp_garp_interval: Interval | None = None
    """The time between two gratuitous ARPs on an interface, in seconds; keepalived's default is 0."""
    vrrp_gna_interval: Interval | None = None
    """The time between two unsolicited neighbour advertisements on an interface, in seconds; the default is 0."""
    vrrp_garp_extra_if: GarpExtraIf | None = None
    """Send gratuitous ARPs regularly on interfaces that carry addresses but no adverts."""
    vmac_prefix: VmacPrefix | None = None
    """The beginning of the names of VMAC interfaces; keepalived's default is vrrp."""
    vmac_addr_prefix: VmacPrefix | None = None
    """The same for VMACs of addresses on other interfaces than the instance's; the default is vmac_prefix."""
    nftables: NftTable | None = None
    """Have nftables do the filtering that no_accept and VMACs need; `true` is the table keepalived."""
    nftables_priority: ChainPriority | None = None
    """The priority of its chains; keepalived's default is -1."""
    nftables_ifindex: Flag = False
    """Name interfaces in it by number."""
    nftables_ipvs: NftTable | None = None
    """Have nftables mark the packets of virtual server groups, so that each is one IPVS service; `true` is keepalived_ipvs."""
    nftables_ipvs_priority: ChainPriority | None = None
    """The priority of its chains; keepalived's default is -1."""
    nftables_ipvs_start_fwmark: Annotated[int, Whole(1, UINT)] | None = None
    """The first firewall mark that it uses; keepalived's default is 1000."""
    nftables_counters: Flag = False
    """Count packets in all these tables."""
    vrrp_iptables: IptablesChains | None = None
    """Have iptables do the filtering instead. Debian's keepalived is built without."""
    vrrp_ipsets: IpSets | None = None
    """Use ipsets with it. Debian's keepalived is built without."""
