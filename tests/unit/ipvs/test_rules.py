"""Saved tables: exact, stable, readable by ipvsadm where it has words; and every fault of a file at once."""

from contextlib import suppress
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.errors import Invalid, Unavailable
from lvsctl.ipvs import rules
from lvsctl.ipvs.files import load, save
from lvsctl.ipvs.model import Dest, DestKey, Persistence, Service, Tunnel, VirtualServer
from lvsctl.vocabulary import ForwardingMethod, SchedulerFlag, ServiceKey, TunnelFlag, TunnelType
from tests.support.ipvs import MARK6, NAT, R1, R2, WEB, WEB6, keys, servers

TUN = ForwardingMethod.TUN


@given(st.data())
def test_what_is_written_reads_the_same_with_its_order(data: st.DataObject) -> None:
    table = {key: data.draw(servers(key)) for key in data.draw(st.lists(keys, unique=True))}
    again = rules.read(rules.write(table))
    assert again == table
    assert {key: list(server.dests) for key, server in again.items()} == {
        key: list(s.dests) for key, s in table.items()
    }
    assert rules.write(again) == rules.write(table)
    assert list(rules.beyond_ipvsadm(table)) == []


def test_the_format_is_ipvsadms() -> None:
    service = Service("sh", SchedulerFlag.SH_PORT, persistence=Persistence(300, IPv4Address("255.255.0.0")))
    gue = Dest(TUN, 3, tunnel=Tunnel(TunnelType.GUE, 6080, TunnelFlag.CSUM))
    table = {
        WEB6: VirtualServer(Service(persistence=Persistence(60, 64)), {}),
        MARK6: VirtualServer(Service("rr"), {}),
        WEB: VirtualServer(service, {R2: NAT._replace(upper=9, lower=3), R1: gue}),
    }
    assert rules.write(table).splitlines() == [
        "-A -t 10.0.0.1:80 -s sh -p 300 -M 255.255.0.0 -b sh-port",
        "-a -t 10.0.0.1:80 -r 10.1.0.2:8080 -m -w 1 -x 9 -y 3",
        "-a -t 10.0.0.1:80 -r 10.1.0.1:8080 -i -w 3 --tun-type gue --tun-port 6080 --tun-csum",
        "-A -t [2001:db8::1]:80 -s wlc -p 60 -M 64",
        "-A -f 5 -6 -s rr",
    ]


BEYOND = {
    ServiceKey.tcp("10.0.0.1", 80): VirtualServer(
        Service(one_packet=True, persistence=Persistence(0)),
        {
            DestKey.of("10.1.0.1", 8080): Dest(ForwardingMethod.LOCAL),
            DestKey.of("10.1.0.2", 80): Dest(ForwardingMethod.BYPASS),
            DestKey.of("10.1.0.3", 81): Dest(ForwardingMethod.DR),
            DestKey.of("10.1.0.4", 80): Dest(weight=65536),
            DestKey.of("10.1.0.5", 80): Dest(upper=2**32 - 1, lower=2**31),
            DestKey.of("10.1.0.6", 80): Dest(TUN, tunnel=Tunnel(TunnelType.GRE, 0, TunnelFlag(3))),
        },
    ),
    ServiceKey.tcp("10.0.0.1", 0): VirtualServer(Service(), {}),
}


def test_what_ipvsadm_has_no_words_for_is_kept_and_named() -> None:
    assert rules.read(rules.write(BEYOND)) == BEYOND
    named = list(rules.beyond_ipvsadm(BEYOND))
    assert len(named) == 8
    assert "tcp/10.0.0.1:80 -> 10.1.0.3:81: another port than the service's with DR" in named


def test_every_fault_is_told_with_its_line() -> None:
    text = "-A -t 10.0.0.1:80\n\n-A -t 10.0.0.1:80\n-a -t 10.0.0.9:80 -r 10.1.0.1\n-a -t 10.0.0.1:80 -r 10.1.0.1 -w x\n"
    text += "-C\nhello\n-a -t 10.0.0.1:80 -r 10.1.0.1\n-a -t 10.0.0.1:80 -r 10.1.0.1\n-A -t 10.0.0.2:80 --nosuch\n"
    with pytest.raises(Invalid) as wrong:
        rules.read(text, "web.rules")
    assert [fault.place.line for fault in wrong.value.faults] == [3, 4, 5, 6, 7, 9, 10]
    assert str(wrong.value.faults[0]) == "web.rules:3: tcp/10.0.0.1:80 is there twice"


def test_a_file_of_another_kind_ends_in_a_bounded_number_of_faults() -> None:
    with pytest.raises(Invalid) as wrong:
        rules.read("{}\n" * 100_000)
    assert len(wrong.value.faults) == rules.MAX_FAULTS


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
def test_no_line_at_all_makes_the_reader_stumble(line: str) -> None:
    for text in (line, f"-A -t 10.0.0.1:80 -p {line}", f"-A -f 1\n-a -f 1 -r 10.1.0.1:1 {line}"):
        with suppress(Invalid):
            rules.read(text)


def test_files_are_saved_whole_and_loaded_again(tmp_path: Path) -> None:
    path = tmp_path / "table.rules"
    assert save(path, BEYOND)
    assert not save(path, BEYOND)
    assert load(path) == BEYOND
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="No such file"):
        load(tmp_path / "none")


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "binary"
    path.write_bytes(b"\xff\xfe\0\n")
    with pytest.raises(Invalid):
        load(path)
