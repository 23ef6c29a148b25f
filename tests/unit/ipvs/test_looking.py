"""What people see: /proc for everybody, tables as text and JSON, the progress of a drain."""

import io
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.cli.ipvs_drain import Bar, watch
from lvsctl.errors import Unavailable
from lvsctl.host.netns import inside
from lvsctl.ipvs import draining, procfs, report
from lvsctl.ipvs.memory import MemoryIpvs
from lvsctl.ipvs.model import Connections, Counters, Dest, Load, Persistence, Service, Tunnel, VirtualServer
from lvsctl.ipvs.wire import Malformed
from lvsctl.vocabulary import Family, ForwardingMethod, ServiceKey, TunnelFlag, TunnelType
from tests.support.ipvs import NAT, R1, R2, WEB, keys, servers

PROC = """\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
UDP  0A000001:0050 wlc ops
TCP  0A000001:0050 sh  persistent 3000 FFFF0000
  -> 7F000001:0050      Route   1      0          0
  -> 0A010001:1F90      Masq    3      7          9
TCP  [2001:0db8:0000:0000:0000:0000:0000:0001]:0050 wlc persistent 1000 40000000
FWM  00000005 rr
  -> [2001:0db8:0000:0000:0000:0000:0000:0002]:0000      Tunnel  1      0          0
FWM  00000007 rr
FWM  00000007 wrr
""".splitlines()


class TestProc:
    def test_is_read_as_far_as_it_goes(self) -> None:
        seen = procfs.parse(PROC)
        server = seen.table[WEB]
        assert server.service.persistence is not None
        assert (server.service.scheduler, server.service.persistence.timeout) == ("sh", 30)
        assert str(server.service.persistence.netmask) == "255.255.0.0"
        assert [str(dest) for dest in server.dests] == ["10.1.0.1:8080", "127.0.0.1:80"]
        assert seen.dests[WEB, R1].connections == Connections(7, 9)
        assert seen.table[ServiceKey.tcp("2001:db8::1", 80)].service.persistence == Persistence(10, 64)
        assert seen.table[ServiceKey.udp("10.0.0.1", 80)].service.one_packet
        assert ServiceKey.fwmark(5, Family.INET6) in seen.table
        assert {ServiceKey.fwmark(7), ServiceKey.fwmark(7, Family.INET6)} <= seen.table.keys()

    @given(st.lists(st.one_of(st.sampled_from(PROC), st.text(max_size=40)), max_size=8))
    def test_nothing_in_it_makes_the_reader_stumble(self, lines: list[str]) -> None:
        with suppress(Malformed):
            procfs.parse([*PROC[:3], *lines])


class TestReports:
    def test_the_columns_are_the_destinations(self) -> None:
        gue = Dest(ForwardingMethod.TUN, 10, 9, 3, Tunnel(TunnelType.GUE, 6080, TunnelFlag.CSUM))
        ipvs = MemoryIpvs({WEB: VirtualServer(Service("rr"), {R1: NAT, R2: gue})})
        ipvs.count(WEB, R1, Load(Connections(12, 3), Counters()))
        assert list(report.lines(ipvs.observe())) == [
            "SERVICE                   METHOD  WEIGHT  ACTIVE  INACTIVE  LIMITS",
            "tcp/10.0.0.1:80  rr",
            "  -> 10.1.0.1:8080           NAT       1      12         3",
            "  -> 10.1.0.2:8080  TUN gue:6080      10       0         0     3-9",
        ]

    def test_an_empty_table_says_nothing(self) -> None:
        assert list(report.lines(MemoryIpvs().observe())) == []

    @given(st.data())
    def test_every_table_is_a_document(self, data: st.DataObject) -> None:
        table = {key: data.draw(servers(key)) for key in data.draw(st.lists(keys, max_size=3, unique=True))}
        document = json.loads(json.dumps(report.document(MemoryIpvs(table).observe())))
        assert [entry["service"] for entry in document["services"]] == sorted(map(str, table))
        assert sum(len(entry["destinations"]) for entry in document["services"]) == sum(
            len(s.dests) for s in table.values()
        )


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class TestDraining:
    def test_a_terminal_gets_a_bar_that_fills(self) -> None:
        screen = Terminal()
        bar = Bar(screen, quiet=False)
        for left, passed in ((4, 0.0), (1, 61.0), (0, 62.0)):
            bar.draw(left, passed)
        bar.close()
        frames = screen.getvalue().split("\r")[1:]
        assert [frame.count("#") for frame in frames] == [0, 22, 30]
        assert "1 connections left, 01:01" in frames[1]

    def test_elsewhere_there_is_a_line_now_and_then(self, capsys: pytest.CaptureFixture[str]) -> None:
        bar = Bar(io.StringIO(), quiet=False)
        for passed in (0.0, 5.0, 9.0, 10.0):
            bar.draw(3, passed)
        assert len(capsys.readouterr().err.splitlines()) == 2

    def test_watching_ends_with_the_last_connection_or_the_time(self) -> None:
        ipvs = MemoryIpvs({WEB: VirtualServer(Service("rr"), {R1: NAT})})
        assert watch(ipvs, WEB, R1, timeout=5, quiet=True) == 0
        ipvs.count(WEB, R1, Load(Connections(1, 1), Counters()))
        assert watch(ipvs, WEB, R1, timeout=0.01, quiet=True) == 2

    def test_the_hazard_is_named_before_anything_is_done(self) -> None:
        ipvs = MemoryIpvs({WEB: VirtualServer(Service("dh"), {R1: NAT})})
        with pytest.raises(draining.Hazard, match="dh goes on"):
            draining.check_drainable(ipvs, WEB, R1)

    def test_a_destination_that_is_not_there(self) -> None:
        ipvs = MemoryIpvs({WEB: VirtualServer(Service("rr"), {R1: NAT})})
        with pytest.raises(draining.NoSuchDest, match="no destination") as missing:
            draining.set_weight(ipvs, WEB, R2, 0)
        assert missing.value.hint == "it has: 10.1.0.1:8080"
        with pytest.raises(draining.NoSuchDest, match="no service"):
            draining.set_weight(MemoryIpvs(), WEB, R1, 0)


def test_a_namespace_that_is_not_there() -> None:
    with pytest.raises(Unavailable, match="/run/netns/nosuch"):
        inside("nosuch", lambda: None)
