"""ipvsadm's command line on a table in memory: numbers, connections, what ipvsadm has no words for."""

import io

import pytest

from lvsctl.ipvs.compat import connections, show
from lvsctl.ipvs.compat.main import Ipvsadm
from lvsctl.ipvs.compat.options import Option, UnknownOption, split
from lvsctl.ipvs.memory import MemoryIpvs
from lvsctl.ipvs.model import Connections, Counters, Dest, DestKey, Load, Service, Tunnel, VirtualServer
from lvsctl.vocabulary import ForwardingMethod, TunnelFlag, TunnelType
from tests.support.ipvs import NAT, R1, WEB

BIG = Counters(99_999_999, 100_000_000, 1_000_000_000, 100_000_000_000, 100_000_000_000_000, 1, 2, 3, 4, 5)


def ran(ipvs: MemoryIpvs, line: str, stdin: str = "") -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    status = Ipvsadm(lambda: ipvs, io.StringIO(stdin), out, err).run(line.split())
    return status, out.getvalue(), err.getvalue()


def busy() -> MemoryIpvs:
    ipvs = MemoryIpvs({WEB: VirtualServer(Service("rr"), {R1: NAT})})
    ipvs.count(WEB, R1, Load(Connections(3, 4, 5), BIG))
    return ipvs


@pytest.mark.parametrize(("line", "stdin"), [("-C", ""), ("--clear", ""), ("-R", "-C\n")])
def test_clearing_clears(line: str, stdin: str) -> None:
    ipvs = busy()
    assert ran(ipvs, line, stdin) == (0, "", "")
    assert ipvs.table() == {}


class TestNumbers:
    def test_large_ones_are_cut_to_units(self) -> None:
        _, out, _ = ran(busy(), "-Ln --stats")
        numbers = "  99999999   100000K     1000M     100G       100T"
        assert out.splitlines()[-1].split() == ["->", "10.1.0.1:8080", *numbers.split()]
        assert len(out.splitlines()[-1]) == len("  -> ") + 28 + 5 * 9

    def test_exact_ones_are_not(self) -> None:
        _, out, _ = ran(busy(), "-Ln --stats --exact")
        numbers = " 99999999 100000000 1000000000 100000000000 100000000000000"
        assert out.splitlines()[-1] == f"  -> {'10.1.0.1:8080':<28}{numbers}"

    def test_rates_and_connections(self) -> None:
        _, rates, _ = ran(busy(), "-Ln --rate")
        assert rates.splitlines()[-1].split()[2:] == ["1", "2", "3", "4", "5"]
        _, out, _ = ran(busy(), "-Ln --persistent-conn")
        assert out.splitlines()[-1].split()[2:] == ["1", "5", "3", "4"]


class TestConnections:
    LINES = (
        "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData",
        "TCP C0A80001 C350 0A000001 0050 0A010001 1F90 ESTABLISHED     899",
        "UDP 2001:0db8:0:0:0:0:0:0009 C350 2001:0db8:0:0:0:0:0:0001 13C4 2001:0db8:0:0:0:0:0:2 13C4 UDP 61 sip call-1",
        "IP  C0A80001 0000 00000005 0000 0A010001 0000 NONE             7",
    )

    def test_are_listed_with_their_engines_data_on_request(self) -> None:
        plain = list(connections.listing(self.LINES, numeric=True, engines=False))
        assert plain[1] == "pro expire state       source             virtual            destination"
        assert plain[2] == "TCP 14:59  ESTABLISHED 192.168.0.1:50000  10.0.0.1:80        10.1.0.1:8080"
        engines = list(connections.listing(self.LINES, numeric=True, engines=True))
        assert engines[3].split()[-2:] == ["sip", "call-1"]
        assert plain[4].split()[:3] == ["IP", "00:07", "NONE"]


class TestBeyondIpvsadm:
    def test_the_kernels_other_methods_and_flags_have_words(self) -> None:
        ipvs = MemoryIpvs()
        rules = "-A -t 10.0.0.1:80\n-a -t 10.0.0.1:80 -r 10.1.0.1:80 --local\n-a -t 10.0.0.1:80 -r 10.1.0.2:80 --bypass\n"
        rules += "-a -t 10.0.0.1:80 -r 10.1.0.3:80 -i --tun-type gre --tun-flags 3 -w 70000\n"
        assert ran(ipvs, "-R", rules) == (0, "", "")
        assert list(ipvs.table()[WEB].dests.values()) == [
            Dest(ForwardingMethod.LOCAL),
            Dest(ForwardingMethod.BYPASS),
            Dest(ForwardingMethod.TUN, 70000, tunnel=Tunnel(TunnelType.GRE, 0, TunnelFlag(3))),
        ]

    def test_what_ipvsadm_shows_of_them(self) -> None:
        ipvs = MemoryIpvs({WEB: VirtualServer(Service(), {R1: Dest(ForwardingMethod.LOCAL)})})
        assert "Local" in ran(ipvs, "-Ln")[1]
        assert ran(ipvs, "-Sn")[1].splitlines()[1] == "-a -t 10.0.0.1:80 -r 10.1.0.1:8080 -g -w 1"


class TestRestoring:
    def test_refused_rules_are_named_and_the_others_count(self) -> None:
        ipvs = MemoryIpvs()
        status, _, said = ran(ipvs, "-R", "-A -t 10.0.0.1:80\n-A -t 10.0.0.1:80\n-A -t 10.0.0.2:80 -s rr\n")
        assert (status, len(ipvs.table())) == (0, 2)
        assert said == "+ tcp/10.0.0.1:80 wlc: it exists already\n"

    def test_the_status_is_the_last_rules(self) -> None:
        assert ran(MemoryIpvs(), "-R", "-A -t 10.0.0.1:80\n-A -t 10.0.0.1:80\n")[0] == 255


def test_help_and_version_need_no_kernel() -> None:
    def nothing() -> MemoryIpvs:
        raise AssertionError

    for line, expected in (("-h", "SERVICE"), ("-v", "ipvsadm v1.31")):
        out = io.StringIO()
        assert Ipvsadm(nothing, io.StringIO(), out, io.StringIO()).run([line]) == 0
        assert expected in out.getvalue()


class TestSplitting:
    def test_options_run_together_and_carry_values(self) -> None:
        assert list(split(["-Ln", "-w5", "-p", "-s", "rr", "-p", "7", "--pe=sip", "--", "-x"])) == [
            Option("list"),
            Option("numeric"),
            Option("weight", "5"),
            Option("persistent"),
            Option("scheduler", "rr"),
            Option("persistent", "7"),
            Option("pe", "sip"),
            Option("", "-x"),
        ]

    @pytest.mark.parametrize("words", [["--numeric=1"], ["-q"], ["--pe"], ["-w"]])
    def test_what_is_no_option_is_told(self, words: list[str]) -> None:
        with pytest.raises(UnknownOption):
            list(split(words))


def test_sorting_wraps_as_ipvsadms_does() -> None:
    low, high = DestKey.of("10.0.0.1", 1), DestKey.of("200.0.0.1", 1)
    assert show.dests_in_order([low, high], sort=True) == [high, low]
    assert show.dests_in_order([low, high], sort=False) == [high, low]
    near = DestKey.of("100.0.0.1", 1)
    assert show.dests_in_order([near, low], sort=True) == [low, near]
