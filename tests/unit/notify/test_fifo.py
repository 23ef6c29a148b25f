"""The FIFO: what is written is read, whole and in order, whoever makes it anew."""

import os
from pathlib import Path

import pytest

from lvsctl.notify.event import Transition
from lvsctl.notify.fifo import FifoReader


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fifo"


def write(path: Path, data: bytes) -> None:
    file = os.open(path, os.O_RDWR | os.O_NONBLOCK)  # as keepalived does
    os.write(file, data)
    os.close(file)


def states(reader: FifoReader) -> list[str]:
    events, complaints = reader.read()
    assert not complaints
    return [event.state for event in events if isinstance(event, Transition)]


def test_the_reader_makes_the_fifo_and_reads_lines_as_they_come(path: Path) -> None:
    reader = FifoReader(path)
    assert states(reader) == []
    write(path, b'INSTANCE "a" BACKUP 100\n')
    write(path, b'INSTANCE "a" MAS')
    assert states(reader) == ["BACKUP"]
    write(path, b'TER 100\n\0INSTANCE "a" FAULT 100\n')
    assert states(reader) == ["MASTER", "FAULT"]
    reader.close()


def test_what_was_written_before_the_reader_came_is_read_as_long_as_somebody_held_it(path: Path) -> None:
    os.mkfifo(path, 0o600)
    keepalived = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    os.write(keepalived, b'INSTANCE "a" MASTER 100\n')
    reader = FifoReader(path)
    os.close(keepalived)
    assert states(reader) == ["MASTER"]
    reader.close()


def test_a_new_fifo_in_its_place_is_opened_and_nothing_of_the_old_one_is_lost(path: Path) -> None:
    reader = FifoReader(path)
    assert not reader.renew()
    write(path, b'INSTANCE "a" BACKUP 100\n')
    path.unlink()
    os.mkfifo(path)
    write(path, b"")
    assert states(reader) == ["BACKUP"]
    assert reader.renew()
    write(path, b'INSTANCE "a" MASTER 100\n')
    assert states(reader) == ["MASTER"]
    path.unlink()
    assert reader.renew()
    assert path.is_fifo()
    reader.close()


def test_lines_that_are_none_are_told_and_passed_over(path: Path) -> None:
    reader = FifoReader(path)
    write(path, b"x" * 10_000 + b'\nINSTANCE "a" MASTER 100\nboo\nVS [1.2.3.4]:tcp:80 UP\n')
    events, complaints = reader.read()
    assert events == [Transition("a", "MASTER", 100)]
    assert complaints == ["longer than 4096 bytes", "not a line of keepalived's"]
    reader.close()


def test_what_is_no_fifo_is_not_read(path: Path) -> None:
    path.write_text("INSTANCE")
    with pytest.raises(OSError, match=r"fifo: expected a FIFO of root's"):
        FifoReader(path)
    path.unlink()
    path.symlink_to("/dev/null")
    with pytest.raises(OSError, match="symbolic links"):
        FifoReader(path)
