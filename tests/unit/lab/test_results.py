"""Reading what the guest tells, also when it stops telling."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.lab import Guest
from tests.support.lab_results import LabDied, Results


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[Guest]:
    """Something that lives and can be killed, as far as results are concerned."""
    (tmp_path / "console").write_text("Kernel panic - not syncing\n")
    with subprocess.Popen(["sleep", "100"], start_new_session=True) as process:
        guest = Guest(process, tmp_path)
        yield guest
        guest.kill()


def tell(guest: Guest, *events: object, end: str = "\n") -> None:
    with (guest.exchange / "events").open("a") as stream:
        stream.write("\n".join(map(json.dumps, events)) + end)


def test_the_events_of_a_test_come_when_it_has_finished(guest: Guest) -> None:
    report = {"nodeid": "t::a", "report": {"outcome": "passed"}}
    tell(guest, {"start": "t::a", "limit": 1}, report, {"finish": "t::a"}, {"start": "t::b", "limit": 1})
    assert Results(guest).of("t::a") == [report]


def test_half_a_line_waits_for_its_other_half(guest: Guest) -> None:
    results = Results(guest, boot_limit=0.2)
    tell(guest, {"finish": "t::a"}, end="")
    with pytest.raises(LabDied):
        results.of("t::a")
    tell(guest)
    assert results.of("t::a") == []


def test_a_test_that_the_guest_did_not_collect_is_named(guest: Guest) -> None:
    tell(guest, {"done": True})
    with pytest.raises(LabDied, match="t::a was not collected in the lab"):
        Results(guest).of("t::a")


def test_a_dead_guest_is_reported_once_with_its_log(guest: Guest) -> None:
    tell(guest, {"start": "t::a", "limit": 60})
    guest.kill()
    results = Results(guest)
    with pytest.raises(LabDied, match=r"(?s)the lab died during t::a\n.*Kernel panic"):
        results.of("t::a")
    with pytest.raises(LabDied, match=r"the lab died during t::a: see there$"):
        results.of("t::b")


def test_a_guest_that_says_nothing_is_killed(guest: Guest) -> None:
    began = time.monotonic()
    with pytest.raises(LabDied, match="the lab hung and was killed before the first test"):
        Results(guest, boot_limit=0.1).of("t::a")
    assert not guest.alive
    assert time.monotonic() - began < 5
