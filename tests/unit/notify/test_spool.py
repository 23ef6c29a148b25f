"""The spool, and what somebody without rights may leave in it."""

import os
import time
from pathlib import Path

import pytest

from lvsctl.notify.event import Quorum
from lvsctl.notify.spool import AT_ONCE, Spool

RECORD = '{"version": 1, "boottime_ns": 1, "event": "quorum_up", "name": "web"}\n'


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path, owners=(os.geteuid(),))


def test_a_spool_that_is_not_there_is_empty(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "none")
    assert spool.look() == ([], [])
    spool.sweep(time.time())


def test_records_come_in_the_order_of_their_names_and_go_when_they_are_done(spool: Spool) -> None:
    for name in ("3.event", "1.event", "2.event"):
        (spool.path / name).write_text(RECORD)
    entries, rejected = spool.look()
    assert [entry.name for entry in entries] == ["1.event", "2.event", "3.event"]
    assert not rejected
    assert entries[0].event == Quorum("web", up=True)
    for entry in (*entries, entries[0]):
        spool.done(entry.name)
    assert spool.look() == ([], [])


def test_what_is_no_record_is_rejected_with_its_reason_and_stops_nothing(
    spool: Spool, tmp_path: Path
) -> None:
    secret = tmp_path.parent / "secret"
    secret.write_text(RECORD)
    (spool.path / "link.event").symlink_to(secret)
    (spool.path / "dangling.event").symlink_to("/nowhere")
    os.mkfifo(spool.path / "pipe.event")
    (spool.path / "folder.event").mkdir()
    (spool.path / "folder.event/x").touch()
    (spool.path / "agent.lock").touch()
    (spool.path / "big.event").write_bytes(b"x" * 10_000_000)
    (spool.path / "junk.event").write_text("{")
    (spool.path / "good.event").write_text(RECORD)
    entries, rejected = spool.look()
    assert [entry.name for entry in entries] == ["good.event"]
    assert dict(rejected) == {
        "link.event": "Too many levels of symbolic links",
        "dangling.event": "Too many levels of symbolic links",
        "pipe.event": "no record",
        "folder.event": "no record",
        "agent.lock": "no record",
        "big.event": "longer than 4096 bytes",
        "junk.event": "not JSON",
    }
    for each in rejected:
        spool.done(each.name)
    assert spool.look() == (entries, [])
    assert secret.read_text() == RECORD


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_record_of_another_user_is_rejected(spool: Spool) -> None:
    path = spool.path / "1.event"
    path.write_text(RECORD)
    os.chown(path, 12345, 0)
    entries, rejected = spool.look()
    assert not entries
    assert [each.reason for each in rejected] == ["left by user 12345, who runs no hooks"]
    assert Spool(spool.path, owners=(12345,)).look()[0]


def test_a_flood_is_taken_in_portions(spool: Spool) -> None:
    for number in range(AT_ONCE + 5):
        (spool.path / f"{number:06}.event").touch()
    assert len(spool.look()[1]) == AT_ONCE


def test_what_a_killed_hook_has_begun_is_swept_up_later(spool: Spool) -> None:
    begun = spool.path / ".0001-17"
    begun.write_text('{"vers')
    assert spool.look() == ([], [])
    spool.sweep(time.time())
    assert begun.exists()
    spool.sweep(time.time() + 61)
    assert not begun.exists()
