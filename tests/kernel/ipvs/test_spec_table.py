"""The table that the spec declares, on a real kernel: the one that keepalived makes of the same lines, and no other."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from lvsctl.cli.main import run
from lvsctl.compose.render import render
from lvsctl.compose.table import table
from lvsctl.ipvs import KernelIpvs
from lvsctl.spec.document import read
from lvsctl.spec.load import Declared, load
from tests.support.hosts import Net, wait_until
from tests.support.ipvs import fresh_netns, ipvsadm
from tests.support.keepalived import Keepalived

pytestmark = pytest.mark.kernel

SERVICES = """
virtual_server_groups:
  many: [10.0.2.0/30 80, 10.0.3.7-9 8080, 2001:db8:2::1-3 80, fwmark 21 inet, fwmark 22 inet6]
  marks: [fwmark 31, fwmark 32]
virtual_servers:
  plain:
    {address: 10.0.0.1, port: 80, owner: OWNER, real_servers: [{address: 10.1.0.3, port: 8080, weight: 5}, {address: 10.1.0.1}, {address: 10.1.0.2, port: 8080, weight: 0}]}
  weighed:
    {address: 10.0.0.1, port: 81, owner: OWNER, weight: 9, lvs_sched: wrr, lvs_method: DR,
     real_servers: [{address: 10.1.0.1, uthreshold: 90, lthreshold: 30}, {address: 10.1.0.2, weight: 2, port: 81, uthreshold: 7}]}
  hashed:
    {address: 10.0.0.1, port: 82, owner: OWNER, lvs_sched: sh, sh-port: true, sh-fallback: true, real_servers: [{address: 10.1.0.7}, {address: 10.1.0.5}, {address: 10.1.0.6}]}
  maglev:
    {address: 10.0.0.1, port: 83, owner: OWNER, lvs_sched: mh, mh-fallback: true, real_servers: [{address: 10.1.0.1}]}
  flags:
    {address: 10.0.0.1, port: 84, owner: OWNER, lvs_sched: rr, flag-1: true, flag-3: true, real_servers: [{address: 10.1.0.1}]}
  sticky:
    {address: 10.0.0.1, port: 85, owner: OWNER, persistence_timeout: 50, persistence_granularity: 255.255.0.0, real_servers: [{address: 10.1.0.1}]}
  default_sticky:
    {address: 10.0.0.1, port: 86, owner: OWNER, persistence_timeout: true, real_servers: [{address: 10.1.0.1}]}
  every_port:
    {address: 10.0.0.2, owner: OWNER, persistence_timeout: 50, real_servers: [{address: 10.1.0.1}]}
  dns:
    {address: 10.0.0.1, port: 53, owner: OWNER, protocol: UDP, ops: true, lvs_sched: rr, real_servers: [{address: 10.1.0.1}]}
  sip:
    {address: 10.0.0.1, port: 5060, owner: OWNER, protocol: UDP, persistence_timeout: 50, persistence_engine: sip, real_servers: [{address: 10.1.0.1}]}
  signalling:
    {address: 10.0.0.1, port: 2905, owner: OWNER, protocol: SCTP, lvs_sched: lc, real_servers: [{address: 10.1.0.1}]}
  six:
    {address: "2001:db8::1", port: 80, owner: OWNER, lvs_sched: sed, persistence_granularity: 64, real_servers: [{address: "2001:db8:1::1", port: 8080}]}
  tunnels:
    {address: 10.0.0.1, port: 87, owner: OWNER, lvs_method: TUN type gue port 6080 csum,
     real_servers: [{address: 10.1.0.1}, {address: 10.1.0.2, lvs_method: TUN}, {address: 10.1.0.3, lvs_method: TUN type gre csum}, {address: 10.1.0.4, lvs_method: TUN type gue port 6081 remcsum}, {address: 10.1.0.5, lvs_method: NAT, port: 8080}, {address: "2001:db8:1::1"}]}
  mark: {fwmark: 11, owner: OWNER, lvs_sched: nq, real_servers: [{address: 10.1.0.1}, {address: 10.1.0.2, port: 8080}]}
  routed_mark: {fwmark: 12, owner: OWNER, lvs_method: DR, real_servers: [{address: "2001:db8:1::1"}]}
  tunnelled_mark: {fwmark: 13, owner: OWNER, lvs_method: TUN, real_servers: [{address: "2001:db8:1::1"}, {address: "2001:db8:1::2"}]}
  mixed_mark: {fwmark: 14, owner: OWNER, lvs_method: TUN, real_servers: [{address: "2001:db8:1::1"}, {address: 10.1.0.1}]}
  stated_mark: {fwmark: 15, ip_family: inet6, owner: OWNER, lvs_method: TUN, ops: true, lvs_sched: rr, real_servers: [{address: 10.1.0.1}]}
  grouped: {group: many, owner: OWNER, lvs_method: TUN, real_servers: [{address: 10.1.0.2}, {address: 10.1.0.1}]}
  grouped_marks: {group: marks, owner: OWNER, real_servers: [{address: 10.1.0.1, port: 8080}, {address: 10.1.0.2}]}
"""


def declared(owner: str) -> Declared:
    return load(read(SERVICES.replace("OWNER", owner), file="lvs.yaml"))


def services(listing: str) -> dict[str, list[str]]:
    """Answer the lines of ``ipvsadm -Sn`` by service: the order of services is the kernel's hash, and nobody's choice."""
    found: dict[str, list[str]] = {}
    for line in listing.splitlines():
        name = re.sub(r"^-[Aa] (-\w \S+(?: -6)?).*", r"\1", line)
        found.setdefault(name, []).append(line)
    return found


@pytest.mark.kernel(timeout=240)
def test_it_is_the_table_that_keepalived_makes_of_the_same_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LVSCTL_ROOT", str(tmp_path))
    spec = tmp_path / "lvs.yaml"
    spec.write_text(SERVICES.replace("OWNER", "lvsctl"))
    wanted = table(declared("lvsctl").spec(""))
    with Net() as net, fresh_netns() as netns:
        host = net.host("lb1")
        keepalived = Keepalived(host, render(declared("keepalived"), "").text)
        keepalived.wait_started()
        assert run(["ipvs", "apply", "-q", str(spec), "--netns", netns]) == 0
        with KernelIpvs(netns=netns) as ours, KernelIpvs(netns=f"/proc/{host.pid}/ns/net") as theirs:
            assert ours.table() == wanted
            assert wait_until(lambda: theirs.table() == wanted), keepalived.log
            orders = [
                {key: list(each.dests) for key, each in ipvs.table().items()} for ipvs in (ours, theirs)
            ]
        assert orders[0] == orders[1]
        ours_listed, theirs_listed = services(ipvsadm(netns, "-Sn")), services(host.ipvsadm("-Sn"))
        assert len(ours_listed) > 30
        assert ours_listed == theirs_listed
        assert run(["ipvs", "diff", str(spec), "--netns", f"/proc/{host.pid}/ns/net"]) == 0


SPEC = """
virtual_servers:
  ours: {address: 10.0.0.1, port: 80, owner: lvsctl, lvs_sched: sh, real_servers: [{address: 10.1.0.1}, {address: 10.1.0.2}]}
  theirs: {address: 10.0.0.1, port: 81, real_servers: [{address: 10.1.0.1}]}
"""


@pytest.fixture
def lvsctl(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.setenv("LVSCTL_ROOT", str(tmp_path))
    monkeypatch.setenv("LVSCTL_SPEC", str(tmp_path / "lvs.yaml"))
    (tmp_path / "lvs.yaml").write_text(SPEC)

    def call(*arguments: str) -> tuple[int, str, str]:
        status = run(["ipvs", *arguments])
        return status, *capsys.readouterr()

    return call


def test_a_service_of_keepalived_is_never_touched(lvsctl: Callable[..., tuple[int, str, str]]) -> None:
    with fresh_netns() as netns:
        there = [
            "-A -t 10.0.0.1:81 -s rr",
            "-a -t 10.0.0.1:81 -r 10.1.0.9:81 -m -w 3",
            "-A -t 10.9.9.9:9 -s rr",
        ]
        ipvsadm(netns, "-R", stdin="".join(f"{line}\n" for line in there))
        in_netns = ("--netns", netns)
        planned = [
            "+ tcp/10.0.0.1:80 sh",
            "+ tcp/10.0.0.1:80 -> 10.1.0.1:80 NAT weight 1",
            "+ tcp/10.0.0.1:80 -> 10.1.0.2:80 NAT weight 1",
        ]
        status, out, _ = lvsctl("diff", *in_netns)
        assert (status, out.splitlines()) == (2, planned)
        status, out, _ = lvsctl("diff", "--prune", *in_netns)
        assert (status, out.splitlines()) == (2, [*planned, "- tcp/10.9.9.9:9"])
        assert lvsctl("apply", "--prune", *in_netns)[0] == 0
        left = ipvsadm(netns, "-Sn")
        assert "".join(f"{line}\n" for line in there[:2]) in left
        assert "10.9.9.9" not in left
        assert lvsctl("diff", "--prune", *in_netns)[:2] == (0, "")


def test_the_order_is_told_and_changed_when_asked(lvsctl: Callable[..., tuple[int, str, str]]) -> None:
    with fresh_netns() as netns:
        rules = [f"-a -t 10.0.0.1:80 -r 10.1.0.{n}:80 -m -w 1" for n in (2, 1)]
        ipvsadm(netns, "-R", stdin="\n".join(["-A -t 10.0.0.1:80 -s sh", *rules, ""]))
        status, out, said = lvsctl("apply", "--netns", netns)
        assert (status, out) == (0, "")
        assert "tcp/10.0.0.1:80: the destinations stand in another order" in said
        assert lvsctl("diff", "--reorder", "--netns", netns)[0] == 2
        assert lvsctl("apply", "--reorder", "--netns", netns)[0] == 0
        with KernelIpvs(netns=netns) as ipvs:
            [server] = ipvs.table().values()
        assert [str(key) for key in server.dests] == ["10.1.0.1:80", "10.1.0.2:80"]
