"""The hosts that kernel tests are made of."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from lvsctl.host.run import CommandFailed
from tests.support import netns
from tests.support.hosts import Host, Net, wait_until
from tests.support.lab import ROOT

pytestmark = pytest.mark.kernel


@pytest.fixture(scope="module")
def net() -> Iterator[Net]:
    with Net() as net:
        yield net


@pytest.fixture(scope="module")
def pair(net: Net) -> tuple[Host, Host]:
    lb1 = net.host("lb1", eth0="lan 10.0.0.11/24 fd00::11/64", eth1="dummy 192.0.2.1/24")
    return lb1, net.host("lb2", eth0="lan 10.0.0.12/24 fd00::12/64")


@pytest.mark.parametrize("address", ["10.0.0.12", "fd00::12"])
def test_hosts_on_one_switch_reach_each_other(pair: tuple[Host, Host], address: str) -> None:
    lb1, lb2 = pair
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with lb2.inside():
        server = socket.create_server((address, 80), family=family)
    with server, lb1.inside(), socket.create_connection((address, 80), timeout=5):
        pass


def test_a_host_has_a_name_and_processes_of_its_own(pair: tuple[Host, Host]) -> None:
    lb1, lb2 = pair
    assert [host.run(["hostname"]).stdout for host in pair] == ["lb1\n", "lb2\n"]
    sleeper = lb1.start(["sleep", "1000"])
    assert sleeper.alive
    assert "sleep" in lb1.run(["ps", "ax"]).stdout
    assert "sleep" not in lb2.run(["ps", "ax"]).stdout


def test_a_host_has_folders_of_its_own(pair: tuple[Host, Host]) -> None:
    lb1, lb2 = pair
    lb1.write("/etc/keepalived/x/y.conf", "z")
    assert lb1.run(["cat", "/etc/keepalived/x/y.conf"]).stdout == "z"
    assert not lb2.path("/etc/keepalived/x").exists()
    assert not Path("/etc/keepalived/x").exists()


def test_a_host_has_an_ipvs_table_of_its_own(pair: tuple[Host, Host]) -> None:
    lb1, lb2 = pair
    lb1.ipvsadm("-R", stdin="-A -t 10.0.0.100:80 -s rr\n")
    assert lb1.ipvsadm("-Sn") == "-A -t 10.0.0.100:80 -s rr\n"
    assert lb2.ipvsadm("-Sn") == ""


def test_a_dummy_can_do_what_keepalived_asks_of_an_interface(pair: tuple[Host, Host]) -> None:
    flags = pair[0].ip("link show eth1")
    assert "MULTICAST" in flags
    assert "NOARP" not in flags


def test_a_failing_program_is_an_error_unless_asked_for(pair: tuple[Host, Host]) -> None:
    with pytest.raises(CommandFailed, match="status 3"):
        pair[0].run(["sh", "-c", "exit 3"])
    assert pair[0].run(["sh", "-c", "exit 3"], check=False).status == 3


def test_what_a_program_says_can_be_waited_for(pair: tuple[Host, Host]) -> None:
    program = pair[0].start(["sh", "-c", "trap 'exit 7' TERM; echo up; while :; do sleep 0.1; done"])
    program.wait_for("up")
    assert program.stop() == 7
    with pytest.raises(AssertionError, match="expected 'down' in:\nup"):
        program.wait_for("down")


def test_nothing_survives_its_net() -> None:
    with Net() as net:
        host = net.host("gone", eth0="lan 10.0.0.1/24")
        program = host.start(["setsid", "sleep", "1000"])
        pid = program.pid
    assert wait_until(lambda: not Path(f"/proc/{pid}").exists(), 5)
    assert not list(Path("/sys/class/net").glob("gone*"))


def test_the_process_itself_can_be_in_a_fresh_network() -> None:
    before = Path(netns.OWN).readlink()
    with netns.fresh():
        assert Path(netns.OWN).readlink() != before
        netns.sysctl("net.ipv4.vs.expire_nodest_conn", 1)
    assert Path(netns.OWN).readlink() == before
    assert Path("/proc/sys/net/ipv4/vs/expire_nodest_conn").read_text() == "0\n"


def test_the_example_of_the_how_to_runs() -> None:
    page = (ROOT / "docs/how-to/kernel-lab.md").read_text()
    example: dict[str, object] = {}
    exec(page.partition("```python\n")[2].partition("```")[0], example)  # noqa: S102  # our own page
    test = example["test_a_client_reaches_the_director"]
    assert callable(test)
    test()
