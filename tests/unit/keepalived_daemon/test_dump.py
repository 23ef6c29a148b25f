"""keepalived's own account, without the lines that change while it runs. Virtual servers: tests/kernel."""

import signal
import time
from difflib import unified_diff
from pathlib import Path

import pytest

from lvsctl.keepalived.account import account
from lvsctl.keepalived.dump import normalised
from lvsctl.keepalived.inventory import accounted
from tests.support.daemon import Running, running, until
from tests.support.require import require, require_root

TEXT = """\
global_defs {
    router_id test
}
track_file f {
    file /run/f
    init_file 0
}
vrrp_script s {
    script "/usr/bin/true"
}
vrrp_instance A {
    interface eth0
    virtual_router_id 51
    priority 100
    advert_int 0.1
    version 3
    virtual_ipaddress {
        10.0.0.1/24
        10.0.0.3/32 dev eth1 scope link label eth1:set
    }
    virtual_routes {
        192.0.2.0/24 via 10.0.0.9 dev eth0
    }
    track_file {
        f weight 2
    }
    track_script {
        s
    }
}
vrrp_instance B {
    interface eth1
    use_vmac
    virtual_router_id 52
    priority 100
    advert_int 0.1
    version 3
    unicast_src_ip 10.0.0.11
    unicast_peer {
        10.0.0.12
    }
    virtual_ipaddress {
        10.0.0.2/24
    }
}
vrrp_instance C {
    interface eth1
    virtual_router_id 53
    priority 100
    advert_int 0.1
    virtual_ipaddress {
        fe80::1/64
    }
}
interface_up_down_delays {
    eth1 0 0.01
}
bfd_instance peer {
    neighbor_ip 10.0.0.77
    source_ip 10.0.0.11
}
"""


@pytest.mark.parametrize(
    "line",
    [
        "   State = MASTER",
        "   Wantstate = BACKUP",
        "   Last transition = 1795239907.414220 (Sat Nov 21 05:45:07.414220 2026)",
        "   fd_in 17, fd_out 18",
        "   Effective priority = 104",
        "   Current processes = 0",
        "   Fork delay timer not running",
        "   Bfd is down",
        "     Alive: 1 tcp, 0 udp, 0 sctp",
        "   alive = 1",
        "   num failed checkers = 0",
        "   Up = yes",
        "   Last errno = 111",
        "   thread_out 0x0x563b12c0bab0",
        "   local state = Down",
        "   !poll, !final",
        " GARP next time 1795239909.413623 (Sat Nov 21 05:45:09.413623)",
    ],
)
def test_how_it_is_going_is_left_out(line: str) -> None:
    assert normalised(f"------< X >------\n{line}") == ["------< X >------"]


@pytest.mark.parametrize(
    "line",
    [
        "   Priority = 100",
        "   initial weight = 3",
        "   Virtual Router ID = 51",
        "   Advert interval = 1 sec",
        "   Retry count = 3",
        "   Using src_ip = 10.0.0.11 (from configuration)",
        "   Weight = 2 reverse",
        "     10.0.0.3/32 dev eth1 scope link label eth1:set",
    ],
)
def test_what_was_configured_stays(line: str) -> None:
    assert normalised(line) == [line]


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (" VRRP Sync Group = G, MASTER", " VRRP Sync Group = G"),
        (
            "   Use VMAC, i/f name vrrp.52, is_up = true, xmit_base = true",
            "   Use VMAC, i/f name vrrp.52, xmit_base = true",
        ),
        ("   Using src_ip = 10.0.0.10", "   Using src_ip = automatic"),
        ("   Multicast address ff02::12, ifindex 5", "   Multicast address ff02::12"),
        ("     10.0.0.1/24 dev eth0 scope global set", "     10.0.0.1/24 dev eth0 scope global"),
        (
            "     10.0.0.1/24 dev eth0 scope global set iptable_set",
            "     10.0.0.1/24 dev eth0 scope global",
        ),
        (
            "   RIP = 10.0.0.2, RPORT = 80, WEIGHT = 0 EFF WEIGHT = 0",
            "   RIP = 10.0.0.2, RPORT = 80",
        ),
    ],
)
def test_the_running_part_of_a_line_is_cut_out(line: str, kept: str) -> None:
    assert normalised(line) == [kept]


def test_of_an_interface_only_what_a_configuration_decides_stays() -> None:
    section = "------< Interfaces >------"
    machine = " Name = eth0\n   index = 3\n   MTU = 1500\n   Up debounce timer = 0us\n"
    decided = " Name = eth1\n   Up debounce timer = 20us\n   Gratuitous ARP interval 1000ms\n"
    assert normalised(f"{section}\n{machine}{decided}") == [
        " eth1: Up debounce timer = 20us",
        " eth1: Gratuitous ARP interval 1000ms",
    ]


def told(keepalived: Running) -> list[str]:
    found = account(keepalived.daemon)
    assert found
    assert len(found) == 3
    return [line for name in sorted(found) for line in normalised(found[name])]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    require("keepalived")
    require_root("keepalived")
    path = tmp_path / "keepalived.conf"
    path.write_text(TEXT)
    return path


@pytest.mark.keepalived
def test_the_same_configuration_gives_the_same_account_at_any_time(path: Path) -> None:
    with running(path) as keepalived:
        early = told(keepalived)
        until(lambda: "(C) Entering MASTER STATE" in keepalived.log.read_text(), "it never becomes master")
        time.sleep(0.2)
        late = told(keepalived)
        keepalived.kill(signal.SIGHUP)
        until(lambda: "Reload complete" in keepalived.log.read_text(), "it never reloads")
        reloaded = told(keepalived)
    with running(path) as keepalived:
        again = told(keepalived)
    for other in (late, reloaded, again):
        assert list(unified_diff(early, other, lineterm="", n=1)) == []


@pytest.mark.keepalived
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("priority 100", "priority 101"),
        ("10.0.0.3/32", "10.0.0.4/32"),
        ("scope link", "scope host"),
        ("f weight 2", "f weight 3"),
        ("unicast_peer {\n        10.0.0.12", "unicast_peer {\n        10.0.0.13"),
        ("via 10.0.0.9", "via 10.0.0.8"),
        ("use_vmac", "use_vmac other0"),
        ("eth1 0 0.01", "eth1 0 0.02"),
        ("router_id test", "router_id other"),
        ("10.0.0.77", "10.0.0.78"),
    ],
)
def test_another_configuration_gives_another_account(path: Path, old: str, new: str) -> None:
    with running(path) as keepalived:
        before = told(keepalived)
        path.write_text(TEXT.replace(old, new, 1))
        keepalived.kill(signal.SIGHUP)
        until(lambda: "Reload complete" in keepalived.log.read_text(), "it never reloads")
        assert told(keepalived) != before


@pytest.mark.keepalived
def test_the_account_names_the_instances(path: Path) -> None:
    with running(path) as keepalived:
        found = account(keepalived.daemon)
        assert found
        assert accounted("\n".join(found.values())).instances == {"A", "B", "C"}
