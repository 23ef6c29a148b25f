"""Snapshots: nothing is lost on the way to the disk and back, and what cannot be trusted is said, not guessed at."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lvsctl.errors import Denied, Unavailable
from lvsctl.ipvs.model import Dest, DestKey
from lvsctl.sorry.document import read, write
from lvsctl.sorry.errors import SnapshotCorrupt, SnapshotNewer, SnapshotUntrusted
from lvsctl.sorry.journal import Journal
from lvsctl.sorry.model import Hold, Holder, Phase, Removal, Snapshot, Target, Way
from lvsctl.vocabulary import ServiceKey
from tests.support.ipvs import dests, keys, servers
from tests.support.swaps import HOLD, NAT, SORRY, WEB, server


def snapshot(**changes: Any) -> Snapshot:
    before = server(r1=3, r2=0)
    made = Snapshot(
        key=WEB,
        name="web",
        way=Way.KERNEL,
        phase=Phase.ON,
        target=Target(WEB, "web", SORRY, NAT),
        removal=Removal.WEIGHT,
        before=before,
        service=before.service,
        holders={Holder.OPERATOR: HOLD},
        boot_id="this-boot",
    )
    return made._replace(**changes)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "sorry")


def damage(journal: Journal, data: bytes) -> None:
    journal.folder.mkdir(mode=0o755, exist_ok=True)
    journal.path(WEB).write_bytes(data)
    journal.path(WEB).chmod(0o644)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    key = draw(keys)
    sorry, dest = draw(dests(key))
    texts = st.text(max_size=20)
    hold = st.builds(
        Hold, st.floats(0, 2**40), texts, st.none() | st.floats(0, 2**40), texts, st.integers(0, 2**22)
    )
    before, name = draw(servers(key)), draw(texts)
    return Snapshot(
        key,
        name,
        draw(st.sampled_from(Way)),
        draw(st.sampled_from(Phase)),
        Target(key, name, sorry, dest, draw(st.booleans())),
        draw(st.sampled_from(Removal)),
        before,
        draw(servers(key)).service,
        draw(st.dictionaries(st.sampled_from(Holder), hold)),
        draw(texts),
        draw(servers(key)).dests,
        draw(st.dictionaries(texts, st.integers(0, 2**31))),
        draw(st.floats(0, 2**40)),
        draw(st.booleans()),
    )


@given(snapshots())
@settings(deadline=None)
def test_every_snapshot_comes_back_from_its_document_with_the_order_of_destinations(made: Snapshot) -> None:
    back = read(json.loads(json.dumps(write(made))))
    assert back == made
    assert list(back.before.dests) == list(made.before.dests)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
@settings(deadline=None)
def test_a_document_with_anything_in_the_place_of_a_value_is_damaged_and_no_traceback(value: object) -> None:
    whole = write(snapshot())
    for name in whole:
        try:
            read({**whole, name: value})
        except ValueError:
            continue


def test_a_new_version_overwrites_the_older_one_in_place(journal: Journal) -> None:
    journal.write([snapshot()])
    before = journal.path(WEB).stat()
    for phase in Phase:
        journal.write([snapshot(phase=phase)])
        found = journal.read(WEB)
        assert found is not None
        assert found.phase is phase
    after = journal.path(WEB).stat()
    assert (after.st_ino, after.st_size, after.st_blocks) == (before.st_ino, before.st_size, before.st_blocks)
    assert [path.name for path in journal.folder.iterdir()] == ["tcp-10.0.0.100:80.json"]


def test_a_version_that_was_torn_leaves_the_one_before(journal: Journal) -> None:
    journal.write([snapshot(phase=Phase.SWITCHING_ON)])
    journal.write([snapshot(phase=Phase.ON)])
    data = journal.path(WEB).read_bytes()
    room = len(data) // 2
    for length in (0, 1, 40, 400):
        damage(journal, data[: room + length] + b"\0" * (room - length))
        found = journal.read(WEB)
        assert found is not None
        assert found.phase is Phase.SWITCHING_ON


def test_one_that_outgrows_its_room_is_written_anew(journal: Journal) -> None:
    journal.write([snapshot()])
    many = {DestKey.of(f"10.9.{n >> 8}.{n & 255}", 80): Dest() for n in range(1000)}
    grown = snapshot(meanwhile=many)
    journal.write([grown])
    assert journal.read(WEB) == grown


def test_all_reads_what_can_be_read_and_says_what_cannot(journal: Journal) -> None:
    journal.write([snapshot()])
    (journal.folder / "tcp-10.0.0.1:80.json").write_text("{}")
    found = journal.all()
    assert list(found.snapshots) == [WEB]
    assert "tcp-10.0.0.1:80.json: this snapshot cannot be read" in str(found.faults[0])


def test_none_is_there_before_the_first(journal: Journal) -> None:
    assert journal.read(WEB) is None
    assert journal.all().snapshots == {}
    journal.remove([WEB])


def test_it_sees_at_once_what_another_writes_over_the_same_bytes(journal: Journal) -> None:
    other = Journal(journal.folder)
    stamps = [journal.stamp()]
    for turn in range(100):
        writer, reader = (journal, other) if turn % 2 else (other, journal)
        writer.write([snapshot(since=float(turn % 10))])
        stamps.append(reader.stamp())
        assert reader.read(WEB) == snapshot(since=float(turn % 10))
    journal.remove([WEB])
    assert other.read(WEB) is None
    assert len({*stamps, other.stamp()}) == len(stamps) + 1


def test_a_file_system_that_counts_seconds_hides_no_write(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lvsctl.sorry.filestate.state", lambda _: (1, 8192, 10**18, 10**18))
    monkeypatch.setattr("lvsctl.sorry.filestate.time.time_ns", lambda: 10**18 + 1)
    other = Journal(journal.folder)
    for reason in ("a", "b", "c"):
        other.write([snapshot(boot_id=reason)])
        assert journal.read(WEB) == other.read(WEB) == snapshot(boot_id=reason)


def test_what_it_knows_it_does_not_parse_again(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    journal.write([snapshot()])
    journal.write([snapshot(boot_id="again")])
    monkeypatch.setattr("lvsctl.sorry.journal._parse", lambda *_: pytest.fail("parsed"))
    assert journal.read(WEB) == snapshot(boot_id="again")
    assert journal.all([WEB]).snapshots == journal.all().snapshots == {WEB: snapshot(boot_id="again")}
    assert journal.all([ServiceKey.udp("10.9.9.9", 9)]).snapshots == {}


@pytest.mark.parametrize("data", [b"", b"\0" * 8192, b"{", b"[]", b"\xff" * 100, b"[" * 100_000, b"1" * 9000])
def test_damage_is_said_with_the_way_out(journal: Journal, data: bytes) -> None:
    damage(journal, data)
    with pytest.raises(SnapshotCorrupt) as caught:
        journal.read(WEB)
    assert "put the real servers back by hand" in caught.value.hint
    assert caught.value.exit_code == 1


def test_an_edited_one_is_damaged(journal: Journal) -> None:
    journal.write([snapshot()])
    damage(journal, journal.path(WEB).read_bytes().replace(b"-w 3", b"-w 4"))
    with pytest.raises(SnapshotCorrupt, match="damaged"):
        journal.read(WEB)


def test_one_of_another_service_is_not_believed(journal: Journal) -> None:
    journal.write([snapshot()])
    other = ServiceKey.udp("10.0.0.100", 80)
    journal.path(WEB).rename(journal.path(other))
    with pytest.raises(SnapshotCorrupt, match="it is about tcp/10"):
        journal.read(other)


def test_a_newer_one_is_left_to_the_newer_lvsctl(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lvsctl.sorry.document.VERSION", 2)
    journal.write([snapshot()])
    with pytest.raises(SnapshotNewer, match="version '2', and this lvsctl knows 1"):
        Journal(journal.folder).read(WEB)


class TestTrust:
    def test_a_link_is_not_followed(self, journal: Journal, tmp_path: Path) -> None:
        journal.write([snapshot()])
        elsewhere = journal.path(WEB).rename(tmp_path / "elsewhere.json")
        journal.path(WEB).symlink_to(elsewhere)
        with pytest.raises(SnapshotUntrusted, match="symbolic link"):
            journal.read(WEB)
        with pytest.raises(SnapshotUntrusted):
            journal.write([snapshot()])

    def test_what_others_may_write_is_not_used(self, journal: Journal) -> None:
        journal.write([snapshot()])
        journal.path(WEB).chmod(0o664)
        with pytest.raises(SnapshotUntrusted, match="others may write it"):
            journal.read(WEB)
        journal.path(WEB).chmod(0o644)
        journal.folder.chmod(0o777)
        with pytest.raises(SnapshotUntrusted, match="others may write it"):
            journal.read(WEB)

    def test_a_folder_above_it_that_others_may_write_is_not_trusted(self, tmp_path: Path) -> None:
        state = tmp_path / "var/lib/lvsctl"
        for netns in (None, "blue"):
            Journal(netns=netns).write([snapshot()])
            state.chmod(0o777)
            with pytest.raises(SnapshotUntrusted, match=r"/lvsctl: not used, because others may write it"):
                Journal(netns=netns).read(WEB)
            with pytest.raises(SnapshotUntrusted) as caught:
                Journal(netns=netns).write([snapshot()._replace(key=ServiceKey.udp("10.0.0.100", 80))])
            assert caught.value.hint.endswith(f"chmod go-w {state}")
            state.chmod(0o1777)
            assert Journal(netns=netns).read(WEB) == snapshot()
            state.chmod(0o755)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
    def test_what_belongs_to_somebody_else_is_not_used(self, journal: Journal) -> None:
        journal.write([snapshot()])
        os.chown(journal.path(WEB), 65534, 65534)
        with pytest.raises(SnapshotUntrusted, match="belongs to the user 65534"):
            journal.read(WEB)

    def test_a_pipe_does_not_hold_it_up(self, journal: Journal) -> None:
        journal.folder.mkdir(mode=0o755)
        os.mkfifo(journal.path(WEB), 0o600)
        with pytest.raises(SnapshotUntrusted, match="no file"):
            journal.read(WEB)

    def test_a_link_where_a_new_one_is_prepared_changes_nothing_elsewhere(
        self, journal: Journal, tmp_path: Path
    ) -> None:
        journal.folder.mkdir(mode=0o755)
        precious = tmp_path / "precious"
        precious.write_text("precious")
        (journal.folder / f".{journal.path(WEB).name}.new").symlink_to(precious)
        with pytest.raises((Denied, Unavailable)):
            journal.write([snapshot()])
        assert precious.read_text() == "precious"


def test_namespaces_have_journals_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LVSCTL_ROOT", str(tmp_path))
    assert Journal().folder == tmp_path / "var/lib/lvsctl/sorry"
    assert Journal(netns="blue").folder == tmp_path / "var/lib/lvsctl/sorry/netns-blue"
    assert Journal(netns="/proc/1/ns/net").folder.parent == Journal().folder
