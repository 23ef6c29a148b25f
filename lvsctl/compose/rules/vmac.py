"""Rules about macvlan and ipvlan interfaces that keepalived makes for an instance. LVS024 to LVS029."""

from collections.abc import Iterator

from lvsctl.compose.rules.effective import IPV6, LIST_FIELDS, vrrp_family
from lvsctl.compose.rules.rule import ERROR, WARNING, Broken, of_spec
from lvsctl.spec.addresses import AddressLine
from lvsctl.spec.iproute2 import family
from lvsctl.spec.spec import Spec
from lvsctl.spec.vrrp_instance import VrrpInstance

UNICAST_WORDS = (
    "unicast_src_ip",
    "unicast_peer",
    "check_unicast_src",
    "unicast_fault_no_peer",
    "old_unicast_checksum",
)
"""Keywords that set VRRP_FLAG_UNICAST_CONFIGURED in 2.2.7 (vrrp_parser.c), whether there are peers or not."""


@of_spec(
    "LVS024",
    WARNING,
    "use_vmac on an instance and on its address",
    reason="The instance's word puts the address on a VMAC already: keepalived ignores the address's own and calls the file wrong (vrrp.c), so no check can tell it from a broken one.",
    remedy="Remove use_vmac from the address. On an instance use_vmac is for addresses on its interface, use_vmac_addr for those elsewhere or of the other family.",
)
def vmac_twice(spec: Spec) -> Iterator[Broken]:
    """Excluded addresses, too; an address that the instance's word does not reach may have its own."""
    for name, instance in spec.vrrp_instances.items():
        for field in LIST_FIELDS:
            for index, line in enumerate(getattr(instance, field)):
                word = _reaches(instance, line)
                if line.use_vmac and getattr(instance, word):
                    yield Broken(
                        ("vrrp_instances", name, field, index),
                        f"{word} of {name} puts {line.address} on a VMAC already: leave use_vmac out here",
                    )


def _reaches(instance: VrrpInstance, line: AddressLine) -> str:
    """Answer the keyword of *instance* that decides about the address of *line*."""
    at_home = line.dev in (None, instance.interface) and family(line.address) == vrrp_family(instance)
    return "use_vmac" if at_home else "use_vmac_addr"


@of_spec(
    "LVS025",
    WARNING,
    "Unicast on a VMAC without vmac_xmit_base",
    reason="Unicast adverts cannot go out on a VMAC: keepalived sets vmac_xmit_base itself and calls the file wrong (vrrp_parser.c), so no check can tell it from a broken one.",
    remedy="Write vmac_xmit_base: true. With use_ipvlan 2.2.7 calls the file wrong either way: use multicast there, or no ipvlan.",
)
def unicast_on_vmac(spec: Spec) -> Iterator[Broken]:
    """`unicast: true` and everything else that makes an instance unicast in keepalived's eyes, with peers or without."""
    for name, instance in spec.vrrp_instances.items():
        if instance.vmac_xmit_base or not _is_unicast(instance):
            continue
        if instance.use_ipvlan:
            said = "keepalived 2.2.7 calls unicast with use_ipvlan wrong, with vmac_xmit_base and without"
            yield Broken(("vrrp_instances", name, "use_ipvlan"), said)
        elif instance.use_vmac:
            said = "unicast with use_vmac goes out on the base interface: write vmac_xmit_base: true"
            yield Broken(("vrrp_instances", name, "use_vmac"), said)


def _is_unicast(instance: VrrpInstance) -> bool:
    """Answer whether keepalived takes *instance* for unicast; each of these keywords is enough."""
    return instance.unicast or any(getattr(instance, word) for word in UNICAST_WORDS)


@of_spec(
    "LVS026",
    ERROR,
    "vmac_xmit_base without a VMAC",
    reason="Adverts leave by the base interface of a VMAC, and there is none: keepalived drops the keyword and calls the file wrong (vrrp.c). An ipvlan is not a VMAC.",
    remedy="Remove vmac_xmit_base, or write use_vmac: true.",
)
def base_without_vmac(spec: Spec) -> Iterator[Broken]:
    """Only the instance's own use_vmac counts, not that of an address."""
    for name, instance in spec.vrrp_instances.items():
        if instance.vmac_xmit_base and not instance.use_vmac:
            other = "use_ipvlan makes no VMAC" if instance.use_ipvlan else "there is no use_vmac"
            yield Broken(
                ("vrrp_instances", name, "vmac_xmit_base"), f"{other}: keepalived drops vmac_xmit_base"
            )


@of_spec(
    "LVS027",
    ERROR,
    "An IPv4 ipvlan without an address",
    reason="An ipvlan shares the MAC address of its base, so the kernel tells them apart by address: without one keepalived puts the instance into FAULT for good (vrrp.c).",
    remedy="Write the address after use_ipvlan, with its length: use_ipvlan: 10.0.0.13/24, another on each node.",
)
def ipvlan_without_address(spec: Spec) -> Iterator[Broken]:
    """An IPv6 one can do without."""
    for name, instance in spec.vrrp_instances.items():
        made = instance.use_ipvlan
        if made is not None and made.address is None and vrrp_family(instance) != IPV6:
            said = "an IPv4 ipvlan needs an address: without one the instance stays in FAULT"
            yield Broken(("vrrp_instances", name, "use_ipvlan"), said)


@of_spec(
    "LVS028",
    WARNING,
    "promote_secondaries on a VMAC",
    reason="keepalived sets it on the interfaces that it makes: it ignores the keyword and calls the file wrong (vrrp.c), so no check can tell it from a broken one.",
    remedy="Remove promote_secondaries.",
)
def promoted_anyway(spec: Spec) -> Iterator[Broken]:
    """`use_vmac` and `use_ipvlan`; `use_vmac_addr` leaves the instance on its own interface."""
    for name, instance in spec.vrrp_instances.items():
        word = "use_vmac" if instance.use_vmac else "use_ipvlan" if instance.use_ipvlan else None
        if word and instance.promote_secondaries:
            yield Broken(
                ("vrrp_instances", name, "promote_secondaries"), f"{word} sets it anyway: leave it out"
            )
