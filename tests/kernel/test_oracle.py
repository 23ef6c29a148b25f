"""What the real keepalived says about files: the judge of import and render."""

from pathlib import Path

import pytest

from tests.support.hosts import Net
from tests.support.keepalived import Keepalived, NotStarted
from tests.support.oracle import account_of, dumps_of, interfaces_of

pytestmark = pytest.mark.kernel

VRRP = """
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    priority 100
    virtual_ipaddress {
        10.0.0.100/24
    }
}
"""
LVS = """
virtual_server 10.0.0.100 80 {
    lvs_sched wrr
    lvs_method NAT
    protocol TCP
    real_server 10.0.0.21 8080 {
        weight 7
    }
}
"""


def test_each_process_gives_its_account() -> None:
    dumps = dumps_of(VRRP + LVS)
    assert sorted(dumps) == ["keepalived.data", "keepalived_check.data", "keepalived_parent.data"]
    assert "Virtual Router ID = 51" in dumps["keepalived.data"]
    assert "lvs_sched = wrr" in dumps["keepalived_check.data"]
    assert dumps["keepalived_parent.data"].startswith("------< Global definitions >------")


def test_a_file_without_vrrp_has_no_account_of_it() -> None:
    assert sorted(dumps_of(LVS)) == ["keepalived_check.data", "keepalived_parent.data"]


def test_a_refused_keyword_is_in_the_log() -> None:
    account = account_of(VRRP + LVS.replace("weight", "wait"))
    assert "Unknown keyword 'wait'" in account.log


def test_a_file_that_keepalived_does_not_start_with_says_why() -> None:
    with pytest.raises(NotStarted, match="Non-existent interface specified in configuration"):
        account_of(VRRP, interfaces=["eth7"])


@pytest.mark.parametrize(
    ("config", "proof"),
    [
        (VRRP.replace("eth0", "uplink"), "Interface = uplink"),
        (f"{VRRP}static_rules {{\n from 10.0.0.0/8 iif wan0 lookup 7\n}}\n", "iif wan0"),
        (f"net_namespace blue\n{VRRP}", "Network namespace = blue"),
    ],
    ids=["interface", "rule", "net_namespace"],
)
def test_what_keepalived_misses_is_made(config: str, proof: str) -> None:
    assert proof in dumps_of(config)["keepalived.data"]


def test_other_files_and_the_config_id_are_there() -> None:
    script = 'vrrp_script check {\n script "/opt/check one"\n user root\n}\n'
    files = {"/etc/keepalived/more.conf": script, "/opt/check": "#!/bin/sh\n"}
    vrrp = VRRP.replace("priority 100", "track_script {\n check\n }\n@lb2 priority 102\n@lb1 priority 101")
    account = account_of(f"include /etc/keepalived/more.conf\n{vrrp}", config_id="lb2", files=files)
    assert "  Priority = 102\n" in account.dumps["keepalived.data"]
    assert "VRRP Script = check\n" in account.dumps["keepalived.data"]
    assert "cannot be accessed" not in account.log


def test_dumps_have_their_plain_name_whatever_the_instance() -> None:
    config = f"instance one\nglobal_defs {{\n data_use_instance\n}}\n{VRRP}"
    assert sorted(dumps_of(config)) == ["keepalived.data", "keepalived_parent.data"]


def test_interfaces_are_guessed_from_the_words_around_them() -> None:
    config = (
        "interface eth0\n dev eth1 scope\ntrack_interface {\n eth2 weight 3\n}\n$IF=bond0.7\n auth_pass x1\n"
    )
    assert interfaces_of(config) == ["eth0", "eth1", "bond0.7", "eth2"]


def test_keepalived_fills_the_kernels_table_and_empties_it_when_it_stops() -> None:
    with Net() as net:
        host = net.host("lb1", eth0="dummy 10.0.0.11/24")
        keepalived = Keepalived(host, LVS)
        keepalived.wait_started()
        assert host.ipvsadm("-Sn").splitlines() == [
            "-A -t 10.0.0.100:80 -s wrr",
            "-a -t 10.0.0.100:80 -r 10.0.0.21:8080 -m -w 7",
        ]
        keepalived.write(LVS.replace("weight 7", "weight 9"))
        keepalived.reload()
        assert "-w 9" in host.ipvsadm("-Sn")
        assert keepalived.stop() == 0
        assert host.ipvsadm("-Sn") == ""
        assert not Path("/tmp/keepalived.data").exists()
