"""Starting programs: what becomes of one that does not end."""

import os
import subprocess
from pathlib import Path

import pytest

from lvsctl.errors import Unavailable
from lvsctl.host.run import run


def test_what_left_the_group_of_a_killed_program_does_not_keep_us(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    script = f"setsid sh -c 'echo $$ > {pid}.new; mv {pid}.new {pid}; exec sleep 60' & sleep 60"
    with pytest.raises(Unavailable, match=r"no answer within 0\.5 s, so it was killed"):
        run(["sh", "-c", script], timeout=0.5)
    stays = int(pid.read_text())
    assert Path(f"/proc/{stays}/comm").read_text() == "sleep\n"
    os.kill(stays, 9)


def test_what_stayed_in_the_group_is_killed_with_it(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    with pytest.raises(Unavailable):
        run(["sh", "-c", f"sleep 60 & echo $! > {pid}; wait"], timeout=0.5)
    subprocess.run(["sleep", "0.2"], check=True)
    state = Path(f"/proc/{pid.read_text().strip()}/stat")
    assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_program_that_writes_without_end_is_killed_before_it_takes_all_memory() -> None:
    with pytest.raises(Unavailable, match=r"^yes: it wrote more than 100000 bytes, so it was killed$"):
        run(["yes"], most=100_000)
    with pytest.raises(Unavailable, match="more than 100000 bytes"):
        run(["sh", "-c", "exec yes >&2"], most=100_000)


def test_both_streams_and_what_it_is_given_may_be_longer_than_a_pipe() -> None:
    given = "a\r\nb\n" * 50_000
    done = run(["sh", "-c", "tee /dev/stderr"], stdin=given)
    assert done.stdout == done.stderr == "a\nb\n" * 50_000


def test_bytes_that_are_no_text_are_shown_as_escapes() -> None:
    assert run(["printf", r"a\377b"]).stdout == r"a\xffb"
