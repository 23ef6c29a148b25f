"""What a record and a FIFO line say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.notify.event import (
    Event,
    LowerPrioritySeen,
    Malformed,
    PriorityChanged,
    Transition,
    from_line,
    from_record,
)
from lvsctl.notify.hook import as_json, checked, read


@pytest.mark.parametrize(
    ("line", "event"),
    [
        (b'INSTANCE "VI_1" MASTER 150\n', Transition("VI_1", "MASTER", 150)),
        (b'INSTANCE "VI 1" BACKUP 100\n\0', Transition("VI 1", "BACKUP", 100)),
        (b'\0GROUP "G" FAULT 0', Transition("G", "FAULT", 0, is_group=True)),
        (b'INSTANCE "a" MASTER" BACKUP 100', None),
        (b'INSTANCE "VI_1" MASTER_RX_LOWER_PRI 150', LowerPrioritySeen("VI_1")),
        (b'INSTANCE "VI_1" BACKUP_PRIORITY 90', PriorityChanged("VI_1", 90)),
        (b"VS [10.0.0.1]:tcp:80 DOWN", None),
        (b"RS [10.0.0.2]:tcp:80 [10.0.0.1]:tcp:80 UP", None),
        (b"", None),
    ],
)
def test_a_line_of_the_fifo(line: bytes, event: Event | None) -> None:
    if b'MASTER" ' in line:
        with pytest.raises(Malformed, match="no name"):
            from_line(line)
    else:
        assert from_line(line) == event


@pytest.mark.parametrize(
    "line",
    [
        b"hello",
        b'INSTANCE "a" MASTER',
        b'INSTANCE "a" MASTER 256',
        b'INSTANCE "a" MASTER 1 2',
        b'INSTANCE "a" SLAVE 1',
        b'INSTANCE "" MASTER 1',
        b'INSTANCE "\xff" MASTER 1',
        b'INSTANCE "' + b"a" * 300 + b'" MASTER 1',
        b"x" * 5000,
    ],
)
def test_what_keepalived_never_writes_is_malformed(line: bytes) -> None:
    with pytest.raises(Malformed):
        from_line(line)


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 4000,
        b'{"version": 2, "event": "quorum_up", "name": "web"}',
        b'{"version": 1, "event": "quorum_up"}',
        b'{"version": 1, "event": "quorum_up", "name": ""}',
        b'{"version": 1, "event": "quorum_up", "name": "a\\nb"}',
        b'{"version": 1, "event": "rm", "name": "web"}',
        b'{"version": 1, "event": "notify", "name": "a", "type": "X", "state": "MASTER"}',
        b'{"version": 1, "event": "notify", "name": "a", "type": "GROUP", "state": "MASTER", "priority": true}',
        b'{"version": 1, "event": "notify", "name": "a", "type": "GROUP", "state": "MASTER", "priority": 1e9}',
        b"x" * 5000,
    ],
)
def test_a_forged_record_is_malformed(record: bytes) -> None:
    with pytest.raises(Malformed):
        from_record(record)


@given(st.binary(max_size=200))
def test_whatever_the_bytes_are_nothing_else_is_raised(data: bytes) -> None:
    for reading in (from_line, from_record):
        try:
            reading(data)
        except Malformed:
            continue


@given(st.text(max_size=80), st.sampled_from(["MASTER", "STOP"]), st.integers(0, 255))
def test_what_a_hook_writes_is_read_as_it_was_meant(name: str, state: str, priority: int) -> None:
    try:
        checked(name)
    except ValueError:
        return
    record = as_json({"version": 1, "boottime_ns": 1} | read("notify", ["GROUP", name, state, str(priority)]))
    assert from_record(record) == Transition(name, state, priority, is_group=True)
