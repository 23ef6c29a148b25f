from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lvsctl.keepalived.config import Statement
from lvsctl.spec.authentication import Authentication, SecretFile
from lvsctl.spec.base import Line
from lvsctl.spec.forms import Form
from lvsctl.spec.layout import fields
from lvsctl.spec.sync_group import VrrpSyncGroup
from lvsctl.spec.synonyms import DECIDED, instead_of
from lvsctl.spec.tracking import TrackBfd, TrackedFile, TrackInterface, TrackProcess, TrackScript, UnicastPeer
from lvsctl.spec.vrrp_instance import VrrpInstance
from tests.support.conf_probe import complaints, require_keepalived
from tests.support.model_probe import (
    edges,
    fields_without_keyword,
    keywords_without_field,
    replaced,
    written,
)

TRACKED = (
    Statement(("global_defs",), (Statement(("script_user", "root")), Statement(("enable_script_security",)))),
    Statement(("vrrp_script", "s"), (Statement(("script", "/usr/bin/true")),)),
    Statement(("track_file", "f"), (Statement(("file", "/tmp/f")),)),
    Statement(("vrrp_track_process", "p"), (Statement(("process", "init")),)),
    Statement(("bfd_instance", "b"), (Statement(("neighbor_ip", "192.0.2.9")),)),
)
BASE = {"virtual_router_id": "51", "priority": "100", "interface": "eth0", "virtual_ipaddress": ["192.0.2.1"]}
TRACKS = {
    "track_interface": ["eth1 weight -253 reverse"],
    "track_script": ["s weight 253 noreverse"],
    "track_file": ["f weight 254"],
    "track_process": ["p weight -254 reverse"],
    "track_bfd": ["b weight 1"],
}
NOTIFIES = dict.fromkeys(
    ("notify_master", "notify_backup", "notify_fault", "notify_stop", "notify"), "/usr/bin/true 'a b'"
)
SWITCHES = {"smtp_alert": "no", "notify_priority_changes": "on"}

COMMON = {
    **TRACKS,
    **NOTIFIES,
    **SWITCHES,
    "notify_deleted": "/usr/bin/true",
    "notify_master_rx_lower_pri": "/usr/bin/true",
    "version": "2",
    "advert_int": "1",
    "authentication": {"auth_type": "PASS", "auth_pass": "secret"},
    "track_src_ip": "true",
    "dont_track_primary": "true",
    "virtual_ipaddress_excluded": ["2001:db8::1/64 dev eth1"],
    "virtual_routes": ["198.51.100.0/24 via 192.0.2.254 dev eth0"],
    "virtual_rules": ["from 192.0.2.0/24 table 7 priority 7"],
    "accept": "true",
    "preempt_delay": "2.5",
    "down_timer_adverts": "5",
    "lower_prio_no_advert": "false",
    "higher_prio_send_advert": "true",
    "skip_check_adv_addr": "true",
    "strict_mode": "false",
    "kernel_rx_buf_size": "65536",
    "garp_master_delay": "5",
    "garp_master_repeat": "5",
    "garp_master_refresh": "60",
    "garp_master_refresh_repeat": "1",
    "garp_lower_prio_delay": "5",
    "garp_lower_prio_repeat": "5",
    "garp_extra_if": "all 100",
    "debug": "4",
}
EXAMPLES: dict[str, dict[str, Any]] = {
    "multicast": {
        **COMMON,
        "mcast_src_ip": "192.0.2.7",
        "mcast_dst_ip": "224.0.0.19",
        "promote_secondaries": "true",
    },
    "unicast": {
        **COMMON,
        "unicast_src_ip": "192.0.2.7",
        "unicast_peer": ["192.0.2.8 min_ttl 254 max_ttl 255", "192.0.2.9"],
        "unicast_ttl": "255",
        "check_unicast_src": "true",
        "unicast_fault_no_peer": "true",
        "old_unicast_checksum": "never",
        "nopreempt": "true",
        "preempt_delay": "0",
    },
    "macvlan": {
        "use_vmac": "vmac1 02:00:00:00:00:01",
        "use_vmac_addr": "true",
        "vmac_xmit_base": "true",
        "no_accept": "true",
        "notify_deleted": "true",
    },
    "ipvlan": {"use_ipvlan": "192.0.2.7/24 private ipv1"},
    "IPv6": {
        "native_ipv6": "true",
        "virtual_ipaddress": ["fe80::1", "2001:db8::1"],
        "mcast_dst_ip": "ff02::99",
    },
}
"""Instances that together use every keyword."""


def instance(**keywords: Any) -> VrrpInstance:
    given = {name: value for name, value in (BASE | keywords).items() if value is not None}
    return VrrpInstance.model_validate(given)


def group(**keywords: Any) -> VrrpSyncGroup:
    return VrrpSyncGroup.model_validate({"group": ["V"], **keywords})


def said(folder: Path, *blocks: VrrpInstance | VrrpSyncGroup) -> dict[str, str]:
    """Answer what keepalived says, by the first word of the line it says it about."""
    names = {VrrpInstance: ("vrrp_instance", "V"), VrrpSyncGroup: ("vrrp_sync_group", "G")}
    named = [Statement(names[type(block)], written(block, names[type(block)][0])) for block in blocks]
    found = complaints([*TRACKED, *named], folder)
    return {
        each.about.words[0] if each.about else each.text: each.text
        for each in found
        if each.text not in ("Warning - script s is not used", NO_PROCESS_EVENTS)
    }


NO_PROCESS_EVENTS = "no kernel support for track_process (CONFIG_PROC_EVENTS)"


def refusal(**keywords: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        instance(**keywords)
    return str(caught.value)


def line(field: str, typed: object) -> tuple[str, ...]:
    statements = written(instance(**{field: typed}), "vrrp_instance")
    return next(each.words for each in statements if each.keyword == field)


def test_every_keyword_of_2_2_7_has_a_field_or_a_reason() -> None:
    assert keywords_without_field(VrrpInstance, "vrrp_instance") == set(DECIDED["VrrpInstance"])
    assert fields_without_keyword(VrrpInstance, "vrrp_instance") == set()
    assert keywords_without_field(VrrpSyncGroup, "vrrp_sync_group") == set()
    assert fields_without_keyword(VrrpSyncGroup, "vrrp_sync_group") == set()
    assert keywords_without_field(Authentication, "vrrp_instance", "authentication") == set()


def test_the_examples_use_every_keyword() -> None:
    used = set(BASE).union(*EXAMPLES.values())
    own = {name for name, field in fields(VrrpInstance).items() if field.form is Form.OWN}
    assert own == {"unicast", "extra"}
    assert set(fields(VrrpInstance)) - own - used == {"vrf"}


@pytest.mark.keepalived
def test_2_2_7_wants_an_interface_even_where_it_then_refuses_a_vrf_beside_it(tmp_path: Path) -> None:
    require_keepalived()
    unicast = {"unicast_src_ip": "192.0.2.7", "unicast_peer": ["192.0.2.8"], "vrf": "eth1"}
    addresses = ["192.0.2.1 dev eth0"]
    assert said(tmp_path, instance(**unicast, interface=None, virtual_ipaddress=addresses)) == {
        "(V) Unknown interface!": "(V) Unknown interface!"
    }
    assert "vrf" in said(tmp_path, instance(**unicast))


@pytest.mark.keepalived
@pytest.mark.parametrize("example", EXAMPLES)
def test_keepalived_accepts_every_keyword(example: str, tmp_path: Path) -> None:
    require_keepalived()
    assert said(tmp_path, instance(**EXAMPLES[example])) == {}


@pytest.mark.keepalived
def test_keepalived_accepts_a_sync_group_with_every_keyword(tmp_path: Path) -> None:
    require_keepalived()
    whole = group(**TRACKS, **NOTIFIES, **SWITCHES, sync_group_tracking_weight="true")
    assert whole.model_fields_set == set(fields(VrrpSyncGroup)) - {"extra"}
    alone = "Sync group G has only 1 virtual router(s) - this probably isn't what you want"
    assert said(tmp_path, whole, instance()) == {alone: alone}


@pytest.mark.keepalived
@pytest.mark.parametrize("path", [edge.path for edge in edges(VrrpInstance)], ids=".".join)
def test_keepalived_agrees_with_every_range(path: tuple[str, ...], tmp_path: Path) -> None:
    require_keepalived()
    version = "3" if path == ("advert_int",) else "2"
    whole = instance(**EXAMPLES["unicast"] | {"version": version, "authentication": None})
    edge = next(edge for edge in edges(VrrpInstance) if edge.path == path)
    for inside in (edge.low, edge.high):
        about = said(tmp_path, replaced(whole, path, inside))
        assert path[0] not in about, about
    for outside in (edge.low - edge.step, edge.high + edge.step):
        assert path[0] in said(tmp_path, replaced(whole, path, outside))


TRACKED_LINES: dict[str, Line] = {
    "track_interface": TrackInterface.of("eth1 weight 1"),
    "track_script": TrackScript.of("s weight 1"),
    "track_file": TrackedFile.of("f weight 1"),
    "track_process": TrackProcess.of("p weight 1"),
    "track_bfd": TrackBfd.of("b weight 1"),
}


@pytest.mark.keepalived
@pytest.mark.parametrize("field", TRACKED_LINES)
def test_keepalived_agrees_with_the_weights_of_what_is_tracked(field: str, tmp_path: Path) -> None:
    require_keepalived()
    item = TRACKED_LINES[field]
    (edge,) = edges(type(item))

    def about(value: int) -> dict[str, str]:
        tracking = instance(version="2").model_copy(update={field: (replaced(item, edge.path, value),)})
        return said(tmp_path, tracking)

    assert about(edge.low) == about(edge.high) == {}
    assert item.words()[0] in about(edge.low - 1)
    assert item.words()[0] in about(edge.high + 1)


@pytest.mark.keepalived
@pytest.mark.parametrize("limit", ["min_ttl", "max_ttl"])
def test_keepalived_agrees_with_the_ttls_of_a_peer(limit: str, tmp_path: Path) -> None:
    require_keepalived()

    def about(value: int) -> dict[str, str]:
        peer = UnicastPeer.of(f"192.0.2.8 {limit} 0").model_copy(update={limit: value})
        return said(tmp_path, instance(version="2").model_copy(update={"unicast_peer": (peer,)}))

    assert about(0) == about(255) == {}
    assert about(-1).keys() == about(256).keys() == {"192.0.2.8"}


@pytest.mark.parametrize(
    ("field", "typed", "words"),
    [
        ("use_vmac", "true", ()),
        ("use_vmac", "vm1", ("vm1",)),
        ("use_vmac", "02:0:0:0:0: vm1", ("vm1", "02:0:0:0:0:")),
        ("use_vmac", {"mac": "02:00:00:00:00"}, ("02:00:00:00:00",)),
        ("use_ipvlan", "yes", ()),
        ("use_ipvlan", "vepa 2001:db8::1/64 ip1", ("ip1", "2001:db8::1/64", "vepa")),
        ("old_unicast_checksum", "true", ()),
        ("old_unicast_checksum", "never", ("never",)),
        ("garp_extra_if", 60, ("60",)),
        ("garp_extra_if", "60 all", ("all", "60")),
        ("notify_deleted", "true", ()),
        ("notify_deleted", "/bin/x", ("/bin/x",)),
        ("notify", {"command": ["/bin/x", "a b"], "user": "u"}, ("/bin/x 'a b'", "u")),
        ("advert_int", "0.50", ("0.50",)),
        ("smtp_alert", "off", ("false",)),
    ],
)
def test_a_keyword_is_written_as_keepalived_reads_it(
    field: str, typed: object, words: tuple[str, ...]
) -> None:
    assert line(field, typed) == (field, *words)


@pytest.mark.parametrize(
    ("keywords", "part"),
    [
        ({"virtual_router_id": None}, "Field required"),
        ({"virtual_router_id": "0"}, "from 1 to 255"),
        ({"virtual_router_id": "051"}, "without the leading zero"),
        ({"use_vmac": "vm1 vm2"}, "at most one interface"),
        ({"use_vmac": "01:00:00:00:00:01"}, "unicast MAC address"),
        ({"use_vmac": "00:00:5e:00:01:05"}, "RFC 5798"),
        ({"use_vmac": "02:00:00:00"}, "five or six octets"),
        ({"use_vmac": "false"}, "leave this keyword out"),
        ({"use_vmac": {"interface": "a:b"}}, "a network interface name"),
        ({"use_ipvlan": {"interface": "bridge"}}, "as mode"),
        ({"use_ipvlan": "10.0.0.1 10.0.0.2"}, "at most one address"),
        ({"notify_deleted": "no"}, "leave notify_deleted out"),
        ({"notify_deleted": {"user": "u"}}, "expected what runs"),
        ({"mcast_dst_ip": "10.0.0.1"}, "a multicast address"),
        ({"mcast_dst_ip": "ff05::1"}, "a multicast address"),
        ({"mcast_dst_ip": "all-routers"}, "a multicast address"),
        ({"virtual_routes": [{"to": "default", "dev": "eth0", "realms": ["3"]}]}, "realms such as 4 or 3/4"),
        ({"virtual_routes": [{"to": "default", "dev": "eth0", "table": ["3"]}]}, "a routing table"),
        ({"virtual_routes": [{"to": "default", "no_track": "no"}]}, "it needs dev, or no_track"),
        ({"garp_extra_if": "all"}, "Field required"),
        ({"garp_master_repeat": "0"}, "from 1 to"),
        ({"track_interface": ["eth1 reverse"]}, "reverse belongs to weight"),
        ({"track_interface": ["eth1 weight 1 noreverse"]}, "unexpected word 'noreverse'"),
        ({"track_script": ["s weight 1 reverse noreverse"]}, "not both"),
        ({"track_script": ["s weight 254"]}, "from -253 to 253"),
        ({"unicast_peer": ["192.0.2.8 min_ttl 5 max_ttl 4"]}, "nothing could ever arrive"),
        ({"authentication": {"auth_type": "PASS"}}, "Field required"),
        ({"authentication": {"auth_type": "pass", "auth_pass": "x"}}, "write 'PASS'"),
    ],
)
def test_what_keepalived_would_ignore_is_refused(keywords: dict[str, Any], part: str) -> None:
    assert part in refusal(**keywords)


@pytest.mark.parametrize("keyword", ["state", "preempt"])
def test_a_decided_keyword_is_refused_with_the_reason(keyword: str) -> None:
    assert "Extra inputs" in refusal(**{keyword: "MASTER"})
    assert instead_of("VrrpInstance", keyword).startswith(f"{keyword} is not a keyword of the spec: ")


def password(typed: object) -> str:
    with pytest.raises(ValidationError) as caught:
        Authentication.model_validate({"auth_type": "PASS", "auth_pass": typed})
    return str(caught.value.errors()[0]["ctx"]["error"])


@pytest.mark.parametrize(
    "typed", ["123456789", "öäüßö", "", 'a"b', "a\nb", "x$_PWD", {"file": "x", "path": "y"}, 12]
)
def test_a_password_that_keepalived_would_change_is_refused_without_repeating_it(typed: object) -> None:
    assert str(typed) not in password(typed) or typed == ""


@pytest.mark.parametrize("path", ["secret", "/etc/*.conf", "/etc/a b", "/etc/{a,b}", "/etc/~x", "/etc/$x"])
def test_a_password_file_is_one_path(path: str) -> None:
    assert "an absolute path" in password({"file": path})


def test_a_password_file_is_included_in_place_of_the_password() -> None:
    block = Authentication.model_validate(
        {"auth_type": "PASS", "auth_pass": {"file": "/etc/lvsctl/vi1.conf"}}
    )
    assert block.auth_pass == SecretFile("/etc/lvsctl/vi1.conf")
    assert not block.has_literal_secret
    assert [" ".join(each.words) for each in written(block, "vrrp_instance", "authentication")] == [
        "auth_type PASS",
        "include /etc/lvsctl/vi1.conf",
    ]


@pytest.mark.keepalived
@pytest.mark.parametrize("typed", ["12345678", "a b#!{}'", "ööüü"])
def test_keepalived_takes_every_password_that_is_accepted(typed: str, tmp_path: Path) -> None:
    require_keepalived()
    authentication = {"auth_type": "AH", "auth_pass": typed}
    assert said(tmp_path, instance(version="2", authentication=authentication)) == {}


@pytest.mark.keepalived
def test_keepalived_reads_a_password_from_its_file(tmp_path: Path) -> None:
    require_keepalived()
    secret = tmp_path / "vi1.conf"
    secret.write_text("auth_pass 12345678\n")
    authentication = {"auth_type": "PASS", "auth_pass": {"file": str(secret)}}
    assert said(tmp_path, instance(version="2", authentication=authentication)) == {}
    secret.write_text("auth_pass 123456789\n")
    assert "Truncating auth_pass" in str(said(tmp_path, instance(version="2", authentication=authentication)))


@pytest.mark.parametrize(
    ("keywords", "family"),
    [
        ({}, 4),
        ({"virtual_ipaddress": []}, None),
        ({"virtual_ipaddress": ["2001:db8::1/64 dev eth0"]}, 6),
        ({"virtual_ipaddress": [], "native_ipv6": "true"}, 6),
        ({"virtual_ipaddress": [], "unicast_src_ip": "2001:db8::7"}, 6),
        ({"virtual_ipaddress": [], "unicast_peer": ["192.0.2.8"]}, 4),
        ({"virtual_ipaddress": [], "use_ipvlan": "192.0.2.8/24"}, 4),
    ],
)
def test_an_instance_is_of_the_family_of_its_addresses(keywords: dict[str, Any], family: int | None) -> None:
    assert instance(**keywords).family == family


def test_a_sync_group_has_members() -> None:
    with pytest.raises(ValidationError, match="at least one VRRP instance"):
        group(group=[])
