"""What the guard reads of /proc/net/ip_vs, of the clock, and of who it was."""

import pytest

from lvsctl.ipvs.model import DestKey
from lvsctl.ipvs.steps import AddService
from lvsctl.sorry.culprit import UNKNOWN, Mark, suspect
from lvsctl.sorry.glance import disturbed, watched
from lvsctl.sorry.guard import Expired, Guard, expired, guarded
from lvsctl.sorry.model import Hold, Holder, Phase, Removal, Snapshot, Target, Way
from lvsctl.sorry.node import Node
from lvsctl.sorry.owner import Owners
from lvsctl.sorry.swap import on
from lvsctl.vocabulary import Family, ServiceKey
from tests.support.swaps import HOLD, NAT, SORRY, WEB, meanwhile, server, target

TABLE = b"""\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  0A000063:0050 rr
  -> 0A000115:1F90      Masq    1      0          0
TCP  0A000064:0050 rr
  -> 0A000064:2137      Masq    1      3          0
  -> 0A000115:1F90      Masq    0      0          0
  -> 0A000116:1F90      Masq    0      0          0
TCP  [fd00:0000:0000:0000:0000:0000:0000:0064]:0050 sh persistent 300 FFFFFFFF
  -> [fd00:0000:0000:0000:0000:0000:0000:0064]:2137      Masq    1      3          0
FWM  00000005 rr
  -> 0A000115:0000      Masq    1      0          0
FWM  00000005 rr
  -> [fd00:0000:0000:0000:0000:0000:0000:0064]:0000      Masq    1      0          0
UDP  0A000064:0050 wlc ops
"""
SIX = DestKey.of("fd00::64", 8503)


def snapshot(
    key: ServiceKey = WEB, sorry: DestKey = SORRY, *, weight: int = 1, removal: Removal = Removal.WEIGHT
) -> Snapshot:
    target = Target(key, "web", sorry, NAT._replace(weight=weight))
    before = server("rr", r1=1)
    return Snapshot(
        key, "web", Way.KERNEL, Phase.ON, target, removal, before, before.service, {Holder.OPERATOR: HOLD}, ""
    )


def wrong(text: bytes, *snapshots: Snapshot) -> list[ServiceKey]:
    return disturbed(text, [watched(each) for each in snapshots])


def test_what_is_as_it_should_be_is_left_alone() -> None:
    six = snapshot(ServiceKey.tcp("fd00::64", 80), SIX)
    mark = snapshot(ServiceKey.fwmark(5, Family.INET6), SIX._replace(port=0))
    gone = snapshot(ServiceKey.tcp("10.9.9.9", 80))
    assert wrong(TABLE, snapshot(), six, mark, gone) == []
    assert wrong(b"", snapshot()) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"0A000116:1F90      Masq    0", b"0A000116:1F90      Masq    7"),
        (b"  -> 0A000064:2137      Masq    1      3          0\n", b""),
        (b"0A000064:2137      Masq    1", b"0A000064:2137      Masq    0"),
        (b"0A000064:2137      Masq    1", b"0A000077:2137      Masq    1"),
    ],
)
def test_every_way_past_the_sorry_is_seen(old: bytes, new: bytes) -> None:
    assert old in TABLE
    assert wrong(TABLE.replace(old, new), snapshot()) == [WEB]


def test_a_sorry_lighter_than_it_has_to_be_and_servers_that_should_be_gone_are_seen() -> None:
    assert wrong(TABLE, snapshot(weight=2)) == [WEB]
    assert wrong(TABLE, snapshot(removal=Removal.DELETE)) == [WEB]
    assert wrong(TABLE, snapshot(removal=Removal.DELETE)._replace(way=Way.KEEPALIVED)) == []


def test_a_mark_of_one_family_is_not_taken_for_that_of_the_other() -> None:
    four = snapshot(ServiceKey.fwmark(5), DestKey.of("10.0.0.100", 0))
    assert wrong(TABLE, four) == [four.key]
    assert wrong(TABLE.replace(b"  -> 0A000115:0000", b"  -> 0A000064:0000"), four) == []


def test_the_last_line_of_the_file_counts_too() -> None:
    assert wrong(TABLE, snapshot(ServiceKey.udp("10.0.0.100", 80))) == [ServiceKey.udp("10.0.0.100", 80)]


def holders(**ends: float | None) -> dict[Holder, Hold]:
    return {Holder(name): HOLD._replace(until=until) for name, until in ends.items()}


def test_holds_end_when_their_time_has_come() -> None:
    both = snapshot()._replace(holders=holders(timer=100.0, operator=None, quorum=200.0))
    assert list(expired([both], 99.9)) == []
    assert list(expired([both], 100.0)) == [Expired(WEB, Holder.TIMER, 100.0)]
    assert len(list(expired([both], 1e9))) == 2
    assert list(expired([both._replace(phase=Phase.LINGERING)], 1e9)) == []


def test_one_that_cannot_be_switched_off_in_time_keeps_up_nobody(node: Node) -> None:
    orphan = ServiceKey.tcp("1.0.0.1", 80)  # its keepalived is gone, and it is in the table still
    meanwhile(node, AddService(orphan, server(r1=1).service))
    on(node, [target()], Holder.TIMER, HOLD._replace(until=0.0))
    on(node, [target()], Holder.OPERATOR, HOLD)
    node.journal.write([snapshot(orphan)._replace(way=Way.KEEPALIVED, holders=holders(timer=0.0))])
    told: list[str] = []
    Guard(node, lambda: Owners(()), told.append).step()
    assert node.journal.all([WEB]).snapshots[WEB].holders.keys() == {Holder.OPERATOR}
    assert told[0].startswith(
        "web: the time of the sorry is over, but web: the keepalived that owned it is gone"
    )
    assert told[1:] == ["web: the time of the sorry is over (timer): and others still hold it on"]


def test_overload_s_sorry_stands_beside_the_real_servers_and_is_not_guarded() -> None:
    beside = snapshot()._replace(holders=holders(overload=None))
    both = snapshot()._replace(holders=holders(overload=None, operator=None))
    assert guarded([beside, both, both._replace(phase=Phase.LINGERING)]) == [both]


def test_the_culprit_is_named_as_far_as_that_can_be_told() -> None:
    calm = {7: Mark(1, (1, 2, 3))}
    assert "process 7), which read its configuration" in suspect(None, calm, {7: Mark(1, (1, 2, 4))})
    assert "process 8), which was started" in suspect(None, calm, {**calm, 8: Mark(5, None)})
    assert "process 7), which was started" in suspect(None, calm, {7: Mark(5, (1, 2, 3))})
    assert "process 7), which ended" in suspect(None, calm, {})
    assert suspect(None, calm, calm) == UNKNOWN or "perhaps" in suspect(None, calm, calm)
