"""One virtual router: its addresses, who else runs it, and what it watches (keepalived.conf(5), "VRRP instance(s)").

Types and ranges are those of keepalived 2.2.7 (vrrp_parser.c). What only makes sense together with other
keywords, other instances or the other node is left to the rules.
"""

from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, ClassVar

from lvsctl.spec.addresses import AddressLine
from lvsctl.spec.authentication import Authentication
from lvsctl.spec.base import Extensible
from lvsctl.spec.forms import BODY, OWN
from lvsctl.spec.ip_rules import RuleLine
from lvsctl.spec.iproute2 import MAX_32, MAX_INT, family
from lvsctl.spec.routes import RouteLine
from lvsctl.spec.script import Script
from lvsctl.spec.tracking import (
    TrackBfd,
    TrackedFile,
    TrackInterface,
    TrackProcess,
    TrackScript,
    Ttl,
    UnicastPeer,
)
from lvsctl.spec.values import Address, Bool, Flag, Interface, Parsed, Switch, Whole, expected, seconds
from lvsctl.spec.vrrp_options import DeletedScript, ExtraGarp, OldChecksum, UseIpvlan, UseVmac

MAX_SECONDS = MAX_32 // 1_000_000
"""What fits into keepalived's 32 bits of microseconds."""

GarpDelay = Annotated[int, Whole(0, MAX_SECONDS, "s")]
GarpCount = Annotated[int, Whole(1, MAX_32)]

LINK_LOCAL = 2
"""The scope of an IPv6 multicast group that stays on its link (RFC 4291, 2.7)."""


class _Group(Parsed):
    """A multicast group; for IPv6 one that stays on the link."""

    def parse(self, value: object) -> IPv4Address | IPv6Address:
        if isinstance(value, (str, IPv4Address, IPv6Address)) and "%" not in str(value):
            try:
                address = ip_address(value)
            except ValueError:
                address = None
            if address and _stays_on_its_link(address):
                return address
        raise expected("a multicast address (224.0.0.0/4, or ff02::/16 for IPv6)", value)


def _stays_on_its_link(group: IPv4Address | IPv6Address) -> bool:
    scope = group.packed[1] & 15 if isinstance(group, IPv6Address) else LINK_LOCAL
    return group.is_multicast and scope == LINK_LOCAL


class VrrpInstance(Extensible):
    """A virtual router: addresses that exactly one of its nodes has. It always starts as BACKUP."""

    always: ClassVar[tuple[tuple[str, ...], ...]] = (("state", "BACKUP"),)

    unicast: Annotated[Bool, OWN] = False
    """Talk to the other nodes directly: `unicast_src_ip` and `unicast_peer` follow from `nodes`."""

    interface: Interface | None = None
    """The interface for advertisements, and for addresses without `dev`."""
    vrf: Interface | None = None
    """The VRF for unicast advertisements, instead of an interface."""
    virtual_router_id: Annotated[int, Whole(1, 255)]
    """Tells virtual routers on the same network apart; the same on all nodes."""
    priority: Annotated[int, Whole(1, 255)] | None = None
    """Who becomes master: the highest. Without it, the one of the node applies; 255 claims to own the addresses."""
    version: Annotated[int, Whole(2, 3)] | None = None
    """The version of VRRP; the default is that of `global_defs`, or 2, and 3 for IPv6."""
    native_ipv6: Flag = False
    """It is for IPv6, when no address says so."""
    advert_int: Annotated[Decimal, seconds("0.01", "255")] | None = None
    """Time between advertisements; keepalived's default is 1. Whole seconds in version 2, up to 40.95 in version 3."""
    authentication: Authentication | None = None
    """The password of VRRPv2 advertisements."""

    use_vmac: UseVmac | None = None
    """Put the addresses on a macvlan interface with the virtual MAC address; `true` for all defaults."""
    use_vmac_addr: Flag = False
    """Do the same for addresses on other interfaces than the instance's own."""
    vmac_xmit_base: Flag = False
    """Send and receive advertisements on the underlying interface, not on the one with the virtual MAC address."""
    use_ipvlan: UseIpvlan | None = None
    """Put the addresses on an ipvlan interface."""

    mcast_src_ip: Address | None = None
    """The address advertisements come from; the default is the first of the interface."""
    mcast_dst_ip: Annotated[IPv4Address | IPv6Address, _Group()] | None = None
    """The multicast group advertisements go to, if not the one of VRRP."""
    unicast_src_ip: Address | None = None
    """The address unicast advertisements come from."""
    unicast_peer: Annotated[tuple[UnicastPeer, ...], BODY] = ()
    """The other nodes, each with its address; advertisements go to them instead of a multicast group."""
    unicast_ttl: Ttl | None = None
    """The TTL of unicast advertisements; keepalived's default is 255."""
    check_unicast_src: Flag = False
    """Take unicast advertisements only from the peers."""
    unicast_fault_no_peer: Flag = False
    """Without any peer go into the FAULT state, rather than back to multicast."""
    old_unicast_checksum: OldChecksum | None = None
    """Work with peers that run keepalived 1.3.6 or older; `never` to rule it out."""
    track_src_ip: Flag = False
    """Go into the FAULT state when the source address is removed from the interface."""

    track_interface: Annotated[tuple[TrackInterface, ...], BODY] = ()
    """Further interfaces that have to be up."""
    track_script: Annotated[tuple[TrackScript, ...], BODY] = ()
    """Scripts that have to succeed."""
    track_file: Annotated[tuple[TrackedFile, ...], BODY] = ()
    """Files whose number decides."""
    track_process: Annotated[tuple[TrackProcess, ...], BODY] = ()
    """Processes that have to run."""
    track_bfd: Annotated[tuple[TrackBfd, ...], BODY] = ()
    """BFD sessions that have to be up."""
    dont_track_primary: Flag = False
    """The state of `interface` itself does not matter; for a crossover cable that goes down with the other node."""

    virtual_ipaddress: Annotated[tuple[AddressLine, ...], BODY] = ()
    """The addresses that the master has. Advertisements list them; all are IPv4 or all IPv6."""
    virtual_ipaddress_excluded: Annotated[tuple[AddressLine, ...], BODY] = ()
    """More addresses that the master has, but advertisements do not list: of either family, and many."""
    promote_secondaries: Flag = False
    """When the first address of a network goes, the kernel keeps the others."""
    virtual_routes: Annotated[tuple[RouteLine, ...], BODY] = ()
    """Routes that the master has."""
    virtual_rules: Annotated[tuple[RuleLine, ...], BODY] = ()
    """Policy rules that the master has."""
    accept: Flag = False
    """The master answers packets to the addresses; the default, except in strict mode."""
    no_accept: Flag = False
    """The master drops packets to the addresses, as RFC 5798 has it for a router that does not own them."""

    nopreempt: Flag = False
    """A master with a lower priority stays master when this node comes back."""
    preempt_delay: Annotated[Decimal, seconds("0", "1000")] | None = None
    """How much longer than usual a node waits before it takes over from a master with a lower priority."""
    down_timer_adverts: Annotated[int, Whole(1, 100)] | None = None
    """After how many missing advertisements the master counts as down; keepalived's default is 3. The same on all nodes."""
    lower_prio_no_advert: Switch | None = None
    """Whether the master ignores an advertisement with a lower priority, instead of answering it at once."""
    higher_prio_send_advert: Switch | None = None
    """Whether the master sends a last advertisement when it yields to a higher priority."""
    skip_check_adv_addr: Flag = False
    """Compare the addresses in advertisements only when they come from another router than the last one."""
    strict_mode: Switch | None = None
    """Whether to follow the VRRP RFCs to the letter; the default is `vrrp_strict` of `global_defs`."""
    kernel_rx_buf_size: Annotated[int, Whole(0, MAX_32, "bytes")] | None = None
    """The receive buffer of its socket."""

    garp_master_delay: GarpDelay | None = None
    """How long after it became master it sends gratuitous ARPs a second time; keepalived's default is 5."""
    garp_master_repeat: GarpCount | None = None
    """How many gratuitous ARPs at a time; keepalived's default is 5."""
    garp_master_refresh: Annotated[int, Whole(0, MAX_32, "s")] | None = None
    """Time between gratuitous ARPs of a master; 0, keepalived's default, is never."""
    garp_master_refresh_repeat: GarpCount | None = None
    """How many of those at a time; keepalived's default is 1."""
    garp_lower_prio_delay: GarpDelay | None = None
    """How long after an advertisement with a lower priority it sends gratuitous ARPs a second time."""
    garp_lower_prio_repeat: Annotated[int, Whole(0, MAX_INT)] | None = None
    """How many gratuitous ARPs answer an advertisement with a lower priority."""
    garp_extra_if: ExtraGarp | None = None
    """How often further interfaces with addresses send gratuitous ARPs, so that switches remember where they are."""

    notify_master: Script | None = None
    """Runs when it becomes master."""
    notify_backup: Script | None = None
    """Runs when it becomes backup."""
    notify_fault: Script | None = None
    """Runs when it fails."""
    notify_stop: Script | None = None
    """Runs when keepalived stops; it has one second."""
    notify_deleted: DeletedScript | None = None
    """Runs when a reload removes it; `true` only reports DELETED to `notify` and the FIFOs, instead of FAULT."""
    notify_master_rx_lower_pri: Script | None = None
    """Runs when the master hears one with a lower priority: two were masters for a moment."""
    notify: Script | None = None
    """Runs on every transition, with `INSTANCE`, the name, the state and the priority as further arguments."""
    notify_priority_changes: Switch | None = None
    """Whether changes of the priority are reported too; the default is that of `global_defs`."""
    smtp_alert: Switch | None = None
    """Whether transitions are sent by e-mail; the default is that of `global_defs`."""
    debug: Annotated[int, Whole(0, 4)] | None = None
    """How much is logged, in builds of keepalived that can."""

    @property
    def family(self) -> int | None:
        """4 or 6, by the first of its addresses in the order in which keepalived decides; None when nothing tells."""
        sources = (self.mcast_src_ip, self.mcast_dst_ip, self.unicast_src_ip)
        ipvlan = self.use_ipvlan.address if self.use_ipvlan else None
        told = (ipvlan, *sources, *(peer.address for peer in self.unicast_peer[:1]))
        addresses = (*told, *(vip.address for vip in self.virtual_ipaddress[:1]))
        return 6 if self.native_ipv6 else next((family(each) for each in addresses if each is not None), None)
