from pathlib import PurePosixPath as Path

from lvsctl.keepalived.config import Statement
from lvsctl.keepalived.grammar import Keyword, grammar
from lvsctl.keepalived.parse import parse
from lvsctl.keepalived.surroundings import COMMANDS, STAND_IN_SECRET, Surroundings, surroundings


def of(text: str) -> Surroundings:
    return surroundings(parse(text).config)


def test_nothing_needs_nothing() -> None:
    assert surroundings(()) == Surroundings(files={})


def test_interfaces_are_found_wherever_they_are_named() -> None:
    found = of("""
        global_defs {
            default_interface br0
            lvs_sync_daemon eth1 VI_1 id 3
        }
        linkbeat_interfaces {
            eth2 MII
        }
        garp_group {
            interface eth3
            interfaces {
                eth4
                eth5
            }
        }
        interface_up_down_delays {
            eth6 3 4
        }
        static_routes {
            192.0.2.0/24 via 10.0.0.1 dev eth7
        }
        vrrp_sync_group G {
            track_interface {
                eth8 weight 3
            }
        }
        vrrp_instance VI_1 {
            interface eth0
            unicast_peer {
                fe80::1%eth9
            }
            virtual_ipaddress {
                10.0.0.1/24 dev eth10 label eth10:1
            }
            virtual_rules {
                from 10.0.0.1 iif eth11 table 7
            }
        }
        virtual_server 10.0.0.1 80 {
            real_server 10.0.0.2 80 {
                TCP_CHECK {
                    bind_if eth12
                }
            }
        }
    """)
    named = [f"eth{number}" for number in (1, 2, 3, 4, 5, 6, 7, 8, 0, 9, 10, 11, 12)]
    assert list(found.interfaces) == ["br0", *named]


def test_loopback_is_always_there() -> None:
    assert of("vrrp_instance V {\n interface lo\n}\n").interfaces == ()


def test_interfaces_that_keepalived_makes_are_not_expected() -> None:
    found = of("""
        vrrp_instance V {
            interface eth0
            use_vmac mac0
            track_interface {
                mac0
                vrrp.51
                eth1
            }
        }
    """)
    assert found.interfaces == ("eth0", "eth1")


def test_an_interface_that_only_looks_like_a_vmac_is_expected() -> None:
    assert of("vrrp_instance V {\n interface vrrp.51\n}\n").interfaces == ("vrrp.51",)


def test_static_addresses_without_device_go_to_the_default_interface() -> None:
    assert of("static_ipaddress {\n 10.0.0.1/24\n}\n").interfaces == ("eth0",)


def test_folders_of_track_files_and_of_what_keepalived_saves() -> None:
    found = of("""
        global_defs {
            config_save_dir /var/save
            reload_time_file /run/times/reload
        }
        track_file maintenance {
            file /var/lib/lvsctl/maintenance/web
        }
    """)
    assert found.folders == (Path("/var/save"), Path("/run/times"), Path("/var/lib/lvsctl/maintenance"))


def test_scripts_are_the_programs_of_command_lines() -> None:
    found = of("""
        vrrp_script s {
            script "/opt/a 'x y'"
        }
        vrrp_instance V {
            notify "/opt/b master" nobody
            notify_priority_changes true
            track_script {
                s
            }
        }
        virtual_server 10.0.0.1 80 {
            quorum_up "/opt/c"
            real_server 10.0.0.2 80 {
                notify_down /opt/d
                MISC_CHECK {
                    misc_path "killall -0 nginx"
                }
            }
        }
    """)
    assert [str(path) for path in found.scripts] == [
        "/opt/a",
        "/opt/b",
        "/opt/c",
        "/opt/d",
        "/usr/local/sbin/killall",
    ]


def test_users_and_groups_come_after_the_command_or_on_their_own() -> None:
    found = of("""
        global_defs {
            script_user u1 g1
            vrrp_notify_fifo /run/fifo u2 g2
        }
        vrrp_script s {
            script "/opt/a"
            user u3
        }
        vrrp_instance V {
            notify_master "/opt/b" u4 g4
        }
    """)
    assert found.users == ("u1", "u2", "u3", "u4")
    assert found.groups == ("g1", "g2", "g4")


def test_a_mail_server_by_name_has_to_be_resolved_and_one_by_address_not() -> None:
    assert of("global_defs {\n smtp_server mail.example.com 25\n}\n").hosts == ("mail.example.com",)
    assert of("global_defs {\n smtp_server 192.0.2.25\n}\n").hosts == ()


def test_an_included_password_gets_a_stand_in() -> None:
    block = (Statement(("auth_type", "PASS")), Statement(("include", "/etc/lvsctl/v.conf")))
    config = (Statement(("vrrp_instance", "V"), (Statement(("authentication",), block),)),)
    assert surroundings(config).files == {Path("/etc/lvsctl/v.conf"): STAND_IN_SECRET}


def test_other_included_files_are_the_machines_own() -> None:
    assert surroundings((Statement(("include", "/etc/keepalived/more.conf")),)).files == {}


def test_paths_that_cannot_be_stood_in_for_are_left_to_keepalived() -> None:
    found = of("""
        vrrp_script s {
            script "../x"
        }
        track_file f {
            file /a/../../b
        }
    """)
    assert (found.scripts, found.folders) == ((), ())


def test_every_script_of_the_grammar_is_known() -> None:
    def scripts(keyword: Keyword) -> set[str]:
        deeper = (scripts(each) for each in keyword.keywords.values())
        return set().union(*deeper, {keyword.name} if keyword.script else set())

    assert scripts(grammar()) == COMMANDS
