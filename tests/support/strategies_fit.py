"""What keepalived 2.2.7 refuses although every block by itself is right, and how drawn data avoids it.

Each function is one law about a spec, as keepalived complains of it; operators hear of it from a rule or from
`lvsctl validate`. They take something out of the data, or put in what is missing.
"""

from collections.abc import Callable, Iterator
from typing import Any

Data = dict[str, Any]


def fit(spec: Data) -> None:
    """Mend *spec* in place, by every law."""
    for law in OF_SPEC:
        law(spec)
    for instance in spec.get("vrrp_instances", {}).values():
        for instance_law in OF_INSTANCE:
            instance_law(instance, spec.get("global_defs", {}))
    for service in spec.get("virtual_servers", {}).values():
        for service_law in OF_SERVICE:
            service_law(service, spec)


def drop(block: Data, *keys: str) -> None:
    """Take *keys* out of *block*."""
    for key in keys:
        block.pop(key, None)


def text_of(value: Any, *names: str) -> str:
    """Answer a line's words as far as they matter: its text, or the values of its mapping."""
    return (
        value
        if isinstance(value, str)
        else " ".join(str(each) for key, each in value.items() if not names or key in names)
    )


def is_true(block: Data, key: str) -> bool:
    """Answer whether a truth is set and true."""
    return str(block.get(key, "false")).lower() in ("true", "yes", "on")


# --- instances


def _vrf_stands_for_an_interface(instance: Data, _defs: Data) -> None:
    """Keepalived: Cannot specify VRF interface and interface - ignoring."""
    if "interface" in instance:
        drop(instance, "vrf")


def _unicast_words_need_peers(instance: Data, _defs: Data) -> None:
    """Keepalived: Cannot use unicast_ttl without unicast peers - resetting."""
    if is_true(instance, "unicast"):
        drop(instance, "unicast_peer", "unicast_src_ip")
    if "unicast_peer" not in instance:
        drop(
            instance,
            "unicast_ttl",
            "check_unicast_src",
            "unicast_fault_no_peer",
            "unicast_src_ip",
            "old_unicast_checksum",
        )


def _xmit_base_needs_vmac(instance: Data, _defs: Data) -> None:
    """Keepalived: vmac_xmit_base is only valid with a vmac; unicast with use_vmac requires vmac_xmit_base."""
    if "use_vmac" not in instance:
        drop(instance, "vmac_xmit_base")
    elif "unicast_peer" in instance or is_true(instance, "unicast"):
        instance["vmac_xmit_base"] = "true"
    if "accept" in instance:
        drop(instance, "no_accept")


def _a_vmac_has_its_own_settings(instance: Data, _defs: Data) -> None:
    """Keepalived: promote_secondaries is automatically set for vmacs - ignoring."""
    if not instance.keys().isdisjoint(("use_vmac", "use_ipvlan")):
        drop(instance, "promote_secondaries")


def _version_2_has_whole_seconds(instance: Data, _defs: Data) -> None:
    """Keepalived: VRRPv2 advertisement interval must be an integer. rounding."""
    if "advert_int" in instance:
        instance["advert_int"] = instance["advert_int"].partition(".")[0]
    if int(instance.get("advert_int", "1")) not in range(1, 41):
        drop(instance, "advert_int")


TRACKED = ("track_interface", "track_script", "track_file", "track_process", "track_bfd")


def _tracks_each_once(block: Data, _defs: Data) -> None:
    """Keepalived: duplicate track_script - ignoring; Ignoring track_interface since own interface."""
    for kind in TRACKED:
        tracked = {text_of(each, "interface", "name").split()[0]: each for each in block.pop(kind, ())}
        tracked.pop(block.get("interface", ""), None)
        if tracked:
            block[kind] = list(tracked.values())


def _one_vmac_is_enough(instance: Data, _defs: Data) -> None:
    """Keepalived: use_vmac specified for VIP/eVIP and vrrp instance."""
    for each in (*instance.get("virtual_ipaddress", ()), *instance.get("virtual_ipaddress_excluded", ())):
        if isinstance(each, dict) and not instance.keys().isdisjoint(("use_vmac", "use_vmac_addr")):
            drop(each, "use_vmac")
    if " use_vmac" in str(instance):
        drop(instance, "use_vmac", "use_vmac_addr", "vmac_xmit_base")


def _ipvlan_has_an_address(instance: Data, _defs: Data) -> None:
    """Keepalived: IPv4 ipvlan requires a source ip address to be configured."""
    if isinstance(instance.get("use_ipvlan"), str):
        drop(instance, "use_ipvlan")
    if isinstance(instance.get("use_ipvlan"), dict) and "address" not in instance["use_ipvlan"]:
        drop(instance, "use_ipvlan")


def _strict_mode_is_for_few(instance: Data, defs: Data) -> None:
    """Keepalived: Strict mode requires no lower priority advert; the first IPv6 VIP address must be link local."""
    drop(instance, "strict_mode")
    drop(defs, "vrrp_strict")


def _addresses_are_of_one_family(instance: Data, _defs: Data) -> None:
    """Keepalived: mcast dest address MUST match VRRP instance family. Skipping; address family must match."""
    drop(instance, "mcast_dst_ip")
    if ":" not in text_of(instance["virtual_ipaddress"][0], "address"):
        drop(instance, "native_ipv6")
    if isinstance(instance.get("use_ipvlan"), dict):
        drop(instance, "use_ipvlan")


def _priority_255_owns_the_addresses(instance: Data, _defs: Data) -> None:
    """At priority 255 weights change nothing, and authentication and preemption are not what they say."""
    if instance.get("priority") == "255":
        instance["priority"] = "254"
    if ":" in text_of(instance["virtual_ipaddress"][0], "address") or "version" in instance:
        drop(instance, "authentication")
    if "nopreempt" in instance:
        drop(instance, "preempt_delay")


OF_INSTANCE: tuple[Callable[[Data, Data], None], ...] = (
    _vrf_stands_for_an_interface,
    _unicast_words_need_peers,
    _xmit_base_needs_vmac,
    _tracks_each_once,
    _one_vmac_is_enough,
    _ipvlan_has_an_address,
    _strict_mode_is_for_few,
    _addresses_are_of_one_family,
    _priority_255_owns_the_addresses,
    _a_vmac_has_its_own_settings,
    _version_2_has_whole_seconds,
)

# --- services


def _methods(service: Data) -> Iterator[tuple[Data, str]]:
    """Yield each real server with its forwarding method."""
    default = service.get("lvs_method", "NAT")
    for server in service["real_servers"]:
        yield server, text_of(server.get("lvs_method", default), "method").split()[0]


def _only_nat_changes_ports(service: Data, _spec: Data) -> None:
    """Keepalived: virtual server and real server ports don't match - resetting."""
    for server, method in _methods(service):
        if method != "NAT":
            drop(server, "port")
            if "port" in service:
                server["port"] = service["port"]
    drop(service, "hysteresis")
    if "sorry_server" in service:
        drop(service, "persistence_timeout", "persistence_granularity", "persistence_engine")
        service["sorry_server_lvs_method"] = "NAT"
        if service.get("lvs_sched") in ("dh", "sh", "mh", "twos"):
            service["lvs_sched"] = "wlc"
            drop(
                service,
                "sh-port",
                "sh-fallback",
                "mh-port",
                "mh-fallback",
                "sorry_server_inhibit",
                "inhibit_on_failure",
            )


def _nobody_is_sent_to_weight_0(service: Data, spec: Data) -> None:
    """Keepalived takes it, rules LVS210 and LVS211 do not: hashes and templates would send clients to weight 0."""
    hashes = service.get("lvs_sched") == "dh" or any(
        service.get("lvs_sched") == each and not is_true(service, f"{each}-fallback") for each in ("sh", "mh")
    )
    binds = any(key.startswith("persistence") for key in service)
    if hashes or (binds and "expire_quiescent_template" not in str(spec.get("sysctl", ""))):
        drop(service, "inhibit_on_failure", "maintenance", "sorry_server_inhibit")
        for server in service["real_servers"]:
            drop(server, "inhibit_on_failure")


def _local_backend_is_on_a_node(service: Data, spec: Data) -> None:
    """Keepalived ends at a `sorry_server` without words; the local one is at the address of a node."""
    if "nodes" not in spec and service.get("sorry_server") in ({}, "true", "yes"):
        drop(service, "sorry_server", "sorry_server_inhibit", "sorry_server_lvs_method")


def _a_group_with_addresses_has_their_family(service: Data, spec: Data) -> None:
    """Keepalived: Address family of virtual server and real server don't match - skipping real server."""
    entries = spec.get("virtual_server_groups", {}).get(service.get("group"), ())
    if any("fwmark" not in text_of(entry) and "fwmark" not in entry for entry in entries):
        drop(service, "ip_family")


CONNECTING = frozenset(("TCP_CHECK", "SMTP_CHECK", "DNS_CHECK", "UDP_CHECK", "HTTP_GET", "SSL_GET"))


def _checks_know_their_port(service: Data, _spec: Data) -> None:
    """A check of a server without a port of its own would connect to port 0."""
    for block in (service, *service["real_servers"]):
        for check in block.get("checks", ()):
            for kind in check.keys() & CONNECTING:
                check[kind] = {"connect_port": "80"} | (check[kind] or {})


OF_SERVICE: tuple[Callable[[Data, Data], None], ...] = (
    _only_nat_changes_ports,
    _nobody_is_sent_to_weight_0,
    _local_backend_is_on_a_node,
    _a_group_with_addresses_has_their_family,
    _checks_know_their_port,
)

# --- the whole


def _scripts_need_security(spec: Data) -> None:
    """Keepalived: SECURITY VIOLATION - scripts are being executed but script_security not enabled."""
    spec.setdefault("global_defs", {})["enable_script_security"] = "true"


def _groups_have_several_members(spec: Data) -> None:
    """Keepalived: Sync group has only 1 virtual router(s); already in another group."""
    free = list(spec.get("vrrp_instances", {}))
    for name, group in list(spec.get("vrrp_sync_groups", {}).items()):
        members = [member for member in group["group"] if member in free]
        if len(members) < 2:
            members = free[:2]
        if len(members) < 2:
            del spec["vrrp_sync_groups"][name]
            continue
        group["group"] = members
        _tracks_each_once(group, {})
        drop(group, "track_interface")
        group["sync_group_tracking_weight"] = "true"
        free = [each for each in free if each not in members]


def _unicast_follows_from_nodes(spec: Data) -> None:
    """Without nodes there are no addresses that `unicast: true` could take."""
    for instance in spec.get("vrrp_instances", {}).values():
        if "nodes" not in spec:
            drop(instance, "unicast")


def _sessions_tell_everybody(spec: Data) -> None:
    """A BFD session that tells one process only is not there for the other."""
    for session in spec.get("bfd_instances", {}).values():
        drop(session, "vrrp", "checker")


OF_SPEC: tuple[Callable[[Data], None], ...] = (
    _scripts_need_security,
    _groups_have_several_members,
    _unicast_follows_from_nodes,
    _sessions_tell_everybody,
)
