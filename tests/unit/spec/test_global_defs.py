from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lvsctl.keepalived.config import Statement
from lvsctl.spec.global_defs import GlobalDefs
from lvsctl.spec.layout import fields
from tests.support.conf_probe import complaints, require_keepalived
from tests.support.model_probe import edges, fields_without_keyword, keywords_without_field, replaced, written

NOT_IN_DEBIAN = {"vrrp_iptables", "vrrp_ipsets"}
"""Debian builds keepalived without iptables and ipsets, so that it complains about these keywords themselves."""

OF_THE_MACHINE = {"vrrp_cpu_affinity", "checker_cpu_affinity", "bfd_cpu_affinity"}
"""How many CPUs there are is for the machine to say."""

EVERYTHING: dict[str, Any] = {
    "tmp_config_directory": "/tmp",
    "include_check": "read +match -wildcard_match",
    "reload_check_config": "/tmp/reload.log",
    "reload_time_file": "/tmp/reload_at",
    "reload_repeat": "true",
    "reload_file": "true",
    "config_save_dir": "/var/lib/lvsctl/debug",
    "data_use_instance": "yes",
    "script_user": "root root",
    "enable_script_security": "true",
    "startup_script": "/usr/bin/true 'an argument'",
    "startup_script_timeout": "20",
    "shutdown_script": {"command": ["/usr/bin/true", "x"], "user": "root"},
    "shutdown_script_timeout": "20",
    "notify_fifo": "/tmp/all.fifo",
    "notify_fifo_script": "/usr/bin/true",
    "vrrp_notify_fifo": "/tmp/vrrp.fifo root root",
    "vrrp_notify_fifo_script": "/usr/bin/true",
    "vrrp_notify_priority_changes": "true",
    "fifo_write_vrrp_states_on_reload": "true",
    "lvs_notify_fifo": {"path": "/tmp/lvs.fifo", "user": "root"},
    "lvs_notify_fifo_script": "/usr/bin/true",
    "rs_init_notifies": "true",
    "router_id": "a name with # and !",
    "notification_email": ["root@localhost", "ops+lvs@example.org"],
    "notification_email_from": "lvs@example.org",
    "smtp_server": "127.0.0.1 2525",
    "smtp_helo_name": "lb1.example.org",
    "smtp_connect_timeout": "30",
    "smtp_alert": "true",
    "smtp_alert_vrrp": "off",
    "smtp_alert_checker": "no",
    "no_email_faults": "true",
    "no_checker_emails": "true",
    "dynamic_interfaces": "allow_if_changes",
    "default_interface": "eth0",
    "disable_local_igmp": "true",
    "vrrp_version": "3",
    "vrrp_strict": "true",
    "vrrp_mcast_group4": "224.0.0.19",
    "vrrp_mcast_group6": "ff02::13",
    "vrrp_startup_delay": "5.5",
    "vrrp_check_unicast_src": "true",
    "vrrp_skip_check_adv_addr": "true",
    "vrrp_lower_prio_no_advert": "true",
    "vrrp_higher_prio_send_advert": "false",
    "vrrp_down_timer_adverts": "4",
    "log_unknown_vrids": "true",
    "vrrp_min_garp": "true",
    "vrrp_garp_master_delay": "10",
    "vrrp_garp_master_repeat": "2",
    "vrrp_garp_master_refresh": "60",
    "vrrp_garp_master_refresh_repeat": "2",
    "vrrp_garp_lower_prio_delay": "10",
    "vrrp_garp_lower_prio_repeat": "2",
    "vrrp_garp_interval": "0.001",
    "vrrp_gna_interval": "0.000001",
    "vrrp_garp_extra_if": "all 100",
    "vmac_prefix": "vm",
    "vmac_addr_prefix": "vma",
    "nftables": "true",
    "nftables_priority": "-2",
    "nftables_ifindex": "true",
    "nftables_ipvs": "marks",
    "nftables_ipvs_priority": "-2",
    "nftables_ipvs_start_fwmark": "2000",
    "nftables_counters": "true",
    "vrrp_iptables": "in out",
    "vrrp_ipsets": "a b c",
    "lvs_timeouts": "tcp 900 udp 300 tcpfin 120",
    "lvs_flush": "true",
    "lvs_flush_on_stop": "VS",
    "lvs_sync_daemon": "eth0 inst VI_1 id 51 maxlen 1400 port 8848 ttl 2 group 224.0.0.81",
    "checker_log_all_failures": "true",
    "process_names": "true",
    "process_name": "lb",
    "vrrp_process_name": "lb_vrrp",
    "checker_process_name": "lb_check",
    "bfd_process_name": "lb_bfd",
    "umask": "IWGRP | IWOTH",
    "random_seed": "1",
    "max_auto_priority": "50",
    "min_auto_priority_delay": "2000",
    "vrrp_priority": "-10",
    "vrrp_no_swap": "true",
    "vrrp_rt_priority": "50",
    "vrrp_cpu_affinity": ["0"],
    "vrrp_rlimit_rttime": "20000",
    "checker_priority": "-10",
    "checker_no_swap": "true",
    "checker_rt_priority": "50",
    "checker_cpu_affinity": ["0"],
    "checker_rlimit_rttime": "20000",
    "bfd_priority": "-10",
    "bfd_no_swap": "true",
    "bfd_rt_priority": "50",
    "bfd_cpu_affinity": ["0"],
    "bfd_rlimit_rttime": "20000",
    "vrrp_netlink_cmd_rcv_bufs": "1000000",
    "vrrp_netlink_cmd_rcv_bufs_force": "true",
    "vrrp_netlink_monitor_rcv_bufs": "1000000",
    "vrrp_netlink_monitor_rcv_bufs_force": "true",
    "process_monitor_rcv_bufs": "1000000",
    "process_monitor_rcv_bufs_force": "true",
    "lvs_netlink_cmd_rcv_bufs": "1000000",
    "lvs_netlink_cmd_rcv_bufs_force": "true",
    "lvs_netlink_monitor_rcv_bufs": "1000000",
    "lvs_netlink_monitor_rcv_bufs_force": "true",
    "vrrp_rx_bufs_policy": "MTU",
    "vrrp_rx_bufs_multiplier": "3",
    "snmp_socket": "udp:127.0.0.1:705",
    "enable_traps": "true",
    "enable_snmp_vrrp": "true",
    "enable_snmp_checker": "true",
    "enable_snmp_rfc": "true",
    "enable_snmp_rfcv2": "true",
    "enable_snmp_rfcv3": "true",
    "enable_dbus": "true",
    "dbus_service_name": "org.example.Lvs1",
}


def block(defs: GlobalDefs) -> Statement:
    return Statement(("global_defs",), written(defs, "global_defs"))


def for_debian(folder: Path) -> GlobalDefs:
    """Everything that Debian's keepalived has; what it writes while it only reads goes into *folder*."""
    keywords = {key: EVERYTHING[key] for key in EVERYTHING.keys() - NOT_IN_DEBIAN}
    return GlobalDefs.model_validate(keywords | {"config_save_dir": str(folder)})


def refusal(**keywords: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        GlobalDefs.model_validate(keywords)
    return str(caught.value)


def words(**keywords: Any) -> list[tuple[str, ...]]:
    return [statement.words for statement in written(GlobalDefs.model_validate(keywords), "global_defs")]


def test_every_keyword_of_2_2_7_has_a_field_or_another_name() -> None:
    assert keywords_without_field(GlobalDefs, "global_defs") == set()
    assert fields_without_keyword(GlobalDefs, "global_defs") == set()


def test_the_example_below_uses_every_keyword() -> None:
    assert EVERYTHING.keys() == fields(GlobalDefs).keys() - {"extra"}


def test_script_user_and_security_come_before_what_uses_them() -> None:
    order = [statement.keyword for statement in written(GlobalDefs.model_validate(EVERYTHING), "global_defs")]
    uses = [keyword for keyword in order if keyword.endswith(("_script", "_fifo"))]
    assert max(order.index("script_user"), order.index("enable_script_security")) < min(
        map(order.index, uses)
    )


@pytest.mark.parametrize(
    ("first", "later"),
    [
        ("process_names", "vrrp_process_name"),
        ("vrrp_min_garp", "vrrp_garp_master_repeat"),
        ("nftables", "nftables_priority"),
        ("nftables_ipvs", "nftables_ipvs_start_fwmark"),
        ("tmp_config_directory", "script_user"),
    ],
)
def test_a_keyword_that_resets_others_comes_before_them(first: str, later: str) -> None:
    order = list(fields(GlobalDefs))
    assert order.index(first) < order.index(later)


def test_the_numbers_are_found() -> None:
    found = {edge.path for edge in edges(GlobalDefs)}
    assert {
        ("vrrp_version",),
        ("vrrp_garp_interval",),
        ("lvs_timeouts", "udp"),
        ("max_auto_priority", "priority"),
    } <= found


@pytest.mark.keepalived
def test_keepalived_accepts_every_keyword_at_once(tmp_path: Path) -> None:
    require_keepalived()
    assert complaints([block(for_debian(tmp_path))], tmp_path) == ()


@pytest.mark.keepalived
@pytest.mark.parametrize("end", ["low", "high"])
def test_keepalived_accepts_both_ends_of_every_range(end: str, tmp_path: Path) -> None:
    require_keepalived()
    defs = for_debian(tmp_path)
    for edge in edges(GlobalDefs):
        if not OF_THE_MACHINE.intersection(edge.path):
            defs = replaced(defs, edge.path, getattr(edge, end))
    assert complaints([block(GlobalDefs.model_validate(defs.model_dump(exclude_unset=True)))], tmp_path) == ()


QUIETLY_BENT = {f"{daemon}_rlimit_rttime" for daemon in ("vrrp", "checker", "bfd")}
"""Below these ranges keepalived puts in a number of its own without a word: 1 becomes 2."""


@pytest.mark.keepalived
@pytest.mark.parametrize("beyond", ["low", "high"])
def test_keepalived_complains_beyond_both_ends_of_every_range(beyond: str, tmp_path: Path) -> None:
    require_keepalived()
    defs = for_debian(tmp_path)
    expected = set()
    for name, *inner, value in beyond_edges(beyond):
        defs = replaced(defs, (name, *inner), value)
        expected.add(name)
    said = {complaint.about.keyword for complaint in complaints([block(defs)], tmp_path) if complaint.about}
    assert said == expected - (QUIETLY_BENT if beyond == "low" else set())


def beyond_edges(end: str) -> list[tuple[Any, ...]]:
    """Answer each number one step beyond its range; of the numbers on one line the first, for each line complains once."""
    found = [
        (*edge.path, edge.low - edge.step if end == "low" else edge.high + edge.step)
        for edge in edges(GlobalDefs)
        if not OF_THE_MACHINE.intersection(edge.path)
    ]
    return list({name: (name, *rest) for name, *rest in reversed(found)}.values())


@pytest.mark.keepalived
@pytest.mark.parametrize("option", ["id", "maxlen", "port", "ttl"])
@pytest.mark.parametrize("end", ["low", "high"])
def test_keepalived_agrees_with_the_ranges_of_the_sync_daemon(option: str, end: str, tmp_path: Path) -> None:
    require_keepalived()
    edge = next(edge for edge in edges(GlobalDefs) if edge.path == ("lvs_sync_daemon", option))
    inside, outside = (edge.low, edge.low - 1) if end == "low" else (edge.high, edge.high + 1)
    assert complaints([block(replaced(for_debian(tmp_path), edge.path, inside))], tmp_path) == ()
    assert complaints([block(replaced(for_debian(tmp_path), edge.path, outside))], tmp_path) != ()


@pytest.mark.keepalived
@pytest.mark.parametrize(
    ("keyword", "accepted", "refused"),
    [
        ("process_name", "a" * 15, "a" * 16),
        ("nftables", "a" * 255, "a" * 256),
        ("lvs_sync_daemon", "a" * 15, "a" * 16),
        ("vrrp_mcast_group4", "239.255.255.255", "10.0.0.1"),
        ("vrrp_mcast_group6", "ff02::99", "ff05::99"),
        ("umask", "0777", "01000"),
        ("umask", "0x1ff", "08"),
        ("umask", "511", "512"),
        ("umask", "IRUSR|IXOTH", "IRUSR IXOTH"),
        ("include_check", "-read +brace_match", "read match"),
        ("vrrp_rx_bufs_policy", "advert", "jumbo"),
        ("vrrp_rx_bufs_policy", "4294967295", "4294967296"),
        ("lvs_flush_on_stop", "VS", "RS"),
        ("vrrp_garp_interval", "0.000001", "0.0000011"),
        ("lvs_timeouts", "tcpfin 0", "sctp 0"),
        ("smtp_server", "::1", "127.0.0.1 70000"),
        ("dynamic_interfaces", "allow_if_changes", "allow"),
        ("reload_time_file", "/tmp/a b", ""),
        ("vrrp_garp_extra_if", "7 all", "all"),
    ],
)
def test_the_models_and_keepalived_agree(keyword: str, accepted: str, refused: str, tmp_path: Path) -> None:
    require_keepalived()
    assert complaints([block(GlobalDefs.model_validate({keyword: accepted}))], tmp_path) == ()
    assert keyword in refusal(**{keyword: refused})
    said = complaints([Statement(("global_defs",), (Statement((keyword, *refused.split())),))], tmp_path)
    assert said != ()


@pytest.mark.parametrize(
    ("keyword", "typed", "line"),
    [
        ("reload_check_config", "true", ()),
        ("reload_check_config", "/var/log/check", ("/var/log/check",)),
        ("max_auto_priority", "yes", ()),
        ("max_auto_priority", "-1", ("-1",)),
        ("max_auto_priority", -1, ("-1",)),
        ("lvs_flush_on_stop", "on", ()),
        ("smtp_server", {"host": "mail", "port": "25"}, ("mail", "25")),
        ("vrrp_garp_extra_if", "100 all", ("all", "100")),
        ("lvs_sync_daemon", "eth0", ("eth0",)),
        ("lvs_sync_daemon", "eth0 VI_1", ("eth0", "inst", "VI_1")),
        ("lvs_sync_daemon", "eth0 VI_1 51", ("eth0", "inst", "VI_1", "id", "51")),
        ("lvs_sync_daemon", "eth0 id 51", ("eth0", "id", "51")),
        ("vrrp_rx_bufs_policy", "mtu", ("MTU",)),
        ("umask", 18, ("18",)),
        ("vrrp_startup_delay", ".5", ("0.5",)),
        ("vrrp_startup_delay", "5.", ("5",)),
        ("vrrp_startup_delay", "5.50", ("5.50",)),
        ("vrrp_cpu_affinity", ["0", "1"], ("0", "1")),
    ],
)
def test_what_was_typed_is_written_as_one_line(keyword: str, typed: object, line: tuple[str, ...]) -> None:
    assert words(**{keyword: typed}) == [(keyword, *line)]


def test_only_what_was_set_is_written() -> None:
    assert words() == []
    assert words(lvs_flush="false", smtp_alert="false") == [("smtp_alert", "false")]


@pytest.mark.parametrize(
    ("keywords", "part"),
    [
        ({"reload_check_config": "no"}, "cannot be switched off"),
        ({"lvs_timeouts": {}}, "at least one of tcp, tcpfin and udp"),
        ({"vrrp_ipsets": {"igmp": "x"}}, "a name needs those before it"),
        ({"notify_fifo": {"path": "/x", "group": "root"}}, "a group needs a user"),
        (
            {"notify_fifo": "/x", "vrrp_notify_fifo": "/x"},
            "vrrp_notify_fifo and notify_fifo are the same file",
        ),
        ({"notify_fifo": "/x", "lvs_notify_fifo": "/x"}, "lvs_notify_fifo and notify_fifo are the same file"),
        (
            {
                "vrrp_notify_fifo": "/x",
                "vrrp_notify_fifo_script": "/a",
                "lvs_notify_fifo": "/x",
                "lvs_notify_fifo_script": "/b",
            },
            "ignore lvs_notify_fifo_script",
        ),
        ({"notify_fifo": "relative"}, "an absolute path"),
        ({"notification_email": ["a b"]}, "an e-mail address"),
        ({"notification_email": ["@id"]}, "an e-mail address"),
        ({"dbus_service_name": "lvs"}, "a D-Bus name"),
        ({"lvs_sync_daemon": "eth0 group 10.0.0.1"}, "a multicast address"),
        ({"lvs_sync_daemon": "eth0 inst VI_1 51 6"}, "unexpected word"),
        ({"smtp_connect_timeout": "0"}, "from 1 to 4294 (s)"),
        ({"router_id": ""}, "1 to 900 characters"),
        ({"vmac_prefix": "a" * 12}, "1 to 11 characters"),
    ],
)
def test_what_keepalived_would_ignore_or_misread_is_refused(keywords: dict[str, Any], part: str) -> None:
    assert part in refusal(**keywords)


def test_two_fifos_may_be_one_file_while_only_one_has_a_script() -> None:
    defs = GlobalDefs.model_validate(
        {"vrrp_notify_fifo": "/x", "lvs_notify_fifo": "/x", "vrrp_notify_fifo_script": "/a"}
    )
    assert defs.lvs_notify_fifo is not None
