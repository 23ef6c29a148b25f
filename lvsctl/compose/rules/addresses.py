"""Rules about virtual addresses: each in one place, and not too many of them. LVS030 to LVS039."""

from collections.abc import Iterator

from lvsctl.compose.rules.effective import IPV6, Address, all_held, bare, vrrp_family
from lvsctl.compose.rules.rule import ERROR, NOTE, WARNING, Broken, Path, of_spec
from lvsctl.spec.paths import dotted
from lvsctl.spec.spec import Spec

MOST = {4: 255, 6: 89}
"""How many addresses an advert lists: one byte counts them, and an IPv6 advert has to fit an MTU of 1500 (vrrp.c)."""


@of_spec(
    "LVS030",
    ERROR,
    "An address in two places",
    reason="`keepalived -t` says nothing, but whichever instance becomes backup first takes the address off the interface while the other one still answers for it.",
    remedy="Keep the address in one instance; a sync group makes instances move together.",
)
def address_twice(spec: Spec) -> Iterator[Broken]:
    """Among all instances of a node, their excluded addresses and `static_ipaddress`."""
    seen: dict[Address, Path] = {}
    for address, path in all_held(spec):
        if address in seen:
            yield Broken(path, f"{address} is also at {dotted(seen[address])}")
        seen.setdefault(address, path)


@of_spec(
    "LVS031",
    ERROR,
    "More addresses than an advert can list",
    reason="keepalived moves the rest to virtual_ipaddress_excluded and calls the file wrong; the nodes then disagree as soon as their MTUs do (RFC 5798, 5.2.5: 255 addresses).",
    remedy="Leave one address in virtual_ipaddress and move the others to virtual_ipaddress_excluded.",
)
def too_many_addresses(spec: Spec) -> Iterator[Broken]:
    """255 for IPv4; for IPv6 the 89 that fit into a packet of 1500 bytes."""
    for name, instance in spec.vrrp_instances.items():
        most = MOST[vrrp_family(instance)]
        if (count := len(instance.virtual_ipaddress)) > most:
            path = ("vrrp_instances", name, "virtual_ipaddress", most)
            yield Broken(path, f"{count} addresses, but an advert lists at most {most}")


@of_spec(
    "LVS032",
    NOTE,
    "The first IPv6 address is not link-local",
    reason="RFC 5798 (5.2.9) has the virtual router's link-local address first, so that hosts can use it as their gateway. keepalived only logs it.",
    remedy="List an fe80:: address first if hosts route through this virtual router; for services alone it does not matter.",
)
def not_link_local(spec: Spec) -> Iterator[Broken]:
    """Unicast instances are exempt."""
    for name, instance in spec.vrrp_instances.items():
        if vrrp_family(instance) != IPV6 or not instance.virtual_ipaddress or instance.unicast_peer:
            continue
        first = bare(instance.virtual_ipaddress[0].address)
        if not first.is_link_local:
            yield Broken(("vrrp_instances", name, "virtual_ipaddress", 0), f"{first} is not link-local")


@of_spec(
    "LVS033",
    WARNING,
    "A virtual address on an interface of nobody",
    reason="An address without dev goes to the instance's interface; an instance without interface has none to give, and keepalived removes the address ('no interface for vip').",
    remedy="Write dev with the interface behind the address.",
)
def address_without_interface(spec: Spec) -> Iterator[Broken]:
    """Only for unicast instances that have no interface."""
    for name, instance in spec.vrrp_instances.items():
        if instance.interface is not None:
            continue
        for field in ("virtual_ipaddress", "virtual_ipaddress_excluded"):
            for index, line in enumerate(getattr(instance, field)):
                if line.dev is None:
                    yield Broken(
                        ("vrrp_instances", name, field, index), f"{line.address} needs dev IFACE here"
                    )
