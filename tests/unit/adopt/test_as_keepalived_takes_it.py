"""Where keepalived does something else with a statement than it says, the spec says what keepalived does.

Each case was seen on the real keepalived (tests/kernel/test_import.py asks it about whole files).
"""

from typing import Any

import pytest

from lvsctl.compose.adopt import Adopted, adopt
from lvsctl.keepalived.parse import parse

INSTANCE = "vrrp_instance VI {{\n interface eth0\n virtual_router_id 5\n{}\n}}\n"
SERVICE = "virtual_server 10.0.0.1 80 {{\n protocol TCP\n{}\n}}\n"
SERVER = "real_server 10.0.0.2 80 {\n weight 1\n }"


def imported(text: str) -> Adopted:
    return adopt({"": parse(text, file="keepalived.conf")})


def instance(body: str) -> tuple[dict[str, Any], str]:
    """Import an instance with *body*; answer it and what was said."""
    spec = imported(INSTANCE.format(body))
    return spec.data["vrrp_instances"]["VI"], "\n".join(fault.message for fault in spec.faults)


def service(body: str) -> tuple[dict[str, Any], str]:
    """Import a virtual server with *body*; answer it and what was said."""
    spec = imported(SERVICE.format(body))
    [data] = spec.data["virtual_servers"].values()
    return data, "\n".join(fault.message for fault in spec.faults)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("state MASTER", {"priority": "255"}),
        ("state MASTER\n priority 90\n nopreempt", {"priority": "90"}),
        ("state MASTER\n priority 90\n preempt_delay 5", {"priority": "90"}),
        ("state BACKUP\n state MASTER\n state BACKUP", {"priority": "255"}),
        ("state BACKUP\n nopreempt", {"nopreempt": "true"}),
        ("state Master\n nopreempt", {"nopreempt": "true"}),
        ("priority 255\n nopreempt", {"priority": "255"}),
        ("state MASTER\n priority 90\n strict_mode on\n nopreempt", {"priority": "90", "nopreempt": "true", "strict_mode": "on"}),
        ("nopreempt\n preempt", {}),
        ("preempt\n nopreempt", {"nopreempt": "true"}),
        ("accept\n no_accept", {"no_accept": "true"}),
        ("no_accept\n accept", {"accept": "true"}),
        ("mcast_src_ip 10.0.0.9/24", {"mcast_src_ip": "10.0.0.9"}),
        ("priority 1000", {"priority": "100"}),
        ("priority 0150", {"priority": "150"}),
        ("priority 100;", {"priority": "100"}),
        ("advert_int 2\n advert_int 999", {"advert_int": "2"}),
        ("advert_int 2\n advert_int 3", {"advert_int": "3"}),
        ("notify /bin/a\n notify /bin/b", {"notify": "/bin/a"}),
        ("garp_master_repeat 0", {"garp_master_repeat": "1"}),
        ("unicast_peer {\n nobody\n }", {"extra": ["unicast_peer {", "}"]}),
        ("use_vmac x y:z", {"extra": ["use_vmac x y:z"]}),
        (
            "virtual_ipaddress {\n 10.0.0.1\n 10.0.0.2 colour red\n 10.0.0.3\n }",
            {"virtual_ipaddress": ["10.0.0.1"], "extra": ["virtual_ipaddress {", "10.0.0.2 colour red", "10.0.0.3", "}"]},
        ),
        ("virtual_ipaddress {\n 10.0.0.1\n nonsense\n 10.0.0.3\n }", {"virtual_ipaddress": ["10.0.0.1", "10.0.0.3"]}),
        (
            "virtual_rules {\n from 10.0.0.0/8 table 5\n from 10.0.0.0/9 table 6\n }",
            {"virtual_rules": ["from 10.0.0.0/8 table 5 priority 16384", "from 10.0.0.0/9 table 6 priority 16383"]},
        ),
        ("authentication {\n auth_type PASS\n auth_pass longer-than-8\n }", {"authentication": {"auth_type": "PASS", "auth_pass": "longer-t"}}),
    ],
)  # fmt: skip
def test_an_instance_is_what_keepalived_makes_of_it(body: str, expected: dict[str, Any]) -> None:
    data, said = instance(body)
    assert data == {"interface": "eth0", "virtual_router_id": "5"} | expected
    assert said or body in ("state BACKUP\n nopreempt", "priority 0150")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (f"quorum 9\n {SERVER}", {"quorum": "1"}),
        (f"quorum 1\n hysteresis 3\n {SERVER}", {"quorum": "1", "hysteresis": "0"}),
        (f"sorry_server_inhibit\n sorry_server 10.0.0.9 80\n {SERVER}", {"sorry_server": "10.0.0.9 80"}),
        (f"lb_algo wlc\n lb_algo best\n {SERVER}", {"lvs_sched": "wlc"}),
        (f"lb_algo mh\n sh-fallback\n {SERVER}", {"lvs_sched": "mh", "extra": ["sh-fallback"]}),
        (f"delay_loop 6s\n {SERVER}", {"delay_loop": "0.000006"}),
        (f"quorum 1x\n {SERVER}", {"quorum": "1"}),
        (f"hashed\n {SERVER}", {}),
    ],
)
def test_a_virtual_server_is_what_keepalived_makes_of_it(body: str, expected: dict[str, Any]) -> None:
    data, said = service(body)
    for key in ("address", "port", "maintenance", "protocol", "real_servers"):
        del data[key]
    assert data == expected
    assert said


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("10.0.0.2/24 80", [{"address": "10.0.0.2", "port": "80"}]),
        ("10.0.0.2-9 80", [{"address": "10.0.0.2", "port": "80"}]),
        ("10.0.0.2 80;", [{"address": "10.0.0.2", "port": "80"}]),
        ("10.0.0.2 http", []),
        ("10.0.0.256 80", []),
        ("10.0.0.2 80 dev eth0", [{"address": "10.0.0.2", "port": "80"}]),
    ],
)
def test_a_server_is_read_up_to_where_it_makes_sense(head: str, expected: list[dict[str, str]]) -> None:
    data, said = service(f"{SERVER.replace('10.0.0.2', '10.0.0.7')}\n real_server {head} {{\n }}")
    assert data["real_servers"][1:] == expected
    assert said


def test_without_a_protocol_it_is_udp() -> None:
    spec = imported(SERVICE.format(SERVER).replace(" protocol TCP\n", ""))
    [data] = spec.data["virtual_servers"].values()
    assert data["protocol"] == "UDP"


def test_a_mark_takes_no_protocol() -> None:
    spec = imported(SERVICE.format(SERVER).replace("10.0.0.1 80", "fwmark 7"))
    assert "protocol" not in spec.data["virtual_servers"]["fwmark-7"]


def test_without_a_port_it_is_persistent() -> None:
    spec = imported(SERVICE.format(SERVER).replace("10.0.0.1 80", "10.0.0.1"))
    assert spec.data["virtual_servers"]["tcp-10.0.0.1"]["persistence_timeout"] == "true"


def test_weights_of_nothing_are_kept_without_a_quorum() -> None:
    data, _ = service(SERVER.replace("weight 1", "weight 0"))
    assert data["real_servers"] == [{"address": "10.0.0.2", "port": "80", "extra": ["weight 0"]}]


def test_what_is_tracked_before_it_is_declared_is_not_tracked() -> None:
    text = INSTANCE.format("track_script {\n late\n }") + "vrrp_script late {\n script /bin/true\n}\n"
    spec = imported(text)
    assert "track_script" not in spec.data["vrrp_instances"]["VI"]
    assert "its vrrp_script stands only further down" in spec.faults[0].message


def test_a_user_for_scripts_does_not_reach_those_before_it() -> None:
    text = INSTANCE.format("notify /bin/true") + "global_defs {\n script_user nobody\n}\n"
    assert imported(text).data["extra"] == ["global_defs {", "script_user nobody", "}"]


def test_blocks_in_pieces_are_put_together() -> None:
    text = "global_defs {\n notification_email {\n a@x b@x\n }\n}\nglobal_defs {\n notification_email {\n c@x\n }\n}\n"
    assert imported(text).data["global_defs"] == {"notification_email": ["a@x", "b@x", "c@x"]}


def test_names_that_are_numbers_stay_as_they_are() -> None:
    text = "vrrp_sync_group 01 {\n group {\n 007\n }\n}\n" + INSTANCE.format("").replace("VI", "007")
    data = imported(text).data
    assert data["vrrp_sync_groups"] == {"01": {"group": ["007"]}}


def test_bytes_that_are_no_utf_8_are_read_as_latin_1() -> None:
    spec = imported("vrrp_instance caf\udce9 {\n interface eth0\n virtual_router_id 5\n}\n")
    assert list(spec.data["vrrp_instances"]) == ["café"]
    assert "no UTF-8" in spec.faults[0].message


def test_a_file_that_runs_nothing_says_so() -> None:
    spec = imported("global_defs {\n router_id x\n}\n")
    assert [fault.message for fault in spec.faults] == [
        "no vrrp_instance, virtual_server or bfd_instance: keepalived has nothing to run"
    ]


def test_a_tunnel_of_a_route_has_words_of_its_own() -> None:
    route = "192.0.2.0/24 dev eth0 tos 0x4 encap ip id 1 dst 10.0.0.9 tos 8"
    once, twice = (
        imported(f"static_routes {{\n {line}\n}}\n" + INSTANCE.format(""))
        for line in (route, f"{route} mtu 1400 tos 0x8")
    )
    assert not once.faults
    assert [fault.message for fault in twice.faults] == ["tos is given twice: only the last one is carried"]
