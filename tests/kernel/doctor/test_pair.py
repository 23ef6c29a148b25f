"""``lvsctl doctor --peer`` between two directors: the real keepalived on both, a real sshd on the other one."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.support.hosts import Host, Net, wait_until
from tests.support.keepalived import CONFIG, Keepalived
from tests.support.preloaded import BIN, preloaded
from tests.support.sorry_command import listen, serve
from tests.support.sshd import HOME, LOCAL, logged_in

pytestmark = [pytest.mark.kernel(timeout=240), pytest.mark.keepalived]

CONF = """
global_defs {{
    router_id {name}
    vrrp_garp_master_delay 1
}}
vrrp_instance VI_1 {{
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority {priority}
    advert_int 1
    unicast_src_ip {own}
    unicast_peer {{
        {other}
    }}
    virtual_ipaddress {{
        10.0.0.100/24 dev eth0
    }}
}}
virtual_server 10.0.0.100 80 {{
    lvs_sched wlc
    lvs_method NAT
    protocol TCP
    real_server 10.0.0.21 8080 {{
    }}
}}
"""
SPEC = """
nodes: {lb1: {address: 10.0.0.11}, lb2: {address: [10.0.0.12, "fd00::12"]}}
sorry: {port: 8503}
virtual_servers:
  mail:
    owner: lvsctl
    address: 10.0.0.100
    port: 25
    sorry_server: {}
    real_servers: [{address: 10.0.0.21}]
"""
OPS = "ops:x:1000:1000::/run/ops:/bin/sh\n"
OF_THE_PAIR = {"LVD900", "LVD901", "LVD902", "LVD903", "LVD904", "LVD905", "LVD906"}


def conf(name: str) -> str:
    own, other, priority = (
        ("10.0.0.11", "10.0.0.12", 150) if name == "lb1" else ("10.0.0.12", "10.0.0.11", 100)
    )
    return CONF.format(name=name, own=own, other=other, priority=priority)


class Compared(NamedTuple):
    found: dict[str, list[str]]
    """What differs, by the id of the check; that the other one has findings of its own is left out."""
    left: dict[str, str]
    """What could not be compared: the hint by the reason."""
    checked: set[str]
    document: dict[str, Any]


class Pair:
    def __init__(self, net: Net) -> None:
        self.net = net
        self.lb1 = net.host("lb1", eth0="lan 10.0.0.11/24 fd00::11/64")
        self.lb2 = net.host("lb2", eth0="lan 10.0.0.12/24 fd00::12/64")
        self.keepalived = {host.name: Keepalived(host, conf(host.name)) for host in (self.lb1, self.lb2)}

    def doctor(self, *arguments: str, peer: str = "lb2") -> Compared:
        done = self.lb1.run([f"{BIN}/lvsctl", "doctor", "--json", "--peer", peer, *arguments], check=False)
        assert done.stdout, done.stderr
        said = json.loads(done.stdout)
        found: dict[str, list[str]] = {}
        for each in said["findings"]:
            if each["id"] in OF_THE_PAIR:
                found.setdefault(each["id"], []).append(each["read"])
        left = {each["why"]: each["hint"] for each in said["unread"] if OF_THE_PAIR & set(each["checks"])}
        return Compared(found, left, OF_THE_PAIR & set(said["checked"]), said)

    def spec(self, *hosts: Host, text: str = SPEC) -> None:
        for host in hosts:
            host.write("/etc/lvsctl/lvs.yaml", text)


@pytest.fixture(scope="module")
def pair(imported: None) -> Iterator[Pair]:
    del imported
    with Net() as net:
        made = Pair(net)
        with (
            logged_in(made.lb1, made.lb2, "10.0.0.12", "fd00::12", alias="lb2"),
            preloaded(made.lb1),
            preloaded(made.lb2),
        ):
            made.lb2.run(["cp", f"{BIN}/lvsctl", LOCAL])
            for each in made.keepalived.values():
                each.wait_started()
            yield made


def test_where_all_is_well_nothing_of_the_pair_is_found(pair: Pair) -> None:
    said = pair.doctor()
    assert (said.found, said.left, said.checked) == ({}, {}, OF_THE_PAIR)
    assert said.document["truth"]["kind"] == "keepalived.conf"
    assert said.document["truth"]["files"] == [CONFIG]
    assert len(said.document["truth"]["processes"]) == 1
    assert said.document["facts"]["vrrp"]["VI_1"]["priority"] == ["150"]


def test_settings_of_vrrp_that_differ_are_found_in_what_both_hold(pair: Pair) -> None:
    keepalived = pair.keepalived["lb2"]
    odd = conf("lb2").replace("advert_int 1", "advert_int 3").replace("priority 100", "priority 150")
    keepalived.write(odd.replace("        10.0.0.11\n", "        10.0.0.13\n"))
    keepalived.reload()
    assert pair.doctor(peer="root@[fd00::12]").found == {
        "LVD902": [
            "advert_int: 1 here, 3 there",
            "unicast_peer there has no 10.0.0.11: advertisements do not reach it",
            "priority 150 on both",
        ]
    }
    keepalived.write(conf("lb2"))
    keepalived.reload()


def test_specs_that_differ_are_found_and_so_is_one_on_one_side_only(pair: Pair) -> None:
    pair.spec(pair.lb1)
    assert pair.doctor().found == {"LVD901": ["there is a spec here, only a keepalived.conf there"]}
    pair.spec(pair.lb2, text=SPEC.replace("port: 25", "port: 26"))
    [read] = pair.doctor(peer="10.0.0.12").found["LVD901"]
    assert read.startswith("its content is ")


def test_a_sorry_on_one_side_only_is_found(pair: Pair) -> None:
    pair.spec(pair.lb1)
    pair.spec(pair.lb2, text=f"# another comment\n{SPEC}")
    serve(pair.lb2, "0.0.0.0", 8503, 503)
    assert wait_until(lambda: listen(pair.lb2, [8503]))
    pair.lb2.ipvsadm("-R", stdin="-A -t 10.0.0.100:25 -s wlc\n-a -t 10.0.0.100:25 -r 10.0.0.21:25 -m -w 1\n")
    pair.lb2.run([f"{BIN}/lvsctl", "sorry", "on", "mail"])
    assert pair.doctor().found == {"LVD903": ["the sorry is on there only"]}
    pair.lb2.run([f"{BIN}/lvsctl", "sorry", "off", "mail"])


def test_whoever_is_not_root_there_leaves_open_what_root_could_read(pair: Pair) -> None:
    pair.lb2.write("/run/passwd", pair.lb2.path("/etc/passwd").read_text() + OPS)
    pair.lb2.run(["mount", "--bind", "/run/passwd", "/etc/passwd"])
    try:
        said = pair.doctor(peer="ops@10.0.0.12")
    finally:
        pair.lb2.run(["umount", "/etc/passwd"])
    assert said.found == {}
    assert said.left["vrrp could not be read there"] == "let ssh log in as root: --peer root@HOST"
    assert {"LVD900", "LVD901", "LVD906"} <= said.checked


def test_a_director_without_lvsctl_is_told_about(pair: Pair) -> None:
    pair.lb2.run(["mv", f"{LOCAL}/lvsctl", "/run/lvsctl.away"])
    try:
        said = pair.doctor()
    finally:
        pair.lb2.run(["mv", "/run/lvsctl.away", f"{LOCAL}/lvsctl"])
    assert (said.found, said.checked) == ({}, set())
    [(why, hint)] = said.left.items()
    assert why.startswith("lb2: ")
    assert "lvsctl: command not found" in why
    assert "/usr/local/bin" in hint


def test_a_host_key_that_nobody_has_seen_is_not_accepted(pair: Pair) -> None:
    known = pair.lb1.path(f"{HOME}/.ssh/known_hosts")
    text = known.read_text()
    known.write_text("")
    try:
        said = pair.doctor()
        assert known.read_text() == ""
    finally:
        known.write_text(text)
    assert said.left == {
        "lb2: Host key verification failed.": "connect once by hand as this user, and compare the key: ssh lb2"
    }


def test_a_director_that_is_not_there_is_told_about(pair: Pair) -> None:
    said = pair.doctor(peer="10.0.0.99")
    assert (said.found, said.checked) == ({}, set())
    assert said.left == {
        "10.0.0.99: ssh: connect to host 10.0.0.99 port 22: No route to host": "see that it works: ssh 10.0.0.99 lvsctl doctor"
    }
