"""Files are replaced whole, and only files are."""

import errno
import os
from pathlib import Path

import pytest

from lvsctl.errors import LvsctlError, Place, Unavailable, visible
from lvsctl.host.files import make_folder, read_text, refused, write_atomic


def test_it_says_whether_that_changed_anything(tmp_path: Path) -> None:
    path = tmp_path / "a"
    assert write_atomic(path, "one")
    assert not write_atomic(path, "one")
    assert write_atomic(path, "one", mode=0o600)
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_file_a_link_names_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("real")
    write_atomic(tmp_path / "link", "text")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "text"


@pytest.mark.parametrize("kind", ["pipe", "folder", "circle"])
def test_what_is_no_file_stays_what_it_is(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case _:
            path.symlink_to(path)
    before = path.lstat()
    with pytest.raises(LvsctlError):
        write_atomic(path, "text", keep_previous=True)
    with pytest.raises(LvsctlError):
        read_text(path)
    assert path.lstat() == before
    assert os.listdir(tmp_path) == [kind]  # noqa: PTH208 - names, not paths


@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero"])
def test_a_device_is_neither_read_nor_replaced(device: str) -> None:
    with pytest.raises(Unavailable, match=f"{device}: expected a file, but this is a pipe, socket or device"):
        write_atomic(Path(device), "text")
    with pytest.raises(Unavailable):
        read_text(Path(device))
    assert Path(device).is_char_device()


def test_a_file_is_read_as_far_as_somebody_wants_to(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("four")
    assert read_text(path, most=4) == "four"
    with pytest.raises(Unavailable, match=f"^{path}: longer than 3 bytes, so it was not read$"):
        read_text(path, most=3)
    assert read_text(Path("/proc/self/comm"), most=99)
    assert read_text(Path("/proc/sys/kernel/ostype"), most=2**24) == "Linux\n"


def test_a_pipe_that_took_the_place_of_a_file_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_text("")
    before = path.stat()
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(Path, "stat", lambda _path: before)
    monkeypatch.setattr(Path, "is_dir", lambda _path: False)
    with pytest.raises(Unavailable, match="a pipe"):
        read_text(path)


def test_a_folder_is_nobody_elses_to_write_into(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        make_folder(tmp_path / "a/b/c")
        make_folder(tmp_path / "a/b/c")
    finally:
        os.umask(before)
    modes = {(tmp_path / each).stat().st_mode & 0o777 for each in ("a", "a/b", "a/b/c")}
    assert modes == {0o755}
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="File exists"):
        make_folder(tmp_path / "file")


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_text("old")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(Unavailable, match="No space left on device"):
        write_atomic(path, "new", keep_previous=True)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]  # noqa: PTH208 - names, not paths


@pytest.mark.parametrize(
    ("number", "what"),
    [
        (errno.ENOSPC, "make room there: df -h '/x y'; df -i '/x y'"),
        (errno.EROFS, "findmnt -T '/x y'"),
        (errno.ELOOP, "ls -l '/x y'"),
        (errno.ENOENT, ""),
    ],
)
def test_what_to_do_is_said_where_that_is_known(number: int, what: str) -> None:
    assert what in refused(Path("/x y"), OSError(number, "no")).hint


def test_a_file_name_cannot_talk_to_the_terminal() -> None:
    name = "a\x1b[2J\nb\u202e.yaml"
    assert visible(name) == "a\\x1b[2J\\nb\\u202e.yaml"
    assert str(Place(name, 1, 2)) == f"{visible(name)}:1:2"
    assert visible("größe.yaml") == "größe.yaml"
