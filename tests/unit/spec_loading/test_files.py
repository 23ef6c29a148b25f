"""The edge: only regular files of a sane size, or standard input, become a spec."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lvsctl.errors import Denied, SpecInvalid, Unavailable
from lvsctl.spec.document import read_file
from lvsctl.spec.reader.characters import MAX_BYTES

NOBODY = 65534


def test_a_file_is_read_and_named_as_the_operator_named_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lvs.yaml").write_text("a: b\n")
    monkeypatch.chdir(tmp_path)
    document = read_file("./lvs.yaml")
    assert document.data == {"a": "b"}
    assert str(document.place(["a"])) == "./lvs.yaml:1:4"
    assert read_file(tmp_path / "lvs.yaml").file == str(tmp_path / "lvs.yaml")


def test_a_symbolic_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("a: b\n")
    (tmp_path / "link").symlink_to("real")
    assert read_file(tmp_path / "link").data == {"a": "b"}


def test_a_missing_file_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="there is no such file"):
        read_file(tmp_path / "lvs.yaml")


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 5000, "/dev/null/x", "\udc80"])
def test_a_name_that_no_file_can_have_is_unavailable(name: str) -> None:
    with pytest.raises(Unavailable):
        read_file(name)


def test_a_loop_of_links_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(Unavailable):
        read_file(tmp_path / "loop")


def test_a_folder_is_no_spec(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="expected a file, but this is a folder"):
        read_file(tmp_path)


def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(Unavailable, match="a pipe, socket or device") as caught:
        read_file(tmp_path / "fifo")
    assert caught.value.hint == "a pipe is read from '-'"


@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero", "/dev/tty"])
def test_a_device_is_refused_unopened(device: str) -> None:
    with pytest.raises(Unavailable, match="a pipe, socket or device"):
        read_file(device)


@pytest.fixture
def unreadable(tmp_path: Path) -> Iterator[Path]:
    """A file without any permission, seen by someone who is not root."""
    path = tmp_path / "lvs.yaml"
    path.write_text("a: b\n")
    path.chmod(0)
    if os.geteuid():
        yield path
        return
    for folder in list(path.parents)[:3]:
        folder.chmod(0o755)
    os.seteuid(NOBODY)
    yield path
    os.seteuid(0)


def test_a_file_that_may_not_be_read_is_denied(unreadable: Path) -> None:
    assert unreadable.stat().st_size
    with pytest.raises(Denied, match="Permission denied"):
        read_file(unreadable)


def test_a_file_of_fifty_megabytes_is_refused_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "lvs.yaml"
    path.touch()
    os.truncate(path, 50_000_000)
    with pytest.raises(SpecInvalid) as caught:
        read_file(path)
    assert (
        str(caught.value) == f"{path}: 50000000 bytes are too large for a spec: at most {MAX_BYTES} are read"
    )


def test_a_file_that_says_nothing_of_its_size_is_read_up_to_the_limit() -> None:
    assert Path("/proc/self/cmdline").stat().st_size == 0
    with pytest.raises(SpecInvalid):
        read_file("/proc/self/cmdline")


def read_with_stdin(redirection: str) -> str:
    """Read standard input in a process whose standard input is redirected so, and answer how that failed."""
    program = (
        "from lvsctl.errors import LvsctlError\nfrom lvsctl.spec.document import read_file\n"
        "try: read_file('-')\nexcept LvsctlError as error: print(type(error).__name__, error)\n"
    )
    shell = ["/bin/sh", "-c", f'exec "$0" -c "$1" {redirection}', sys.executable, program]
    return subprocess.run(shell, capture_output=True, text=True, timeout=60, check=True).stdout


def test_standard_input_is_read_up_to_the_limit() -> None:
    expected = (
        f"SpecInvalid <stdin>: {MAX_BYTES + 1} bytes are too large for a spec: at most {MAX_BYTES} are read\n"
    )
    assert read_with_stdin("</dev/zero") == expected


def test_standard_input_is_a_spec_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbfa: \xc3\xa9")))
    document = read_file("-")
    assert document.data == {"a": "é"}
    assert document.file == "<stdin>"


def test_a_standard_input_that_cannot_be_read_is_unavailable() -> None:
    assert read_with_stdin("<&-") == "Unavailable standard input is closed: there is no spec to read\n"
    assert read_with_stdin("0>/dev/null") == "Unavailable <stdin>: Bad file descriptor\n"
