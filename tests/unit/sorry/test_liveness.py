from pathlib import Path

import pytest

from lvsctl.ipvs.model import Dest, DestKey, Tunnel
from lvsctl.sorry.liveness import Liveness, RealServer, VirtualServer, liveness
from lvsctl.vocabulary import ForwardingMethod, ServiceKey, TunnelFlag, TunnelType

DUMP = Path(__file__).with_name("keepalived_check.data").read_text()
"""What keepalived 2.2.7 wrote while the maintenance file said 1 and one real server was dead."""

MAINTENANCE = frozenset({"lvsctl_web"})


@pytest.fixture(scope="module")
def told() -> Liveness:
    return liveness(DUMP)


def test_every_kind_of_virtual_server_is_found(told: Liveness) -> None:
    assert set(told.virtual_servers) == {"[10.0.0.1]:tcp:80", "[2001:db8::1]:udp:53", "FWM 7", "[g]"}
    assert told.track_files == {"lvsctl_web": 1}


def test_who_only_waits_for_the_file_is_told_from_who_is_dead(told: Liveness) -> None:
    dead, waiting = told.virtual_servers["[10.0.0.1]:tcp:80"].real_servers
    assert dead == RealServer(
        DestKey.of("127.0.0.1", 9),
        Dest(ForwardingMethod.NAT, 3),
        alive=False,
        failed=2,
        failed_files=MAINTENANCE,
    )
    assert waiting == RealServer(
        DestKey.of("10.0.0.3", 80),
        Dest(ForwardingMethod.TUN, 5, 40, 10, Tunnel(TunnelType.GUE, 6080, TunnelFlag.CSUM)),
        alive=False,
        failed=1,
        failed_files=MAINTENANCE,
    )
    assert waiting.waits_only_for("lvsctl_web")
    assert not waiting.waits_only_for("another")
    assert not dead.waits_only_for("lvsctl_web")
    for name in ("[g]", "[2001:db8::1]:udp:53"):
        assert told.virtual_servers[name].real_servers[0].waits_only_for("lvsctl_web")
    assert told.virtual_servers["FWM 7"].real_servers[0].alive


def test_the_port_in_the_table_is_the_services_unless_it_is_nat() -> None:
    nat = RealServer(DestKey.of("10.0.0.2", 8080), Dest(ForwardingMethod.NAT), alive=True, failed=0)
    web, mark = ServiceKey.tcp("10.0.0.1", 80), ServiceKey.fwmark(7)
    assert nat.in_table(web).port == 8080
    assert nat._replace(key=DestKey.of("10.0.0.2", 0)).in_table(web).port == 80
    direct = nat._replace(dest=Dest(ForwardingMethod.DR))
    assert (direct.in_table(web).port, direct.in_table(mark).port) == (80, 0)


def test_what_a_full_disk_has_cut_off_is_not_taken_for_no() -> None:
    whole = liveness(DUMP)
    for cut in range(0, len(DUMP), 97):
        part = liveness(DUMP[:cut])
        for name, server in part.virtual_servers.items():
            assert server.quorum_up is whole.virtual_servers[name].quorum_up
            known = {each.key: each for each in whole.virtual_servers[name].real_servers}
            for each in server.real_servers:
                assert each._replace(failed_files=known[each.key].failed_files) == known[each.key]
                assert each.failed_files <= known[each.key].failed_files


def test_another_text_tells_nothing() -> None:
    assert liveness("") == liveness("junk\n" * 100) == Liveness({}, {})
    assert VirtualServer(2, 1, quorum_up=False, real_servers=()).enough == 3
