"""Rules about one VRRP instance by itself: what keepalived drops or bends when it starts. LVS010 to LVS023."""

from collections.abc import Iterator
from decimal import Decimal

from lvsctl.compose.rules.effective import IPV6, OWNER, is_strict, version_of, vrrp_family
from lvsctl.compose.rules.rule import ERROR, WARNING, Broken, Path, of_spec
from lvsctl.keepalived.grammar import version
from lvsctl.spec.iproute2 import family
from lvsctl.spec.spec import Spec
from lvsctl.spec.vrrp_instance import VrrpInstance

WANTS_INTERFACE = (2, 2, 7)
"""The release that was seen to drop every instance without an interface."""
V3_LONGEST = Decimal("40.95")
CENTISECOND = Decimal("0.01")

Named = tuple[str, VrrpInstance]


def at(name: str, field: str = "") -> Path:
    """Answer the path of an instance, or of one of its fields."""
    return ("vrrp_instances", name, field) if field else ("vrrp_instances", name)


@of_spec(
    "LVS010",
    ERROR,
    "One virtual_router_id twice on an interface",
    reason="Adverts are told apart by VRID alone (RFC 5798, 5.2.3): two instances would take each other's adverts for their own. keepalived 2.2.7 disables the second one (vrrp.c).",
    remedy="Give each instance on an interface its own virtual_router_id; IPv4 and IPv6 may share one.",
)
def duplicate_vrid(spec: Spec) -> Iterator[Broken]:
    """Same interface, family, VRID and multicast group; for unicast, a common peer."""
    alike: dict[tuple[object, ...], list[Named]] = {}
    for name, instance in spec.vrrp_instances.items():
        key = (instance.virtual_router_id, instance.interface, vrrp_family(instance), instance.mcast_dst_ip)
        alike.setdefault(key, []).append((name, instance))
    used = {instance.virtual_router_id for instance in spec.vrrp_instances.values()}
    for same in alike.values():
        for place, (name, instance) in enumerate(same):
            first = next((each for each in same[:place] if _collide(each[1], instance)), None)
            if first is not None:
                where = instance.interface or "the same address"
                said = f"{instance.virtual_router_id} is the VRID of {first[0]}, too, on {where}"
                free = _next_free(instance.virtual_router_id, used)
                yield Broken(at(name, "virtual_router_id"), f"{said}: {free}")


def _collide(one: VrrpInstance, other: VrrpInstance) -> bool:
    if not one.unicast_peer and not other.unicast_peer:
        return True
    peers = {peer.address for peer in one.unicast_peer} & {peer.address for peer in other.unicast_peer}
    return bool(peers) and one.unicast_src_ip == other.unicast_src_ip


def _next_free(taken: int, used: set[int]) -> str:
    free = next((vrid for vrid in range(taken + 1, 256) if vrid not in used), None)
    return f"write another, such as {free}" if free else "write another"


@of_spec(
    "LVS011",
    ERROR,
    "An instance without an interface",
    reason="keepalived 2.2.7 drops the instance with 'Unknown interface!', and its addresses are nowhere: unlike its manual, also a unicast instance with unicast_src_ip (vrrp.c, chk_min_cfg).",
    remedy="Write interface: with the name of the interface that adverts go out on.",
)
def no_interface(spec: Spec) -> Iterator[Broken]:
    """Only for a target after 2.2.7 a unicast instance with `unicast_src_ip` can do without."""
    for name, instance in spec.vrrp_instances.items():
        has_source = (
            instance.unicast_peer
            and instance.unicast_src_ip
            and version(spec.target_version) > WANTS_INTERFACE
        )
        if instance.interface is None and not has_source:
            yield Broken(
                at(name), "there is no interface: write interface: eth0, or whichever adverts go out on"
            )


@of_spec(
    "LVS012",
    ERROR,
    "An instance that cannot be without addresses",
    reason="An advert of VRRPv3 has to list an address (RFC 5798, 5.2.5): keepalived 2.2.7 drops the instance ('at least one is required', vrrp.c). So it does for IPv6 and in strict mode.",
    remedy="Write the address under virtual_ipaddress; others may stay in virtual_ipaddress_excluded.",
)
def no_address_v3(spec: Spec) -> Iterator[Broken]:
    """Excluded addresses do not count: adverts do not list them."""
    for name, instance in spec.vrrp_instances.items():
        if not instance.virtual_ipaddress and _needs_address(instance, spec):
            yield Broken(
                at(name),
                "virtual_ipaddress is empty: keepalived drops a VRRPv3, IPv6 or strict instance without",
            )


@of_spec(
    "LVS013",
    WARNING,
    "An instance without addresses",
    reason="keepalived 2.2.7 runs it, but `keepalived -t` calls the file wrong ('at least one is sensible', keepalived issue 2121), so no check can tell it from a broken one.",
    remedy="Write the address under virtual_ipaddress. Where a provider moves it, list it with preferred_lft 0.",
)
def no_address(spec: Spec) -> Iterator[Broken]:
    """From 2.2.8 on, `no_virtual_ipaddress` says that it is meant."""
    for name, instance in spec.vrrp_instances.items():
        meant = "no_virtual_ipaddress" in instance.extra
        if not instance.virtual_ipaddress and not meant and not _needs_address(instance, spec):
            yield Broken(at(name), "virtual_ipaddress is empty: nothing moves with the master")


def _needs_address(instance: VrrpInstance, spec: Spec) -> bool:
    if vrrp_family(instance) == IPV6 or is_strict(instance, spec):
        return True
    return version_of(instance, spec) == 3  # noqa: PLR2004 - VRRP versions are their own names


@of_spec(
    "LVS014",
    ERROR,
    "advert_int does not fit the version of VRRP",
    reason="VRRPv2 carries whole seconds, VRRPv3 hundredths up to 40.95 (RFC 3768, 5.3.7; RFC 5798, 5.2.7); keepalived rounds or cuts, so the nodes run with another time than the spec says.",
    remedy="Write a value that fits, or version: 3 for times below a second.",
)
def advert_int_fits(spec: Spec) -> Iterator[Broken]:
    """The version is the instance's, else that of `global_defs`, else 2 for IPv4 and 3 for IPv6."""
    for name, instance in spec.vrrp_instances.items():
        interval = instance.advert_int
        if interval is None:
            continue
        spoken = version_of(instance, spec)
        if spoken == 2 and interval % 1:  # noqa: PLR2004 - VRRP versions are their own names
            yield Broken(
                at(name, "advert_int"),
                f"VRRPv2 has whole seconds only, not {interval}: write 1, or version: 3",
            )
        if spoken == 3 and (interval > V3_LONGEST or interval % CENTISECOND):  # noqa: PLR2004 - VRRP's own version number
            yield Broken(
                at(name, "advert_int"), f"VRRPv3 has hundredths of seconds up to {V3_LONGEST}, not {interval}"
            )


@of_spec(
    "LVS015",
    ERROR,
    "Authentication that is not used",
    reason="VRRPv3 has no authentication (RFC 5798, 9), strict mode forbids it, AH is for IPv4 only: keepalived drops it with a message, and whoever relies on it is not protected.",
    remedy="Remove authentication, or use version: 2. What protects adverts is a network of their own or unicast with a firewall.",
)
def unused_authentication(spec: Spec) -> Iterator[Broken]:
    """The password is never sent then, so nothing tells on the wire either."""
    for name, instance in spec.vrrp_instances.items():
        if instance.authentication is not None and (why := _why_unused(instance, spec)):
            yield Broken(at(name, "authentication"), f"{why}: keepalived ignores it")


def _why_unused(instance: VrrpInstance, spec: Spec) -> str | None:
    if is_strict(instance, spec):
        return "strict mode knows no authentication"
    if version_of(instance, spec) == 3:  # noqa: PLR2004 - VRRP versions are their own names
        return "VRRPv3 knows no authentication"
    if (
        vrrp_family(instance) == IPV6
        and instance.authentication
        and instance.authentication.auth_type == "AH"
    ):
        return "AH is for IPv4"
    return None


@of_spec(
    "LVS016",
    ERROR,
    "What strict mode forbids",
    reason="Strict mode knows no unicast (releases that look, as 2.2.7 does not, drop the instance), and resets preempt_delay, down_timer_adverts and the rest of what the RFC does not know (vrrp.c).",
    remedy="Leave strict_mode and vrrp_strict out, or leave out what they forbid.",
)
def strict_conflicts(spec: Spec) -> Iterator[Broken]:
    """Strict mode also drops packets to the addresses unless the node owns them (priority 255): services go dark."""
    for name, instance in spec.vrrp_instances.items():
        if not is_strict(instance, spec):
            continue
        if instance.unicast_peer or instance.unicast:
            yield Broken(
                at(name), "strict mode knows no unicast, and a keepalived that looks drops the instance"
            )
        for field in (
            "preempt_delay",
            "down_timer_adverts",
            "garp_lower_prio_repeat",
            "garp_lower_prio_delay",
            "vmac_xmit_base",
        ):
            if getattr(instance, field):
                yield Broken(at(name, field), f"strict mode resets {field}")
        if spec.virtual_servers and instance.priority != OWNER and (why := _drops_packets(instance, spec)):
            yield Broken(
                at(name), f"strict mode drops packets to the addresses, so services answer nobody: {why}"
            )


def _drops_packets(instance: VrrpInstance, spec: Spec) -> str | None:
    if version_of(instance, spec) == 2:  # noqa: PLR2004 - VRRP versions are their own names
        return "write strict_mode: off, as VRRPv2 then has no accept"
    return None if instance.accept else "write accept: true"


@of_spec(
    "LVS017",
    ERROR,
    "preempt_delay with nopreempt",
    reason="An instance that never preempts has nothing to delay: keepalived resets preempt_delay and calls the file wrong (vrrp.c).",
    remedy="Keep one: nopreempt leaves the master where it is, preempt_delay moves it back after a while.",
)
def delay_without_preemption(spec: Spec) -> Iterator[Broken]:
    """Which one is right depends on whether the node with the higher priority is better."""
    for name, instance in spec.vrrp_instances.items():
        if instance.nopreempt and instance.preempt_delay:
            yield Broken(
                at(name, "preempt_delay"),
                f"nopreempt is set, so preempt_delay {instance.preempt_delay} does nothing",
            )


@of_spec(
    "LVS018",
    ERROR,
    "nopreempt with priority 255",
    reason="255 says that the node owns the addresses, and an owner always takes over (RFC 5798, 6.4.3): keepalived resets nopreempt, and the master moves when the node comes back.",
    remedy="Use a priority up to 254.",
)
def owner_without_preemption(spec: Spec) -> Iterator[Broken]:
    """The priority may come from `nodes`."""
    for name, instance in spec.vrrp_instances.items():
        if instance.nopreempt and instance.priority == OWNER:
            yield Broken(at(name, "nopreempt"), "priority 255 always preempts: use a priority up to 254")


@of_spec(
    "LVS019",
    ERROR,
    "Unicast keywords without peers",
    reason="Without unicast_peer keepalived falls back to multicast and calls the file wrong; in a cloud that drops multicast both nodes become master.",
    remedy="Write unicast: true, which takes source and peers from nodes, or list unicast_peer.",
)
def unicast_without_peers(spec: Spec) -> Iterator[Broken]:
    """`unicast: true` that cannot be expanded is LVS088."""
    for name, instance in spec.vrrp_instances.items():
        if instance.unicast_peer or instance.unicast:
            continue
        for field in ("unicast_src_ip", "unicast_ttl", "check_unicast_src", "old_unicast_checksum"):
            if getattr(instance, field):
                yield Broken(at(name, field), f"{field} without unicast_peer: keepalived uses multicast")


@of_spec(
    "LVS020",
    ERROR,
    "Multicast or a VRF where it cannot be",
    reason="keepalived ignores mcast_dst_ip for unicast instances, and clears vrf unless the instance is unicast and has no interface (vrrp.c).",
    remedy="Remove the keyword, or the one that it contradicts.",
)
def misplaced_network(spec: Spec) -> Iterator[Broken]:
    """Both are silently without effect on the wire."""
    for name, instance in spec.vrrp_instances.items():
        if instance.mcast_dst_ip is not None and instance.unicast_peer:
            yield Broken(at(name, "mcast_dst_ip"), "the instance is unicast: keepalived ignores mcast_dst_ip")
        if instance.vrf is not None and (instance.interface is not None or not instance.unicast_peer):
            yield Broken(
                at(name, "vrf"), "vrf is for unicast instances without interface: keepalived clears it"
            )


@of_spec(
    "LVS021",
    ERROR,
    "Addresses of two families in an instance",
    reason="An instance is IPv4 or IPv6 by its first address; keepalived ignores source addresses, multicast groups and peers of the other family, and virtual addresses too.",
    remedy="Make one instance per family, or move the others to virtual_ipaddress_excluded.",
)
def mixed_families(spec: Spec) -> Iterator[Broken]:
    """`virtual_ipaddress_excluded` may hold addresses of both."""
    for name, instance in spec.vrrp_instances.items():
        number = vrrp_family(instance)
        for path, written in _addressed(name, instance):
            if family(written) != number:
                yield Broken(
                    path, f"{written} is not IPv{number}, as this instance is: keepalived ignores it"
                )


def _addressed(name: str, instance: VrrpInstance) -> Iterator[tuple[Path, str]]:
    for field in ("mcast_src_ip", "mcast_dst_ip", "unicast_src_ip"):
        if (address := getattr(instance, field)) is not None:
            yield at(name, field), str(address)
    if instance.use_ipvlan is not None and instance.use_ipvlan.address is not None:
        yield at(name, "use_ipvlan"), instance.use_ipvlan.address
    for index, peer in enumerate(instance.unicast_peer):
        yield (*at(name, "unicast_peer"), index), str(peer.address)
    for index, line in enumerate(instance.virtual_ipaddress):
        yield (*at(name, "virtual_ipaddress"), index), line.address


@of_spec(
    "LVS022",
    ERROR,
    "accept and no_accept",
    reason="One of them wins, the last that keepalived reads; the other says the opposite to whoever reads the spec.",
    remedy="Keep one of them.",
)
def accepts_and_not(spec: Spec) -> Iterator[Broken]:
    """Without either, addresses are answered, except in strict mode."""
    for name, instance in spec.vrrp_instances.items():
        if instance.accept and instance.no_accept:
            yield Broken(at(name, "no_accept"), "accept is set, too: keep one of them")


@of_spec(
    "LVS023",
    ERROR,
    "no_accept in front of services",
    reason="With no_accept the master's firewall drops packets to the virtual addresses before IPVS sees them: every service on them times out.",
    remedy="Remove no_accept from instances whose addresses carry virtual servers.",
)
def services_not_accepted(spec: Spec) -> Iterator[Broken]:
    """IPVS takes packets behind the input chain, where keepalived's drop rule is."""
    served = {service.address for service in spec.virtual_servers.values()}
    for name, instance in spec.vrrp_instances.items():
        own = {line.address.partition("/")[0] for line in instance.virtual_ipaddress}
        if instance.no_accept and (hit := own & {str(address) for address in served}):
            yield Broken(at(name, "no_accept"), f"services on {', '.join(sorted(hit))} would answer nobody")
